// The interpreter of nf_tables: a packet through one base chain. A register machine with one
// function for each expression, on registers of which each byte is known or not. Pure. Rule: what
// is not known or not modelled is a fork, never a guess.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/packet/choices.hpp"
#include "core/packet/context.hpp"
#include "core/packet/ruleset.hpp"

namespace core::packet {

// What the kernel finds in its tables of sockets for a packet.
struct FoundSocket {
  bool exists = false;
  bool transparent = false;  // IP_TRANSPARENT: takes what is for others' addresses
  bool wildcard = false;     // bound to no address
  std::uint32_t mark = 0;    // SO_MARK
};

// What rules ask of the routing of their namespace, and of its sockets (fib, rt, socket). Of a
// register's bytes, none at all: there is no such route or socket, the rule does not match.
class Surroundings {
 public:
  Surroundings() = default;
  Surroundings(const Surroundings&) = delete;
  Surroundings& operator=(const Surroundings&) = delete;
  virtual ~Surroundings() = default;

  // `flags` and `result` as in Fib, but never NFTA_FIB_F_PRESENT; the register's bytes: an index or
  // a name of an interface (0, "": there is no route), RTN_*. Nothing: not known.
  virtual std::optional<Bytes> fib(const Packet& packet, const Context& context,
                                   const Fib& fib) = 0;
  // RTN_*; `device`: the index of the interface to which the look-up is limited, 0: none.
  virtual std::optional<std::uint32_t> address_type(const Address& address,
                                                    std::uint32_t device) = 0;
  virtual std::optional<Bytes> route_key(const Packet& packet, const Context& context,
                                         std::uint32_t key) = 0;
  virtual std::optional<Bytes> socket_key(const Packet& packet, const Context& context,
                                          const Socket& socket) = 0;
  // The socket that takes what comes from the packet's source to this address (nothing: that of the
  // interface which it came in by) and port. Nothing: not known.
  virtual std::optional<FoundSocket> find_socket(const Packet& /*packet*/,
                                                 const Context& /*context*/,
                                                 const std::optional<Address>& /*address*/,
                                                 std::uint16_t /*port*/) {
    return std::nullopt;
  }
};

// A translation that a rule asks for.
struct NatRequest {
  bool destination = false;
  bool masquerade = false;  // to the address of the interface that it leaves by
  bool redirect = false;    // to that of the interface that it came in by
  std::optional<Address> address_min;
  std::optional<Address> address_max;
  std::optional<std::uint16_t> port_min;
  std::optional<std::uint16_t> port_max;
  std::uint32_t flags = 0;  // NF_NAT_RANGE_*

  friend bool operator==(const NatRequest&, const NatRequest&) = default;
};

struct RejectAnswer {
  bool tcp_reset = false;
  std::uint8_t icmp_type = 0;
  std::uint8_t icmp_code = 0;

  friend bool operator==(const RejectAnswer&, const RejectAnswer&) = default;
};

// A rule that the packet came to.
struct Evaluated {
  ChainId chain;
  const Rule* rule = nullptr;  // valid as long as the ruleset is
  std::size_t number = 0;      // in its chain, from 1
  bool matched = false;
  Verdict verdict;   // Code::next where it went on
  std::string note;  // what it did or why that is assumed: "mark 0x4000"; may be empty
};

struct ChainResult {
  enum class Verdict : std::uint8_t { accept, drop, queue };
  Verdict verdict{};
  bool by_policy = false;
  // The last of `rules` is the one that ended it, unless the policy did.
  std::vector<Evaluated> rules;
  std::optional<NatRequest> nat;
  std::optional<RejectAnswer> reject;
  bool notrack = false;
  bool marked = false;     // the packet's mark is another one, in the context
  bool proxied = false;    // given to a socket: the context says which
  bool rewritten = false;  // the packet's bytes are others
};

// `packet` and `context` are changed as the rules say (marks, bytes); NAT and notrack are only
// told. With `record_all` the rules that do not fit are in the result as well.
ChainResult run_chain(const BaseChain& chain, Packet& packet, Context& context, Ruleset& ruleset,
                      Surroundings& surroundings, Choices& choices, bool record_all);

// The bits of NFT_CT_STATE.
std::uint32_t state_bits(const Context& context);

}  // namespace core::packet
