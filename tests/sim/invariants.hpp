// What must hold whatever goes wrong. Each function looks at one step of one edge, or at the whole
// at rest, and throws a Violation that names the rule.
#pragma once

#include <map>
#include <string>

#include "core/edge/plan_edge.hpp"
#include "core/objects.hpp"
#include "core/state/state.hpp"
#include "kube/api/transport.hpp"
#include "sim/api.hpp"
#include "support/fake_kernel.hpp"

namespace sim {

// "versions", "deletions": an edge's process knows nothing but what the server held, never goes
// back to an older version, and forgets only what was deleted.
class ToldObjects {
 public:
  ToldObjects(std::string edge, const Api& api) : edge_(std::move(edge)), api_(api) {}
  void check(const core::ObjectChanges& changes);

 private:
  std::string edge_;
  const Api& api_;
  std::map<core::ObjectId, std::size_t> at_;  // the earliest version that it can have
};

// "untouched": what a kernel carries for Mappings that nobody touches stays there, once it is
// there, whoever is killed.
class Untouched {
 public:
  Untouched(std::string edge, core::Elements elements)
      : edge_(std::move(edge)), elements_(std::move(elements)) {}
  void check(const support::FakeKernel& kernel);
  [[nodiscard]] bool carried() const { return carried_; }

 private:
  std::string edge_;
  core::Elements elements_;
  bool carried_ = false;
};

// "half state": after a batch that went through, tables are as planned or without any effect yet.
void check_batch(const std::string& edge, const support::FakeKernel& kernel,
                 const core::EdgePlan& plan);
// "half state": a batch that was refused left nothing in the tables.
void check_refused(const std::string& edge, const support::FakeKernel& kernel,
                   const support::FakeTables& before);
// "content": the kernel of an edge that says all is well is as it planned.
void check_content(const std::string& edge, const support::FakeKernel& kernel,
                   const core::EdgePlan& plan);
// "leader": what only the leader may write is asked for by one that leads.
void check_sender(const std::string& edge, bool leading, const kube::Request& request);
// "rest": at rest the kernel is what the objects of the server come to, planned anew.
class Rest {
 public:
  Rest(const core::EdgeSettings& settings, const core::Host& host,
       const core::ObjectChanges& objects);
  [[nodiscard]] bool is_reached(const support::FakeKernel& kernel) const;
  void check(const std::string& edge, const support::FakeKernel& kernel) const;

 private:
  core::EdgePlan plan_;
};

}  // namespace sim
