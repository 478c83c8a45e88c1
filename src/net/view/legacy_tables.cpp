#include "net/view/legacy_tables.hpp"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <string_view>

#include "net/foreign/packet.hpp"

namespace net::view {
namespace {

using core::packet::Hook;
using core::packet::Opaque;

// In the order of their priorities (linux/netfilter_ipv4.h).
constexpr std::array<std::string_view, 4> tables = {"raw", "mangle", "nat", "filter"};

unsigned hook_number(Hook hook) {
  switch (hook) {
    case Hook::prerouting:
      return NF_INET_PRE_ROUTING;
    case Hook::input:
      return NF_INET_LOCAL_IN;
    case Hook::forward:
      return NF_INET_FORWARD;
    case Hook::output:
      return NF_INET_LOCAL_OUT;
    default:
      return NF_INET_POST_ROUTING;
  }
}

bool has_hook(std::string_view table, Hook hook) {
  if (table == "mangle") return true;
  if (table == "raw") return hook == Hook::prerouting || hook == Hook::output;
  if (table == "nat") return hook != Hook::forward;
  return hook == Hook::input || hook == Hook::forward || hook == Hook::output;
}

std::string chain_name(Hook hook) {
  std::string name(to_string(hook));
  std::ranges::transform(name, name.begin(), [](char c) { return c >= 'a' ? c - 'a' + 'A' : c; });
  return name;
}

foreign::Packet known(const core::packet::Packet& packet, const core::packet::Context& context) {
  foreign::Packet result;
  result.family = packet.family;
  result.protocol = static_cast<core::Protocol>(packet.protocol);
  if (context.in) {
    result.in = context.in->name;
    result.in_index = context.in->index;
  }
  if (context.out) {
    result.out = context.out->name;
    result.out_index = context.out->index;
  }
  result.source = packet.source;
  result.destination = packet.destination;
  if (packet.has_ports()) {
    result.source_port = packet.source_port;
    result.destination_port = packet.destination_port;
  }
  if (context.connection || context.untracked) {
    result.tracked = true;
    result.reply = context.reply;
    result.state = core::packet::state_bits(context);
    if (context.connection) {
      result.status = context.connection->status;
      result.status_known = ~0U;
    }
  }
  return result;
}

}  // namespace

LegacyTables::LegacyTables(const Namespace& where) : where_(where) {
  where.run([&] {
    const auto read = [&](core::Family family, const char* file) {
      std::ifstream list(file);
      for (std::string name; std::getline(list, name);) names_[family].push_back(name);
    };
    read(core::Family::ipv4, "/proc/thread-self/net/ip_tables_names");
    read(core::Family::ipv6, "/proc/thread-self/net/ip6_tables_names");
  });
}

const foreign::LegacyChain& LegacyTables::chain(core::Family family, const std::string& table,
                                                Hook hook) {
  const auto key = std::pair(std::pair(family, table), hook);
  const auto found = chains_.find(key);
  if (found != chains_.end()) return found->second;
  foreign::LegacyChain read(family, {}, 0, 0);
  where_.run([&] { read = foreign::LegacyChain::read(family, table.c_str(), hook_number(hook)); });
  return chains_.emplace(key, std::move(read)).first->second;
}

std::vector<Opaque> LegacyTables::ask(Hook hook, const core::packet::Packet& packet,
                                      const core::packet::Context& context) {
  std::vector<Opaque> result;
  const auto names = names_.find(packet.family);
  if (names == names_.end()) return result;
  const std::string program = packet.family == core::Family::ipv4 ? "iptables" : "ip6tables";
  for (const std::string_view table : tables) {
    if (!has_hook(table, hook) || std::ranges::find(names->second, table) == names->second.end()) {
      continue;
    }
    const foreign::LegacyChain& one = chain(packet.family, std::string(table), hook);
    if (one.empty()) continue;
    const foreign::Outcome outcome = one.pass(known(packet, context));
    Opaque opaque;
    opaque.what =
        "legacy " + program + ", table " + std::string(table) + ", chain " + chain_name(hook);
    const bool may_drop = outcome.drop || (outcome.fall && one.drops());
    const bool may_pass = outcome.accept || (outcome.fall && !one.drops());
    // A rule that accepts in the table nat may have translated.
    const bool translates = table == "nat" && outcome.accept;
    opaque.opinion = may_drop && !may_pass                  ? Opaque::Opinion::drops
                     : may_pass && !may_drop && !translates ? Opaque::Opinion::passes
                                                            : Opaque::Opinion::unknown;
    opaque.remedy = program + "-legacy" + (table == "filter" ? "" : " -t " + std::string(table)) +
                    " -I " + chain_name(hook) + " -s " + to_string(packet.source) + " -d " +
                    to_string(packet.destination) + " -j ACCEPT";
    result.push_back(std::move(opaque));
  }
  return result;
}

}  // namespace net::view
