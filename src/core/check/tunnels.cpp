#include <algorithm>

#include "core/check/codes.hpp"
#include "core/check/judge.hpp"

namespace core::check {
namespace {

constexpr std::uint32_t seen_reply = 1U << 1;  // IPS_SEEN_REPLY

std::string flow_text(const Flow& flow) {
  const auto side = [](const Address& address, std::uint16_t port) {
    return to_string(address) + " port " + std::to_string(port);
  };
  return "udp " + side(flow.original.source, flow.original.source_port) + " to " +
         side(flow.original.destination, flow.original.destination_port) +
         " [UNREPLIED], reply from " + side(flow.reply.source, flow.reply.source_port) + " to " +
         side(flow.reply.destination, flow.reply.destination_port);
}

Fix forget(const Flow& flow) {
  return {"conntrack -D -p udp -s " + to_string(flow.original.source) + " -d " +
              to_string(flow.original.destination) + " --sport " +
              std::to_string(flow.original.source_port) + " --dport " +
              std::to_string(flow.original.destination_port),
          "the program is in the package conntrack"};
}

// What a NAT pod sent first, and the client's own flow, whose port had to give way to it.
void judge_clash(const TunnelsFacts& facts, Results& results) {
  if (!facts.flows) {
    results.push_back(
        unknown(code::tunnel_clash, "tracked connections cannot be listed", facts.privileges));
    return;
  }
  std::vector<const Flow*> first;
  for (const Flow& flow : *facts.flows) {
    if ((flow.status & seen_reply) == 0 && flow.original.source_port == facts.tunnel_port &&
        flow.original.destination_port == facts.tunnel_port) {
      first.push_back(&flow);
    }
  }
  bool fine = true;
  for (const Flow* const own : first) {
    if (own->reply.destination_port == own->original.source_port) continue;
    for (const Flow* const other : first) {
      if (other == own || other->original.source != own->reply.source ||
          other->original.destination != own->original.source) {
        continue;
      }
      fine = false;
      results.push_back({code::tunnel_clash,
                         State::error,
                         "the tunnel of " + to_string(own->original.source) + " to " +
                             to_string(own->original.destination) + " is blocked by what NAT pod " +
                             to_string(other->original.source) + " sent first",
                         {flow_text(*other), flow_text(*own)},
                         {forget(*other), forget(*own)}});
    }
  }
  if (fine)
    results.push_back(ok(code::tunnel_clash, "no entry of connection tracking blocks a tunnel"));
}

void judge_egresses(const TunnelsFacts& facts, Results& results) {
  bool all_alive = true, all_served = true;
  for (const EgressState& egress : facts.egresses) {
    const std::size_t slash = egress.name.find('/');
    const std::string ns = egress.name.substr(0, slash);
    const std::string name = slash == std::string::npos ? "" : egress.name.substr(slash + 1);
    const Fix look{"kubectl -n " + quoted(ns) + " get pods -o wide -l " +
                       quoted("app.kubernetes.io/instance=" + name),
                   "shows its NAT pods; kubectl -n " + ns + " describe egress " + name +
                       " shows what the controller says"};
    if (egress.nat_pods.empty()) {
      if (egress.clients == 0) continue;
      all_served = false;
      results.push_back({code::no_nat_pods,
                         State::error,
                         "Egress " + egress.name + " has no NAT pod, and " +
                             std::to_string(egress.clients) + " pods of this node use it",
                         {"natPods: none"},
                         {look}});
      continue;
    }
    Result result{code::nat_pods_dead, State::ok, "", {}, {look}, false};
    std::size_t dead = 0;
    for (const auto& [address, state] : egress.nat_pods) {
      result.evidence.push_back("NAT pod " + address + ": " + state);
      dead += state == "dead" ? 1 : 0;
    }
    if (dead == 0) continue;
    all_alive = false;
    const bool none = dead == egress.nat_pods.size();
    result.state = none && egress.clients != 0 ? State::error : State::warn;
    result.what = (none ? "no NAT pod"
                        : std::to_string(dead) + " of " + std::to_string(egress.nat_pods.size()) +
                              " NAT pods") +
                  " of Egress " + egress.name + (none ? " answers" : " do not answer");
    results.push_back(std::move(result));
  }
  if (facts.egresses.empty()) {
    results.push_back(skipped(code::nat_pods_dead, "no agent tells of Egresses here"));
    results.push_back(skipped(code::no_nat_pods, "no agent tells of Egresses here"));
    return;
  }
  if (all_alive) results.push_back(ok(code::nat_pods_dead, "all NAT pods answer"));
  if (all_served) results.push_back(ok(code::no_nat_pods, "each Egress in use has NAT pods"));
}

}  // namespace

Results judge_tunnels(const TunnelsFacts& facts) {
  Results results;
  judge_clash(facts, results);
  for (const PortTaken& taken : facts.taken) {
    results.push_back(
        {code::tunnel_port_taken,
         State::error,
         "a program has UDP port " + std::to_string(taken.port) + taken.place.where() +
             ", on which tunnels are to arrive",
         {taken.evidence},
         {Fix{taken.place.command("ss -lunp sport = :" + std::to_string(taken.port)),
              "shows which program it is; end it, or give the Egress another port"}}});
  }
  if (facts.taken.empty()) {
    results.push_back(ok(code::tunnel_port_taken, "no program has the tunnels' UDP ports"));
  }
  if (!facts.unknown.empty()) {
    results.push_back(unknown(code::no_tunnel_route, facts.unknown, facts.privileges));
  }
  for (const AstrayRoute& one : facts.astray) {
    results.push_back({code::no_tunnel_route,
                       State::error,
                       one.destination + " of Egress " + one.egress +
                           " is to be reached by a tunnel, and is not" + one.place.where(),
                       {one.route},
                       {Fix{"",
                            "the agent repairs it at its next look: see pona egress list, and its "
                            "log for what it could not do"}}});
  }
  if (facts.astray.empty() && facts.unknown.empty()) {
    results.push_back(facts.right_ways.empty()
                          ? skipped(code::no_tunnel_route, "no client of an Egress is known here")
                          : ok(code::no_tunnel_route, "clients' traffic goes into the tunnels",
                               facts.right_ways));
  }
  bool up = true;
  for (const TunnelFacts& tunnel : facts.tunnels) {
    if (tunnel.up) continue;
    up = false;
    results.push_back({code::tunnel_down,
                       State::error,
                       "the tunnel device " + tunnel.link + tunnel.place.where() + " is down",
                       {tunnel.link + ": down"},
                       {Fix{tunnel.place.command("ip link set dev " + quoted(tunnel.link) + " up"),
                            "its routes are gone: agent or NAT pod add them at their next look"}}});
  }
  if (facts.tunnels.empty()) {
    results.push_back(skipped(code::tunnel_down, "there are no tunnel devices here"));
  } else if (up) {
    results.push_back(ok(code::tunnel_down, "all tunnel devices are up"));
  }
  judge_egresses(facts, results);
  return results;
}

}  // namespace core::check
