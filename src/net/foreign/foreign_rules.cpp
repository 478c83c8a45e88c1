#include "net/foreign/foreign_rules.hpp"

#include <arpa/inet.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>

#include <algorithm>
#include <array>
#include <utility>

#include "net/foreign/legacy_chain.hpp"

namespace net::foreign {
namespace {

constexpr std::int32_t priority_dnat = -101;  // core::constants::priority_dstnat

// Of tables that are gone through, again for each flow: some 50,000 rules.
constexpr std::size_t most_legacy_bytes = 10 << 20;

// The first packet of a connection, before it is translated and behind that, and the first answer.
Packet untranslated(const Way& way) {
  Packet packet;
  packet.family = way.flow.mapped.family();
  packet.protocol = way.flow.protocol;
  packet.in = way.flow.in;
  packet.in_index = way.in;
  packet.destination = way.flow.mapped;
  packet.destination_port = way.flow.mapped_port;
  return packet;
}

Packet translated(const Way& way) {
  Packet packet = untranslated(way);
  packet.destination = way.flow.endpoint;
  packet.destination_port = way.flow.endpoint_port;
  packet.tracked = true;
  packet.state = NF_CT_STATE_BIT(IP_CT_NEW);
  packet.status = IPS_DST_NAT | IPS_DST_NAT_DONE;
  packet.status_known =
      IPS_DST_NAT | IPS_DST_NAT_DONE | IPS_SRC_NAT | IPS_SEEN_REPLY | IPS_EXPECTED;
  return packet;
}

Packet forwarded(const Way& way) {
  Packet packet = translated(way);
  packet.out = way.out_name;
  packet.out_index = way.out;
  return packet;
}

Packet answer(const Way& way) {
  Packet packet;
  packet.family = way.flow.mapped.family();
  packet.protocol = way.flow.protocol;
  // It may come by another way than the one to the endpoint.
  packet.out = way.flow.in;
  packet.out_index = way.in;
  packet.source = way.flow.endpoint;
  packet.source_port = way.flow.endpoint_port;
  packet.tracked = packet.reply = true;
  packet.state = NF_CT_STATE_BIT(IP_CT_ESTABLISHED);
  packet.status = IPS_DST_NAT | IPS_DST_NAT_DONE | IPS_SEEN_REPLY | IPS_CONFIRMED;
  packet.status_known = packet.status | IPS_EXPECTED;
  return packet;
}

// Whom a chain belongs to decides by what command it is changed.
struct Place {
  std::string chain;   // for people
  std::string insert;  // the command, up to the condition
  bool iptables = false;
};

std::string conditions(const Place& place, const Packet& packet) {
  const bool ipv4 = packet.family == core::Family::ipv4;
  if (packet.tracked) {
    return place.iptables ? " -m conntrack --ctstate DNAT -j ACCEPT" : " ct status dnat accept";
  }
  const std::string address = to_string(*packet.destination);
  const std::string protocol(core::to_string(packet.protocol));
  const std::string port = std::to_string(*packet.destination_port);
  if (place.iptables) {
    return " -d " + address + " -p " + protocol + " --dport " + port + " -j ACCEPT";
  }
  return std::string(ipv4 ? " ip" : " ip6") + " daddr " + address + ' ' + protocol + " dport " +
         port + " accept";
}

core::Obstacle obstacle(std::size_t flow, const Place& place, const Packet& packet,
                        const Outcome& outcome) {
  return {flow, packet.reply, place.chain,
          std::string("drops mapped traffic: ") +
              (outcome.fall ? "its policy is drop, and no rule of it accepts such packets"
                            : "a rule of it drops such packets"),
          "let it pass with: " + place.insert + conditions(place, packet)};
}

// A connection is translated once. kube-proxy's modes iptables and nftables come too late for one
// that leads to a Service's address already; its mode ipvs has that address as a local one.
core::Obstacle late_translation(std::size_t flow, const std::string& chain) {
  return {flow, false, chain,
          "would translate the Service's cluster IP to a pod, but a connection is translated once, "
          "and pona has done it: mapped traffic goes nowhere",
          "use --backend endpoints, or kube-proxy's mode ipvs, or run the edge on a host without "
          "kube-proxy that routes cluster IPs to a node"};
}

bool translates(const Outcome& outcome) { return outcome.accept && !outcome.fall; }

// Chains of these names are iptables' which does not understand what nft(8) puts into them.
bool is_iptables(const NftChainId& id) {
  constexpr std::array<std::string_view, 3> tables = {"filter", "mangle", "raw"};
  constexpr std::array<std::string_view, 3> chains = {"FORWARD", "PREROUTING", "POSTROUTING"};
  const auto has = [](const auto& names, std::string_view name) {
    return std::ranges::find(names, name) != names.end();
  };
  return id.family != NFPROTO_INET && has(tables, id.table) && has(chains, id.chain);
}

Place place_of(const NftChainId& id, const NftFilters& filters) {
  const char* const family = id.family == NFPROTO_INET   ? "inet"
                             : id.family == NFPROTO_IPV4 ? "ip"
                                                         : "ip6";
  Place place;
  place.chain = "chain " + id.chain + " of table " + family + ' ' + id.table;
  place.iptables = is_iptables(id);
  if (!place.iptables) {
    place.insert = std::string("nft insert rule ") + family + ' ' + id.table + ' ' + id.chain;
    return place;
  }
  // Docker leaves it alone, and puts it before its own.
  const bool docker = id.table == "filter" && id.chain == "FORWARD" &&
                      filters.has_chain({id.family, id.table, "DOCKER-USER"});
  place.insert = std::string(id.family == NFPROTO_IPV4 ? "iptables" : "ip6tables") +
                 (id.table == "filter" ? "" : " -t " + id.table) + " -I " +
                 (docker ? "DOCKER-USER" : id.chain);
  return place;
}

// What passes a chain, as the packet is there; nothing where this is not looked at.
std::vector<Packet> packets_at(const NftBaseChain& chain, const Way& way) {
  switch (chain.hook) {
    case NF_INET_PRE_ROUTING:
      if (chain.priority > priority_dnat) return {translated(way)};
      if (chain.priority < priority_dnat) return {untranslated(way)};
      return {};
    case NF_INET_FORWARD:
      return {forwarded(way), answer(way)};
    case NF_INET_POST_ROUTING: {
      // Where it comes in is not told there, and by whom it seems to be sent is changing.
      Packet packet = forwarded(way);
      packet.in.clear();
      packet.in_index = 0;
      packet.status_known = IPS_DST_NAT;
      return {packet};
    }
    default:
      return {};
  }
}

}  // namespace

const std::vector<core::Obstacle>& ForeignRules::look(const std::vector<Way>& ways) {
  const auto generation = nftables_.generation();
  if (!generation || generation != generation_ || ways != ways_) {
    look_at_nftables(ways);
    generation_ = generation;
    ways_ = ways;
  }
  all_ = in_nftables_;
  look_at_legacy(ways, all_);
  return all_;
}

void ForeignRules::look_at_nftables(const std::vector<Way>& ways) {
  in_nftables_.clear();
  if (ways.empty() || !nftables_.read(own_)) return;
  for (const NftBaseChain& chain : nftables_.base_chains()) {
    for (std::size_t i = 0; i < ways.size(); ++i) {
      if (chain.nat) {
        const bool comes_too_late = ways[i].flow.service && chain.hook == NF_INET_PRE_ROUTING &&
                                    chain.priority > priority_dnat;
        if (comes_too_late && translates(nftables_.pass(chain.id, translated(ways[i])))) {
          in_nftables_.push_back(late_translation(i, place_of(chain.id, nftables_).chain));
        }
        continue;
      }
      for (const Packet& packet : packets_at(chain, ways[i])) {
        const Outcome outcome = nftables_.pass(chain.id, packet);
        if (outcome.accept || (outcome.fall && !chain.drops)) continue;
        in_nftables_.push_back(obstacle(i, place_of(chain.id, nftables_), packet, outcome));
      }
    }
  }
}

void ForeignRules::look_at_legacy(const std::vector<Way>& ways,
                                  std::vector<core::Obstacle>& found) {
  for (const core::Family family : {core::Family::ipv4, core::Family::ipv6}) {
    const auto concerned = [&](const Way& way) { return way.flow.mapped.family() == family; };
    if (std::ranges::none_of(ways, concerned)) continue;
    const std::string command = family == core::Family::ipv4 ? "iptables" : "ip6tables";
    const LegacyChain forward = LegacyChain::read(family, "filter", NF_INET_FORWARD);
    const Place place{
        "chain FORWARD of table filter of legacy " + command,
        command + "-legacy -I " + (forward.has_chain("DOCKER-USER") ? "DOCKER-USER" : "FORWARD"),
        true};
    const bool services =
        std::ranges::any_of(ways, [](const Way& way) { return way.flow.service; });
    std::size_t left = most_legacy_bytes;
    std::optional<LegacyChain> nat;
    if (services) nat = LegacyChain::read(family, "nat", NF_INET_PRE_ROUTING);
    for (std::size_t i = 0; i < ways.size(); ++i) {
      if (!concerned(ways[i]) || left < forward.size()) continue;
      left -= forward.size();
      for (const Packet& packet : {forwarded(ways[i]), answer(ways[i])}) {
        const Outcome outcome = forward.pass(packet);
        if (outcome.accept || (outcome.fall && !forward.drops())) continue;
        found.push_back(obstacle(i, place, packet, outcome));
      }
      if (nat && ways[i].flow.service && translates(nat->pass(translated(ways[i])))) {
        found.push_back(late_translation(i, "chain PREROUTING of table nat of legacy " + command));
      }
    }
  }
}

}  // namespace net::foreign
