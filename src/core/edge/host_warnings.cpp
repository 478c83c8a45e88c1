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

std::vector<std::string> masquerade_warnings(const Host& host, const EdgeSettings& settings) {
  std::vector<std::string> result;
  for (const Address& address : settings.masquerade_addresses) {
    if (host.is_local(address)) continue;
    result.push_back(to_string(address) +
                     " of --masquerade-addresses is not on this host: no client is masqueraded "
                     "to it while that is so");
  }
  return result;
}

std::vector<std::string> frame_warnings(const State& frame, const Host& host,
                                        const std::map<std::string, std::string>& refused) {
  std::vector<std::string> result;
  for (const auto& [key, value] : frame.sysctls) {
    // What is made loose where no other setting is strict is seen once, and then is so.
    if (!key.ends_with("/rp_filter") || host.rp_filter_all != 1) continue;
    result.push_back(key + " is held at " + value + " while net/ipv4/conf/all/rp_filter is 1" +
                     ": strict reverse path filtering would drop " +
                     "clients whose route in table main is another one");
  }
  for (const auto& [what, reason] : refused) {
    result.push_back("the kernel refused \"" + what + "\" (pona tries again later): " + reason);
  }
  return result;
}

}  // namespace core
