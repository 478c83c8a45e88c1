#include "kube/edge/service_address_writer.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "kube/decode/json_text.hpp"
#include "kube/decode/mapping_fields.hpp"
#include "kube/decode/parse.hpp"

namespace kube {
namespace {

using Json = nlohmann::json;
using Decision = core::AddressAssignment::Decision;

constexpr std::string_view condition_type = "pona.dev/AddressAssigned";

core::Condition condition_of(const Decision& decision) {
  core::Condition condition;
  condition.type = condition_type;
  const bool whole = decision.refusal.empty();
  condition.status = whole ? core::Condition::Status::yes : core::Condition::Status::no;
  condition.reason = whole ? "Assigned" : decision.addresses.empty() ? "Refused" : "PartlyAssigned";
  condition.message = decision.refusal;
  return condition;
}

Write write_status(const core::ObjectName& service, const Json& body) {
  Write write;
  write.request = {"PATCH",
                   "/api/v1/namespaces/" + service.ns + "/services/" + service.name +
                       "/status?fieldManager=pona-edge&force=true",
                   "application/apply-patch+yaml", dump_json(body), false};
  write.lead = true;
  return write;
}

std::string text_of(const std::vector<core::Address>& addresses) {
  std::string text;
  for (const core::Address& address : addresses) {
    text += (text.empty() ? "" : ", ") + core::to_string(address);
  }
  return text;
}

}  // namespace

AddressWriter::AddressWriter(Exchanges& exchanges, EventRecorder& events, os::Clock clock,
                             std::size_t most_wishes)
    : events_(events),
      clock_(std::move(clock)),
      writes_(
          exchanges, clock_, [this](const core::ObjectName& name) { return next(name); },
          [this](const core::ObjectName& name, const std::string& body) { written(name, body); }),
      assignment_(most_wishes) {}

void AddressWriter::update(const core::ObjectChanges& objects) {
  assignment_.update(objects);
  for (const auto& [id, object] : objects) {
    if (id.kind != core::Kind::service) continue;
    if (object && std::get<core::Service>(*object).load_balancer) {
      records_[id.name].service = object;
      given_up_.erase(id.name);
      writes_.add(id.name);
      continue;
    }
    writes_.forget(id.name);
    const auto record = records_.extract(id.name);
    if (!object) {
      given_up_.erase(id.name);
    } else if (leading_ && record && record.mapped().seen) {
      // It asks for no addresses of this edge's any more: what was said of them is not so.
      given_up_.insert_or_assign(id.name, record.mapped().seen->uid);
      writes_.add(id.name);
    }
  }
}

void AddressWriter::seen(const core::ObjectName& service, std::shared_ptr<const Seen> seen) {
  const auto found = records_.find(service);
  if (found == records_.end()) return;
  found->second.seen = std::move(seen);
  writes_.add(service);
}

void AddressWriter::lead(bool leading) {
  if (leading_ == leading) return;
  leading_ = leading;
  if (!leading_) {
    given_up_.clear();
    writes_.stop_leading();
    return;
  }
  assignment_.begin_anew();
  for (const auto& [name, record] : records_) writes_.add(name);
}

void AddressWriter::step() {
  if (!leading_) return;
  for (const core::ObjectName& name : assignment_.decide()) writes_.add(name);
  writes_.step();
}

// Takes back all that edges have written into its status.
Write AddressWriter::give_up(const core::ObjectName& name, const std::string& uid) {
  const Json body = {{"apiVersion", "v1"},
                     {"kind", "Service"},
                     {"metadata", {{"name", name.name}, {"namespace", name.ns}, {"uid", uid}}},
                     {"status", Json::object()}};
  Write write = write_status(name, body);
  write.what = "take back what the status of Service " + core::to_string(name) + " said";
  write.done = [this, name] { given_up_.erase(name); };
  return write;
}

std::optional<Write> AddressWriter::next(const core::ObjectName& name) {
  if (const auto left = given_up_.find(name); leading_ && left != given_up_.end()) {
    return give_up(name, left->second);
  }
  const auto found = records_.find(name);
  const Decision* const decision = assignment_.decision(name);
  if (!leading_ || found == records_.end() || !found->second.seen || decision == nullptr) {
    return std::nullopt;
  }
  const Seen& seen = *found->second.seen;
  if (found->second.written == *decision && is_not_newer(seen.version, found->second.version)) {
    return std::nullopt;
  }
  const core::LoadBalancer& balancer =
      *std::get<core::Service>(*found->second.service).load_balancer;
  core::Condition condition = condition_of(*decision);
  const core::Condition* const was = seen.status.condition(condition_type);
  if (balancer.assigned == decision->addresses && was != nullptr &&
      was->status == condition.status && was->message == condition.message) {
    return std::nullopt;
  }
  condition.since =
      was != nullptr && was->status == condition.status ? was->since : clock_.unix_seconds();
  Json ingress = Json::array();
  for (const core::Address& address : decision->addresses) {
    ingress.push_back({{"ip", core::to_string(address)}});
  }
  Json told = {{"type", condition.type},
               {"status", core::to_string(condition.status)},
               {"reason", condition.reason},
               {"message", condition.message},
               {"lastTransitionTime", format_timestamp(condition.since)}};
  // Of this version, so that what comes late never undoes what another leader has written.
  const Json metadata = {{"name", name.name},
                         {"namespace", name.ns},
                         {"uid", seen.uid},
                         {"resourceVersion", seen.version}};
  const Json body = {{"apiVersion", "v1"},
                     {"kind", "Service"},
                     {"metadata", metadata},
                     {"status",
                      {{"loadBalancer", {{"ingress", std::move(ingress)}}},
                       {"conditions", Json::array({std::move(told)})}}}};
  Write write = write_status(name, body);
  write.what = "write the external addresses of Service " + core::to_string(name);
  write.done = [this, name, seen = found->second.seen, decision = *decision] {
    if (const auto record = records_.find(name); record != records_.end()) {
      record->second.written = decision;
    }
    tell(name, *seen, decision);
  };
  return write;
}

void AddressWriter::written(const core::ObjectName& name, const std::string& body) {
  const auto found = records_.find(name);
  if (found == records_.end()) return;
  Document document;
  static_cast<void>(parse_json(body, document, [&](const Document& parsed) {
    if (const auto root = parsed.root()) found->second.version = decode_seen(*root).version;
  }));
}

void AddressWriter::tell(const core::ObjectName& name, const Seen& seen, const Decision& decision) {
  const bool warning = !decision.refusal.empty();
  events_.record({{core::Kind::service, name},
                  seen.uid,
                  warning,
                  warning ? "AddressRefused" : "AddressAssigned",
                  "AssignAddress",
                  warning ? decision.refusal : text_of(decision.addresses)});
}

}  // namespace kube
