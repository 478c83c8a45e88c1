#include "core/edge/host_warnings.hpp"

namespace core {

std::vector<std::string> host_warnings(const Host& host, const std::set<Family>& families) {
  std::vector<std::string> result;
  if (families.contains(Family::ipv4) && !host.forwarding4) {
    result.push_back(
        "net.ipv4.ip_forward is 0: nothing reaches a pod; "
        "set it with: sysctl -w net.ipv4.ip_forward=1");
  }
  if (families.contains(Family::ipv6) && !host.forwarding6) {
    result.push_back(
        "net.ipv6.conf.all.forwarding is 0: nothing reaches a pod by IPv6; "
        "set it with: sysctl -w net.ipv6.conf.all.forwarding=1");
  }
  return result;
}

}  // namespace core
