#include "core/packet/rules/rule_text.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>
#include <variant>

#include "core/packet/kernel_numbers.hpp"
#include "core/packet/rules/header_words.hpp"
#include "core/packet/rules/term.hpp"

namespace core::packet {
namespace {

using namespace words;

bool is_anonymous(const ChainId& id, Ruleset& ruleset) {
  const Set* const set = ruleset.set(id);
  return set != nullptr && (set->flags & set_anonymous) != 0;
}

class ForeignRule {
 public:
  ForeignRule(const ChainId& chain, Ruleset& ruleset)
      : chain_(chain), ruleset_(ruleset), words_(chain.family) {}

  std::string print(const Rule& rule) {
    for (const Expression& expression : rule.expressions) {
      // Only of two comparisons side by side is a range made.
      if (!std::holds_alternative<Compare>(expression)) at_least_.reset();
      std::visit([this](const auto& one) { this->say(one); }, expression);
    }
    std::string line = words_.line();
    if (!rule.comment.empty()) line += " comment " + quoted(rule.comment);
    return line;
  }

 private:
  void add(std::string word) { words_.add(std::move(word)); }
  // `host`: numbers without a type are in host order.
  void load(Register to, KeyWords what, bool host = true) {
    Term term;
    term.text = std::move(what.text);
    term.type = what.type;
    term.length = what.length;
    term.host = host;
    terms_.put(to, std::move(term));
  }
  [[nodiscard]] ChainId named(const std::string& name) const {
    return {chain_.family, chain_.table, name};
  }
  [[nodiscard]] std::uint32_t address_type() const {
    return words_.network() == "ip6" ? ipv6_type : ipv4_type;
  }

  void say(const Unknown& unknown) { add("[" + unknown.name + "]"); }
  void say(const Verdict& verdict) { add(to_text(verdict)); }
  void say(const Immediate& immediate) {
    Term term;
    term.text = hex_bytes(immediate.value);
    term.length = static_cast<std::uint32_t>(immediate.value.size());
    term.constant = immediate.value;
    terms_.put(immediate.to, std::move(term));
  }
  void say(const Payload& payload) {
    Term term;
    term.length = payload.length;
    // What it means is not known before it is used: only then it is implied.
    term.text.clear();
    terms_.put(payload.to, std::move(term));
    payloads_[payload.to] = payload;
  }
  // The term at a register, with its words.
  Term* used(Register at) {
    Term* const term = terms_.at(at);
    if (term == nullptr || !term->text.empty()) return term;
    const Payload& payload = payloads_[at];
    Term named_term = words_.field(payload.base, payload.offset, payload.length);
    term->text = std::move(named_term.text);
    term->type = named_term.type;
    return term;
  }
  std::string key(Register at, std::uint32_t length) {
    length = std::min(length, register_bytes);
    for (std::uint32_t i = 0; i == 0 || i < length; i += 4) (void)used(at + i);
    return terms_.key_text(at, length);
  }
  std::string value(Register at, std::uint32_t type) {
    (void)used(at);
    return terms_.value_text(at, type);
  }

  void say(const PayloadWrite& write) {
    const Term field = words_.field(write.base, write.offset, write.length);
    add(field.text + " set " + value(write.from, field.type));
  }
  void say(const Meta& meta) {
    // nft compares random numbers as bytes.
    load(meta.to, meta_words(meta.key), meta.key != meta_prandom);
  }
  void say(const MetaSet& set) {
    const KeyWords what = meta_words(set.key);
    const std::uint32_t type = what.type == no_type ? mark_type : what.type;
    add(what.text + " set " + value(set.from, type));
  }
  void say(const Compare& compare) {
    const Term* const raw = terms_.at(compare.at);
    if (raw != nullptr && raw->text.empty() && raw->mask.empty() &&
        words_.add_fields(payloads_[compare.at], compare)) {
      return;
    }
    const Term* const term = used(compare.at);
    if (term == nullptr) return add("[cmp]");
    // nft has ranges as two comparisons.
    const auto from = std::exchange(
        at_least_, compare.op == Compare::Op::gte ? std::optional(compare) : std::nullopt);
    if (compare.op == Compare::Op::lte && from && from->at == compare.at) {
      words_.replace_last(
          words::range_text(*term, Range{true, compare.at, from->value, compare.value}));
      return;
    }
    add(compare_text(*term, compare.op, compare.value));
    words_.learn(*term, compare);
  }
  void say(const Range& range) {
    const Term* const term = used(range.at);
    add(term == nullptr ? "[range]" : words::range_text(*term, range));
  }
  void say(const Bitwise& bitwise) {
    const Term* const source = used(bitwise.from);
    Term term;
    term.text = "[?]";
    if (source != nullptr) term = *source;
    term.length = bitwise.length;
    const bool masks = bitwise.op == Bitwise::Op::mask_xor && term.mask.empty() && !term.constant;
    if (masks) {
      term.mask = bitwise.mask;
      term.flip = bitwise.flip;
    } else {
      constexpr std::string_view signs[] = {"[bitwise]", "<<", ">>", "&", "|", "^"};
      const std::string sign(signs[static_cast<std::size_t>(bitwise.op)]);
      const bool shifts =
          bitwise.op == Bitwise::Op::left_shift || bitwise.op == Bitwise::Op::right_shift;
      const std::string right = shifts           ? std::to_string(bitwise.shift)
                                : bitwise.second ? key(*bitwise.second, 1)
                                                 : value_of(term, bitwise.mask, term.type);
      term.text = term_text(term) + " " + sign + " " + right;
      term.mask.clear();
      term.flip.clear();
      term.constant.reset();
    }
    terms_.put(bitwise.to, std::move(term));
  }
  void say(const Byteorder& byteorder) {
    const Term* const source = used(byteorder.from);
    if (source == nullptr) return;
    Term term = *source;
    term.turned = !term.turned;
    terms_.put(byteorder.to, std::move(term));
  }
  void say(const Lookup& lookup) {
    const ChainId id = named(lookup.set);
    const Set* const set = ruleset_.set(id);
    const Term* const first = terms_.at(lookup.at);
    const std::uint32_t length = set != nullptr     ? set->key_length
                                 : first != nullptr ? first->length
                                                    : 1;
    const std::string what = key(lookup.at, length);
    const std::string where = set_text(id, is_anonymous(id, ruleset_), ruleset_);
    if (lookup.verdict) return add(what + " vmap " + where);
    if (!lookup.to) return add(what + (lookup.inverted ? " != " : " ") + where);
    load(*lookup.to, {what + " map " + where, set == nullptr ? 0U : set->data_type,
                      set == nullptr ? 4U : set->data_length});
  }
  void say(const Dynset& dynset) {
    constexpr std::string_view ops[] = {"add", "update", "delete"};
    const Set* const set = ruleset_.set(named(dynset.set));
    const Term* const first = terms_.at(dynset.key);
    const std::uint32_t length = set != nullptr     ? set->key_length
                                 : first != nullptr ? first->length
                                                    : 1;
    std::string text = std::string(ops[static_cast<std::size_t>(dynset.op)]) + " @" + dynset.set +
                       " { " + key(dynset.key, length);
    if (dynset.timeout != 0) text += " timeout " + std::to_string(dynset.timeout / 1000) + "s";
    // The words of what is inside.
    std::vector<std::string> outside = words_.exchange({});
    for (const Expression& expression : dynset.expressions) {
      std::visit([this](const auto& one) { this->say(one); }, expression);
    }
    const std::vector<std::string> inside = words_.exchange(std::move(outside));
    for (const std::string& word : inside) text += " " + word;
    if (dynset.data) text += " : " + value(*dynset.data, set == nullptr ? 0U : set->data_type);
    add(text + " }");
  }
  void say(const Ct& ct) { load(ct.to, ct_words(ct)); }
  void say(const CtSet& set) {
    const KeyWords what = ct_words(Ct{set.key, std::nullopt, 0});
    add(what.text + " set " + value(set.from, what.type));
  }

  std::string ports(const std::optional<Register>& min, const std::optional<Register>& max) {
    if (!min) return "";
    std::string text = value(*min, service_type);
    if (max && *max != *min) text += "-" + value(*max, service_type);
    return text;
  }
  void say(const Nat& nat) {
    std::string text = nat.destination ? "dnat " : "snat ";
    const bool maps_prefix = (nat.flags & nat_netmap) != 0;
    const bool family_said = chain_.family == TableFamily::inet;
    if (family_said) text += nat.family == Family::ipv4 ? "ip " : "ip6 ";
    text += maps_prefix ? "prefix to " : "to ";
    const std::uint32_t type = nat.family == Family::ipv4 ? ipv4_type : ipv6_type;
    std::string address;
    if (nat.address_min) {
      address = value(*nat.address_min, type);
      if (nat.address_max && *nat.address_max != *nat.address_min &&
          !terms_.is_part(*nat.address_max, *nat.address_min)) {
        address = mapped_range(nat, type, address);
      }
    }
    // Where address and port come from one map, it has been said.
    const bool part =
        nat.port_min && nat.address_min && terms_.is_part(*nat.port_min, *nat.address_min);
    const std::string port = part ? "" : ports(nat.port_min, nat.port_max);
    if (!port.empty() && type == ipv6_type && !address.empty()) address = "[" + address + "]";
    text += address + (port.empty() ? "" : ":" + port);
    add(text + nat_flags_text(nat.flags));
  }
  std::string mapped_range(const Nat& nat, std::uint32_t type, const std::string& min) {
    const Term* const first = terms_.at(*nat.address_min);
    const Term* const last = terms_.at(*nat.address_max);
    if (first != nullptr && last != nullptr && first->constant && last->constant) {
      return words::range_text(*first->constant, *last->constant, type);
    }
    return min + "-" + value(*nat.address_max, type);
  }
  void say(const Masquerade& masquerade) {
    const std::string port = ports(masquerade.port_min, masquerade.port_max);
    add("masquerade" + (port.empty() ? "" : " to :" + port) + nat_flags_text(masquerade.flags));
  }
  void say(const Redirect& redirect) {
    const std::string port = ports(redirect.port_min, redirect.port_max);
    add("redirect" + (port.empty() ? "" : " to :" + port) + nat_flags_text(redirect.flags));
  }
  void say(const Tproxy& tproxy) {
    std::string text = "tproxy ";
    if (chain_.family == TableFamily::inet && tproxy.family == nfproto_ipv4) text += "ip ";
    if (chain_.family == TableFamily::inet && tproxy.family == nfproto_ipv6) text += "ip6 ";
    text += "to ";
    if (tproxy.address) {
      text += value(*tproxy.address, tproxy.family == nfproto_ipv6 ? ipv6_type : address_type());
    }
    if (tproxy.port) text += ":" + value(*tproxy.port, service_type);
    add(text);
  }
  void say(const Numgen& numgen) {
    std::string text = std::string(numgen.random ? "numgen random mod " : "numgen inc mod ") +
                       std::to_string(numgen.modulus);
    if (numgen.offset != 0) text += " offset " + std::to_string(numgen.offset);
    load(numgen.to, {text, integer_type, 4});
  }
  void say(const Hash& hash) {
    std::string text = hash.symmetric ? "symhash" : "jhash " + key(hash.from, hash.length);
    text += " mod " + std::to_string(hash.modulus);
    if (hash.seed) {
      text += " seed 0x" + hex_of(*hash.seed);
    }
    if (hash.offset != 0) text += " offset " + std::to_string(hash.offset);
    load(hash.to, {text, integer_type, 4});
  }
  static std::string hex_of(std::uint32_t value) {
    std::string text = mark_hex(value).substr(2);
    const std::size_t first = text.find_first_not_of('0');
    return first == std::string::npos ? "0" : text.substr(first);
  }
  void say(const Fib& fib) { load(fib.to, fib_words(fib)); }
  void say(const Rt& rt) { load(rt.to, rt_words(rt)); }
  void say(const Counter& counter) {
    add("counter packets " + std::to_string(counter.packets) + " bytes " +
        std::to_string(counter.bytes));
  }
  void say(const Limit& limit) { add(limit_text(limit)); }
  void say(const Connlimit& connlimit) {
    add(std::string(connlimit.over ? "ct count over " : "ct count ") +
        std::to_string(connlimit.count));
  }
  void say(const Quota& quota) {
    std::string text =
        (quota.over ? "quota over " : "quota ") + std::to_string(quota.bytes) + " bytes";
    if (quota.consumed != 0) text += " used " + std::to_string(quota.consumed) + " bytes";
    add(text);
  }
  void say(const Log& log) { add(log.prefix.empty() ? "log" : "log prefix " + quoted(log.prefix)); }
  void say(const Socket& socket) { load(socket.to, socket_words(socket)); }
  void say(const Exthdr& exthdr) {
    KeyWords what = exthdr_words(exthdr);
    if (exthdr.op == exthdr_tcp_option && words_.transport() == "tcp") words_.imply_transport();
    if (exthdr.from) return add(what.text + " set " + value(*exthdr.from, service_type));
    if (exthdr.op != exthdr_tcp_option) words_.imply_network();
    load(exthdr.to, std::move(what), exthdr.presence);
  }
  void say(const Notrack& /*notrack*/) { add("notrack"); }
  void say(const Reject& reject) {
    const bool reset = reject.type == reject_tcp_reset;
    const bool implied = reset && words_.transport() == "tcp";
    if (implied && chain_.family != TableFamily::inet) words_.imply_transport();
    if (reject.type == reject_icmp) words_.imply_network();
    add(reject_text(reject, words_.network(), chain_.family));
  }
  void say(const FlowOffload& offload) { add("flow add @" + offload.flowtable); }
  std::uint32_t key_length(const std::string& name) {
    const Set* const set = ruleset_.set(named(name));
    return set != nullptr ? set->key_length : 1;
  }
  void say(const ObjectReference& reference) {
    constexpr std::array<std::string_view, 11> types = {
        "object", "counter",    "quota",   "ct helper",      "limit",   "ct count",
        "tunnel", "ct timeout", "secmark", "ct expectation", "synproxy"};  // NFT_OBJECT_*
    const std::string type(reference.type < types.size() ? types[reference.type] : types[0]);
    add(type + " name " +
        (reference.at ? key(*reference.at, key_length(reference.map)) + " map @" + reference.map
                      : quoted(reference.name)));
  }
  void say(const Passes& passes) { add(passes.name); }
  void say(const XtMatch& match) { add(match_text(match)); }
  void say(const XtTarget& target) { add(target_text(target, chain_.family == TableFamily::ip6)); }

  const ChainId& chain_;
  Ruleset& ruleset_;
  HeaderWords words_;
  Terms terms_{};
  std::map<Register, Payload> payloads_{};
  std::optional<Compare> at_least_{};  // the last comparison, if it was one of ">="
};

}  // namespace

std::string to_text(const Rule& rule, const ChainId& chain, Ruleset& ruleset) {
  return ForeignRule(chain, ruleset).print(rule);
}

}  // namespace core::packet
