#include "core/edge/external_interfaces.hpp"

#include <algorithm>
#include <regex>
#include <set>

#include "core/edge/tables/edge_marks.hpp"

namespace core {

std::vector<ExternalInterface> find_external(const Host& host, const EdgeSettings& settings) {
  std::vector<ExternalInterface> external;
  if (settings.external_interfaces.empty()) {
    return external;
  }
  const auto is_external = external_names(settings);
  std::vector<const Interface*> found;
  for (const auto& [name, interface] : host.interfaces) {
    if (is_external(name)) {
      found.push_back(&interface);
    }
  }
  std::sort(found.begin(), found.end(),
            [](const auto* a, const auto* b) { return a->index < b->index; });
  // The number lives in marks of connections that outlast this process: it comes from the
  // interface's index alone, and is the same after a restart.
  const EdgeMarks marks(settings.mark_mask);
  const std::uint32_t numbers = marks.interfaces;
  // The first of them have these numbers whatever follows, as when there were no others.
  const std::uint32_t first_numbers = std::min(numbers, (1U << marks.low_bits) - 1);
  std::set<std::uint32_t> used;
  for (const Interface* interface : found) {
    if (used.size() == numbers) {
      break;
    }
    const std::uint32_t from = used.size() < first_numbers ? 0 : first_numbers;
    const std::uint32_t choice = (from == 0 ? first_numbers : numbers) - from;
    std::uint32_t number = from + (interface->index - 1) % choice;
    while (!used.insert(number).second) {
      number = from + (number - from + 1) % choice;
    }
    external.push_back({interface->name, number + 1,
                        gateway_of(*interface, Family::ipv4, settings.gateway_offset),
                        gateway_of(*interface, Family::ipv6, settings.gateway_offset)});
  }
  return external;
}

std::function<bool(const std::string&)> external_names(const EdgeSettings& settings) {
  if (settings.external_interfaces.empty()) {
    return [](const std::string&) { return false; };
  }
  return [pattern = std::regex(settings.external_interfaces, std::regex::extended)](
             const std::string& name) { return std::regex_search(name, pattern); };
}

std::optional<Address> gateway_of(const Interface& interface, Family family, int offset) {
  const std::optional<Address>& own =
      family == Family::ipv4 ? interface.gateway4 : interface.gateway6;
  if (own || interface.point_to_point) {
    return own;
  }
  for (const Prefix& prefix : interface.addresses) {
    // Without a subnet there is nobody to count from; fe80::/10 is everywhere alike.
    if (prefix.family() != family || prefix.length >= prefix.address.size() * 8 ||
        (family == Family::ipv6 && prefix.address.bytes()[0] == 0xfe &&
         (prefix.address.bytes()[1] & 0xc0) == 0x80)) {
      continue;
    }
    if (prefix.length + 1U == prefix.address.size() * 8) {  // RFC 3021, RFC 6164
      return prefix.address == prefix.first() ? prefix.last() : prefix.first();
    }
    const Address gateway = offset < 0 ? prefix.last().plus(offset) : prefix.first().plus(offset);
    const bool mine = std::any_of(interface.addresses.begin(), interface.addresses.end(),
                                  [&](const Prefix& p) { return p.address == gateway; });
    return mine || !prefix.contains(gateway) ? std::nullopt : std::optional(gateway);
  }
  return std::nullopt;
}

}  // namespace core
