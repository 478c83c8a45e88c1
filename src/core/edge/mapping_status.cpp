#include "core/edge/mapping_status.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace core {
namespace {

using Reported = MappingReport::State;
using Status = Condition::Status;

// Far below what the schema allows, and about what people read.
constexpr std::size_t longest_message = 4096;
// A column beside others.
constexpr std::size_t longest_list = 256;

void insert_sorted(std::vector<Address>& addresses, const Address& address) {
  const auto at = std::lower_bound(addresses.begin(), addresses.end(), address);
  if (at == addresses.end() || *at != address) addresses.insert(at, address);
}

bool carries(Reported state) { return state == Reported::active || state == Reported::degraded; }

// Those whose word counts.
std::vector<const MappingInstance*> heard(std::span<const MappingInstance> instances,
                                          const StatusContext& context) {
  std::vector<const MappingInstance*> found;
  bool current = false;
  for (const MappingInstance& instance : instances) {
    if (is_expired(instance, context.now)) continue;
    current = current || instance.generation >= context.generation;
    found.push_back(&instance);
  }
  if (current) {
    std::erase_if(found, [&](const MappingInstance* instance) {
      return instance->generation < context.generation;
    });
  }
  return found;
}

template <typename Which>
std::string messages(const std::vector<const MappingInstance*>& instances, Which which) {
  std::vector<std::string> texts;
  for (const MappingInstance* instance : instances) {
    if (which(instance->state) && !instance->message.empty()) texts.push_back(instance->message);
  }
  return join_messages(texts);
}

Condition accepted(const std::vector<const MappingInstance*>& instances) {
  const auto is = [&](Reported state) {
    return std::ranges::any_of(instances, [&](const auto* one) { return one->state == state; });
  };
  if (instances.empty()) {
    return {"Accepted", Status::unknown, "Pending", "no edge has looked at it yet"};
  }
  if (is(Reported::degraded)) {
    return {"Accepted", Status::yes, "PartlyAccepted",
            messages(instances, [](Reported state) { return state == Reported::degraded; })};
  }
  if (is(Reported::active) || is(Reported::inactive))
    return {"Accepted", Status::yes, "Accepted", ""};
  return {"Accepted", Status::no, "Rejected", messages(instances, [](Reported) { return true; })};
}

// Those that carry traffic, by name.
std::vector<std::string> carriers_of(const std::vector<const MappingInstance*>& instances) {
  std::vector<std::string> carriers;
  for (const MappingInstance* instance : instances) {
    if (carries(instance->state)) carriers.push_back(instance->name);
  }
  std::ranges::sort(carriers);
  return carriers;
}

// What does not fit is counted.
std::string list_text(std::span<const std::string> texts) {
  std::string joined;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (i > 0 && joined.size() + texts[i].size() > longest_list) {
      return joined + " and " + std::to_string(texts.size() - i) + " more";
    }
    joined += (i == 0 ? "" : ", ") + texts[i];
  }
  return joined;
}

Condition programmed(const std::vector<std::string>& carriers, const Condition& accepted) {
  if (!carriers.empty()) {
    std::string names;
    for (const std::string& name : carriers) names += (names.empty() ? "" : ", ") + name;
    if (names.size() > longest_message) names = std::to_string(carriers.size()) + " edges";
    return {"Programmed", Status::yes, "Programmed", "carried by " + names};
  }
  if (accepted.status == Status::unknown) {
    return {"Programmed", Status::unknown, "Pending", accepted.message};
  }
  if (accepted.status == Status::no) {
    return {"Programmed", Status::no, "NotAccepted", "nothing of it is in effect"};
  }
  return {"Programmed", Status::no, "NoAddress", "no edge has one of its addresses"};
}

}  // namespace

std::string join_messages(std::span<const std::string> texts) {
  std::string joined;
  std::set<std::string_view> said;
  std::size_t left_out = 0;
  for (const std::string& text : texts) {
    if (!said.insert(text).second) continue;
    if (!joined.empty() && joined.size() + text.size() > longest_message) {
      ++left_out;
      continue;
    }
    joined += (joined.empty() ? "" : "; ") + text.substr(0, longest_message);
  }
  if (left_out > 0) joined += "; and " + std::to_string(left_out) + " more";
  return joined;
}

std::string ports_text(std::span<const MappingPort> ports) {
  std::vector<std::string> texts;
  for (const MappingPort& port : ports) {
    texts.push_back(to_string(port.ports) + "/" + std::string(to_string(port.protocol)));
  }
  return list_text(texts);
}

InstanceStatus instance_status(const ObjectId& claimant, const MappingReport& report,
                               std::span<const std::shared_ptr<const Forward>> forwards,
                               const StatusContext& context) {
  InstanceStatus status;
  status.entry.name = context.instance;
  status.entry.state = report.state;
  status.entry.message = join_messages(report.reasons);
  status.entry.generation = context.generation;
  status.entry.heartbeat = context.now;
  status.entry.heartbeat_period = context.heartbeat_period;
  for (const auto& forward : forwards) {
    if (forward->owner != claimant || !forward->active) continue;
    insert_sorted(status.entry.addresses, forward->key.address);
    // There without a pod, too: SmartNat says of an address that it is in effect, not that it
    // works.
    std::vector<Address>& pods = status.configured[forward->key.address];
    for (const Backend& backend : forward->backends) insert_sorted(pods, backend.address);
  }
  return status;
}

void add_shortage(InstanceStatus& status, const std::string& shortage) {
  status.shortage = shortage;
  std::vector<std::string> texts;
  if (!status.entry.message.empty()) texts.push_back(status.entry.message);
  texts.push_back(shortage);
  status.entry.message = join_messages(texts);
}

std::int64_t heartbeat_period(std::size_t mappings) {
  return std::max<std::int64_t>(60, static_cast<std::int64_t>(mappings / 5));
}

bool worth_writing(const InstanceStatus& written, const InstanceStatus& next) {
  InstanceStatus same = next;
  same.service = written.service;
  same.ports = written.ports;
  same.obstacle = written.obstacle;
  same.shortage = written.shortage;
  same.entry.heartbeat = written.entry.heartbeat;
  same.entry.heartbeat_period = written.entry.heartbeat_period;
  // A heartbeat from the future is of a clock that was set back since: it would never be due.
  const std::int64_t age = next.entry.heartbeat - written.entry.heartbeat;
  const std::int64_t period = std::min(written.entry.heartbeat_period, next.entry.heartbeat_period);
  return same != written || age >= period || age < 0;
}

bool is_expired(const MappingInstance& instance, std::int64_t now) {
  return now - instance.heartbeat > heartbeats_missed * instance.heartbeat_period;
}

SharedStatus shared_status(std::span<const MappingInstance> instances,
                           std::span<const Condition> before, const Service* service,
                           const StatusContext& context) {
  const auto counted = heard(instances, context);
  SharedStatus status;
  status.generation = context.generation;
  status.conditions.push_back(accepted(counted));
  const std::vector<std::string> carriers = carriers_of(counted);
  status.conditions.push_back(programmed(carriers, status.conditions.front()));
  status.edges = list_text(carriers);
  const Condition& verdict = status.conditions.front();
  if (verdict.status != Status::unknown) {
    // Never "no" for a Mapping that is not in effect, whatever the edges left unsaid.
    status.invalid = verdict.status == Status::yes ? "no"
                     : verdict.message.empty()     ? "rejected"
                                                   : verdict.message;
  }
  for (Condition& condition : status.conditions) {
    condition.generation = context.generation;
    const auto old = std::ranges::find(before, condition.type, &Condition::type);
    const bool same = old != before.end() && old->status == condition.status;
    condition.since = same ? old->since : context.now;
  }
  if (service != nullptr && !service->cluster_ips.empty()) {
    status.service_vip = to_string(service->cluster_ips.front());
  }
  return status;
}

}  // namespace core
