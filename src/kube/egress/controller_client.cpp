#include "kube/egress/controller_client.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "kube/decode/egress_labels.hpp"
#include "kube/egress/limit_template.hpp"

namespace kube {
namespace {

using Json = nlohmann::json;
using core::ClusterRange;

Reduce reduce_of(Kinds kinds, bool whole) {
  DecodeOptions decoding;
  decoding.served = true;
  decoding.kinds = kinds;
  decoding.whole = whole;
  return [decoding](const Node& node) { return decode(node, decoding); };
}

// Of most pods nothing but that they are there: they ask for nothing.
std::vector<Decoded> reduce_pods(const Node& node) {
  static const Reduce reduce = reduce_of({core::Kind::pod}, false);
  std::vector<Decoded> all = reduce(node);
  for (Decoded& decoded : all) {
    if (!decoded.object) continue;
    const auto& pod = std::get<core::Pod>(*decoded.object);
    core::Pod rest;
    rest.name = pod.name;
    if (!pod.egresses.empty() || !pod.faults.empty()) {
      rest.uid = pod.uid;
      rest.egresses = pod.egresses;
      rest.faults = pod.faults;
      rest.host_network = pod.host_network;
      rest.finished = pod.finished;
    }
    decoded.object = std::make_shared<const core::Object>(std::move(rest));
  }
  return all;
}

void add_range(std::vector<ClusterRange>& ranges, ClusterRange::Of of, const std::string& name,
               const Json& text) {
  if (!text.is_string()) return;
  const auto prefix = core::Prefix::parse(text.get<std::string>());
  if (prefix) ranges.push_back({prefix->masked(), of, name});
}

// Of a Node or a ServiceCIDR; what is malformed is passed over.
std::vector<ClusterRange> ranges_of(const std::string& text, const std::string& name) {
  std::vector<ClusterRange> ranges;
  const Json object = Json::parse(text, nullptr, false);
  const auto list_at = [&](const char* parent, const char* key) {
    const Json& map = object.contains(parent) ? object[parent] : object;
    return map.is_object() && map.contains(key) && map[key].is_array() ? map[key] : Json::array();
  };
  for (const Json& one : list_at("spec", "podCIDRs")) {
    add_range(ranges, ClusterRange::Of::pods, name, one);
  }
  for (const Json& one : list_at("spec", "cidrs")) {
    add_range(ranges, ClusterRange::Of::services, name, one);
  }
  for (const Json& one : list_at("status", "addresses")) {
    if (!one.is_object() || !one.contains("address")) continue;
    add_range(ranges, ClusterRange::Of::node, name, one["address"]);
  }
  std::ranges::sort(ranges);
  return ranges;
}

}  // namespace

ControllerClient::ControllerClient(Transport& transport, const os::Clock& clock,
                                   const ControllerOptions& options)
    : ClientFrame(transport, clock,
                  {.context = options.context,
                   .author = "pona.dev/controller",
                   .instance = options.instance,
                   .ns = options.ns,
                   .lease = "pona-controller",
                   .identity = options.identity,
                   .trust = options.trust}),
      clock_(clock),
      gauges_(options.gauges),
      writer_(options.workload, exchanges(), events(), clock,
              [this](const core::ObjectName& name, std::shared_ptr<const Seen> seen) {
                egresses_->cache().see({core::Kind::egress, name}, std::move(seen));
              }),
      notes_(events(), clock),
      sweeper_(exchanges(), clock) {
  add(writer_);
  add(notes_);
  add(sweeper_);
  egresses_ = &watches().add({"pona.cybozu.com", "v1", "egresses", "", "", "", false},
                             reduce_of({core::Kind::egress}, true));
  watches().add({"", "v1", "pods", "", "", "", false}, reduce_pods);
  lists_ = &watches().add({"discovery.k8s.io", "v1", "endpointslices",
                           std::string(clients_of_label), "", "", false, true},
                          reduce_of({core::Kind::egress_clients}, false));
  nodes_ = &watches().add({"", "v1", "nodes", "", "", "", false}, see_whole);
  service_ranges_ =
      &watches().add({"networking.k8s.io", "v1", "servicecidrs", "", "", "", true}, see_whole);
  accounts_ = &watches().add(
      {"", "v1", "serviceaccounts", std::string(account_label), "", "", false}, see_whole);
  const std::string labels = std::string(app_name_label) + "=" + std::string(nat_app_name) + "," +
                             std::string(app_component_label) + "=" + std::string(nat_component);
  nat_pods_ = &watches().add({"", "v1", "pods", labels, "", "", false}, see_whole);
  std::set<std::string_view> known;
  for (const WorkloadPart part : workload_parts) {
    const WorkloadKind& kind = kind_of(part);
    if (!known.insert(kind.plural).second) continue;
    parts_.push_back(&watches().add({std::string(kind.group), std::string(kind.version),
                                     std::string(kind.plural), labels, "", "", false, true},
                                    see_whole));
  }
}

void ControllerClient::step() {
  ClientFrame::step();
  if (gauges_ != nullptr) show();
}

void ControllerClient::lead(bool leading) {
  // Before all is known, what is there would look like missing.
  const bool leads = leading && synced();
  writer_.lead(leads);
  notes_.lead(leads);
  sweeper_.lead(leads);
}

void ControllerClient::show() {
  gauges_->synced = synced();
  gauges_->leading = leading();
  gauges_->reachable = api_server().reachable;
  gauges_->egresses = egresses_->cache().size();
  gauges_->client_lists = lists_->cache().size();
  gauges_->events_dropped = events().dropped();
  gauges_->stepped = clock_.unix_seconds();
}

// Its owner needs to know nothing.
void ControllerClient::pass_on() {
  const core::ObjectChanges changes = watches().take_changes();
  notes_.update(changes);
  sweeper_.update(changes);
  for (const auto& [id, object] : changes) {
    if (id.kind == core::Kind::egress) writer_.update(id.name, object);
  }
  for (const auto& [id, seen] : egresses_->cache().take_seen()) writer_.seen(id.name, seen);
  for (const auto& [id, seen] : lists_->cache().take_seen()) sweeper_.seen(id.name, seen);
  for (Reflector* const reflector : parts_) {
    for (const auto& [id, seen] : reflector->cache().take_seen()) {
      core::ObjectName egress;
      const auto part = part_of(reflector->resource().plural, id.name, egress);
      if (part) writer_.part_seen(*part, egress, seen);
    }
  }
  for (const auto& [id, seen] : accounts_->cache().take_seen()) {
    if (seen) {
      allowed_accounts_.insert(id.name);
    } else {
      allowed_accounts_.erase(id.name);
    }
  }
  writer_.set_accounts(allowed_accounts_);
  for (const auto& [id, seen] : nat_pods_->cache().take_seen()) {
    writer_.pod_seen(id.name, seen.get());
  }
  take_ranges(*nodes_);
  take_ranges(*service_ranges_);
  if (!std::exchange(ranges_changed_, false)) return;
  std::vector<ClusterRange> all;
  std::set<std::string> nodes;
  for (const auto& [key, ranges] : ranges_) {
    if (key.first == nodes_) nodes.insert(key.second);
    all.insert(all.end(), ranges.begin(), ranges.end());
  }
  writer_.set_ranges(std::move(all));
  sweeper_.set_nodes(std::move(nodes));
}

// Nodes say every few seconds that they are there, which is no news.
void ControllerClient::take_ranges(Reflector& reflector) {
  for (const auto& [id, seen] : reflector.cache().take_seen()) {
    const std::pair key(&reflector, id.name.name);
    if (!seen) {
      ranges_changed_ = ranges_.erase(key) > 0 || ranges_changed_;
      continue;
    }
    auto ranges = ranges_of(seen->json, id.name.name);
    const auto known = ranges_.find(key);
    if (known != ranges_.end() && known->second == ranges) continue;
    ranges_.insert_or_assign(key, std::move(ranges));
    ranges_changed_ = true;
  }
}

}  // namespace kube
