#include "net/foreign/legacy_chain.hpp"

#include <net/if.h>
#include <netinet/in.h>

#include <linux/netfilter_ipv4/ip_tables.h>

#include <cstdint>
#include <cstring>
#include <vector>

#include "support/catch.hpp"

namespace unit::legacy_chain_test {

using net::foreign::LegacyChain;
using net::foreign::Outcome;
using net::foreign::Packet;

namespace {

constexpr std::size_t entry_size = sizeof(ipt_entry) + sizeof(xt_standard_target);

// Entries without conditions: each leads to an offset, or is a verdict where that is negative.
std::vector<std::uint8_t> table(const std::vector<int>& targets) {
  std::vector<std::uint8_t> bytes;
  for (const int verdict : targets) {
    ipt_entry entry{};
    entry.target_offset = sizeof entry;
    entry.next_offset = entry_size;
    xt_standard_target target{};
    target.target.u.user.target_size = sizeof target;
    target.verdict = verdict;
    bytes.resize(bytes.size() + entry_size);
    std::uint8_t* const at = bytes.data() + bytes.size() - entry_size;
    std::memcpy(at, &entry, sizeof entry);
    std::memcpy(at + sizeof entry, &target, sizeof target);
  }
  return bytes;
}

Outcome pass(const std::vector<int>& targets, std::size_t policy) {
  const LegacyChain chain(core::Family::ipv4, table(targets), 0,
                          static_cast<std::uint32_t>(policy * entry_size));
  Packet packet;
  packet.family = core::Family::ipv4;
  packet.protocol = core::Protocol::tcp;
  return chain.pass(packet);
}

constexpr int to_fourth = 3 * static_cast<int>(entry_size);
constexpr int accept = -NF_ACCEPT - 1;
constexpr int drop = -NF_DROP - 1;

}  // namespace

TEST_CASE("a legacy chain's entries are gone through to the first verdict") {
  const Outcome drops = pass({to_fourth, accept, drop, drop, XT_RETURN}, 2);
  CHECK((drops.drop && !drops.accept && !drops.fall));
  const Outcome accepts = pass({to_fourth, accept, drop, XT_RETURN}, 2);
  CHECK((accepts.accept && !accepts.drop && !accepts.fall));
  CHECK(pass({to_fourth, drop, drop, XT_RETURN}, 1).fall);
}

TEST_CASE("a legacy chain that leads to itself may do anything") {
  const std::vector<int> targets(300, static_cast<int>(entry_size));
  const Outcome outcome = pass(targets, targets.size() - 1);
  CHECK((outcome.accept && outcome.drop && outcome.fall));
}

}  // namespace unit::legacy_chain_test
