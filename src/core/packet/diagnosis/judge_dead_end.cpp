// What is said of a way that ends before its time, and what mends it.
#include <string>
#include <utility>
#include <vector>

#include "core/packet/diagnosis/codes.hpp"
#include "core/packet/diagnosis/judge_rules.hpp"
#include "core/packet/diagnosis/judgement.hpp"

namespace core::packet {
namespace {

int code_of(Cause cause) {
  switch (cause) {
    case Cause::rule_drop:
      return code::rule_drop;
    case Cause::rule_reject:
      return code::rule_reject;
    case Cause::policy_drop:
      return code::policy_drop;
    case Cause::reverse_path:
      return code::reverse_path;
    case Cause::martian:
      return code::martian;
    case Cause::forwarding_off:
      return code::forwarding_off;
    case Cause::no_route:
      return code::no_route;
    case Cause::blackhole:
    case Cause::unreachable:
    case Cause::prohibited:
      return code::route_refuses;
    case Cause::neighbour_silent:
      return code::neighbour_silent;
    case Cause::link_down:
      return code::link_down;
    case Cause::too_big:
      return code::mtu;
    case Cause::ttl_exceeded:
      return code::ttl;
    case Cause::port_closed:
      return code::port_closed;
    case Cause::tunnel_closed:
      return code::tunnel_closed;
    case Cause::table_full:
      return code::table_full;
    case Cause::ports_exhausted:
      return code::ports_exhausted;
    case Cause::ipv6_disabled:
      return code::ipv6_disabled;
    case Cause::not_ours:
      return code::wrong_neighbour;
    case Cause::queue:
      return code::queued;
    case Cause::unread_drop:
      return code::unseen_drop;
    case Cause::loop:
      return code::loop;
    case Cause::none:
      break;
  }
  return 0;
}

const char* ip_words(Family family) { return family == Family::ipv4 ? "ip" : "ip -6"; }

}  // namespace

Finding Judgement::dead_end(const Way& way, std::size_t step, bool reply) {
  Finding finding;
  const Step& last = trace_.steps[step];
  finding.code = code_of(way.cause);
  finding.step = step;
  finding.why = (reply ? "The answer is lost in " : "In ") + place(last) + ": " + last.text + ".";
  finding.fixes = fixes(way.cause, last);
  const bool refused = finding.code == code::route_refuses && !reply;
  if (refused && promise_.kind == Promise::Kind::egress && promise_.closed) {
    finding.code = code::egress_closed;
    finding.why = promise_.object + " has no NAT pod that can take it, so that it is refused in " +
                  place(last) + ": it must not leave otherwise (" + last.text + ").";
    finding.fixes = {{"pona egress status", "which NAT pods there are, and how they are"}};
  }
  // Where a translation cannot be made, its rule is not what stops the packet.
  if (last.rule && way.cause != Cause::ports_exhausted) {
    judge_rule(finding, last, promise_);
  } else if (reply && (way.cause == Cause::no_route || way.cause == Cause::neighbour_silent)) {
    finding.code = way.cause == Cause::no_route ? code::no_way_back : finding.code;
  }
  if (way.cause == Cause::port_closed && last.packet.protocol == udp) {
    finding.why += " The host answers with an ICMP error (port unreachable).";
  }
  return finding;
}

std::vector<Finding::Fix> Judgement::fixes(Cause cause, const Step& step) {
  const Packet& packet = step.packet;
  const std::string in = place(step) + ": ";
  const std::string ip = ip_words(packet.family);
  const std::string conf = packet.family == Family::ipv4 ? "net.ipv4.conf." : "net.ipv6.conf.";
  switch (cause) {
    case Cause::reverse_path:
      return {{in + ip + " route add " + to_string(packet.source) + " dev " + step.where,
               "gives the answer the way that the request came by"},
              {in + "sysctl -w " + conf + step.where + ".rp_filter=2 " + conf + "all.rp_filter=2",
               "takes whatever some route leads back to"}};
    case Cause::martian:
      return {{in + ip + " address show",
               "find " + to_string(packet.source) + " and take it away where it does not belong"}};
    case Cause::forwarding_off:
      return {{in + (packet.family == Family::ipv4
                         ? "sysctl -w net.ipv4.conf." + step.where + ".forwarding=1"
                         : "sysctl -w net.ipv6.conf.all.forwarding=1"),
               "lets this host forward; write it to /etc/sysctl.d, too"}};
    case Cause::no_route:
      return {{in + ip + " route add " + to_string(packet.destination) + " via GATEWAY",
               "or a route to its subnet, or a default route"}};
    case Cause::blackhole:
    case Cause::unreachable:
    case Cause::prohibited:
      if (step.text.find(": ") == std::string::npos) {
        return {{in + ip + " route get " + to_string(packet.destination), "what the kernel says"}};
      }
      return {{in + ip + " route del " + step.text.substr(step.text.find(": ") + 2),
               "if it is not meant to be there"}};
    case Cause::neighbour_silent:
      return {{in + ip + " neigh show", "what is known of the next hop"},
              {"arping -I " + step.where + " ADDRESS", "ask again; is the next hop's host up?"}};
    case Cause::not_ours:
      return {{in + ip + " neigh flush to " + to_string(packet.destination),
               "lets it ask again for the next hop's MAC address"}};
    case Cause::link_down:
      return {{in + "ip link set " + step.where + " up", "and its other end"}};
    case Cause::ipv6_disabled:
      return {{in + "sysctl -w net.ipv6.conf." + (step.where == "route" ? "all" : step.where) +
                   ".disable_ipv6=0",
               "lets IPv6 in"}};
    case Cause::table_full:
      return {{in + "sysctl -w net.netfilter.nf_conntrack_max=NUMBER", "makes room"},
              {"conntrack -L | awk '{ print $5 }' | sort | uniq -c | sort -n | tail",
               "who makes so many"}};
    case Cause::unread_drop:
      if (step.notes.empty() || step.notes.back().empty()) return {};
      return {{step.notes.back(), "in " + place(step) + ": lets this flow pass"}};
    case Cause::ports_exhausted:
      return {{in + "conntrack -L --dst-nat | wc -l", "how many connections there are to where"},
              {"--masquerade-addresses, or more NAT pods",
               "several source addresses have as many ports each"}};
    case Cause::port_closed:
      return {{in + "ss -lnp sport = :" + std::to_string(packet.destination_port),
               "what listens there; start the server, or name its port (targetPort)"}};
    case Cause::tunnel_closed:
      return {{in + "ip -d link show", "is the tunnel's device there, and up?"},
              {"pona egress status", "what the node's agent and the NAT pods say"}};
    case Cause::too_big:
      return {{in + "ip link set " + step.where + " mtu MTU", "equal at both ends"}};
    default:
      return {};
  }
}

}  // namespace core::packet
