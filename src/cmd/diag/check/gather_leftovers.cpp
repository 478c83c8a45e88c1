#include <sys/socket.h>
#include <unistd.h>

#include <linux/fib_rules.h>
#include <linux/netfilter.h>
#include <linux/netfilter/ipset/ip_set.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "cmd/diag/check/survey.hpp"
#include "core/constants.hpp"
#include "core/error.hpp"
#include "net/foreign/legacy_chain.hpp"
#include "net/netlink/request.hpp"
#include "net/packet/ruleset_socket.hpp"
#include "net/view/decode.hpp"

namespace cmd {
namespace {

constexpr std::size_t most_sandboxes = 200;

void nft_chains(core::check::Leftovers& facts) {
  net::RulesetSocket socket;
  std::vector<std::string> found;
  const int error = socket.dump(
      NFT_MSG_GETCHAIN, std::nullopt, [](net::NetlinkWriter&) {}, [&] { found.clear(); },
      [&](core::packet::TableFamily family, const net::Attributes& chain) {
        const std::string name(chain.text(NFTA_CHAIN_NAME));
        const bool six = family == core::packet::TableFamily::ip6;
        if (!core::check::is_smartnat_chain(name) ||
            (!six && family != core::packet::TableFamily::ip)) {
          return;
        }
        found.push_back(std::string(six ? "ip6tables " : "iptables ") +
                        std::string(chain.text(NFTA_CHAIN_TABLE)) + " " + name);
      });
  facts.chains_known = facts.chains_known && error == 0;
  facts.chains.insert(facts.chains.end(), found.begin(), found.end());
}

void legacy_chains(core::check::Leftovers& facts) {
  constexpr const char* names = "/proc/thread-self/net/ip_tables_names";
  if (access(names, F_OK) == 0 && access(names, R_OK) != 0) facts.chains_known = false;
  for (const char* const table : {"nat", "mangle"}) {
    const auto chain =
        net::foreign::LegacyChain::read(core::Family::ipv4, table, NF_INET_PRE_ROUTING);
    for (const std::string& name : chain.chain_names()) {
      if (core::check::is_smartnat_chain(name)) {
        facts.chains.push_back("iptables-legacy " + std::string(table) + " " + name);
      }
    }
  }
}

// None where the kernel has no ipsets.
std::optional<std::vector<std::string>> ipsets() {
  net::RequestSocket socket(NETLINK_NETFILTER);
  nfgenmsg header{};
  header.nfgen_family = AF_INET;
  const net::Message request = net::make_message(NFNL_SUBSYS_IPSET << 8 | IPSET_CMD_LIST,
                                                 NLM_F_REQUEST | NLM_F_DUMP, header);
  net::put_u8(*request, IPSET_ATTR_PROTOCOL, IPSET_PROTOCOL_MIN);
  // Names alone: sets may hold hundreds of thousands.
  net::put_be32(*request, IPSET_ATTR_FLAGS | NLA_F_NET_BYTEORDER, IPSET_FLAG_LIST_SETNAME);
  std::vector<std::string> names;
  const net::Answer answer = socket.stream(*request, [&](const net::NetlinkMessage& message) {
    const net::Attributes attributes(message, sizeof(nfgenmsg));
    const std::string name(attributes.text(IPSET_ATTR_SETNAME));
    if (core::check::is_smartnat_set(name)) names.push_back(name);
  });
  if (answer.error == EINVAL || answer.error == EOPNOTSUPP || answer.error == ENOENT) return names;
  if (!answer.ok()) return std::nullopt;
  std::ranges::sort(names);
  const auto again = std::unique(names.begin(), names.end());
  names.erase(again, names.end());
  return names;
}

bool is_smartnat_rule(const core::packet::ListedRule& rule) {
  return rule.mark_mask == 0xffffffff && rule.mark > 0x800 && rule.mark < 0x1000;
}

bool is_old_rule(const core::packet::ListedRule& rule) {
  return rule.priority >= 1000 && rule.priority <= 2100 &&
         (rule.table == core::constants::egress_table ||
          rule.table == core::constants::peers_table);
}

void routing_rules(core::check::Leftovers& facts) {
  net::RequestSocket socket(NETLINK_ROUTE);
  for (const int family : {AF_INET, AF_INET6}) {
    fib_rule_hdr header{};
    header.family = static_cast<std::uint8_t>(family);
    const net::Message request = net::make_message(RTM_GETRULE, 0, header);
    std::vector<std::uint8_t> messages;
    const net::Answer answer = socket.dump(
        *request, [](const net::NetlinkMessage&) { return true; }, messages);
    if (!answer.ok()) continue;  // no IPv6
    net::for_each_message(messages, [&](const net::NetlinkMessage& message) {
      const auto rule = net::view::decode_rule(message);
      if (!rule) return;
      const net::Attributes attributes(message, sizeof(fib_rule_hdr));
      if (attributes.u8(FRA_PROTOCOL) == core::constants::edge_protocol) return;
      const std::string text = (family == AF_INET6 ? "-6 " : "") + rule->text;
      if (is_smartnat_rule(*rule)) facts.rules.push_back(text);
      if (is_old_rule(*rule)) facts.old_rules.push_back(text);
    });
  }
}

void devices(core::packet::Network& network, core::check::Leftovers& facts) {
  for (const core::packet::Link& link : network.links()) {
    if (core::check::is_old_device(link.device.name)) facts.devices.push_back(link.device.name);
  }
}

}  // namespace

core::check::Results look_for_leftovers(Survey& survey) {
  core::check::Leftovers facts;
  facts.place = survey.place;
  facts.privileges = !survey.root;
  devices(survey.network(), facts);
  survey.inside([&] {
    try {
      nft_chains(facts);
    } catch (const core::Error&) {
      facts.chains_known = false;
    }
    legacy_chains(facts);
    routing_rules(facts);
    try {
      facts.sets = ipsets();
    } catch (const core::Error&) {
      facts.sets.reset();
    }
  });
  core::check::Results results = judge_leftovers(facts);
  if (survey.role != core::check::Role::node) return results;
  // Of pods on this node what is wrong alone, so that each check is counted once.
  std::size_t looked_at = 0;
  for (const std::string& path : survey.places.paths()) {
    if (++looked_at > most_sandboxes) break;
    try {
      auto where = net::Namespace::find(path);
      if (!where) continue;
      const std::size_t place = survey.world.add(std::move(*where));
      core::check::Leftovers pod;
      pod.place = survey.place_of(place);
      pod.sets.emplace();
      devices(survey.world.network(place), pod);
      survey.world.where(place).run([&] { routing_rules(pod); });
      for (core::check::Result& result : judge_leftovers(pod)) {
        if (result.state == core::check::State::warn) results.push_back(std::move(result));
      }
    } catch (const core::Error&) {
      continue;  // it ended meanwhile, or is not for this user to see
    }
  }
  return results;
}

}  // namespace cmd
