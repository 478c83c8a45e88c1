#include "core/edge/tables/edge_sets.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <string>

#include "core/edge/tables/edge_marks.hpp"

namespace core {

namespace {

std::vector<nft::Set> declare_sets() {
  using nft::Set;
  using T = nft::Type;
  const std::vector<T> service = {T::address, T::inet_proto, T::inet_service};
  const std::vector<T> verdict = {T::verdict};
  const auto set = [](const char* name, std::vector<T> key, std::vector<T> data, bool interval,
                      bool counter) {
    Set result;
    result.name = name;
    result.key = std::move(key);
    result.data = std::move(data);
    result.interval = interval;
    result.counter = counter;
    return result;
  };
  const std::vector<T> slot = {T::address, T::inet_proto, T::inet_service, T::mark};
  const std::vector<T> counted = {T::ct_dir, T::address, T::inet_proto, T::inet_service};
  return {
      set("ranges", service, {T::inet_service}, true, false),
      set("services", service, verdict, false, true),
      set("range-services", service, verdict, false, true),
      set("guarded", service, verdict, false, true),
      set("range-guarded", service, verdict, false, true),
      set("altered", service, {}, false, false),
      set("range-altered", service, {}, false, false),
      set("slots", slot, {T::address, T::inet_service}, false, false),
      set("range-slots", slot, {T::address}, false, false),
      set("range-ports", service, {T::inet_service}, false, false),
      set("allowed", {T::address}, {}, true, false),
      set("refused-source", service, {}, false, true),
      set("refused-connections", service, {}, false, true),
      set("refused-rate", service, {}, false, true),
      set("limits", service, verdict, false, false),
      set("limit-ids", service, {T::mark}, true, false),
      set("traffic", counted, {}, false, true),
      set("range-traffic", counted, {}, true, true),
      set("endpoints", service, {}, false, true),
      set("range-endpoints", {T::address, T::inet_proto}, {}, false, false),
      set("pods", {T::address}, {}, false, false),
      set("addresses", {T::address}, {}, false, false),
      set("external", {T::ifname}, verdict, false, false),
      set("returns", {T::mark}, verdict, false, false),
      set("departures", {T::mark}, verdict, false, false),
      set("departing", {T::mark, T::ifname}, {}, false, false),
      // "snat" is a keyword of nft: its listing could not be loaded again.
      set("snat-addresses", {T::address}, {T::address}, false, false),
      set("snat-interfaces", {T::address}, verdict, false, false),
      set("mapped", service, {}, false, false),
      set("masquerade-addresses", {T::mark}, {T::address}, false, false),
  };
}

std::array<std::uint8_t, 4> set_word(std::uint32_t value) {
  std::array<std::uint8_t, 4> bytes;
  std::memcpy(bytes.data(), &value, 4);
  return bytes;
}

}  // namespace

const std::vector<nft::Set>& edge_sets() {
  static const std::vector<nft::Set> sets = declare_sets();
  return sets;
}

std::vector<Element> interface_elements(Family family, const EdgeRulesInput& input) {
  const EdgeMarks marks(input.mark_mask);
  std::vector<Element> result;
  // cppcheck-suppress passedByValue  ; two words
  const auto add = [&](SetId set, std::span<const std::uint8_t> key, const std::string& chain,
                       bool jump) {
    Element element;
    element.key.family = family;
    element.key.set = set;
    element.key.key.append(key);
    element.value.chain.append({reinterpret_cast<const std::uint8_t*>(chain.data()), chain.size()});
    element.value.jump = jump;
    result.push_back(std::move(element));
  };
  for (const auto& [name, number] : input.external) {
    std::array<std::uint8_t, 16> padded{};  // IFNAMSIZ
    std::memcpy(padded.data(), name.data(), std::min(name.size(), padded.size() - 1));
    const std::uint32_t in = marks.interface(number);
    add(EdgeSet::external, padded, "from-" + name, true);
    add(EdgeSet::returns, set_word(in), "to-" + name, false);
    add(EdgeSet::departures, set_word(in | marks.departed), "leave-" + name, false);
    std::array<std::uint8_t, 20> both{};
    std::memcpy(both.data(), set_word(in | marks.departed).data(), 4);
    std::memcpy(both.data() + 4, padded.data(), 16);
    Element departing;
    departing.key.family = family;
    departing.key.set = EdgeSet::departing;
    departing.key.key.append(both);
    result.push_back(std::move(departing));
  }
  return result;
}

std::vector<Element> masquerade_elements(std::span<const Address> addresses) {
  std::vector<Element> elements;
  for (const Address& address : addresses) {
    Element element;
    element.key.family = address.family();
    element.key.set = EdgeSet::masquerade_addresses;
    element.key.key.append(set_word(static_cast<std::uint32_t>(elements.size())));
    element.value.data.append(address.bytes());
    elements.push_back(std::move(element));
  }
  return elements;
}

}  // namespace core
