#include "cmd/edge/status/filter.hpp"

#include <algorithm>

#include "cmd/serve/text_table.hpp"

namespace cmd {
namespace {

bool within(const std::string& address, const core::Prefix& prefix) {
  const auto parsed = core::Address::parse(address);
  return parsed && prefix.contains(*parsed);
}

// Words of a reason are looked at as far as they may be addresses.
bool names(std::string_view reason, const core::Prefix& prefix) {
  constexpr std::string_view letters = "0123456789abcdefABCDEF:.";
  while (!reason.empty()) {
    reason.remove_prefix(std::min(reason.find_first_of(letters), reason.size()));
    std::string_view word =
        reason.substr(0, std::min(reason.find_first_not_of(letters), reason.size()));
    reason.remove_prefix(word.size());
    // What ends a sentence, or comes before a port, is no part of it.
    std::optional<core::Address> address;
    while (!word.empty() && !(address = core::Address::parse(word))) {
      const std::size_t end = word.find_last_of(".:");
      word = word.substr(0, end == std::string_view::npos ? 0 : end);
    }
    if (address && prefix.contains(*address)) return true;
  }
  return false;
}

bool named(const std::vector<std::string>& reasons, const core::Prefix& prefix) {
  return std::ranges::any_of(reasons,
                             [&](const std::string& reason) { return names(reason, prefix); });
}

// Takes out the ports that do not fit, and says whether the Mapping does.
bool fits(MappingStatus& mapping, const StatusFilter& filter) {
  if (!filter.ns.empty() && mapping.ns != filter.ns) return false;
  if (filter.address) {
    std::erase_if(mapping.ports,
                  [&](const PortStatus& port) { return !within(port.address, *filter.address); });
    if (mapping.ports.empty() && !named(mapping.reasons, *filter.address)) return false;
  }
  if (filter.problems) {
    std::erase_if(mapping.ports, [](const PortStatus& port) { return !lacks_endpoints(port); });
    if (mapping.ports.empty() && !has_problem(mapping)) return false;
  }
  return true;
}

}  // namespace

bool has_problem(const MappingStatus& mapping) {
  return mapping.state != "inactive" && (mapping.state != "active" || !mapping.reasons.empty());
}

bool lacks_endpoints(const PortStatus& port) {
  return port.active && std::ranges::all_of(port.endpoints, &EndpointStatus::draining);
}

std::string_view namespace_in(std::string_view object) {
  const std::size_t slash = object.find('/');
  if (slash == std::string_view::npos) return "";
  const std::size_t blank = object.rfind(' ', slash);
  const std::size_t begin = blank == std::string_view::npos ? 0 : blank + 1;
  return object.substr(begin, slash - begin);
}

EdgeStatus select(EdgeStatus status, const StatusFilter& filter) {
  std::erase_if(status.mappings, [&](MappingStatus& mapping) { return !fits(mapping, filter); });
  std::erase_if(status.rejections, [&](const std::pair<std::string, std::string>& rejection) {
    if (!filter.ns.empty() && namespace_in(rejection.first) != filter.ns) return true;
    return filter.address && !names(rejection.second, *filter.address);
  });
  return status;
}

std::string selection_text(const StatusFilter& filter, const EdgeStatus& shown,
                           const EdgeStatus& all) {
  std::string text;
  const auto add = [&](const std::string& what) { text += (text.empty() ? "" : ", ") + what; };
  if (!filter.ns.empty()) add("namespace " + filter.ns);
  if (filter.address) {
    const bool one = *filter.address == core::Prefix::host(filter.address->address);
    add("address " + (one ? to_string(filter.address->address) : to_string(*filter.address)));
  }
  if (filter.problems) add("with problems");
  return text + ": " + grouped(shown.mappings.size()) + " of " + grouped(all.mappings.size()) +
         " Mappings and Services";
}

}  // namespace cmd
