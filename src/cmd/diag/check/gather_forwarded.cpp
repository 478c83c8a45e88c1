// What the rules of a node make of its pods' traffic: the tunnels of clients, and what NAT pods
// send on, by the model of a trace. Sends nothing.
#include <algorithm>

#include "cmd/diag/check/survey.hpp"
#include "core/constants.hpp"
#include "core/error.hpp"
#include "core/packet/diagnosis/judge_rules.hpp"
#include "core/packet/walk/walk.hpp"

namespace cmd {
namespace {

namespace packet = core::packet;

constexpr std::size_t most_ways = 64;

class Forwarded {
 public:
  Forwarded(Survey& survey, core::check::RuleFacts& facts) : survey_(survey), facts_(facts) {}

  void look() {
    if (!survey_.agent) return;
    for (const AgentView::Client& client : survey_.agent->clients) tunnels(client);
    for (const std::string& path : survey_.places.paths()) nat_pod(path);
  }

 private:
  std::optional<std::size_t> place_at(const std::string& path) {
    try {
      auto where = net::Namespace::find(path);
      if (!where) return std::nullopt;
      return survey_.world.add(std::move(*where));
    } catch (const core::Error&) {
      return std::nullopt;  // the group of tunnels says so
    }
  }

  // From a client to each NAT pod of the Egresses that it uses.
  void tunnels(const AgentView::Client& client) {
    const auto place = place_at(client.netns);
    if (!place) return;
    for (const core::check::EgressState& egress : survey_.agent->egresses) {
      const bool used = std::ranges::any_of(client.destinations, [&](const auto& one) {
        return one.egress == egress.name && one.way == "tunnel";
      });
      if (!used) continue;
      for (const auto& [text, state] : egress.nat_pods) {
        const auto address = core::Address::parse(text);
        if (!address || state == "dead") continue;
        packet::Packet probe;
        probe.protocol = packet::udp;
        probe.destination = *address;
        const bool fou = egress.encapsulation != "VXLAN";
        probe.destination_port = fou ? core::constants::fou_port : core::constants::vxlan_gpe_port;
        probe.source_port = probe.destination_port;
        send(*place, probe, false,
             "the tunnel of pod " + to_string(client.pod) + " to the NAT pod " + text +
                 " of Egress " + egress.name);
      }
    }
  }

  // What a NAT pod of this node sends to the outside.
  void nat_pod(const std::string& path) {
    const auto place = place_at(path);
    if (!place) return;
    for (const core::check::EgressState& egress : survey_.agent->egresses) {
      for (const auto& [text, state] : egress.nat_pods) {
        const auto address = core::Address::parse(text);
        if (!address || survey_.world.network(*place).link_with(*address) == nullptr) continue;
        packet::Packet probe;
        probe.protocol = packet::tcp;
        probe.tcp_flags = packet::syn;
        probe.source_port = 40000;
        probe.destination_port = 443;
        // Somebody outside (RFC 5737, RFC 3849).
        probe.destination = *core::Address::parse(
            address->family() == core::Family::ipv4 ? "198.51.100.77" : "2001:db8:c::77");
        probe.source = *address;
        send(*place, probe, true,
             "what the NAT pod " + text + " of Egress " + egress.name + " sends to the outside");
      }
    }
  }

  void send(std::size_t place, packet::Packet probe, bool addresses, const std::string& what) {
    if (++ways_ > most_ways) return;
    probe.family = probe.destination.family();
    if (probe.source.family() != probe.family || probe.source == core::Address()) {
      const std::uint8_t none[16] = {};
      probe.source = core::Address(std::span(none, probe.destination.size()));
    }
    packet::Choices choices;
    packet::Walker walker(survey_.world, choices);
    const packet::Way way = walker.send(place, probe);
    if (way.end != packet::Way::End::dropped || way.steps.empty()) return;
    const packet::Step& last = way.steps.back();
    const bool by_rule = way.cause == packet::Cause::rule_drop ||
                         way.cause == packet::Cause::rule_reject ||
                         way.cause == packet::Cause::policy_drop;
    if (!by_rule || !last.rule || last.place != survey_.at || last.where != "forward") return;
    const packet::ChainId& chain = last.rule->chain;
    core::Obstacle obstacle;
    obstacle.chain = "chain " + chain.name + " of table " + std::string(to_string(chain.family)) +
                     " " + chain.table;
    obstacle.effect = "stops " + what;
    obstacle.remedy = "let it pass with: " + packet::let_pass(last, addresses);
    facts_.obstacles.push_back(std::move(obstacle));
    facts_.obstacle_rules.push_back(to_text(*last.rule));
  }

  Survey& survey_;
  core::check::RuleFacts& facts_;
  std::size_t ways_ = 0;
};

}  // namespace

void look_at_forwarded(Survey& survey, core::check::RuleFacts& facts) {
  Forwarded(survey, facts).look();
}

}  // namespace cmd
