// The part of a status that somebody asks for. Not here: what the parts look like.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cmd/edge/status.hpp"
#include "core/ip.hpp"

namespace cmd {

struct StatusFilter {
  std::string ns;                       // of Mappings and Services; empty: of all
  std::optional<core::Prefix> address;  // external: one, or all of a network
  bool problems = false;

  [[nodiscard]] bool any() const { return !ns.empty() || address || problems; }
};

constexpr const char* filter_options = "--namespace, --address or --problems";

// Mappings that fit, with the ports that do, and their rejections. An object without ports fits an
// address that one of its reasons names. Problems are Mappings that are rejected or degraded or
// have something to say, and ports in effect that have no endpoint. What is about no object of its
// own stays: the process, interfaces, manifests, warnings.
EdgeStatus select(EdgeStatus status, const StatusFilter& filter);

// An appliance that stands by has none of the addresses: to be inactive is no problem.
bool has_problem(const MappingStatus& mapping);
// Whether new connections to it are refused for lack of endpoints.
bool lacks_endpoints(const PortStatus& port);

// "namespace shop, address 203.0.113.10: 3 of 12 Mappings and Services".
std::string selection_text(const StatusFilter& filter, const EdgeStatus& shown,
                           const EdgeStatus& all);

// The namespace in "Mapping shop/web"; empty where there is none.
std::string_view namespace_in(std::string_view object);

}  // namespace cmd
