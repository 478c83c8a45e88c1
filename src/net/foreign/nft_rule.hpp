// What a rule of nf_tables does to a packet that is known in part: its expressions, carried out on
// registers of which each bit is known or not. Pure but for look-ups in sets, which somebody else
// does. Rule: an expression that is not known here may do anything.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "net/foreign/packet.hpp"
#include "net/netlink/netlink.hpp"

namespace net::foreign {

struct NftVerdict {
  enum class Code : std::uint8_t { none, accept, drop, ret, jump, go_to, unknown };
  Code code = Code::none;
  std::string chain;  // of jump and go_to
};
// Of a NFTA_VERDICT_* level.
NftVerdict read_verdict(ByteView attributes);

struct NftEffect {
  Tri match = Tri::yes;
  NftVerdict verdict;
};

// Bytes of which some bits may not be known; both views are of one length.
struct PartlyKnown {
  ByteView value;
  ByteView known;
};

struct FoundInSet {
  Tri found = Tri::maybe;
  std::optional<NftVerdict> verdict{};  // the element leads to it
};
// `key` begins with the key and goes on behind it.
using FindInSet = std::function<FoundInSet(std::string_view set, const PartlyKnown& key)>;

// `expressions` is the value of NFTA_RULE_EXPRESSIONS.
NftEffect judge_rule(ByteView expressions, const Packet& packet, const FindInSet& find);

}  // namespace net::foreign
