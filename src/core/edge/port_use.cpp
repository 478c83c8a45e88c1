#include "core/edge/port_use.hpp"

#include <algorithm>

namespace core {
namespace {

constexpr std::uint32_t status_source_replaced = 16;  // IPS_SRC_NAT
constexpr std::uint16_t first_source_port = 1024;

}  // namespace

void PortCount::add(const Flow& flow) {
  if ((flow.status & status_source_replaced) == 0) return;
  if (flow.reply.destination_port < first_source_port) return;
  ++used_[{flow.protocol, flow.reply.source, flow.reply.source_port, flow.reply.destination}];
}

std::vector<PortUse> PortCount::at_least(std::uint32_t least) const {
  std::vector<PortUse> found;
  for (const auto& [pair, used] : used_) {
    if (used >= least) found.push_back({pair, used});
  }
  std::ranges::stable_sort(found, std::ranges::greater(), &PortUse::used);
  return found;
}

}  // namespace core
