// What the functions of the single expressions share: one run of a packet through a base chain.
// Not for others: interpret.hpp is.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/packet/rules/interpret.hpp"
#include "core/packet/rules/registers.hpp"

namespace core::packet {

enum class Outcome : std::uint8_t {
  next,      // to the next expression
  no_match,  // to the next rule: NFT_BREAK
  verdict,   // as Run::verdict says
};

struct Run {
  const BaseChain& base;
  Packet& packet;
  Context& context;
  Ruleset& ruleset;
  Surroundings& surroundings;
  Choices& choices;
  ChainResult& result;

  Registers registers{};
  Bytes bytes{};              // of `packet`, from the network header on
  std::size_t transport = 0;  // where in it

  // Where it is.
  const ChainId* chain = nullptr;
  std::size_t number = 0;
  Verdict verdict{};
  std::string note{};
  // What `dynset` added: sets are not changed.
  std::vector<std::pair<std::string, Bytes>> added{};

  // Of all forks. An assumption is said of this rule, and noted with it.
  std::size_t fork(Fork::Kind kind, std::string what, std::size_t options);
  // Whether the second way is taken: the first is what `what` says is assumed.
  bool assume_otherwise(std::string what) {
    return fork(Fork::Kind::assumption, std::move(what), 2) == 1;
  }
  // What nobody models: there is one way only.
  void assume(std::string what) { fork(Fork::Kind::assumption, std::move(what), 1); }
  // As a comparison of what is not known: whether it fits.
  bool fits_unknown(Register at, std::size_t length, std::string_view how);

  void add_note(std::string_view text);
  // After the packet's fields have changed.
  void packet_changed();
  [[nodiscard]] ChainId in_table(std::string_view name) const;
  Outcome end(Verdict::Code code);
  [[nodiscard]] bool has_transport() const { return packet.fragment_offset == 0; }
};

constexpr Outcome match_if(bool matches) { return matches ? Outcome::next : Outcome::no_match; }

Outcome evaluate(Run& run, const Expression& expression);
Outcome evaluate_all(Run& run, const std::vector<Expression>& expressions);

// One for each expression.
Outcome carry_out(Run& run, const Unknown& unknown);
Outcome carry_out(Run& run, const Verdict& verdict);
Outcome carry_out(Run& run, const Immediate& immediate);
Outcome carry_out(Run& run, const Payload& payload);
Outcome carry_out(Run& run, const PayloadWrite& write);
Outcome carry_out(Run& run, const Meta& meta);
Outcome carry_out(Run& run, const MetaSet& set);
Outcome carry_out(Run& run, const Compare& compare);
Outcome carry_out(Run& run, const Range& range);
Outcome carry_out(Run& run, const Bitwise& bitwise);
Outcome carry_out(Run& run, const Byteorder& byteorder);
Outcome carry_out(Run& run, const Lookup& lookup);
Outcome carry_out(Run& run, const Dynset& dynset);
Outcome carry_out(Run& run, const Ct& ct);
Outcome carry_out(Run& run, const CtSet& set);
Outcome carry_out(Run& run, const Nat& nat);
Outcome carry_out(Run& run, const Masquerade& masquerade);
Outcome carry_out(Run& run, const Redirect& redirect);
Outcome carry_out(Run& run, const Tproxy& tproxy);
Outcome carry_out(Run& run, const Numgen& numgen);
Outcome carry_out(Run& run, const Hash& hash);
Outcome carry_out(Run& run, const Fib& fib);
Outcome carry_out(Run& run, const Rt& rt);
Outcome carry_out(Run& run, const Counter& counter);
Outcome carry_out(Run& run, const Limit& limit);
Outcome carry_out(Run& run, const Connlimit& connlimit);
Outcome carry_out(Run& run, const Quota& quota);
Outcome carry_out(Run& run, const Log& log);
Outcome carry_out(Run& run, const Socket& socket);
Outcome carry_out(Run& run, const Exthdr& exthdr);
Outcome carry_out(Run& run, const Notrack& notrack);
Outcome carry_out(Run& run, const Reject& reject);
Outcome carry_out(Run& run, const FlowOffload& offload);
Outcome carry_out(Run& run, const ObjectReference& reference);
Outcome carry_out(Run& run, const Passes& passes);
Outcome carry_out(Run& run, const XtMatch& match);
Outcome carry_out(Run& run, const XtTarget& target);

// What rules of both kinds do.
void set_mark(Run& run, std::uint32_t mark);
void set_connection_mark(Run& run, std::uint32_t mark);
Outcome request_nat(Run& run, NatRequest request);
// Which bits stay as they are is what the two ends have in common (NF_NAT_RANGE_NETMAP).
Address mapped_address(const Address& original, const Address& min, const Address& max);
// Nothing is sent to what is no packet to answer; the packet is dropped in any case.
Outcome reject_with(Run& run, const RejectAnswer& answer);
// To at most `mss`, where the option is there.
void clamp_mss(Run& run, std::uint16_t mss);
void untrack(Run& run);

std::string hex(std::uint32_t value);  // "0x4000"
// Of the first two bytes, in host order.
std::uint16_t host16(ByteView bytes);

}  // namespace core::packet
