#include "core/packet/diagnosis/judge_rules.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "core/constants.hpp"
#include "core/packet/diagnosis/codes.hpp"

namespace core::packet {
namespace {

bool begins_with(std::string_view text, std::string_view with) {
  return text.substr(0, with.size()) == with;
}

// Chains of these names are written by iptables-nft, which nft(8) must not touch.
bool is_iptables(const ChainId& chain) {
  constexpr std::array<std::string_view, 5> tables = {"filter", "nat", "mangle", "raw", "security"};
  return chain.family != TableFamily::inet &&
         std::ranges::find(tables, chain.table) != tables.end() && !chain.name.empty() &&
         std::ranges::all_of(chain.name,
                             [](char c) { return c != '_' && !('a' <= c && c <= 'z'); });
}

std::string conditions(const Packet& packet, bool iptables, bool addresses) {
  const bool ipv4 = packet.family == Family::ipv4;
  const std::string protocol = protocol_text(packet.protocol);
  if (iptables) {
    std::string text;
    if (addresses) {
      text = " -s " + to_string(packet.source) + " -d " + to_string(packet.destination);
    }
    text += " -p " + protocol;
    if (packet.has_ports()) text += " --dport " + std::to_string(packet.destination_port);
    return text + " -j ACCEPT";
  }
  const std::string ip = ipv4 ? "ip" : "ip6";
  std::string text;
  if (addresses) {
    text = " " + ip + " saddr " + to_string(packet.source) + " " + ip + " daddr " +
           to_string(packet.destination);
  }
  text += packet.has_ports() ? " " + protocol + " dport " + std::to_string(packet.destination_port)
                             : " meta l4proto " + protocol;
  return text + " accept";
}

// "shop/web" of "Mapping shop/web"; `otherwise` where there is none.
std::string name_of(const Promise& promise, const std::string& otherwise) {
  const std::size_t blank = promise.object.find(' ');
  return blank == std::string::npos ? otherwise : promise.object.substr(blank + 1);
}

void judge_edge(Finding& finding, const Step& step, const Promise& promise) {
  const std::string& chain = step.rule->chain.name;
  const std::string object = promise.object.empty() ? "the object that maps it" : promise.object;
  const std::string set = "pona mapping set " + name_of(promise, "NAMESPACE/NAME");
  const std::string source = to_string(step.packet.source);
  if (begins_with(chain, "refused-source") || begins_with(chain, "allow")) {
    finding.code = code::source_not_allowed;
    finding.why =
        source + " is not among the sources that " + object + " allows, so the edge refuses it.";
    finding.fixes = {{set + " --allow " + source,
                      "replaces the list: name the other sources that may connect as well"}};
  } else if (begins_with(chain, "refused-connections") || begins_with(chain, "refused-rate") ||
             begins_with(chain, "over-") || begins_with(chain, "limit")) {
    const bool rate = begins_with(chain, "refused-rate") || chain == "over-rate";
    finding.code = code::limit_exceeded;
    finding.why = source + " has as many connections as " + object +
                  " allows one client, so the edge refuses another one.";
    if (rate) {
      finding.why = source + " opens connections faster than " + object +
                    " allows one client, so the edge refuses this one.";
    }
    finding.fixes = {{set + (rate ? " --new-connections-per-second NUMBER"
                                  : " --max-connections-per-source NUMBER"),
                      "raises the limit; 0: none"}};
  } else if (step.rule->comment.find("no endpoint") != std::string::npos ||
             begins_with(chain, "nobody") || begins_with(chain, "no-endpoint")) {
    finding.code = code::no_endpoint;
    finding.why = "No endpoint behind " + object + " is ready, so the edge refuses it.";
    finding.fixes = {{"kubectl get endpointslices -A -l kubernetes.io/service-name=SERVICE",
                      "which pods are ready"}};
  }
}

void judge_egress(Finding& finding, const Step& step, const Promise& promise,
                  const std::string& inside) {
  const std::string object = promise.object.empty() ? "its Egress" : promise.object;
  if (step.rule->chain.table == constants::nat_table) {
    finding.code = code::unknown_client;
    finding.why = "The NAT pod does not know " + to_string(step.packet.source) +
                  " for a client of its Egress, and drops what it sends.";
    finding.fixes = {
        {"pona egress status", "on the pod's node: whether it is a client, and of which Egress"}};
  } else {
    // What an Egress without NAT pods refuses is refused by a route: this is the fence behind it.
    finding.code = code::bypassed;
    finding.why = "The pod's rules and routes do not lead it into the tunnel of " + object +
                  ", and it must not leave by another way: it is refused in the pod.";
    finding.fixes = {{inside + "ip rule show", "in the pod: priority 1900 leads to table 117"},
                     {inside + "ip route show table 117", "in the pod: the way into the tunnel"},
                     {"pona egress status", "whether the node's agent serves this pod"}};
  }
}

}  // namespace

void judge_rule(Finding& finding, const Step& step, const Promise& promise, World& world) {
  const ChainId& chain = step.rule->chain;
  const std::string inside = world.inside(step.place);
  if (chain.table == constants::edge_table) return judge_edge(finding, step, promise);
  if (chain.table == constants::nat_table || chain.table == constants::client_table) {
    return judge_egress(finding, step, promise, inside);
  }
  finding.fixes = {{inside + let_pass(step, true),
                    "at " + world.name(step.place) +
                        ": lets this flow pass; so that it lasts, tell whoever writes the rules"}};
}

std::string let_pass(const Step& step, bool addresses) {
  const ChainId& chain = step.rule->chain;
  const bool iptables = is_iptables(chain);
  const std::string accepts = conditions(step.packet, iptables, addresses);
  if (iptables) {
    return std::string(chain.family == TableFamily::ip ? "iptables" : "ip6tables") +
           (chain.table == "filter" ? "" : " -t " + chain.table) + " -I " + chain.name + accepts;
  }
  return "nft insert rule " + to_text(chain) +
         (step.rule->handle != 0 ? " position " + std::to_string(step.rule->handle) : "") + accepts;
}

}  // namespace core::packet
