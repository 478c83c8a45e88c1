#include "model/observation.hpp"

#include <poll.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include "net/netlink/message.hpp"
#include "net/packet/decode_expression.hpp"
#include "net/packet/ruleset_messages.hpp"

namespace model {

using namespace core::packet;

namespace {

// A packet takes some 0.1 ms through all of it, but the kernel may have others to run first.
constexpr int surprise_milliseconds = 1;
constexpr int longest_milliseconds = 100;

Bytes bytes_of(net::ByteView view) { return {view.begin(), view.end()}; }

void take(const net::Attributes& trace, TableFamily family, Observation& result) {
  const std::string table(trace.text(NFTA_TRACE_TABLE));
  const ChainId chain{family, table, std::string(trace.text(NFTA_TRACE_CHAIN))};
  const std::uint32_t type = trace.be32(NFTA_TRACE_TYPE).value_or(0);
  if (table == Observer::table) {
    // Only a chain's first event has headers.
    if (chain.name.starts_with("arm") || !trace.has(NFTA_TRACE_NETWORK_HEADER)) return;
    result.ended =
        Ended{trace.be32(NFTA_TRACE_MARK).value_or(0), bytes_of(trace[NFTA_TRACE_NETWORK_HEADER]),
              bytes_of(trace[NFTA_TRACE_TRANSPORT_HEADER])};
    return;
  }
  Met met{chain, trace.be64(NFTA_TRACE_RULE_HANDLE).value_or(0),
          net::decode_verdict(trace[NFTA_TRACE_VERDICT])};
  if (type == NFT_TRACETYPE_POLICY) {
    met.rule = 0;
    const bool drops = trace.be32(NFTA_TRACE_POLICY) == std::uint32_t{NF_DROP};
    met.verdict = {drops ? Verdict::Code::drop : Verdict::Code::accept, ""};
  }
  // Where a chain ends, which is no rule.
  if (type != NFT_TRACETYPE_POLICY && met.rule == 0) return;
  result.met.push_back(std::move(met));
}

}  // namespace

std::string to_text(const Met& met) {
  return to_text(met.chain) + (met.rule == 0 ? " policy" : " handle " + std::to_string(met.rule)) +
         ": " + std::to_string(static_cast<int>(met.verdict.code)) + " " + met.verdict.chain;
}

Observer::Observer() : socket_(NETLINK_NETFILTER) { socket_.join(NFNLGRP_NFTRACE); }

// The kernel tracks connections of a family where a rule wants to know of them; these do, of both.
std::string Observer::arming_rules() {
  return std::string("table inet ") + table + R"( {
  chain arm_in {
    type filter hook prerouting priority -2147483648
    iifname { "h0", "h1" } meta nftrace set 1
    ct state established
  }
  chain arm_out {
    type filter hook output priority -2147483648
    ip id 4660 ip saddr 10.2.0.254 meta nftrace set 1
    ip6 flowlabel 4660 ip6 saddr fd02::254 meta nftrace set 1
  }
  chain ended_in {
    type filter hook input priority 2147483647
    counter
  }
  chain ended_out {
    type filter hook postrouting priority 2147483647
    counter
  }
}
)";
}

void Observer::forget() {
  while (socket_.receive(false).error != EAGAIN) {
  }
}

Observation Observer::collect(const std::function<bool(const Observation&)>& expected) {
  Observation result;
  for (;;) {
    const auto received = socket_.receive(false);
    if (received.error == EAGAIN) {
      pollfd waiting{socket_.fd(), POLLIN, 0};
      const int most = expected(result) ? surprise_milliseconds : longest_milliseconds;
      if (poll(&waiting, 1, most) <= 0) return result;
      continue;
    }
    if (received.error != 0) return result;
    net::for_each_message(received.bytes, [&](const net::NetlinkMessage& message) {
      const auto family = net::table_family_of(message);
      if (family) take(net::Attributes(message, sizeof(nfgenmsg)), *family, result);
    });
  }
}

}  // namespace model
