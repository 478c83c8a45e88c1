#include <algorithm>

#include "core/check/codes.hpp"
#include "core/check/judge.hpp"

namespace core::check {
namespace {

using Kind = packet::TunnelLink::Kind;

constexpr std::uint32_t ipv6_needs = 1280;  // RFC 8200, section 5

std::string mtu_text(const End& end) {
  return end.link + (end.place.netns.empty() ? "" : " of " + end.place.name) + ": mtu " +
         std::to_string(end.mtu);
}

Fix set_mtu(const Place& place, const std::string& link, std::uint32_t mtu, std::string comment) {
  return {place.command("ip link set dev " + quoted(link) + " mtu " + std::to_string(mtu)),
          std::move(comment)};
}

void judge_pairs(const MtuFacts& facts, Results& results) {
  bool fine = true;
  for (const VethPair& pair : facts.pairs) {
    if (pair.here.mtu == pair.there.mtu) continue;
    fine = false;
    const bool here_larger = pair.here.mtu > pair.there.mtu;
    const End& larger = here_larger ? pair.here : pair.there;
    const End& smaller = here_larger ? pair.there : pair.here;
    results.push_back({code::veth_mtu,
                       State::error,
                       "packets of more than " + std::to_string(smaller.mtu) + " bytes from " +
                           larger.link +
                           (larger.place.netns.empty() ? "" : " of " + larger.place.name) +
                           " are lost without a word: the other end takes no longer ones",
                       {mtu_text(pair.here), mtu_text(pair.there)},
                       {set_mtu(larger.place, larger.link, smaller.mtu,
                                "safe at once; if " + std::to_string(larger.mtu) +
                                    " is what it should be, set the other end to that instead")}});
  }
  if (facts.unseen_peers != 0) {
    results.push_back(unknown(
        code::veth_mtu,
        "the other ends of " + std::to_string(facts.unseen_peers) + " links are not seen from here",
        facts.privileges));
  } else if (fine && facts.pairs.empty()) {
    results.push_back(skipped(code::veth_mtu, "there are no veth links here"));
  } else if (fine) {
    results.push_back(ok(code::veth_mtu, "both ends of " + std::to_string(facts.pairs.size()) +
                                             " links have the same MTU"));
  }
}

void judge_tunnel_mtus(const MtuFacts& facts, Results& results) {
  std::size_t fitting = 0;
  for (const TunnelFacts& one : facts.tunnels) {
    const std::uint32_t head = overhead(one.tunnel, one.outer6);
    if (head == 0 || one.below_mtu <= head) continue;
    const std::uint32_t most = one.below_mtu - head;
    // What routes lead into it decides; such devices are as large as they can be.
    if (one.mtu <= most || one.mtu > 60000) {
      ++fitting;
      continue;
    }
    const bool least = one.mtu <= ipv6_needs;
    Result result{code::tunnel_mtu,
                  least ? State::warn : State::error,
                  "packets of more than " + std::to_string(most) + " bytes that go into " +
                      one.link + one.place.where() + " do not fit " + one.below +
                      " with the tunnel's headers",
                  {one.link + ": mtu " + std::to_string(one.mtu),
                   one.below + ": mtu " + std::to_string(one.below_mtu),
                   "headers: " + std::to_string(head) + " bytes"},
                  {},
                  false};
    if (least) {
      result.fixes.push_back(
          {"", "IPv6 needs 1280 in the tunnel, so raise what is below it, at both ends, to " +
                   std::to_string(ipv6_needs + head) + " or more; TCP gets through as it is"});
    } else {
      result.fixes.push_back(set_mtu(one.place, one.link, std::max(most, ipv6_needs), ""));
    }
    results.push_back(std::move(result));
  }
  if (fitting != 0) {
    results.push_back(
        ok(code::tunnel_mtu, std::to_string(fitting) + " tunnels fit what is below them"));
  } else if (facts.tunnels.empty()) {
    results.push_back(skipped(code::tunnel_mtu, "there are no tunnels here"));
  }
}

}  // namespace

std::uint32_t overhead(const packet::TunnelLink& tunnel, bool outer6) {
  const std::uint32_t ip = outer6 ? 40 : 20;
  switch (tunnel.kind) {
    case Kind::vxlan:
      return ip + 8 + 8 + 14;
    case Kind::vxlan_gpe:
      return ip + 8 + 8;
    case Kind::ip:
      return ip;
    case Kind::fou:
      return ip + 8;
    case Kind::other:
      break;
  }
  return 0;
}

Results judge_mtu(const MtuFacts& facts) {
  Results results;
  judge_pairs(facts, results);
  judge_tunnel_mtus(facts, results);
  bool fine = true;
  for (const BridgePort& one : facts.ports) {
    if (one.port_mtu >= one.bridge_mtu) continue;
    fine = false;
    results.push_back({code::bridge_mtu,
                       State::warn,
                       "frames of more than " + std::to_string(one.port_mtu) + " bytes from " +
                           one.bridge + one.place.where() + " to " + one.port +
                           " are lost without a word",
                       {one.port + ": mtu " + std::to_string(one.port_mtu),
                        one.bridge + ": mtu " + std::to_string(one.bridge_mtu)},
                       {set_mtu(one.place, one.bridge, one.port_mtu,
                                "or the port to the bridge's, if its other end can")}});
  }
  if (facts.ports.empty()) {
    results.push_back(skipped(code::bridge_mtu, "there are no bridges here"));
  } else if (fine) {
    results.push_back(ok(code::bridge_mtu, "all ports of bridges take what the bridge does"));
  }
  for (const End& end : facts.narrow6) {
    results.push_back({code::ipv6_mtu,
                       State::error,
                       end.link + end.place.where() + " has no IPv6, because its MTU is below 1280",
                       {mtu_text(end)},
                       {set_mtu(end.place, end.link, 1280,
                                "its IPv6 addresses are gone and have to be added anew")}});
  }
  if (facts.narrow6.empty())
    results.push_back(ok(code::ipv6_mtu, "all interfaces are wide enough for IPv6"));
  return results;
}

}  // namespace core::check
