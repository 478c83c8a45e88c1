#include <algorithm>
#include <charconv>

#include "core/check/codes.hpp"
#include "core/check/judge.hpp"

namespace core::check {
namespace {

constexpr std::uint64_t nearly_full = 80, full = 95;  // percent
constexpr std::int64_t keepalive = 7200;              // seconds: RFC 1122, 4.2.3.6
constexpr std::uint32_t ports_of_an_address = 64512;  // 1024 to 65535, as nf_nat takes them
constexpr std::uint32_t source_nat = 1U << 4;         // IPS_SRC_NAT

std::string share(std::uint64_t part, std::uint64_t whole) {
  return std::to_string(whole == 0 ? 0 : part * 100 / whole) + " %";
}

}  // namespace

Results judge_conntrack(const ConntrackFacts& facts) {
  Results results;
  if (facts.limit == 0) {
    results.push_back(skipped(code::table_fill, "nothing tracks connections here"));
    results.push_back(skipped(code::short_timeout, "nothing tracks connections here"));
    return results;
  }
  const std::vector<std::string> evidence = {
      "net.netfilter.nf_conntrack_count = " + std::to_string(facts.entries),
      "net.netfilter.nf_conntrack_max = " + std::to_string(facts.limit)};
  const std::uint64_t percent = facts.entries * 100 / facts.limit;
  if (percent >= nearly_full) {
    results.push_back(
        {code::table_fill,
         percent >= full ? State::error : State::warn,
         "the table of connections is " + share(facts.entries, facts.limit) + " full" +
             facts.place.where() + "; beyond, new connections are dropped",
         evidence,
         {Fix{facts.place.command("sysctl -w net.netfilter.nf_conntrack_max=" +
                                  std::to_string(std::max<std::uint64_t>(facts.limit * 4, 262144))),
              "for the whole host; lasts until the next boot"}}});
  } else {
    results.push_back(
        ok(code::table_fill,
           "the table of connections is " + share(facts.entries, facts.limit) + " full", evidence));
  }
  const std::string key = "net/netfilter/nf_conntrack_tcp_timeout_established";
  const auto found = facts.timeouts.find(key);
  std::int64_t seconds = 0;
  if (found == facts.timeouts.end() ||
      std::from_chars(found->second.data(), found->second.data() + found->second.size(), seconds)
              .ec != std::errc()) {
    results.push_back(unknown(code::short_timeout,
                              "net.netfilter.nf_conntrack_tcp_timeout_established cannot be read",
                              false));
  } else if (seconds < keepalive) {
    results.push_back(
        {code::short_timeout,
         State::warn,
         "TCP connections that are idle for " + found->second +
             " seconds are forgotten, and hang then" + facts.place.where(),
         {"net.netfilter.nf_conntrack_tcp_timeout_established = " + found->second},
         {Fix{facts.place.command(
                  "sysctl -w net.netfilter.nf_conntrack_tcp_timeout_established=86400"),
              "lasts until the next boot"}}});
  } else {
    results.push_back(
        ok(code::short_timeout, "idle TCP connections are kept for " + found->second + " seconds"));
  }
  return results;
}

void count_port(std::map<PortUse, std::uint32_t>& uses, const Flow& flow) {
  if ((flow.status & source_nat) == 0) return;
  ++uses[{flow.protocol, flow.reply.destination, flow.reply.source, flow.reply.source_port}];
}

Results judge_ports(const PortFacts& facts) {
  Results results;
  if (!facts.unknown.empty()) {
    results.push_back(unknown(code::port_use, facts.unknown, facts.privileges));
    return results;
  }
  std::uint32_t most = 0;
  for (const auto& [use, count] : facts.uses) {
    most = std::max(most, count);
    const std::uint64_t percent = std::uint64_t{count} * 100 / ports_of_an_address;
    if (percent < nearly_full) continue;
    results.push_back(
        {code::port_use,
         percent >= full ? State::error : State::warn,
         share(count, ports_of_an_address) + " of the ports of " + to_string(use.source) +
             " towards " + to_string(use.destination) + " port " + std::to_string(use.port) + "/" +
             std::string(to_string(use.protocol)) +
             " are in use; beyond, new connections are dropped",
         {std::to_string(count) + " entries of connection tracking, of " +
          std::to_string(ports_of_an_address) + " ports"},
         {Fix{"",
              "give the edge more addresses (--masquerade-addresses), or the Egress more NAT pods "
              "(spec.replicas); let clients keep connections open and use them again"}}});
  }
  if (results.empty()) {
    results.push_back(facts.uses.empty()
                          ? ok(code::port_use, "no connection has its source translated")
                          : ok(code::port_use, "at most " + std::to_string(most) + " of " +
                                                   std::to_string(ports_of_an_address) +
                                                   " ports are in use towards one destination"));
  }
  return results;
}

}  // namespace core::check
