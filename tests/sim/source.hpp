// Between the client and the loop of one process, as cluster.cpp stands between their threads; what
// is handed over is looked at, or spoilt where a sabotage says so.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "kube/edge/edge_client.hpp"
#include "kube/source.hpp"
#include "sim/invariants.hpp"

namespace sim {

struct Surroundings;

class Source : public kube::Source {
 public:
  Source(const std::string& edge, kube::ClusterClient& client, Surroundings& around);

  // True: the loop is to be woken.
  bool publish();

  [[nodiscard]] int wake_fd() const override { return -1; }
  core::ObjectChanges take() override;
  [[nodiscard]] bool synced() const override { return synced_; }
  [[nodiscard]] std::vector<kube::Problem> problems() const override { return problems_; }
  [[nodiscard]] std::size_t ignored() const override { return 0; }
  [[nodiscard]] bool listens() const override { return true; }
  void report(const core::PlannedMappings& planned) override;
  // To the client, what was reported; true: there was something.
  bool pass_report();
  [[nodiscard]] bool has_report() const { return !planned_.empty(); }
  // The last take() gave something.
  [[nodiscard]] bool had_news() const { return news_; }
  [[nodiscard]] const std::vector<kube::Problem>& known() const { return problems_; }

 private:
  void spoil(core::ObjectChanges& changes);

  kube::ClusterClient& client_;
  Surroundings& around_;
  ToldObjects told_;
  core::ObjectChanges changes_;
  core::PlannedMappings planned_;
  bool synced_ = false;
  bool news_ = false;
  std::vector<kube::Problem> problems_;
  // For sabotage.
  core::ObjectChanges known_;
  core::ObjectChanges older_;
};

}  // namespace sim
