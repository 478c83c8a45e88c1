#include "kube/edge/mapping_status_writer.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <span>
#include <utility>
#include <vector>

#include "core/fnv1a.hpp"
#include "kube/api/status_conditions.hpp"
#include "kube/decode/decode.hpp"
#include "kube/decode/encoding.hpp"
#include "kube/decode/json_text.hpp"
#include "kube/decode/mapping_fields.hpp"
#include "kube/decode/parse.hpp"

namespace kube {
namespace {

using Json = nlohmann::json;
using namespace std::chrono_literals;

constexpr std::string_view leader_manager = "pona-edge";
constexpr std::string_view old_finalizer = "mapping.finalizers.aureacentral.com";
// How often heartbeats and the silence of others are looked at.
constexpr os::Time::duration look_period = 20s;
constexpr os::Time::duration grace = 30s;
// Before it is told that a Mapping that was active is not.
constexpr os::Time::duration deletion_grace = 3s;
// An edge whose Lease was deleted makes it anew sooner than that.
constexpr std::chrono::seconds grace_of_leases = 120s;
// Of one request, and who grants it waits for it.
constexpr os::Time::duration forbidden_pause = 10min;
// How long an older definition is taken for what the cluster has.
constexpr os::Time::duration older_pause = 5min;
// How an API server refuses to apply what the definition has no field for.
constexpr std::string_view undeclared = "field not declared in schema";

// A field manager's name has 128 bytes at most.
std::string manager_of(const std::string& instance) {
  std::string name = "pona-edge-" + instance;
  if (name.size() <= 128) return name;
  return name.substr(0, 107) + "-" + std::to_string(core::fnv1a(instance));
}

std::string path(const core::ObjectName& name) {
  return "/apis/" + std::string(mapping_api_version) + "/namespaces/" + name.ns + "/mappings/" +
         name.name;
}

// The uid, so that what is said of one object is never written to its successor.
Json document(const core::ObjectName& name, const Seen& seen, Json status) {
  return {{"apiVersion", mapping_api_version},
          {"kind", "Mapping"},
          {"metadata", {{"name", name.name}, {"namespace", name.ns}, {"uid", seen.uid}}},
          {"status", std::move(status)}};
}

Write apply(const core::ObjectName& name, const Seen& seen, std::string_view manager, Json status,
            bool lead) {
  Write write;
  write.request = {
      "PATCH", path(name) + "/status?fieldManager=" + escape_query(manager) + "&force=true",
      "application/apply-patch+yaml", dump_json(document(name, seen, std::move(status))), false};
  write.what = "write the status of Mapping " + core::to_string(name);
  write.lead = lead;
  return write;
}

Write merge(const std::string& target, const core::ObjectName& name, const Json& patch) {
  Write write;
  write.request = {"PATCH", target, "application/merge-patch+json", dump_json(patch), false};
  write.what = "write the status of Mapping " + core::to_string(name);
  write.lead = true;
  return write;
}

std::vector<std::string> texts(const std::vector<core::Address>& addresses) {
  std::vector<std::string> result;
  result.reserve(addresses.size());
  for (const core::Address& address : addresses) result.push_back(core::to_string(address));
  return result;
}

Json json_of(const core::InstanceStatus& status) {
  const core::MappingInstance& own = status.entry;
  Json entry = {{"name", own.name},
                {"state", core::to_string(own.state)},
                {"addresses", texts(own.addresses)},
                {"observedGeneration", own.generation},
                {"heartbeatTime", format_timestamp(own.heartbeat)},
                {"heartbeatPeriodSeconds", own.heartbeat_period}};
  if (!own.message.empty()) entry["message"] = own.message;
  Json json = {{"instances", Json::array({std::move(entry)})}};
  for (const auto& [address, pods] : status.configured) {
    json["configuredAddresses"][core::to_string(address)] = {{"podIPs", texts(pods)}};
  }
  return json;
}

Json json_of(const core::SharedStatus& status) {
  Json json = {{"observedGeneration", status.generation},
               {"conditions", conditions_json(status.conditions)}};
  if (!status.ports.empty()) json["ports"] = status.ports;
  if (!status.edges.empty()) json["edges"] = status.edges;
  if (!status.invalid.empty()) json["invalid"] = status.invalid;
  if (!status.service_vip.empty()) json["serviceVIP"] = status.service_vip;
  return json;
}

bool serves(const MappingStatusView& status, const core::Address& address) {
  return std::ranges::any_of(status.instances, [&](const core::MappingInstance& instance) {
    return std::ranges::find(instance.addresses, address) != instance.addresses.end();
  });
}

bool has_old_finalizer(const Seen& seen) {
  return std::ranges::find(seen.finalizers, old_finalizer) != seen.finalizers.end();
}

bool is_broken(const core::InstanceStatus& status) {
  using State = core::MappingReport::State;
  return status.entry.state == State::degraded || status.entry.state == State::rejected;
}

// What the edge of this name has written.
std::optional<core::InstanceStatus> written_by(const std::string& instance,
                                               const MappingStatusView& status) {
  const auto found = std::ranges::find(status.instances, instance, &core::MappingInstance::name);
  if (found == status.instances.end()) return std::nullopt;
  core::InstanceStatus written;
  written.entry = *found;
  for (const core::Address& address : found->addresses) {
    const auto pods = status.configured.find(address);
    if (pods != status.configured.end()) written.configured.insert(*pods);
  }
  return written;
}

}  // namespace

MappingReporter::MappingReporter(MappingReporterOptions options, const EdgeRoster& roster,
                                 Exchanges& exchanges, EventRecorder& events, os::Clock clock)
    : options_(std::move(options)),
      roster_(roster),
      events_(events),
      clock_(std::move(clock)),
      writes_(
          exchanges, clock_, [this](const core::ObjectName& name) { return next(name); },
          [this](const core::ObjectName& name, const std::string& body) {
            Document document;
            static_cast<void>(parse_json(body, document, [&](const Document& parsed) {
              const auto root = parsed.root();
              if (root) options_.see(name, std::make_shared<const Seen>(decode_seen(*root)));
            }));
          }) {}

void MappingReporter::seen(const core::ObjectName& mapping, std::shared_ptr<const Seen> seen) {
  Record& record = records_[mapping];
  if (seen && (!record.seen || record.seen->uid != seen->uid)) record.since = clock_.now();
  record.seen = std::move(seen);
  if (record.seen) {
    hear(*record.seen);
    writes_.add(mapping);
    tell_host(mapping, record);
    return;
  }
  writes_.forget(mapping);
  if (!record.planned) records_.erase(mapping);
}

void MappingReporter::planned(const core::ObjectName& mapping,
                              std::optional<core::InstanceStatus> status) {
  Record& record = records_[mapping];
  hold_if_worse(mapping, record, status);
  record.planned = std::move(status);
  if (record.seen) {
    writes_.add(mapping);
    tell_host(mapping, record);
  } else if (!record.planned) {
    records_.erase(mapping);
  }
}

// Where a namespace is deleted, its Services and slices mostly go before its Mappings: thousands of
// statuses would tell of that what nobody reads any more.
void MappingReporter::hold_if_worse(const core::ObjectName& name, Record& record,
                                    const std::optional<core::InstanceStatus>& next) {
  if (!record.planned || !next || is_broken(*record.planned) || !is_broken(*next)) return;
  record.held_until = clock_.now() + deletion_grace;
  held_.emplace(record.held_until, name);
}

void MappingReporter::lead(bool leading) {
  if (leading_ == leading) return;
  leading_ = leading;
  if (leading_) {
    look_at_all();
  } else {
    writes_.stop_leading();
    finalizer_trouble_.clear();
    texts_trouble_.clear();
  }
}

void MappingReporter::hear(const Seen& seen) {
  for (const core::MappingInstance& instance : seen.status.instances) {
    const auto [found, fresh] = heard_.try_emplace(instance.name, instance);
    if (!fresh && found->second.heartbeat <= instance.heartbeat) found->second = instance;
  }
}

bool MappingReporter::meets_older_edges() const {
  return std::ranges::any_of(heard_, [this](const auto& item) {
    const core::MappingInstance& instance = item.second;
    return instance.name != options_.instance &&
           instance.heartbeat_period < core::leased_heartbeat_period &&
           !roster_.alive(instance.name).value_or(false) && !is_gone(instance);
  });
}

// Who keeps its heartbeat in a Lease is gone with that, or when it has had none for a while. An
// edge of an older version has none, though one of a newer may have left it behind.
bool MappingReporter::is_gone(const core::MappingInstance& instance) const {
  if (instance.name == options_.instance) return false;
  const auto alive = roster_.alive(instance.name);
  if (alive && *alive) return false;
  const bool leased = instance.heartbeat_period >= core::leased_heartbeat_period;
  if (leased && (alive || roster_.watched_for(grace_of_leases))) return true;
  return core::is_expired(instance, clock_.unix_seconds());
}

void MappingReporter::look_at_all() {
  look_from_ = clock_.now() + look_period;
  std::erase_if(heard_, [this](const auto& item) { return is_gone(item.second); });
  for (const auto& [name, record] : records_) {
    if (record.seen) writes_.add(name);
  }
  const bool held = std::ranges::any_of(records_, [](const auto& item) {
    return item.second.seen && has_old_finalizer(*item.second.seen);
  });
  if (!held) finalizer_trouble_.clear();
}

std::string MappingReporter::trouble() const {
  for (const std::string* const trouble : {&writes_.trouble(), &finalizer_trouble_}) {
    if (!trouble->empty()) return *trouble;
  }
  return texts_trouble_;
}

os::Time MappingReporter::due() const {
  const os::Time held = held_.empty() ? os::Time::max() : held_.begin()->first;
  return std::min({look_from_, held, writes_.due()});
}

void MappingReporter::step() {
  if (clock_.now() >= look_from_) look_at_all();
  while (!held_.empty() && held_.begin()->first <= clock_.now()) {
    const auto held = held_.extract(held_.begin());
    if (records_.contains(held.mapped())) writes_.add(held.mapped());
  }
  writes_.step();
}

std::optional<Write> MappingReporter::next(const core::ObjectName& name) {
  const auto found = records_.find(name);
  if (found == records_.end() || !found->second.seen) return std::nullopt;
  const Record& record = found->second;
  // Well again: what was written is still so.
  const bool broken = record.planned && is_broken(*record.planned);
  if (broken && clock_.now() < record.held_until) return std::nullopt;
  if (auto write = own(name, record)) return write;
  if (!leading_) return std::nullopt;
  if (auto write = shared(name, record)) return write;
  if (auto write = expired(name, record)) return write;
  if (auto write = leftovers(name, record)) return write;
  return finalizer(name, record);
}

std::optional<Write> MappingReporter::own(const core::ObjectName& name,
                                          const Record& record) const {
  const Seen& seen = *record.seen;
  core::InstanceStatus status = record.planned.value_or(core::InstanceStatus{});
  if (!seen.faults.empty()) {
    // What was in effect before may still be, but of this version nothing is.
    status.entry.state = core::MappingReport::State::rejected;
    status.entry.message = core::join_messages(seen.faults);
    if (!status.entry.addresses.empty()) {
      status.entry.message += "; the version before stays in effect";
    }
    status.entry.generation = seen.generation;
  } else if (!record.planned) {
    return std::nullopt;
  } else if (status.entry.generation == 0) {
    // Another object of its name, which no API server has, is in effect here.
    status = {};
    status.entry.state = core::MappingReport::State::rejected;
    status.entry.message =
        "this edge has a Mapping of the same name in its manifests, which counts: rename one";
    status.entry.generation = seen.generation;
  }
  status.entry.name = options_.instance;
  status.entry.heartbeat = clock_.unix_seconds();
  status.entry.heartbeat_period = roster_.works() && !meets_older_edges()
                                      ? core::leased_heartbeat_period
                                      : core::heartbeat_period(records_.size());
  const auto written = written_by(options_.instance, seen.status);
  if (written && !core::worth_writing(*written, status)) return std::nullopt;
  return apply(name, seen, manager_of(options_.instance), json_of(status), false);
}

std::optional<Write> MappingReporter::shared(const core::ObjectName& name, const Record& record) {
  const Seen& seen = *record.seen;
  // This edge mostly has a word to say in a moment: what all come to without it is not worth two
  // writes. One whose kernel fails has none, and must not keep the others' from being heard.
  const bool early = clock_.now() < record.since + grace;
  if (early && !written_by(options_.instance, seen.status)) return std::nullopt;
  core::StatusContext context;
  context.generation = seen.generation;
  context.now = clock_.unix_seconds();
  std::shared_ptr<const core::Object> service;
  if (record.planned) service = options_.service({name.ns, record.planned->service});
  std::vector<core::MappingInstance> present = seen.status.instances;
  std::erase_if(present, [this](const auto& instance) { return is_gone(instance); });
  core::SharedStatus status =
      core::shared_status(present, seen.status.conditions,
                          service ? &std::get<core::Service>(*service) : nullptr, context);
  // Who has not planned it does not know them.
  status.ports = record.planned ? record.planned->ports : seen.status.ports;
  const bool texts = clock_.now() >= texts_from_;
  if (!texts) status.ports = status.edges = "";
  const bool same = seen.status.observed_generation == status.generation &&
                    seen.status.invalid == status.invalid &&
                    seen.status.service_vip == status.service_vip &&
                    seen.status.ports == status.ports && seen.status.edges == status.edges &&
                    has_conditions(seen.status, status.conditions);
  if (same) return std::nullopt;
  Write write = apply(name, seen, leader_manager, json_of(status), true);
  write.done = [this, name, before = record.seen, status] {
    if (!(status.ports + status.edges).empty()) texts_trouble_.clear();
    tell(name, *before, status);
  };
  if (texts) {
    write.refused = [this](int, const std::string& why) { return do_without_texts(why); };
  }
  return write;
}

// A definition of an older version: conditions are worth more than columns.
bool MappingReporter::do_without_texts(const std::string& why) {
  if (why.find(undeclared) == std::string::npos) return false;
  texts_from_ = clock_.now() + older_pause;
  texts_trouble_ =
      "the definition of Mappings in the cluster is of an older version, which has no status.ports "
      "and status.edges, so kubectl shows no ports; \"pona install crds | kubectl apply -f -\" "
      "renews it";
  return true;
}

// The authors of objects look at Events; what is as it was needs none.
void MappingReporter::tell(const core::ObjectName& name, const Seen& before,
                           const core::SharedStatus& status) {
  using Status = core::Condition::Status;
  for (const core::Condition& condition : status.conditions) {
    const core::Condition* const was = before.status.condition(condition.type);
    const bool known = was != nullptr && was->status != Status::unknown;
    if (condition.status == Status::unknown) continue;
    if (known && was->status == condition.status && was->reason == condition.reason &&
        (condition.status == Status::yes || was->message == condition.message)) {
      continue;
    }
    const bool warning = condition.status == Status::no || condition.reason == "PartlyAccepted";
    // That all is well is said once, by what comes last.
    if (!warning && condition.type == "Accepted" && !known) continue;
    // What is not accepted is not programmed either: one word is enough.
    if (condition.reason == "NotAccepted") continue;
    events_.record({{core::Kind::mapping, name},
                    before.uid,
                    warning,
                    condition.reason,
                    condition.type == "Accepted" ? "Accept" : "Program",
                    message_of(condition)});
  }
}

// Each edge for itself: it is about the edge's own host.
void MappingReporter::tell_host(const core::ObjectName& name, Record& record) {
  const auto tell_new = [&](std::string& told, const std::string& now, const char* reason) {
    if (std::exchange(told, now) == now || now.empty()) return;
    events_.record({{core::Kind::mapping, name},
                    record.seen->uid,
                    true,
                    reason,
                    "Forward",
                    "on edge " + options_.instance + ": " + now});
  };
  const core::InstanceStatus none;
  const core::InstanceStatus& planned = record.planned ? *record.planned : none;
  tell_new(record.obstacle, planned.obstacle, "TrafficDropped");
  tell_new(record.shortage, planned.shortage, "SourcePortsShort");
}

// An edge that is gone cannot take its entry away: the leader gives it up in its name.
std::optional<Write> MappingReporter::expired(const core::ObjectName& name,
                                              const Record& record) const {
  for (const core::MappingInstance& instance : record.seen->status.instances) {
    if (!is_gone(instance)) continue;
    return apply(name, *record.seen, manager_of(instance.name), Json::object(), true);
  }
  return std::nullopt;
}

// Addresses that no edge has: what SmartNat left behind.
std::optional<Write> MappingReporter::leftovers(const core::ObjectName& name,
                                                const Record& record) const {
  const MappingStatusView& status = record.seen->status;
  Json gone = Json::object();
  for (const auto& [address, pods] : status.configured) {
    if (!serves(status, address)) gone[core::to_string(address)] = nullptr;
  }
  if (gone.empty()) return std::nullopt;
  return merge(path(name) + "/status", name, {{"status", {{"configuredAddresses", gone}}}});
}

// SmartNat is not there any more to remove its finalizer: without this, the object could never go.
std::optional<Write> MappingReporter::finalizer(const core::ObjectName& name,
                                                const Record& record) {
  const Seen& seen = *record.seen;
  if (!has_old_finalizer(seen) || clock_.now() < finalizers_from_) return std::nullopt;
  Json left = Json::array();
  for (const std::string& one : seen.finalizers) {
    if (one != old_finalizer) left.push_back(one);
  }
  Write write = merge(path(name), name,
                      {{"metadata", {{"resourceVersion", seen.version}, {"finalizers", left}}}});
  write.what = "remove SmartNat's finalizer from Mapping " + core::to_string(name) +
               ", which cannot be deleted with it (\"pona install rbac --smartnat-finalizers\" "
               "allows it)";
  write.done = [this] { finalizer_trouble_.clear(); };
  write.forbidden = [this](const std::string& why) {
    finalizers_from_ = clock_.now() + forbidden_pause;
    finalizer_trouble_ = why;
  };
  return write;
}

}  // namespace kube
