#include "core/edge/edge_sets.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <string>

#include "core/edge/edge_marks.hpp"

namespace core {

std::vector<nft::Set> edge_sets() {
  using nft::Set;
  using T = nft::Type;
  const std::vector<T> service = {T::address, T::inet_proto, T::inet_service};
  const std::vector<T> verdict = {T::verdict};
  const auto set = [](SetId id, std::vector<T> key, std::vector<T> data, bool interval,
                      bool counter) {
    Set result;
    result.name = to_string(id);
    result.key = std::move(key);
    result.data = std::move(data);
    result.interval = interval;
    result.counter = counter;
    return result;
  };
  const std::vector<T> slot = {T::address, T::inet_proto, T::inet_service, T::mark};
  const std::vector<T> counted = {T::ct_dir, T::address, T::inet_proto, T::inet_service};
  return {
      set(SetId::ranges, service, {T::inet_service}, true, false),
      set(SetId::services, service, verdict, false, true),
      set(SetId::range_services, service, verdict, false, true),
      set(SetId::guarded, service, verdict, false, true),
      set(SetId::range_guarded, service, verdict, false, true),
      set(SetId::altered, service, {}, false, false),
      set(SetId::range_altered, service, {}, false, false),
      set(SetId::slots, slot, {T::address, T::inet_service}, false, false),
      set(SetId::range_slots, slot, {T::address}, false, false),
      set(SetId::range_ports, service, {T::inet_service}, false, false),
      set(SetId::sources, {T::address, T::inet_proto, T::inet_service, T::address}, {}, true,
          false),
      set(SetId::refused_source, service, {}, false, true),
      set(SetId::refused_connections, service, {}, false, true),
      set(SetId::refused_rate, service, {}, false, true),
      set(SetId::limits, service, verdict, false, false),
      set(SetId::limit_ids, service, {T::mark}, true, false),
      set(SetId::traffic, counted, {}, false, true),
      set(SetId::range_traffic, counted, {}, true, true),
      set(SetId::endpoints, service, {}, false, true),
      set(SetId::range_endpoints, {T::address, T::inet_proto}, {}, false, false),
      set(SetId::pods, {T::address}, {}, false, false),
      set(SetId::addresses, {T::address}, {}, false, false),
      set(SetId::external, {T::ifname}, verdict, false, false),
      set(SetId::returns, {T::mark}, verdict, false, false),
      set(SetId::departures, {T::mark}, verdict, false, false),
      set(SetId::departing, {T::mark, T::ifname}, {}, false, false),
      set(SetId::snat, {T::address}, {T::address}, false, false),
      set(SetId::snat_interfaces, {T::address}, verdict, false, false),
  };
}

std::vector<Element> interface_elements(Family family, const EdgeRulesInput& input) {
  const EdgeMarks marks(input.mark_mask);
  std::vector<Element> result;
  const auto word = [](std::uint32_t value) {
    std::array<std::uint8_t, 4> bytes;
    std::memcpy(bytes.data(), &value, 4);
    return bytes;
  };
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
    add(SetId::external, padded, "from-" + name, true);
    add(SetId::returns, word(in), "to-" + name, false);
    add(SetId::departures, word(in | marks.departed), "leave-" + name, false);
    std::array<std::uint8_t, 20> both{};
    std::memcpy(both.data(), word(in | marks.departed).data(), 4);
    std::memcpy(both.data() + 4, padded.data(), 16);
    Element departing;
    departing.key.family = family;
    departing.key.set = SetId::departing;
    departing.key.key.append(both);
    result.push_back(std::move(departing));
  }
  return result;
}

}  // namespace core
