#include "core/packet/record/redact_rules.hpp"

#include <algorithm>
#include <map>
#include <variant>

#include "core/packet/kernel_numbers.hpp"
#include "core/packet/record/redact_value.hpp"

namespace core::packet {
namespace {

using namespace words;

constexpr std::uint32_t header_end = 20;  // of what is taken for a transport header

Expression hidden() { return Unknown{"an expression that --redact left out", true}; }

// What the registers hold, expression by expression of one rule.
class RuleRedaction {
 public:
  using SetSlots = std::map<ChainId, std::pair<Slots, Slots>>;  // of keys and of data

  RuleRedaction(Redaction& redaction, const ChainId& chain, const SetSlots& sets)
      : redaction_(redaction), chain_(chain), sets_(sets), registers_(register_bytes) {
    if (chain.family == TableFamily::ip) layer3_ = Family::ipv4;
    if (chain.family == TableFamily::ip6) layer3_ = Family::ipv6;
  }

  std::size_t run(Rule& rule) {
    rule_ = &rule;
    for (at_ = 0; at_ < rule.expressions.size(); ++at_) {
      Expression& expression = rule.expressions[at_];
      const bool known = std::visit([&](auto& one) { return change(one); }, expression);
      if (known) continue;
      expression = hidden();
      ++hidden_;
    }
    return hidden_;
  }

 private:
  void put(Register to, const Slots& slots) {
    for (std::size_t i = 0; i < slots.size() && to + i < registers_.size(); ++i) {
      registers_[to + i] = slots[i];
    }
  }
  void put(Register to, std::uint32_t type, std::size_t length) {
    Slots slots;
    append_slots(slots, type, length);
    // Up to a whole word the kernel leaves zeros.
    append_slots(slots, integer_type, (4 - length % 4) % 4);
    put(to, slots);
  }
  [[nodiscard]] Slots held(Register at, std::size_t length) const {
    Slots slots(length);
    for (std::size_t i = 0; i < length && at + i < registers_.size(); ++i) {
      slots[i] = registers_[at + i];
    }
    return slots;
  }

  [[nodiscard]] Slots payload_slots(Payload::Base base, std::uint32_t offset,
                                    std::uint32_t length) const {
    const auto family = layer3_ ? *layer3_ : length % 16 == 0 ? Family::ipv6 : Family::ipv4;
    Slots slots;
    for (std::uint32_t i = offset; i < offset + std::min(length, register_bytes); ++i) {
      Slot slot{integer_type, 0, 0xff};
      const auto of = [&](std::uint32_t type, std::uint32_t from, std::uint32_t size) {
        if (i >= from && i < from + size) slot = {type, static_cast<std::uint8_t>(i - from), 0xff};
      };
      if (base == Payload::Base::link) {
        of(ether_type, 0, 6);
        of(ether_type, 6, 6);
      } else if (base == Payload::Base::network && family == Family::ipv4) {
        of(ipv4_type, 12, 4);
        of(ipv4_type, 16, 4);
        of(no_type, header_end, register_bytes);
      } else if (base == Payload::Base::network) {
        of(ipv6_type, 8, 16);
        of(ipv6_type, 24, 16);
        of(no_type, 40, register_bytes);
      } else {
        of(no_type, base == Payload::Base::transport ? header_end : 0, register_bytes);
      }
      slots.push_back(slot);
    }
    return slots;
  }

  [[nodiscard]] const std::pair<Slots, Slots>* set(const std::string& name) const {
    const auto found = sets_.find({chain_.family, chain_.table, name});
    return found == sets_.end() ? nullptr : &found->second;
  }

  // What a constant in a register is, by what it is used for.
  [[nodiscard]] Slots used(Register at, std::size_t length) const {
    Slots slots;
    const auto key = [&](const std::string& name, Register from) {
      const auto* const found = set(name);
      if (found == nullptr || at < from || at - from >= found->first.size()) return false;
      slots.assign(found->first.begin() + (at - from), found->first.end());
      slots.resize(length);
      return true;
    };
    for (std::size_t i = at_ + 1; i < rule_->expressions.size(); ++i) {
      const Expression& one = rule_->expressions[i];
      if (const auto* const nat = std::get_if<Nat>(&one)) {
        if (nat->address_min == at || nat->address_max == at) {
          append_slots(slots, nat->family == Family::ipv4 ? ipv4_type : ipv6_type, length);
          return slots;
        }
      } else if (const auto* const tproxy = std::get_if<Tproxy>(&one)) {
        if (tproxy->address == at) {
          append_slots(slots, length == 4 ? ipv4_type : ipv6_type, length);
          return slots;
        }
      } else if (const auto* const write = std::get_if<PayloadWrite>(&one)) {
        if (write->from == at) return payload_slots(write->base, write->offset, write->length);
      } else if (const auto* const lookup = std::get_if<Lookup>(&one)) {
        if (key(lookup->set, lookup->at)) return slots;
      } else if (const auto* const dynset = std::get_if<Dynset>(&one)) {
        if (key(dynset->set, dynset->key)) return slots;
      } else if (const auto* const mark = std::get_if<MetaSet>(&one)) {
        if (mark->from == at) break;
      } else if (const auto* const ct = std::get_if<CtSet>(&one)) {
        if (ct->from == at) break;
      }
    }
    // A mark, a port: an address is used by one of the above.
    append_slots(slots, length <= 4 ? integer_type : no_type, length);
    return slots;
  }

  template <typename Other>
  bool change(Other&) {
    return true;
  }
  bool change(Immediate& e) {
    const Slots slots = used(e.to, e.value.size());
    auto value = redact_value(redaction_, e.value, slots);
    put(e.to, slots);
    if (value) e.value = std::move(*value);
    return value.has_value();
  }
  bool change(Payload& e) {
    put(e.to, payload_slots(e.base, e.offset, e.length));
    if (e.length % 4 != 0) put(e.to + e.length, integer_type, 4 - e.length % 4);
    told_ = e.base == Payload::Base::link && e.offset == 12 ? std::optional(e.to) : std::nullopt;
    return true;
  }
  bool change(Meta& e) {
    const KeyWords words = meta_words(e.key);
    const bool name = words.type == ifname_type;
    put(e.to, name ? std::uint32_t{ifname_type} : std::uint32_t{integer_type},
        name ? 16 : std::max<std::size_t>(words.length, 4));
    told_ = e.key == meta_nfproto || e.key == meta_protocol ? std::optional(e.to) : std::nullopt;
    return true;
  }
  bool change(Ct& e) {
    KeyWords words = ct_words(e);
    if (e.key == ct_src || e.key == ct_dst) {
      if (!layer3_) {
        put(e.to, no_type, 16);
        return true;
      }
      words.type = *layer3_ == Family::ipv4 ? ipv4_type : ipv6_type;
    }
    if (is_address(words.type)) {
      put(e.to, words.type, words.type == ipv4_type ? 4 : 16);
    } else {
      put(e.to, integer_type, 16);
    }
    return true;
  }
  bool change(Fib& e) {
    put(e.to, e.result == fib_oifname ? std::uint32_t{ifname_type} : std::uint32_t{integer_type},
        e.result == fib_oifname ? 16 : 4);
    return true;
  }
  bool change(Rt& e) {
    const bool address = e.key == rt_nexthop4 || e.key == rt_nexthop6;
    put(e.to,
        !address               ? integer_type
        : e.key == rt_nexthop4 ? ipv4_type
                               : ipv6_type,
        address && e.key == rt_nexthop6 ? 16 : 4);
    return true;
  }
  bool change(Socket& e) {
    put(e.to, integer_type, 8);
    return true;
  }
  bool change(Numgen& e) {
    put(e.to, integer_type, 4);
    return true;
  }
  bool change(Hash& e) {
    put(e.to, integer_type, 4);
    return true;
  }
  bool change(Exthdr& e) {
    if (!e.from) put(e.to, integer_type, std::min(e.length, register_bytes));
    return true;
  }
  bool change(Lookup& e) {
    if (!e.to) return true;
    const auto* const found = set(e.set);
    put(*e.to, found == nullptr ? Slots(16) : found->second);
    return true;
  }
  bool change(Compare& e) {
    const Slots slots = held(e.at, e.value.size());
    note_family(e);
    if (is_harmless(slots)) return true;
    if (e.op != Compare::Op::eq && e.op != Compare::Op::neq) return false;
    auto value = redact_value(redaction_, e.value, slots);
    if (value) e.value = std::move(*value);
    return value.has_value();
  }
  bool change(Range& e) {
    const auto ranges = redact_range(redaction_, e.from, e.to, held(e.at, e.from.size()));
    if (!ranges || ranges->size() != 1) return false;
    e.from = ranges->front().first;
    e.to = ranges->front().second;
    return true;
  }
  bool change(Bitwise& e) {
    Slots slots = held(e.from, std::min(e.length, register_bytes));
    if (is_harmless(slots)) {
      put(e.to, slots);
      return true;
    }
    bool known = e.op == Bitwise::Op::mask_xor && e.mask.size() == slots.size() &&
                 std::ranges::all_of(e.flip, [](std::uint8_t byte) { return byte == 0; });
    for (std::size_t i = 0; i < slots.size(); ++i) {
      if (known) {
        slots[i].mask = static_cast<std::uint8_t>(slots[i].mask & e.mask[i]);
      } else {
        slots[i] = {};
      }
    }
    put(e.to, slots);
    return known;
  }
  bool change(Byteorder& e) {
    Slots slots = held(e.from, std::min(e.length, register_bytes));
    if (!is_harmless(slots)) slots.assign(slots.size(), Slot());
    put(e.to, slots);
    return true;
  }
  // Between two addresses there is nothing that would be between the others.
  bool change(XtTarget& e) {
    auto* const nat = std::get_if<XtNat>(&e.what);
    if (nat != nullptr) nat->address_max = nat->address_min;
    return true;
  }

  // "meta nfproto ipv4", "meta protocol ip6": which header the next ones are about.
  void note_family(const Compare& e) {
    if (!told_ || *told_ != e.at || e.op != Compare::Op::eq || e.value.empty()) return;
    const unsigned number = e.value.size() == 1 ? e.value[0] : e.value[0] * 256U + e.value[1];
    if (number == nfproto_ipv4 || number == 0x0800) layer3_ = Family::ipv4;
    if (number == nfproto_ipv6 || number == 0x86dd) layer3_ = Family::ipv6;
  }

  Redaction& redaction_;
  const ChainId& chain_;
  const SetSlots& sets_;
  Slots registers_;
  std::optional<Family> layer3_;
  std::optional<Register> told_;  // the register that has the number of the network protocol
  Rule* rule_ = nullptr;
  std::size_t at_ = 0;
  std::size_t hidden_ = 0;
};

Bytes one_before(Bytes bytes) {
  for (std::size_t i = bytes.size(); i-- > 0;) {
    if (bytes[i]-- != 0) break;
  }
  return bytes;
}

// Where each element is the beginning or the end of an interval: each as a range of its own.
std::vector<Element> closed(std::vector<Element> elements) {
  std::ranges::stable_sort(elements, [](const Element& a, const Element& b) {
    if (a.key != b.key) return a.key < b.key;
    return a.interval_end && !b.interval_end;
  });
  std::vector<Element> result;
  for (std::size_t i = 0; i < elements.size(); ++i) {
    if (elements[i].interval_end) continue;
    Element one = elements[i];
    if (!one.catch_all) {
      one.key_end = i + 1 < elements.size() ? one_before(elements[i + 1].key)
                                            : Bytes(one.key.size(), std::uint8_t{0xff});
    }
    result.push_back(std::move(one));
  }
  return result;
}

// Nothing: it is not known what may be in it.
std::optional<Bytes> redact_data(Redaction& redaction, const Bytes& data, const Slots& slots) {
  if (data.size() == 2 * slots.size() && !slots.empty()) {
    // A prefix that another one is mapped to is its first and its last address.
    const ByteView both = data;
    const auto ranges =
        redact_range(redaction, both.first(slots.size()), both.last(slots.size()), slots);
    if (!ranges || ranges->size() != 1) return std::nullopt;
    Bytes result = ranges->front().first;
    result.insert(result.end(), ranges->front().second.begin(), ranges->front().second.end());
    return result;
  }
  return redact_value(redaction, data, slots);
}

std::optional<std::vector<Element>> redact_elements(Redaction& redaction,
                                                    const HeldRuleset::HeldSet& held,
                                                    const std::pair<Slots, Slots>& slots) {
  const bool harmless = is_harmless(slots.first);
  const bool ends = std::ranges::any_of(held.elements, &Element::interval_end);
  const bool ranges = std::ranges::any_of(
      held.elements, [](const Element& one) { return one.key_end.has_value(); });
  const bool open =
      !harmless && !ranges &&
      (ends || ((held.set.flags & set_interval) != 0 && (held.set.flags & set_concat) == 0 &&
                held.set.field_lengths.size() < 2));
  std::vector<Element> result;
  for (const Element& original : open ? closed(held.elements) : held.elements) {
    Element one = original;
    auto data = redact_data(redaction, one.data, slots.second);
    if (!data) return std::nullopt;
    one.data = std::move(*data);
    if (harmless || one.catch_all) {
      result.push_back(std::move(one));
    } else if (!one.key_end) {
      auto key = redact_value(redaction, one.key, slots.first);
      if (!key) return std::nullopt;
      one.key = std::move(*key);
      result.push_back(std::move(one));
    } else {
      const auto parts = redact_range(redaction, one.key, *one.key_end, slots.first);
      if (!parts) return std::nullopt;
      for (const auto& [first, last] : *parts) {
        one.key = first;
        one.key_end = last;
        result.push_back(one);
      }
    }
  }
  return result;
}

}  // namespace

std::size_t redact_rules(HeldRuleset& from, HeldRuleset& into, Redaction& redaction) {
  std::size_t hidden = 0;
  RuleRedaction::SetSlots slots;
  for (const auto& [id, held] : from.all_sets()) {
    slots[id] = {slots_of(held->set.key_type, held->set.key_length),
                 slots_of(held->set.data_type, held->set.data_length)};
    auto elements = redact_elements(redaction, *held, slots[id]);
    // Without the set, who looks up in it says that it cannot be read.
    if (!elements) {
      ++hidden;
      continue;
    }
    into.add_set(id, held->set);
    for (Element& element : *elements) into.add_element(id, std::move(element));
  }
  if (!from.readable()) into.make_unreadable();
  for (const BaseChain& chain : from.base_chains()) into.add_last(chain);
  for (const auto& [id, rules] : from.all_rules()) {
    into.add_chain(id);
    for (Rule rule : rules) {
      hidden += RuleRedaction(redaction, id, slots).run(rule);
      into.add_rule(id, std::move(rule));
    }
  }
  for (const auto& [key, what] : from.all_objects()) into.add_object(key.first, key.second, what);
  return hidden;
}

}  // namespace core::packet
