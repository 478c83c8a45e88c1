// Any bytes as other programs' rules of nf_tables and legacy iptables: nothing crashes, all of it
// ends, and what is said of a packet that is known in part holds for one of which more is known.
//
// An input is a packet's kind, then what kind of rules, then these.
#include <linux/netfilter/nf_conntrack_common.h>

#include <utility>
#include <vector>

#include "fuzz/fuzz.hpp"
#include "net/foreign/legacy_chain.hpp"
#include "net/foreign/nft_rule.hpp"
#include "net/foreign/xt_match.hpp"

namespace {

using fuzz::require;
using namespace net::foreign;

core::Address address(bool ipv4, const char* four, const char* six) {
  return *core::Address::parse(ipv4 ? four : six);
}

// What is known of it before it comes, and then.
std::pair<Packet, Packet> packets(unsigned kind) {
  const bool ipv4 = (kind & 1) != 0;
  Packet known;
  known.family = ipv4 ? core::Family::ipv4 : core::Family::ipv6;
  known.protocol = (kind & 2) != 0 ? core::Protocol::tcp : core::Protocol::udp;
  known.in = "ext1";
  known.in_index = 3;
  known.out = "pods0";
  known.out_index = 4;
  known.source = address(ipv4, "198.51.100.7", "2001:db8::7");
  known.destination = address(ipv4, "10.64.0.11", "fd00:64::11");
  known.source_port = 40000;
  known.destination_port = 80;
  known.tracked = true;
  known.reply = (kind & 4) != 0;
  known.state = NF_CT_STATE_BIT(known.reply ? IP_CT_ESTABLISHED : IP_CT_NEW);
  known.status = IPS_DST_NAT | IPS_DST_NAT_DONE;
  known.status_known = known.status | IPS_SRC_NAT | IPS_SEEN_REPLY | IPS_EXPECTED;
  Packet part = known;
  if ((kind & 8) != 0) part.source = std::nullopt;
  if ((kind & 16) != 0) part.source_port = part.destination_port = std::nullopt;
  if ((kind & 32) != 0) {
    part.in.clear();
    part.in_index = 0;
  }
  if ((kind & 64) != 0) part.tracked = false;
  if ((kind & 128) != 0) part.status &= part.status_known = IPS_DST_NAT;
  return {part, known};
}

FoundInSet find(std::string_view set, const PartlyKnown& key) {
  require(key.value.size() == key.known.size() && !key.value.empty());
  if (key.known.front() != 0xff) return {};
  if ((key.value.front() ^ set.size()) % 2 == 0) return {Tri::no};
  return {Tri::yes, NftVerdict{NftVerdict::Code::accept, ""}};
}

void check_rule(net::ByteView rule, const Packet& part, const Packet& known) {
  using Code = NftVerdict::Code;
  read_verdict(rule);
  const NftEffect before = judge_rule(rule, part, find);
  const NftEffect after = judge_rule(rule, known, find);
  if (before.match == Tri::no) require(after.match == Tri::no);
  if (before.match == Tri::yes && before.verdict.code != Code::unknown) {
    require(after.match == Tri::yes && after.verdict.code == before.verdict.code);
  }
}

bool within(const Outcome& part, const Outcome& all) {
  return part.accept <= all.accept && part.drop <= all.drop && part.fall <= all.fall;
}

void check_table(fuzz::Input input, const Packet& part, const Packet& known) {
  const std::uint16_t first = input.number();
  const std::uint16_t policy = input.number();
  const LegacyChain chain(known.family, {input.rest().begin(), input.rest().end()}, first, policy);
  static_cast<void>(chain.drops());
  static_cast<void>(chain.has_chain("DOCKER-USER"));
  require(within(chain.pass(known), chain.pass(part)));
}

void check_matches(net::ByteView info, const Packet& part, const Packet& known) {
  for (const char* name : {"comment", "conntrack", "state", "tcp", "udp", "multiport"}) {
    for (unsigned revision = 0; revision < 4; ++revision) {
      const Tri before = xt_match(name, revision, info, part);
      require(before == Tri::maybe || xt_match(name, revision, info, known) == before);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const auto [part, known] = packets(input.byte());
  switch (input.byte() % 3) {
    case 0:
      check_rule(input.rest(), part, known);
      break;
    case 1:
      check_table(input, part, known);
      break;
    default:
      check_matches(input.rest(), part, known);
  }
  return 0;
}
