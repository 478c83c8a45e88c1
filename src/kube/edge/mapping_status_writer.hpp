// Writes what came of Mappings into their status, by server-side apply: this edge's entry under its
// own field manager, so that edges never conflict; and, while it leads, what all entries come to.
// What the status says already is not written again. Nothing here touches traffic. No I/O of its
// own.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "core/edge/mapping_status.hpp"
#include "kube/api/client_part.hpp"
#include "kube/api/event_recorder.hpp"
#include "kube/api/requests.hpp"
#include "kube/api/write_queue.hpp"
#include "kube/decode/object_version.hpp"
#include "kube/edge/edge_roster.hpp"

namespace kube {

struct MappingReporterOptions {
  std::string instance;  // the edge's name in status.instances
  // The Service of this name as it is known; null: there is none.
  std::function<std::shared_ptr<const core::Object>(const core::ObjectName&)> service;
  // A write's answer holds the object as it is now: whoever keeps what is seen may know it at once.
  std::function<void(const core::ObjectName&, std::shared_ptr<const Seen>)> see;
};

class MappingReporter : public ClientPart {
 public:
  // `roster`, `exchanges` and `events` must outlive it.
  MappingReporter(MappingReporterOptions options, const EdgeRoster& roster, Exchanges& exchanges,
                  EventRecorder& events, os::Clock clock);

  // Null: it is gone.
  void seen(const core::ObjectName& mapping, std::shared_ptr<const Seen> seen);
  // What this edge does for it; nothing: it plans nothing for it any more.
  void planned(const core::ObjectName& mapping, std::optional<core::InstanceStatus> status);
  void lead(bool leading);
  // Statuses name an edge that has no Lease and was heard not long ago: an older version.
  [[nodiscard]] bool meets_older_edges() const;

  void step() override;
  bool take(const Reply& reply) override { return writes_.take(reply); }
  [[nodiscard]] os::Time due() const override;
  [[nodiscard]] std::string trouble() const override;

 private:
  struct Record {
    std::shared_ptr<const Seen> seen;
    os::Time since{};  // this object was seen first
    std::optional<core::InstanceStatus> planned;
    std::string obstacle;   // that was told
    std::string shortage;   // likewise
    os::Time held_until{};  // it is not written before
  };
  void look_at_all();
  void hold_if_worse(const core::ObjectName& name, Record& record,
                     const std::optional<core::InstanceStatus>& next);
  void hear(const Seen& seen);
  [[nodiscard]] bool is_gone(const core::MappingInstance& instance) const;
  std::optional<Write> next(const core::ObjectName& name);
  [[nodiscard]] std::optional<Write> own(const core::ObjectName& name, const Record& record) const;
  std::optional<Write> shared(const core::ObjectName& name, const Record& record);
  [[nodiscard]] std::optional<Write> expired(const core::ObjectName& name,
                                             const Record& record) const;
  [[nodiscard]] std::optional<Write> leftovers(const core::ObjectName& name,
                                               const Record& record) const;
  std::optional<Write> finalizer(const core::ObjectName& name, const Record& record);
  bool do_without_texts(const std::string& why);
  void tell(const core::ObjectName& name, const Seen& before, const core::SharedStatus& status);
  void tell_host(const core::ObjectName& name, Record& record);

  MappingReporterOptions options_;
  const EdgeRoster& roster_;
  EventRecorder& events_;
  os::Clock clock_;
  Writes writes_;
  std::map<core::ObjectName, Record> records_;
  std::multimap<os::Time, core::ObjectName> held_;  // when records are held no longer
  // What each edge said last, of any Mapping.
  std::map<std::string, core::MappingInstance> heard_;
  bool leading_ = false;
  os::Time finalizers_from_{};     // where the server forbade it
  std::string finalizer_trouble_;  // likewise, as long as a Mapping has it
  os::Time texts_from_{};          // where the definition has no fields for them
  std::string texts_trouble_;      // likewise
  os::Time look_from_{};
};

}  // namespace kube
