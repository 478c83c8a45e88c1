#include "cmd/lab/network.hpp"

#include <sys/socket.h>

#include "core/error.hpp"
#include "net/sysctl.hpp"
#include "os/fd.hpp"

namespace cmd {
namespace {

void set_sysctls(HostSettings settings) {
  const char* const strict = settings.strict ? "1" : "0";
  const char* const router = settings.router ? "1" : "0";
  // Before any link is made. Some defaults come from the host and would make the lab depend on it.
  for (const char* scope : {"all", "default"}) {
    const std::string ipv4 = std::string("net/ipv4/conf/") + scope + '/';
    const std::string ipv6 = std::string("net/ipv6/conf/") + scope + '/';
    net::write_sysctl(ipv4 + "rp_filter", strict);
    net::write_sysctl(ipv4 + "arp_ignore", "0");
    net::write_sysctl(ipv4 + "arp_announce", "0");
    net::write_sysctl(ipv6 + "disable_ipv6", "0");
    net::write_sysctl(ipv6 + "accept_ra", "0");
    net::write_sysctl(ipv6 + "accept_dad", "0");  // link-local addresses are usable at once as well
    net::write_sysctl(ipv6 + "dad_transmits", "0");
    net::write_sysctl(ipv6 + "forwarding", router);
  }
  net::write_sysctl("net/ipv4/ip_forward", router);
}

}  // namespace

core::Address address(std::string_view text) { return core::Address::parse(text).value(); }
core::Prefix prefix(std::string_view text) { return core::Prefix::parse(text).value(); }

void need_ipv6() {
  if (!os::Fd(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0))) {
    throw core::Error(core::Error::Kind::permanent,
                      "the lab shows IPv6 too, and this kernel has it switched off (ipv6.disable)");
  }
}

void add_host(LabHome& lab, const std::string& name, HostSettings settings) {
  lab.add_namespace(name);
  lab.at(name).run([&] { set_sysctls(settings); });
}

void add_bridge(net::Links& links, const std::string& name,
                std::initializer_list<std::string_view> addresses) {
  links.add_bridge(name);
  for (const std::string_view text : addresses) links.add_address(name, prefix(text));
  links.set_up(name, true);
}

void add_leg(LabHome& lab, const std::string& host, const std::string& link,
             const std::string& switch_in, const std::string& port, const std::string& bridge,
             std::initializer_list<std::string> addresses) {
  net::Links here(lab.at(host));
  here.add_veth(link, lab.at(switch_in), port);
  for (const std::string& text : addresses) here.add_address(link, prefix(text));
  here.set_up(link, true);
  net::Links there(lab.at(switch_in));
  if (!bridge.empty()) there.set_bridge(port, bridge);
  there.set_up(port, true);
}

void add_default_routes(LabHome& lab, const std::string& host, std::string_view ipv4,
                        std::string_view ipv6) {
  net::Links links(lab.at(host));
  links.add_route(prefix("0.0.0.0/0"), address(ipv4));
  links.add_route(prefix("::/0"), address(ipv6));
}

}  // namespace cmd
