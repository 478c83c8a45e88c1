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

std::string conditions(const Packet& packet, bool iptables) {
  const bool ipv4 = packet.family == Family::ipv4;
  const std::string protocol = protocol_text(packet.protocol);
  if (iptables) {
    std::string text = " -s " + to_string(packet.source) + " -d " + to_string(packet.destination) +
                       " -p " + protocol;
    if (packet.has_ports()) text += " --dport " + std::to_string(packet.destination_port);
    return text + " -j ACCEPT";
  }
  const std::string ip = ipv4 ? "ip" : "ip6";
  std::string text = " " + ip + " saddr " + to_string(packet.source) + " " + ip + " daddr " +
                     to_string(packet.destination);
  text += packet.has_ports() ? " " + protocol + " dport " + std::to_string(packet.destination_port)
                             : " meta l4proto " + protocol;
  return text + " accept";
}

void judge_edge(Finding& finding, const Step& step, const Promise& promise) {
  const std::string& chain = step.rule->chain.name;
  const std::string object = promise.object.empty() ? "the object that maps it" : promise.object;
  const std::string source = to_string(step.packet.source);
  if (begins_with(chain, "refused-source") || begins_with(chain, "allow")) {
    finding.code = code::source_not_allowed;
    finding.why = source + " is not among the sources that " + object + " allows.";
    finding.fixes = {{"pona mapping set NAME --allow " + source, "adds it to the list"}};
  } else if (begins_with(chain, "refused-connections") || begins_with(chain, "refused-rate") ||
             begins_with(chain, "over-") || begins_with(chain, "limit")) {
    finding.code = code::limit_exceeded;
    finding.why = source + " is over the limit that " + object + " has for each client.";
    finding.fixes = {{"pona mapping set NAME --max-connections-per-client NUMBER", "raises it"}};
  } else if (step.rule->comment.find("no endpoint") != std::string::npos ||
             begins_with(chain, "nobody") || begins_with(chain, "no-endpoint")) {
    finding.code = code::no_endpoint;
    finding.why = "There is no ready endpoint behind " + object + ", so that it is refused.";
    finding.fixes = {{"kubectl get endpointslices -l kubernetes.io/service-name=SERVICE",
                      "which pods are ready"}};
  }
}

void judge_egress(Finding& finding, const Step& step, const Promise& promise) {
  const std::string object = promise.object.empty() ? "its Egress" : promise.object;
  if (step.rule->chain.table == constants::nat_table) {
    finding.code = code::unknown_client;
    finding.why = "The NAT pod drops it: " + to_string(step.packet.source) +
                  " is no client that it knows of.";
    finding.fixes = {{"pona egress status", "whether the pod is a client, and of which Egress"}};
  } else {
    // What an Egress without NAT pods refuses is refused by a route: this is the fence behind it.
    finding.code = code::bypassed;
    finding.why = "It is not led into the tunnel of " + object +
                  ", and must not leave otherwise: it is refused in the pod.";
    finding.fixes = {{"ip rule show; ip route show table 117",
                      "in the pod: is priority 1900 there, and what does it lead to?"},
                     {"pona egress status", "whether the agent serves this pod"}};
  }
}

}  // namespace

void judge_rule(Finding& finding, const Step& step, const Promise& promise) {
  const ChainId& chain = step.rule->chain;
  if (chain.table == constants::edge_table) return judge_edge(finding, step, promise);
  if (chain.table == constants::nat_table || chain.table == constants::client_table) {
    return judge_egress(finding, step, promise);
  }
  const bool iptables = is_iptables(chain);
  const std::string accepts = conditions(step.packet, iptables);
  finding.fixes.clear();
  if (iptables) {
    const std::string program = chain.family == TableFamily::ip ? "iptables" : "ip6tables";
    finding.fixes.push_back(
        {program + (chain.table == "filter" ? "" : " -t " + chain.table) + " -I " + chain.name +
             accepts,
         "lets this flow pass; so that it lasts, say it to who writes the rules"});
    return;
  }
  finding.fixes.push_back(
      {"nft insert rule " + to_text(chain) +
           (step.rule->handle != 0 ? " position " + std::to_string(step.rule->handle) : "") +
           accepts,
       "lets this flow pass; so that it lasts, say it to who writes the rules"});
}

}  // namespace core::packet
