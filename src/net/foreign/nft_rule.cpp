#include "net/foreign/nft_rule.hpp"

#include <arpa/inet.h>
#include <net/if.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <span>

#include "net/foreign/xt_match.hpp"

namespace net::foreign {
namespace {

constexpr std::size_t file_size = 64;  // bytes of all registers
constexpr std::uint8_t all_bits = 0xff;

constexpr bool is_one_of(std::string_view name, std::span<const std::string_view> names) {
  return std::ranges::find(names, name) != names.end();
}

class Rule {
 public:
  Rule(const Packet& packet, const FindInSet& find) : packet_(packet), find_(find) {}

  NftEffect judge(ByteView expressions) {
    for (const NetlinkAttribute& one : AttributeList(expressions)) {
      const AttributeList level(one.value);
      const auto name = level.find(NFTA_EXPR_NAME);
      const auto data = level.find(NFTA_EXPR_DATA);
      run(name ? name->text() : "", data ? data->value : ByteView());
      if (effect_.match == Tri::no || effect_.verdict.code != NftVerdict::Code::none) break;
    }
    return effect_;
  }

 private:
  static std::uint32_t number(ByteView level, std::uint16_t type) {
    const auto attribute = AttributeList(level).find(type);
    return attribute ? attribute->u32() : 0;
  }
  static bool has(ByteView level, std::uint16_t type) {
    return AttributeList(level).find(type).has_value();
  }
  // The value within a NFTA_DATA_* level.
  static ByteView data(ByteView level, std::uint16_t type) {
    const auto attribute = AttributeList(level).find(type);
    if (!attribute) return {};
    const auto value = AttributeList(attribute->value).find(NFTA_DATA_VALUE);
    return value ? value->value : ByteView();
  }
  static std::string_view text(ByteView level, std::uint16_t type) {
    const auto attribute = AttributeList(level).find(type);
    return attribute ? attribute->text() : "";
  }

  // Where a register begins; the end of the file for what is none.
  static std::size_t offset(std::uint32_t number) {
    if (NFT_REG_1 <= number && number <= NFT_REG_4) return (number - NFT_REG_1) * std::size_t{16};
    if (NFT_REG32_00 <= number && number <= NFT_REG32_15) {
      return (number - NFT_REG32_00) * std::size_t{4};
    }
    return file_size;
  }

  // Also what lies behind, because how much it writes may not be known: keys grow upwards.
  void forget(std::size_t from) {
    for (std::size_t i = from; i < file_size; ++i) known_[i] = 0;
  }
  void set(std::size_t at, std::span<const std::uint8_t> value) {
    const std::size_t padded = (value.size() + 3) & ~std::size_t{3};
    if (at + padded > file_size) return forget(std::min(at, file_size));
    std::fill_n(value_.begin() + static_cast<std::ptrdiff_t>(at), padded, std::uint8_t{0});
    std::ranges::copy(value, value_.begin() + static_cast<std::ptrdiff_t>(at));
    std::fill_n(known_.begin() + static_cast<std::ptrdiff_t>(at), padded, all_bits);
  }
  template <typename Value>
  void set_value(std::size_t at, Value value) {
    std::array<std::uint8_t, sizeof value> bytes;
    std::memcpy(bytes.data(), &value, sizeof value);
    set(at, bytes);
  }
  [[nodiscard]] bool is_known(std::size_t at, std::size_t size) const {
    if (at + size > file_size) return false;
    return std::all_of(known_.begin() + static_cast<std::ptrdiff_t>(at),
                       known_.begin() + static_cast<std::ptrdiff_t>(at + size),
                       [](std::uint8_t bits) { return bits == all_bits; });
  }

  void require(Tri match) { effect_.match = both(effect_.match, match); }
  void conclude(NftVerdict verdict) { effect_.verdict = std::move(verdict); }
  void give_up() {
    require(Tri::maybe);
    conclude({NftVerdict::Code::unknown, ""});
  }

  void run(std::string_view name, ByteView level) {
    // They count, tell, or change what no condition is decided by here.
    constexpr std::string_view goes_on[] = {"counter", "log", "notrack", "last", "flow_offload"};
    // They may let the packet pass on to the rule's next expression or not.
    constexpr std::string_view stops[] = {"limit", "quota", "connlimit", "dynset", "dup"};
    // They load what is not known, or also stop where there is no such thing.
    constexpr std::string_view loads[] = {"exthdr", "fib",    "hash",   "numgen", "osf",
                                          "rt",     "socket", "tunnel", "xfrm"};
    // In chains of type nat, where who translates first ends the chain, and all others after it.
    constexpr std::string_view translates[] = {"nat", "masq", "redir"};
    if (is_one_of(name, goes_on)) return;
    if (is_one_of(name, stops)) return require(Tri::maybe);
    if (is_one_of(name, loads)) {
      require(Tri::maybe);
      return forget(0);
    }
    if (name == "meta") return meta(level);
    if (name == "ct") return connection(level);
    if (name == "payload") return payload(level);
    if (name == "cmp") return compare(level);
    if (name == "bitwise") return bitwise(level);
    if (name == "byteorder") return byteorder(level);
    if (name == "range") return range(level);
    if (name == "lookup") return lookup(level);
    if (name == "immediate") return immediate(level);
    if (name == "reject") return conclude({NftVerdict::Code::drop, ""});
    if (is_one_of(name, translates)) return conclude({NftVerdict::Code::accept, ""});
    if (name == "match") return match(level);
    if (name == "target") return target(level);
    if (name == "objref") return require(Tri::maybe);
    give_up();
  }

  void meta(ByteView level) {
    if (has(level, NFTA_META_SREG)) return;  // sets it
    const std::size_t to = offset(number(level, NFTA_META_DREG));
    const bool ipv4 = packet_.family == core::Family::ipv4;
    const auto name = [&](const std::string& interface) {
      std::array<std::uint8_t, IFNAMSIZ> padded{};
      if (interface.empty() || interface.size() >= padded.size()) return forget(to);
      std::ranges::copy(interface, padded.begin());
      set(to, padded);
    };
    const auto index = [&](std::uint32_t number) {
      if (number == 0) return forget(to);
      set_value(to, number);
    };
    switch (number(level, NFTA_META_KEY)) {
      case NFT_META_IIFNAME:
        return name(packet_.in);
      case NFT_META_OIFNAME:
        return name(packet_.out);
      case NFT_META_IIF:
        return index(packet_.in_index);
      case NFT_META_OIF:
        return index(packet_.out_index);
      case NFT_META_NFPROTO:
        return set_value(to, static_cast<std::uint8_t>(ipv4 ? NFPROTO_IPV4 : NFPROTO_IPV6));
      case NFT_META_L4PROTO:
        return set_value(to, static_cast<std::uint8_t>(packet_.protocol));
      case NFT_META_PROTOCOL:
        return set_value(to, htons(ipv4 ? 0x0800 : 0x86dd));
      default:
        forget(to);
    }
  }

  void connection(ByteView level) {
    if (has(level, NFTA_CT_SREG)) return;
    const std::size_t to = offset(number(level, NFTA_CT_DREG));
    if (!packet_.tracked) return forget(to);
    switch (number(level, NFTA_CT_KEY)) {
      case NFT_CT_STATE:
        return set_value(to, packet_.state);
      case NFT_CT_DIRECTION:
        return set_value(to, static_cast<std::uint8_t>(packet_.reply ? 1 : 0));
      case NFT_CT_STATUS:
        set_value(to, packet_.status);
        if (to + sizeof packet_.status_known <= file_size) {
          std::memcpy(known_.data() + to, &packet_.status_known, sizeof packet_.status_known);
        }
        return;
      default:
        forget(to);
    }
  }

  void payload(ByteView level) {
    if (has(level, NFTA_PAYLOAD_SREG)) return give_up();  // it is another packet then
    const std::size_t to = offset(number(level, NFTA_PAYLOAD_DREG));
    const std::size_t at = number(level, NFTA_PAYLOAD_OFFSET);
    const std::size_t size = number(level, NFTA_PAYLOAD_LEN);
    const std::uint32_t base = number(level, NFTA_PAYLOAD_BASE);
    const std::size_t padded = (size + 3) & ~std::size_t{3};
    forget(std::min(to, file_size));
    if (size == 0 || padded > file_size || to + padded > file_size) return;
    HeaderBytes header;
    if (base == NFT_PAYLOAD_NETWORK_HEADER) {
      header = network_header(packet_);
    } else if (base == NFT_PAYLOAD_TRANSPORT_HEADER) {
      header = transport_header(packet_);
    }
    for (std::size_t i = 0; i < padded; ++i) {
      const bool within = i < size && at + i < header.value.size();
      value_[to + i] = within ? header.value[at + i] : 0;
      known_[to + i] = i >= size ? all_bits : within ? header.known[at + i] : 0;
    }
  }

  void compare(ByteView level) {
    const std::size_t from = offset(number(level, NFTA_CMP_SREG));
    const ByteView with = data(level, NFTA_CMP_DATA);
    const std::uint32_t operation = number(level, NFTA_CMP_OP);
    if (with.empty() || from + with.size() > file_size) return give_up();
    if (operation == NFT_CMP_EQ || operation == NFT_CMP_NEQ) {
      bool differs = false;
      for (std::size_t i = 0; i < with.size(); ++i) {
        differs = differs || ((value_[from + i] ^ with[i]) & known_[from + i]) != 0;
      }
      const bool equal = !differs && is_known(from, with.size());
      if (!differs && !equal) return require(Tri::maybe);
      return require(equal == (operation == NFT_CMP_EQ) ? Tri::yes : Tri::no);
    }
    if (!is_known(from, with.size())) return require(Tri::maybe);
    const int order = std::memcmp(value_.data() + from, with.data(), with.size());
    switch (operation) {
      case NFT_CMP_LT:
        return require(order < 0 ? Tri::yes : Tri::no);
      case NFT_CMP_LTE:
        return require(order <= 0 ? Tri::yes : Tri::no);
      case NFT_CMP_GT:
        return require(order > 0 ? Tri::yes : Tri::no);
      case NFT_CMP_GTE:
        return require(order >= 0 ? Tri::yes : Tri::no);
      default:
        give_up();
    }
  }

  void bitwise(ByteView level) {
    const std::size_t from = offset(number(level, NFTA_BITWISE_SREG));
    const std::size_t to = offset(number(level, NFTA_BITWISE_DREG));
    const std::size_t size = number(level, NFTA_BITWISE_LEN);
    const ByteView mask = data(level, NFTA_BITWISE_MASK);
    const ByteView flip = data(level, NFTA_BITWISE_XOR);
    const bool plain = number(level, NFTA_BITWISE_OP) == NFT_BITWISE_BOOL;
    if (!plain || size == 0 || size > file_size || mask.size() < size || flip.size() < size ||
        from + size > file_size || to + size > file_size) {
      return forget(std::min(to, file_size));
    }
    for (std::size_t i = 0; i < size; ++i) {
      const std::uint8_t value = value_[from + i];
      const std::uint8_t known = known_[from + i];
      value_[to + i] = static_cast<std::uint8_t>((value & mask[i]) ^ flip[i]);
      // What is masked out is known whatever it was.
      known_[to + i] = static_cast<std::uint8_t>(known | ~mask[i]);
    }
  }

  void byteorder(ByteView level) {
    const std::size_t from = offset(number(level, NFTA_BYTEORDER_SREG));
    const std::size_t to = offset(number(level, NFTA_BYTEORDER_DREG));
    const std::size_t length = number(level, NFTA_BYTEORDER_LEN);
    const std::size_t size = number(level, NFTA_BYTEORDER_SIZE);
    // Registers hold shorter numbers at places of their own.
    const bool plain = size == length && (size == 2 || size == 4) && from + 4 <= file_size &&
                       to + 4 <= file_size && is_known(from, size);
    if (!plain) return forget(std::min(to, file_size));
    std::array<std::uint8_t, 4> bytes{};
    std::copy_n(value_.begin() + static_cast<std::ptrdiff_t>(from), size, bytes.begin());
    if (htons(1) != 1)
      std::reverse(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    set(to, std::span(bytes).first(size));
  }

  void range(ByteView level) {
    const std::size_t from = offset(number(level, NFTA_RANGE_SREG));
    const ByteView first = data(level, NFTA_RANGE_FROM_DATA);
    const ByteView last = data(level, NFTA_RANGE_TO_DATA);
    if (first.empty() || first.size() != last.size() || from + first.size() > file_size) {
      return give_up();
    }
    if (!is_known(from, first.size())) return require(Tri::maybe);
    const std::uint8_t* const value = value_.data() + from;
    const bool within = std::memcmp(value, first.data(), first.size()) >= 0 &&
                        std::memcmp(value, last.data(), last.size()) <= 0;
    const bool wanted = number(level, NFTA_RANGE_OP) == NFT_RANGE_EQ;
    require(within == wanted ? Tri::yes : Tri::no);
  }

  void lookup(ByteView level) {
    const std::size_t from = offset(number(level, NFTA_LOOKUP_SREG));
    const bool inverted = (number(level, NFTA_LOOKUP_FLAGS) & NFT_LOOKUP_F_INV) != 0;
    if (from >= file_size) return give_up();
    const PartlyKnown key{ByteView(value_).subspan(from), ByteView(known_).subspan(from)};
    FoundInSet answer = find_(text(level, NFTA_LOOKUP_SET), key);
    const bool maps = has(level, NFTA_LOOKUP_DREG);
    if (inverted && answer.found != Tri::maybe) {
      answer.found = answer.found == Tri::yes ? Tri::no : Tri::yes;
    }
    require(answer.found);
    if (!maps || answer.found == Tri::no) return;
    const std::uint32_t to = number(level, NFTA_LOOKUP_DREG);
    if (to != NFT_REG_VERDICT) return forget(std::min(offset(to), file_size));
    if (answer.found == Tri::maybe) return give_up();
    conclude(answer.verdict.value_or(NftVerdict{NftVerdict::Code::unknown, ""}));
    continues();
  }

  // A verdict that says no more than to go on, with this rule or the next.
  void continues() {
    if (effect_.verdict.code == NftVerdict::Code::none) effect_.match = Tri::no;
  }

  void immediate(ByteView level) {
    const std::uint32_t to = number(level, NFTA_IMMEDIATE_DREG);
    if (to != NFT_REG_VERDICT) return set(offset(to), data(level, NFTA_IMMEDIATE_DATA));
    const auto value = AttributeList(level).find(NFTA_IMMEDIATE_DATA);
    const auto verdict = value ? AttributeList(value->value).find(NFTA_DATA_VERDICT) : std::nullopt;
    if (!verdict) return give_up();
    conclude(read_verdict(verdict->value));
    continues();
  }

  void match(ByteView level) {
    const auto info = AttributeList(level).find(NFTA_MATCH_INFO);
    require(xt_match(text(level, NFTA_MATCH_NAME), number(level, NFTA_MATCH_REV),
                     info ? info->value : ByteView(), packet_));
  }

  void target(ByteView level) {
    switch (xt_target(text(level, NFTA_TARGET_NAME))) {
      case XtTarget::goes_on:
        return;
      case XtTarget::drops:
        return conclude({NftVerdict::Code::drop, ""});
      case XtTarget::translates:
        return conclude({NftVerdict::Code::accept, ""});
      case XtTarget::unknown:
        give_up();
    }
  }

  const Packet& packet_;
  const FindInSet& find_;
  NftEffect effect_;
  std::array<std::uint8_t, file_size> value_{};
  std::array<std::uint8_t, file_size> known_{};
};

}  // namespace

NftVerdict read_verdict(ByteView attributes) {
  using Code = NftVerdict::Code;
  const auto code = AttributeList(attributes).find(NFTA_VERDICT_CODE);
  const auto chain = AttributeList(attributes).find(NFTA_VERDICT_CHAIN);
  const std::string name(chain ? chain->text() : "");
  if (!code) return {Code::unknown, ""};
  switch (static_cast<std::int32_t>(code->u32())) {
    case NF_ACCEPT:
      return {Code::accept, ""};
    case NF_DROP:
      return {Code::drop, ""};
    case NFT_CONTINUE:
    case NFT_BREAK:
      return {Code::none, ""};
    case NFT_RETURN:
      return {Code::ret, ""};
    case NFT_JUMP:
      return {Code::jump, name};
    case NFT_GOTO:
      return {Code::go_to, name};
    default:
      return {Code::unknown, ""};
  }
}

NftEffect judge_rule(ByteView expressions, const Packet& packet, const FindInSet& find) {
  return Rule(packet, find).judge(expressions);
}

}  // namespace net::foreign
