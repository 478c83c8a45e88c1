// What is said of a way that ends before its time, and what mends it.
#include <algorithm>
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
    case Cause::ipsec:
      return code::ipsec_blocks;
    case Cause::proxy_unrouted:
      return code::proxy_unrouted;
    case Cause::none:
      break;
  }
  return 0;
}

const char* ip_words(Family family) { return family == Family::ipv4 ? "ip" : "ip -6"; }

// As sysctl(8) wants a device's name: dots stand between levels.
std::string sysctl_name(std::string device) {
  std::ranges::replace(device, '.', '/');
  return device;
}

// What follows for who sends, where the words of the step do not say it.
std::string consequence(Cause cause, const Packet& packet) {
  std::string silent = "Nobody is told, so the sender waits in vain.";
  switch (cause) {
    case Cause::rule_drop:
    case Cause::policy_drop:
    case Cause::reverse_path:
    case Cause::blackhole:
    case Cause::not_ours:
    case Cause::unread_drop:
    case Cause::ipsec:
    case Cause::proxy_unrouted:
      return silent;
    case Cause::ports_exhausted:
      return "Each source port stands for one connection to there; new ones are dropped. " + silent;
    case Cause::forwarding_off:
      return "It is for another host, and so it is dropped. " + silent;
    case Cause::rule_reject:
      return "The sender fails at once.";
    case Cause::no_route:
      return "The sender is told \"network is unreachable\".";
    case Cause::unreachable:
    case Cause::prohibited:
      return "The sender is told so, and fails at once.";
    case Cause::neighbour_silent:
      return "Without its MAC address nothing can be sent to it: the kernel asks for three "
             "seconds, then says \"no route to host\".";
    case Cause::martian:
      return "The kernel drops what comes in from outside with such a source. " + silent;
    case Cause::ttl_exceeded:
      return "It has passed as many routers as it may: routes lead in a circle, or it was sent "
             "with a small TTL.";
    case Cause::port_closed:
      if (packet.protocol == udp) return "The host answers with an ICMP error (port unreachable).";
      return packet.protocol == tcp ? "The client is told \"connection refused\"." : "";
    case Cause::tunnel_closed:
      return "What is in the tunnel gets no further.";
    case Cause::table_full:
      return "New connections are dropped until old ones end.";
    case Cause::link_down:
    case Cause::too_big:
    case Cause::ipv6_disabled:
    case Cause::queue:
    case Cause::loop:
    case Cause::none:
      break;
  }
  return "";
}

// How to take a route or a rule away, by what the step says of it.
Finding::Fix refusing(const std::string& ip, const std::string& text, const std::string& at) {
  constexpr std::string_view rule = "rule ";
  if (!text.starts_with(rule)) {
    return {ip + " route del " + text, at + "if the route is not meant to be there"};
  }
  // "rule 100: from all unreachable"
  const std::size_t colon = text.find(':');
  return {ip + " rule del priority " + text.substr(rule.size(), colon - rule.size()) +
              text.substr(std::min(colon + 1, text.size())),
          at + "if the rule is not meant to be there"};
}

}  // namespace

Finding Judgement::dead_end(const Way& way, std::size_t step, bool reply) {
  Finding finding;
  const Step& last = trace_.steps[step];
  finding.code = code_of(way.cause);
  finding.step = step;
  std::string said = last.text;
  if (last.rule && last.rule->handle != 0 && !last.rule->text.empty()) {
    said += " (" + last.rule->text + ")";
  } else if (way.cause == Cause::policy_drop) {
    said += ", as no rule of it accepts this";
  }
  const std::string then = consequence(way.cause, last.packet);
  finding.why = (reply ? "The answer is lost at " : "At ") + place(last) + ": " + said + "." +
                (then.empty() ? "" : " " + then);
  finding.fixes = fixes(way, last);
  const bool refused = finding.code == code::route_refuses && !reply;
  if (refused && promise_.kind == Promise::Kind::egress && promise_.closed) {
    finding.code = code::egress_closed;
    finding.why = promise_.object + " has no NAT pod that can take it, so it is refused at " +
                  place(last) + ": it must not leave with another address (" + last.text + ").";
    finding.fixes = {{"pona egress status", "which NAT pods there are, and their states"}};
  }
  // Where a translation cannot be made, its rule is not what stops the packet.
  if (last.rule && way.cause != Cause::ports_exhausted) {
    judge_rule(finding, last, promise_, world_);
  } else if (reply && (way.cause == Cause::no_route || way.cause == Cause::neighbour_silent)) {
    finding.code = way.cause == Cause::no_route ? code::no_way_back : finding.code;
  }
  return finding;
}

std::vector<Finding::Fix> Judgement::fixes(const Way& way, const Step& step) {
  const Packet& packet = step.packet;
  const std::string in = inside(step);
  const std::string at = "at " + place(step) + ": ";
  const std::string ip = in + ip_words(packet.family);
  const std::string to = to_string(packet.destination);
  const std::string conf = packet.family == Family::ipv4 ? "net.ipv4.conf." : "net.ipv6.conf.";
  const std::string device = sysctl_name(step.where);
  switch (way.cause) {
    case Cause::reverse_path:
      return {{ip + " route add " + to_string(packet.source) + " dev " + step.where,
               at + "leads answers to where the request came from"},
              {in + "sysctl -w " + conf + device + ".rp_filter=2 " + conf + "all.rp_filter=2",
               "or takes what any route leads back to; write it to /etc/sysctl.d, too"}};
    case Cause::martian:
      return {{ip + " address show to " + to_string(packet.source),
               at + "take the address away, if it belongs to another host"}};
    case Cause::forwarding_off:
      return {{in + "sysctl -w " +
                   (packet.family == Family::ipv4 ? "net.ipv4.conf." + device + ".forwarding=1"
                                                  : "net.ipv6.conf.all.forwarding=1"),
               at + "lets it forward; write it to /etc/sysctl.d, too"}};
    case Cause::no_route:
      return {{ip + " route add " + to + " via GATEWAY",
               at + "GATEWAY is the router to there; or add a route to the subnet, or a default "
                    "route"}};
    case Cause::blackhole:
    case Cause::unreachable:
    case Cause::prohibited:
      if (step.text.find(": ") == std::string::npos) {
        return {{ip + " route get " + to, at + "what the kernel says"}};
      }
      return {refusing(ip, step.text.substr(step.text.find(": ") + 2), at)};
    case Cause::neighbour_silent: {
      const std::string next = to_string(way.next_hop.value_or(packet.destination));
      return {{ip + " neigh show to " + next,
               at + "FAILED or INCOMPLETE: nobody answers for the address"},
              {in + "ping -c 1 " + next, "asks again: is that host up, and the address right?"}};
    }
    case Cause::not_ours:
      return {{ip + " neigh flush to " + to_string(way.next_hop.value_or(packet.destination)),
               at + "lets it ask again for the MAC address"}};
    case Cause::link_down:
      return {
          {in + "ip link set " + step.where + " up", at + "and the other end of the link, too"}};
    case Cause::ipv6_disabled:
      return {{in + "sysctl -w net.ipv6.conf." + (step.where == "route" ? "all" : device) +
                   ".disable_ipv6=0",
               at + "enables IPv6"}};
    case Cause::table_full:
      return {{in + "conntrack -L | awk '{ print $5 }' | sort | uniq -c | sort -n | tail",
               at + "who makes so many"},
              {in + "sysctl -w net.netfilter.nf_conntrack_max=NUMBER", "makes room"}};
    case Cause::unread_drop:
      if (step.notes.empty() || step.notes.back().empty()) return {};
      return {{in + step.notes.back(), at + "lets this flow pass"}};
    case Cause::ports_exhausted:
      return {{in + "conntrack -L --dst-nat | wc -l", at + "how many connections are translated"},
              {"--masquerade-addresses, or more NAT pods",
               "several source addresses have as many ports each"}};
    case Cause::port_closed:
      return {{in + "ss -lnp sport = :" + std::to_string(packet.destination_port),
               at + "what listens there: start the server, or correct the port (targetPort)"}};
    case Cause::tunnel_closed:
      return {{in + "ip -d link show", at + "is the tunnel's device there, and up?"},
              {"pona egress status", "what the node's agent and the NAT pods say"}};
    case Cause::too_big:
      if (step.text.find("of the route by") != std::string::npos) {
        return {{ip + " route show match " + to,
                 at + "the route has an MTU of its own: `ip route change` it without, or with a "
                      "larger one"}};
      }
      return {{in + "ip link set " + step.where + " mtu MTU", at + "equal at both ends"}};
    case Cause::ipsec:
      // "an IPsec policy blocks it: src … dst … dir out action block"
      return {{in + "ip xfrm policy", at + "which policies there are, and their priorities"},
              {in + "ip xfrm policy delete " +
                   step.text.substr(step.text.find(": ") + 2,
                                    step.text.find(" action block") - step.text.find(": ") - 2),
               "if it is not meant to be there; the IPsec daemon makes it anew if it is its own"}};
    case Cause::proxy_unrouted: {
      constexpr std::string_view lead = "(mark ";
      const std::size_t from = step.text.find(lead) + lead.size();
      const std::string mark = step.text.substr(from, step.text.find(')', from) - from);
      const bool none = mark == "0";
      return {
          {ip + " rule add fwmark " + (none ? "MARK" : mark) + " lookup 100",
           at + (none ? "the rule has to set a MARK, too" : "routes it by its mark")},
          {ip + " route add local default dev lo table 100", "keeps what is marked on this host"}};
    }
    case Cause::ttl_exceeded:
      return {{ip + " route get " + to, at + "compare with the hosts before it: where does each "
                                             "one send it?"}};
    default:
      return {};
  }
}

}  // namespace core::packet
