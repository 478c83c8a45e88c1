// Makes of each Egress what plan_egress_workload() says, by server-side apply, and writes its
// status. What is in effect already is not written again, and what another one made under the same
// name is never touched. Works only while this controller leads. No I/O of its own.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/egress/status.hpp"
#include "kube/api/client_part.hpp"
#include "kube/api/event_recorder.hpp"
#include "kube/api/requests.hpp"
#include "kube/api/write_queue.hpp"
#include "kube/decode/object_version.hpp"
#include "kube/egress/nat_pod_troubles.hpp"
#include "kube/egress/plan_workload.hpp"

namespace kube {

class EgressWriter : public ClientPart {
 public:
  // A write's answer holds the Egress as it is now: whoever keeps what is seen may know it at once.
  using See = std::function<void(const core::ObjectName&, std::shared_ptr<const Seen>)>;

  // `exchanges` and `events` must outlive it.
  EgressWriter(WorkloadSettings settings, Exchanges& exchanges, EventRecorder& events,
               os::Clock clock, See see);

  // The last good version; null: it is gone.
  void update(const core::ObjectName& egress, std::shared_ptr<const core::Object> object);
  // With its JSON; null: it is gone.
  void seen(const core::ObjectName& egress, std::shared_ptr<const Seen> seen);
  // An object that may be a part of an Egress's workload. Of parts it must know all that have the
  // labels of one.
  void part_seen(WorkloadPart part, const core::ObjectName& egress,
                 std::shared_ptr<const Seen> seen);
  // ServiceAccounts that carry account_label.
  void set_accounts(std::set<core::ObjectName> accounts);
  void set_ranges(std::vector<core::ClusterRange> ranges);
  // A pod that has the labels of a NAT pod; null: it is gone.
  void pod_seen(const core::ObjectName& pod, const Seen* seen);
  void lead(bool leading);

  void step() override;
  bool take(const Reply& reply) override { return writes_.take(reply); }
  [[nodiscard]] os::Time due() const override;
  [[nodiscard]] std::string trouble() const override { return leading_ ? writes_.trouble() : ""; }

 private:
  struct Refusal {
    std::size_t wanted = 0;  // the hash of what was refused
    std::string reason;      // one word
    std::string message;
    os::Time until{};  // not to be tried before
  };
  struct Part {
    std::shared_ptr<const Seen> seen;
    bool absent = false;     // looked for by its name and not found, nor seen since then
    std::string going;       // the version that is being deleted
    std::size_t wanted = 0;  // the hash of what was applied last, …
    std::size_t found = 0;   // … and of what it led to: not to be tried again
    std::optional<Refusal> refusal;
    int refusals = 0;  // in a row
  };
  struct Record {
    std::shared_ptr<const core::Object> egress;
    std::shared_ptr<const Seen> seen;
    std::map<WorkloadPart, Part> parts;
    std::optional<WorkloadPart> open;        // what the answer under way will show
    std::shared_ptr<const Seen> planned_of;  // with `egress`, what `workload` was made of
    std::shared_ptr<const core::Object> planned_with;
    std::shared_ptr<const Seen> planned_over;  // the Deployment that is there
    Workload workload;
    std::vector<std::string> left_out;
  };

  std::optional<Write> next(const core::ObjectName& name);
  void plan(const core::ObjectName& name, Record& record);
  std::optional<Write> next_part(const core::ObjectName& name, Record& record, WorkloadPart part);
  Write get(const core::ObjectName& name, WorkloadPart part);
  Write apply(const core::ObjectName& name, WorkloadPart part, const std::string& wanted);
  Write remove(const core::ObjectName& name, WorkloadPart part, const Seen& seen);
  std::optional<Write> next_status(const core::ObjectName& name, const Record& record);
  void refuse(const core::ObjectName& name, WorkloadPart part, Refusal refusal);
  void written(const core::ObjectName& name, const std::string& body);

  WorkloadSettings settings_;
  EventRecorder& events_;
  os::Clock clock_;
  See see_;
  Writes writes_;
  std::map<core::ObjectName, Record> records_;
  std::vector<core::ClusterRange> ranges_;
  std::set<core::ObjectName> accounts_;
  NatPodTroubles troubles_;
  std::multimap<os::Time, core::ObjectName> later_;  // refusals that end
  bool leading_ = false;
};

}  // namespace kube
