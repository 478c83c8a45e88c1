// One function for each expression, and the variant by its name.
#include <array>
#include <string_view>
#include <utility>

#include "core/error.hpp"
#include "core/packet/record/fields_of.hpp"

namespace core::packet {
namespace {

constexpr auto expression_names = std::to_array<std::string_view>(
    {"unknown", "verdict", "immediate",  "payload",   "payloadWrite", "meta",   "metaSet",
     "compare", "range",   "bitwise",    "byteorder", "lookup",       "dynset", "ct",
     "ctSet",   "nat",     "masquerade", "redirect",  "tproxy",       "numgen", "hash",
     "fib",     "rt",      "counter",    "limit",     "connlimit",    "quota",  "log",
     "socket",  "exthdr",  "notrack",    "reject",    "flowOffload",  "object", "passes",
     "xtMatch", "xtTarget"});
static_assert(expression_names.size() == std::variant_size_v<Expression>);
constexpr auto match_names =
    std::to_array<std::string_view>({"", "mark", "conntrack", "set", "comment", "multiport",
                                     "addrtype", "statistic", "ports", "icmp"});
static_assert(match_names.size() == std::variant_size_v<decltype(XtMatch::what)>);
constexpr auto target_names = std::to_array<std::string_view>(
    {"", "mark", "copyMark", "nat", "reject", "tcpMss", "untrack", "passes"});
static_assert(target_names.size() == std::variant_size_v<decltype(XtTarget::what)>);

void at(Fields& f, const char* key, Register& value) { number(f, key, value); }
void at(Fields& f, const char* key, std::optional<Register>& value) { maybe_number(f, key, value); }
void value(Fields& f, const char* key, Bytes& bytes) { f.bytes(key, bytes, Meaning::value); }
void range(Fields& f, const char* first, const char* last, PortRange& ports) {
  number(f, first, ports.first);
  number(f, last, ports.last);
}

void of(Fields&, std::monostate&) {}
void of(Fields& f, Unknown& e) {
  f.text("name", e.name, Meaning::plain);
  number(f, "setsVerdict", e.sets_verdict);
}
void of(Fields& f, Verdict& e) { fields_of(f, e); }
void of(Fields& f, Immediate& e) {
  at(f, "to", e.to);
  value(f, "value", e.value);
}
void of(Fields& f, Payload& e) {
  number(f, "base", e.base, static_cast<int>(Payload::Base::inner));
  number(f, "offset", e.offset);
  number(f, "length", e.length);
  at(f, "to", e.to);
}
void of(Fields& f, PayloadWrite& e) {
  number(f, "base", e.base, static_cast<int>(Payload::Base::inner));
  number(f, "offset", e.offset);
  number(f, "length", e.length);
  at(f, "from", e.from);
}
void of(Fields& f, Meta& e) {
  number(f, "key", e.key);
  at(f, "to", e.to);
}
void of(Fields& f, MetaSet& e) {
  number(f, "key", e.key);
  at(f, "from", e.from);
}
void of(Fields& f, Compare& e) {
  number(f, "op", e.op, static_cast<int>(Compare::Op::gte));
  at(f, "at", e.at);
  value(f, "value", e.value);
}
void of(Fields& f, Range& e) {
  number(f, "within", e.within);
  at(f, "at", e.at);
  value(f, "from", e.from);
  value(f, "to", e.to);
}
void of(Fields& f, Bitwise& e) {
  number(f, "op", e.op, static_cast<int>(Bitwise::Op::op_xor));
  at(f, "from", e.from);
  at(f, "to", e.to);
  number(f, "length", e.length);
  value(f, "mask", e.mask);
  value(f, "flip", e.flip);
  number(f, "shift", e.shift, 31);
  at(f, "second", e.second);
}
void of(Fields& f, Byteorder& e) {
  number(f, "toHost", e.to_host);
  at(f, "from", e.from);
  at(f, "to", e.to);
  number(f, "length", e.length);
  number(f, "size", e.size, 8);
}
void of(Fields& f, Lookup& e) {
  f.text("set", e.set, Meaning::nft);
  at(f, "at", e.at);
  at(f, "to", e.to);
  number(f, "verdict", e.verdict);
  number(f, "inverted", e.inverted);
}
void of(Fields& f, Dynset& e) {
  f.text("set", e.set, Meaning::nft);
  number(f, "op", e.op, static_cast<int>(Dynset::Op::remove));
  at(f, "key", e.key);
  at(f, "data", e.data);
  number(f, "timeout", e.timeout);
  number(f, "inverted", e.inverted);
  fields_of(f, "expressions", e.expressions);
  for (const Expression& one : e.expressions) {
    if (f.reads() && std::holds_alternative<Dynset>(one)) {
      throw Error(Error::Kind::permanent, "an expression within itself");
    }
  }
}
void of(Fields& f, Ct& e) {
  number(f, "key", e.key);
  maybe_number(f, "direction", e.direction);
  at(f, "to", e.to);
}
void of(Fields& f, CtSet& e) {
  number(f, "key", e.key);
  at(f, "from", e.from);
}
void of(Fields& f, Nat& e) {
  number(f, "destination", e.destination);
  number(f, "family", e.family, static_cast<int>(Family::ipv6));
  at(f, "addressMin", e.address_min);
  at(f, "addressMax", e.address_max);
  at(f, "portMin", e.port_min);
  at(f, "portMax", e.port_max);
  number(f, "flags", e.flags);
  number(f, "bothFamilies", e.both_families);
}
void of(Fields& f, Masquerade& e) {
  at(f, "portMin", e.port_min);
  at(f, "portMax", e.port_max);
  number(f, "flags", e.flags);
}
void of(Fields& f, Redirect& e) {
  at(f, "portMin", e.port_min);
  at(f, "portMax", e.port_max);
  number(f, "flags", e.flags);
}
void of(Fields& f, Tproxy& e) {
  number(f, "family", e.family);
  at(f, "address", e.address);
  at(f, "port", e.port);
}
void of(Fields& f, Numgen& e) {
  number(f, "random", e.random);
  number(f, "modulus", e.modulus);
  number(f, "offset", e.offset);
  at(f, "to", e.to);
}
void of(Fields& f, Hash& e) {
  number(f, "symmetric", e.symmetric);
  at(f, "from", e.from);
  number(f, "length", e.length);
  number(f, "modulus", e.modulus);
  maybe_number(f, "seed", e.seed);
  number(f, "offset", e.offset);
  at(f, "to", e.to);
}
void of(Fields& f, Fib& e) {
  number(f, "result", e.result);
  number(f, "flags", e.flags);
  at(f, "to", e.to);
}
void of(Fields& f, Rt& e) {
  number(f, "key", e.key);
  at(f, "to", e.to);
}
void of(Fields& f, Counter& e) {
  number(f, "packets", e.packets);
  number(f, "bytes", e.bytes);
}
void of(Fields& f, Limit& e) {
  number(f, "rate", e.rate);
  number(f, "unit", e.unit);
  number(f, "burst", e.burst);
  number(f, "bytes", e.bytes);
  number(f, "over", e.over);
}
void of(Fields& f, Connlimit& e) {
  number(f, "count", e.count);
  number(f, "over", e.over);
}
void of(Fields& f, Quota& e) {
  number(f, "bytes", e.bytes);
  number(f, "consumed", e.consumed);
  number(f, "over", e.over);
}
void of(Fields& f, Log& e) { f.text("prefix", e.prefix, Meaning::comment); }
void of(Fields& f, Socket& e) {
  number(f, "key", e.key);
  number(f, "level", e.level);
  at(f, "to", e.to);
}
void of(Fields& f, Exthdr& e) {
  number(f, "op", e.op);
  number(f, "type", e.type);
  number(f, "offset", e.offset);
  number(f, "length", e.length);
  number(f, "presence", e.presence);
  at(f, "from", e.from);
  at(f, "to", e.to);
}
void of(Fields&, Notrack&) {}
void of(Fields& f, Reject& e) {
  number(f, "type", e.type);
  number(f, "code", e.code);
}
void of(Fields& f, FlowOffload& e) { f.text("flowtable", e.flowtable, Meaning::nft); }
void of(Fields& f, ObjectReference& e) {
  f.text("name", e.name, Meaning::nft);
  number(f, "type", e.type);
  at(f, "at", e.at);
  f.text("map", e.map, Meaning::nft);
}
void of(Fields& f, Passes& e) { f.text("name", e.name, Meaning::plain); }

void of(Fields& f, XtMark& e) {
  number(f, "value", e.value);
  number(f, "mask", e.mask);
  number(f, "inverted", e.inverted);
  number(f, "connection", e.connection);
}
void of(Fields& f, const char* of_address, const char* of_mask, const char* first, const char* last,
        XtConntrack::Side& side) {
  address(f, of_address, side.address);
  Bytes mask(side.mask.bytes().begin(), side.mask.bytes().end());
  f.bytes(of_mask, mask, Meaning::plain);
  side.mask = mask.size() == 4 || mask.size() == 16 ? Address(mask) : Address();
  range(f, first, last, side.ports);
}
void of(Fields& f, XtConntrack& e) {
  number(f, "flags", e.flags);
  number(f, "inverted", e.inverted);
  number(f, "states", e.states);
  number(f, "status", e.status);
  of(f, "source", "sourceMask", "sourcePort", "sourcePortEnd", e.original_source);
  of(f, "destination", "destinationMask", "port", "portEnd", e.original_destination);
  of(f, "replySource", "replySourceMask", "replySourcePort", "replySourcePortEnd", e.reply_source);
  of(f, "replyDestination", "replyDestinationMask", "replyPort", "replyPortEnd",
     e.reply_destination);
  number(f, "protocol", e.protocol);
}
void of(Fields& f, XtSet& e) {
  number(f, "index", e.index);
  number(f, "inverted", e.inverted);
}
void of(Fields& f, XtComment& e) { f.text("text", e.text, Meaning::comment); }
void of(Fields& f, XtMultiport& e) {
  number(f, "of", e.of, static_cast<int>(XtMultiport::Of::either));
  list(f, "ports", e.ports, [&](PortRange& one) { range(f, "first", "last", one); });
  number(f, "inverted", e.inverted);
}
void of(Fields& f, XtAddrtype& e) {
  number(f, "source", e.source);
  number(f, "destination", e.destination);
  number(f, "sourceInverted", e.source_inverted);
  number(f, "destinationInverted", e.destination_inverted);
  number(f, "limitIn", e.limit_in);
  number(f, "limitOut", e.limit_out);
}
void of(Fields& f, XtStatistic& e) {
  number(f, "random", e.random);
  number(f, "probability", e.probability);
  number(f, "every", e.every);
  number(f, "inverted", e.inverted);
}
void of(Fields& f, XtPorts& e) {
  number(f, "protocol", e.protocol);
  range(f, "sourcePort", "sourcePortEnd", e.source);
  range(f, "port", "portEnd", e.destination);
  number(f, "sourceInverted", e.source_inverted);
  number(f, "portInverted", e.destination_inverted);
  number(f, "flagsMask", e.flags_mask);
  number(f, "flags", e.flags);
  number(f, "flagsInverted", e.flags_inverted);
  number(f, "option", e.option);
  number(f, "optionInverted", e.option_inverted);
}
void of(Fields& f, XtIcmp& e) {
  number(f, "type", e.type);
  number(f, "codeFirst", e.code_first);
  number(f, "codeLast", e.code_last);
  number(f, "inverted", e.inverted);
}
void of(Fields& f, XtSetMark& e) {
  number(f, "value", e.value);
  number(f, "mask", e.mask);
  number(f, "connection", e.connection);
}
void of(Fields& f, XtCopyMark& e) {
  number(f, "save", e.save);
  number(f, "connectionMask", e.connection_mask);
  number(f, "packetMask", e.packet_mask);
}
void of(Fields& f, XtNat& e) {
  number(f, "kind", e.kind, static_cast<int>(XtNat::Kind::redirect));
  number(f, "flags", e.flags);
  address(f, "addressMin", e.address_min);
  address(f, "addressMax", e.address_max);
  number(f, "portMin", e.port_min);
  number(f, "portMax", e.port_max);
}
void of(Fields& f, XtReject& e) {
  number(f, "with", e.with);
  number(f, "tcpReset", e.tcp_reset);
}
void of(Fields& f, XtTcpMss& e) { number(f, "mss", e.mss); }
void of(Fields&, XtUntrack&) {}
void of(Fields&, XtPasses&) {}
void of(Fields& f, XtMatch& e);
void of(Fields& f, XtTarget& e);

template <typename Variant, std::size_t... I>
void fields_of_chosen(Fields& f, Variant& variant, std::size_t chosen, std::index_sequence<I...>) {
  const auto visit = [&](auto number) {
    if (f.reads()) variant.template emplace<number>();
    of(f, std::get<number>(variant));
    return true;
  };
  static_cast<void>(((I == chosen && visit(std::integral_constant<std::size_t, I>())) || ...));
}

// By its name under `key`.
template <typename Variant, std::size_t size>
void of_variant(Fields& f, const char* key, const std::array<std::string_view, size>& names,
                Variant& variant) {
  std::string name(names[variant.index()]);
  f.text(key, name, Meaning::plain);
  std::size_t chosen = 0;
  while (chosen < size && names[chosen] != name) ++chosen;
  if (chosen == size) {
    throw Error(Error::Kind::permanent, "\"" + name + "\" is no " + key + " that is known");
  }
  fields_of_chosen(f, variant, chosen, std::make_index_sequence<size>());
}

void of(Fields& f, XtMatch& e) {
  f.text("name", e.name, Meaning::plain);
  number(f, "revision", e.revision);
  of_variant(f, "match", match_names, e.what);
}
void of(Fields& f, XtTarget& e) {
  f.text("name", e.name, Meaning::plain);
  number(f, "revision", e.revision);
  of_variant(f, "target", target_names, e.what);
}

}  // namespace

void fields_of(Fields& fields, Verdict& verdict) {
  number(fields, "code", verdict.code, static_cast<int>(Verdict::Code::unknown));
  fields.text("chain", verdict.chain, Meaning::nft);
}

void fields_of(Fields& fields, Expression& expression) {
  of_variant(fields, "is", expression_names, expression);
}

void fields_of(Fields& fields, const char* key, std::vector<Expression>& expressions) {
  list(fields, key, expressions, [&](Expression& one) { fields_of(fields, one); });
}

}  // namespace core::packet
