#include "cmd/agent/nat_pod_sysctls.hpp"

#include <array>
#include <optional>

#include "core/error.hpp"
#include "net/netns.hpp"
#include "net/sysctl.hpp"

namespace cmd {
namespace {

constexpr const char* wanted = "1";

constexpr std::array parameters = {
    "net/ipv4/ip_forward",
    "net/ipv6/conf/all/forwarding",
    // What the kernel itself answers to a client goes back through the tunnel by the mark.
    "net/ipv4/fwmark_reflect",
    "net/ipv6/fwmark_reflect",
};

void set_parameters(std::vector<std::string>& changes) {
  for (const char* const parameter : parameters) {
    const std::optional<std::string> value = net::read_sysctl(parameter);
    if (!value || value == wanted) continue;
    net::write_sysctl(parameter, wanted);
    changes.emplace_back(parameter);
  }
}

}  // namespace

NatSandbox prepare_nat_sandbox(const Sandbox& sandbox) {
  NatSandbox pass;
  try {
    const net::Namespace netns = net::Namespace::open(sandbox.netns);
    if (!sandbox.cookie.empty() && netns_cookie(netns) != sandbox.cookie) {
      pass.error = "another network namespace is at its path";
      return pass;
    }
    netns.run([&] { set_parameters(pass.changes); });
  } catch (const core::Error& error) {
    pass.error = error.what();
  }
  return pass;
}

}  // namespace cmd
