#include "kube/decode/mapping_status.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

#include "kube/decode/kinds.hpp"

namespace kube {
namespace {

using core::Address;
using core::Condition;
using core::MappingInstance;
using State = core::MappingReport::State;

std::int64_t number_at(const Node& node, std::string_view key) {
  const auto found = node.find(key);
  std::int64_t number = 0;
  if (!found || found->type() != Node::Type::integer) return 0;
  const std::string_view text = found->text();
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::int64_t time_at(const Node& node, std::string_view key) {
  return parse_timestamp(text_at(node, key)).value_or(0);
}

// The children of a list of maps, or of anything else none.
template <typename Use>
void each_map(const Node& node, std::string_view key, Use use) {
  const auto found = node.find(key);
  if (!found || found->type() != Node::Type::sequence) return;
  for (const Node child : *found) {
    if (child.type() == Node::Type::map) use(child);
  }
}

std::vector<Address> addresses_at(const Node& node, std::string_view key) {
  std::vector<Address> addresses;
  const auto found = node.find(key);
  if (!found || found->type() != Node::Type::sequence) return addresses;
  for (const Node child : *found) {
    if (const auto address = Address::parse(child.text())) addresses.push_back(*address);
  }
  std::ranges::sort(addresses);
  addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
  return addresses;
}

template <typename Value, std::size_t size>
std::optional<Value> parse_word(const std::array<Value, size>& values, std::string_view text) {
  const auto found =
      std::ranges::find_if(values, [&](Value value) { return core::to_string(value) == text; });
  return found == values.end() ? std::nullopt : std::optional(*found);
}

std::optional<Condition> decode_condition(const Node& node) {
  using Status = Condition::Status;
  static constexpr std::array statuses = {Status::no, Status::yes, Status::unknown};
  const auto status = parse_word(statuses, text_at(node, "status"));
  Condition condition;
  condition.type = text_at(node, "type");
  if (!status || condition.type.empty()) return std::nullopt;
  condition.status = *status;
  condition.reason = text_at(node, "reason");
  condition.message = text_at(node, "message");
  condition.generation = number_at(node, "observedGeneration");
  condition.since = time_at(node, "lastTransitionTime");
  return condition;
}

std::optional<MappingInstance> decode_instance(const Node& node) {
  static constexpr std::array states = {State::active, State::inactive, State::degraded,
                                        State::rejected};
  const auto state = parse_word(states, text_at(node, "state"));
  MappingInstance instance;
  instance.name = text_at(node, "name");
  if (!state || instance.name.empty()) return std::nullopt;
  instance.state = *state;
  instance.addresses = addresses_at(node, "addresses");
  instance.message = text_at(node, "message");
  instance.generation = number_at(node, "observedGeneration");
  instance.heartbeat = time_at(node, "heartbeatTime");
  if (const auto period = number_at(node, "heartbeatPeriodSeconds");
      period > 0 && period <= 86400) {
    instance.heartbeat_period = period;
  }
  return instance;
}

}  // namespace

const Condition* MappingStatusView::condition(std::string_view type) const {
  const auto found = std::ranges::find(conditions, type, &Condition::type);
  return found == conditions.end() ? nullptr : &*found;
}

MappingStatusView decode_mapping_status(const Node& object) {
  MappingStatusView view;
  if (object.type() != Node::Type::map) return view;
  const auto status = object.find("status");
  if (!status || status->type() != Node::Type::map) return view;
  view.observed_generation = number_at(*status, "observedGeneration");
  each_map(*status, "conditions", [&](const Node& node) {
    if (auto condition = decode_condition(node)) view.conditions.push_back(*std::move(condition));
  });
  each_map(*status, "instances", [&](const Node& node) {
    if (auto instance = decode_instance(node)) view.instances.push_back(*std::move(instance));
  });
  view.invalid = text_at(*status, "invalid");
  view.service_vip = text_at(*status, "serviceVIP");
  view.ports = text_at(*status, "ports");
  view.edges = text_at(*status, "edges");
  const auto configured = status->find("configuredAddresses");
  if (!configured || configured->type() != Node::Type::map) return view;
  for (const Node child : *configured) {
    const auto address = Address::parse(child.key());
    if (!address || child.type() != Node::Type::map) continue;
    view.configured[*address] = addresses_at(child, "podIPs");
  }
  return view;
}

}  // namespace kube
