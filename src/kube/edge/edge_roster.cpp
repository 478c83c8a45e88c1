#include "kube/edge/edge_roster.hpp"

#include <nlohmann/json.hpp>
#include <utility>

#include "core/fnv1a.hpp"
#include "kube/api/leader_election.hpp"
#include "kube/api/refusal.hpp"
#include "kube/decode/encoding.hpp"
#include "kube/decode/json_text.hpp"
#include "kube/decode/mapping_fields.hpp"

namespace kube {
namespace {

using Json = nlohmann::json;
using namespace std::chrono_literals;

constexpr std::string_view roster_label = "app.kubernetes.io/component";
constexpr std::string_view roster_component = "pona-edge-heartbeat";
constexpr std::string_view edge_annotation = "pona.dev/edge";
// The last slot layout that the edge knows; it knows those before as well.
constexpr std::string_view layout_annotation = "pona.dev/slot-layout";
constexpr os::Time::duration longest_roster_wait = 5s;
// Whoever grants the permission sees an effect within that time.
constexpr os::Time::duration forbidden_rest = 60s;

const Json& member(const Json& json, std::string_view key) {
  static const Json none;
  const auto found = json.is_object() ? json.find(key) : json.end();
  return json.is_object() && found != json.end() ? *found : none;
}

std::string string_of(const Json& json) {
  return json.is_string() ? json.get<std::string>() : std::string();
}

// A name of an object is a DNS name, which an edge's need not be.
std::string lease_name_of(const std::string& instance) {
  constexpr std::size_t most = 200;
  std::string name = "pona-edge-";
  bool same = !instance.empty() && instance.size() <= most;
  for (const char c : instance.substr(0, most)) {
    const bool fits = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    same = same && fits;
    name += fits ? c : '-';
  }
  if (same && name.back() != '-') return name;
  return name + "-" + std::to_string(core::fnv1a(instance));
}

}  // namespace

EdgeRoster::EdgeRoster(RosterOptions options, Exchanges& exchanges, os::Clock clock)
    : options_(std::move(options)), exchanges_(exchanges), clock_(std::move(clock)) {}

std::string EdgeRoster::path() const {
  return "/apis/coordination.k8s.io/v1/namespaces/" + options_.ns + "/leases";
}

std::string EdgeRoster::lease_name() const { return lease_name_of(options_.instance); }

os::Time EdgeRoster::due() const { return request_ != 0 ? os::Time::max() : not_before_; }

void EdgeRoster::step() {
  if (request_ == 0 && clock_.now() >= not_before_) list();
}

void EdgeRoster::ask(Phase phase, Request request) {
  phase_ = phase;
  request_ = exchanges_.start(std::move(request), longest_roster_wait);
}

void EdgeRoster::list() {
  const std::string selector = std::string(roster_label) + "=" + std::string(roster_component);
  ask(Phase::list, {"GET", path() + "?labelSelector=" + escape_query(selector), "", "", false});
}

void EdgeRoster::write() {
  const auto own = edges_.find(options_.instance);
  const bool create = own == edges_.end() || !own->second.listed;
  const std::string name = create ? lease_name() : own->second.name;
  Json metadata = {
      {"name", name},
      {"namespace", options_.ns},
      {"labels", {{roster_label, roster_component}, {"app.kubernetes.io/part-of", "pona"}}},
      {"annotations",
       {{edge_annotation, options_.instance},
        {layout_annotation, std::to_string(static_cast<int>(core::SlotLayout::second))}}}};
  if (!create) metadata["resourceVersion"] = own->second.version;
  const Json body = {{"apiVersion", "coordination.k8s.io/v1"},
                     {"kind", "Lease"},
                     {"metadata", std::move(metadata)},
                     {"spec",
                      {{"holderIdentity", options_.identity},
                       {"leaseDurationSeconds", options_.silence.count()},
                       {"renewTime", micro_time(clock_.unix_seconds())}}}};
  ask(create ? Phase::create : Phase::renew,
      {create ? "POST" : "PUT", create ? path() : path() + "/" + name, "application/json",
       dump_json(body), false});
}

bool EdgeRoster::remove_one() {
  if (!leading_) return false;
  for (const auto& [instance, known] : edges_) {
    if (instance == options_.instance || !known.listed) continue;
    if (clock_.now() < known.observed + options_.keeping) continue;
    // An edge that comes back meanwhile has renewed it.
    const Json body = {{"preconditions", {{"resourceVersion", known.version}}}};
    removed_ = instance;
    ask(Phase::remove,
        {"DELETE", path() + "/" + known.name, "application/json", dump_json(body), false});
    return true;
  }
  return false;
}

bool EdgeRoster::take(const Reply& reply) {
  if (request_ == 0 || reply.request != request_) return false;
  request_ = 0;
  if (phase_ == Phase::remove) {
    // Where it may not, or somebody was there first, it stays until the next look.
    if (const auto found = edges_.find(removed_); found != edges_.end()) {
      found->second.observed = clock_.now();
      if (reply.ok()) edges_.erase(found);
    }
    rest();
  } else if (!reply.ok()) {
    fail(reply);
  } else if (phase_ == Phase::list) {
    take_list(reply.body);
  } else {
    works_ = tried_ = true;
    trouble_.clear();
    if (!remove_one()) rest();
  }
  return true;
}

void EdgeRoster::take_list(const std::string& body) {
  const Json json = Json::parse(body, nullptr, false);
  const Json& items = member(json, "items");
  if (!items.is_array()) {
    trouble_ = "the API server's answer is not a list of Leases";
    rest();
    return;
  }
  for (auto& [instance, known] : edges_) known.listed = false;
  for (const Json& item : items) {
    const Json& metadata = member(item, "metadata");
    const Json& annotations = member(metadata, "annotations");
    const std::string instance = string_of(member(annotations, edge_annotation));
    Known known;
    known.name = string_of(member(metadata, "name"));
    known.version = string_of(member(metadata, "resourceVersion"));
    known.renewed = string_of(member(member(item, "spec"), "renewTime"));
    const std::string layout = string_of(member(annotations, layout_annotation));
    // Whatever comes after the second knows that, too.
    if (!layout.empty() && layout != "1") known.layout = core::SlotLayout::second;
    if (!instance.empty() && !known.name.empty()) note(instance, std::move(known));
  }
  if (!watched_since_) watched_since_ = clock_.now();
  write();
}

void EdgeRoster::note(const std::string& instance, Known now) {
  const auto [found, fresh] = edges_.try_emplace(instance);
  Known& before = found->second;
  const bool renewed = fresh || before.renewed != now.renewed || before.version != now.version;
  now.observed = renewed ? clock_.now() : before.observed;
  now.listed = true;
  before = std::move(now);
}

void EdgeRoster::rest() {
  // Spread, so that those who began together do not stay together.
  not_before_ = clock_.now() + std::chrono::duration_cast<std::chrono::milliseconds>(
                                   options_.period * (0.9 + 0.2 * clock_.chance()));
}

void EdgeRoster::fail(const Reply& reply) {
  rest();
  if (!reply.error.empty() || reply.code >= 500 || reply.code == 429) {
    // An API server that is away says nothing of anybody: what was known stays as it was.
    not_before_ = std::max(not_before_, clock_.now() + reply.retry_after);
    watched_since_.reset();
    for (auto& [instance, known] : edges_) known.observed = clock_.now();
    return;
  }
  if (phase_ == Phase::renew && (reply.code == 409 || reply.code == 404)) {
    not_before_ = clock_.now() + 1s;  // it is another one than was listed
    return;
  }
  works_ = false;
  tried_ = true;
  watched_since_.reset();
  edges_.clear();
  not_before_ = clock_.now() + forbidden_rest;
  trouble_ = "cannot keep heartbeats in Leases of namespace " + options_.ns +
             ", so each Mapping's status has them, and slot layout 1 stays (apply what \"pona "
             "install rbac\" prints): " +
             refusal_text(reply);
}

bool EdgeRoster::is_gone(const Known& known) const {
  return clock_.now() >= known.observed + options_.silence;
}

std::optional<bool> EdgeRoster::alive(const std::string& instance) const {
  const auto found = edges_.find(instance);
  if (!works_ || found == edges_.end()) return std::nullopt;
  return !is_gone(found->second);
}

bool EdgeRoster::watched_for(std::chrono::seconds time) const {
  return works_ && watched_since_ && clock_.now() >= *watched_since_ + time;
}

core::SlotLayout EdgeRoster::slot_layout() const {
  if (!works_) return core::SlotLayout::first;
  for (const auto& [instance, known] : edges_) {
    if (known.layout == core::SlotLayout::first && !is_gone(known)) return known.layout;
  }
  return core::SlotLayout::second;
}

}  // namespace kube
