// Rules in the words of `nft list table`: nft 1.0 prints exactly this for them.
#include <array>
#include <span>
#include <string>
#include <utility>

#include "core/state/text.hpp"
#include "core/state/text_words.hpp"

namespace core {
namespace {

using namespace nft;

constexpr std::uint32_t whole = 0xffffffff;
constexpr std::uint32_t icmp = 1, icmpv6 = 58;  // IPPROTO_ICMP, IPPROTO_ICMPV6
constexpr std::uint32_t loopback_index = 1;     // LOOPBACK_IFINDEX

template <typename... Alternatives>
struct Overloaded : Alternatives... {
  using Alternatives::operator()...;
};
template <typename... Alternatives>
Overloaded(Alternatives...) -> Overloaded<Alternatives...>;

struct Bit {
  std::uint32_t value;
  std::string_view name;
};
constexpr Bit ct_state_bits[] = {
    {1, "invalid"}, {2, "established"}, {4, "related"}, {8, "new"}, {64, "untracked"}};
constexpr Bit ct_status_bits[] = {{1, "expected"},  {2, "seen-reply"}, {4, "assured"},
                                  {8, "confirmed"}, {16, "snat"},      {32, "dnat"},
                                  {512, "dying"}};
constexpr Bit tcp_flag_bits[] = {{1, "fin"},  {2, "syn"},  {4, "rst"},  {8, "psh"},
                                 {16, "ack"}, {32, "urg"}, {64, "ecn"}, {128, "cwr"}};
constexpr std::string_view route_types[] = {"unspec",    "unicast",     "local",
                                            "broadcast", "anycast",     "multicast",
                                            "blackhole", "unreachable", "prohibit"};

std::span<const Bit> bits_of(Field field) {
  switch (field) {
    case Field::ct_state:
      return ct_state_bits;
    case Field::ct_status:
      return ct_status_bits;
    case Field::tcp_flags:
      return tcp_flag_bits;
    default:
      return {};
  }
}

// "syn,ack"; a number where bits without a name are set.
std::string bit_names(std::span<const Bit> bits, std::uint32_t value) {
  std::string names;
  std::uint32_t left = value;
  for (const Bit& bit : bits) {
    if ((value & bit.value) == 0) continue;
    names.append(names.empty() ? "" : ",").append(bit.name);
    left &= ~bit.value;
  }
  return left == 0 && !names.empty() ? names : hex_text(value);
}

std::string ipv4(std::uint32_t value) {
  const std::uint8_t bytes[] = {
      static_cast<std::uint8_t>(value >> 24), static_cast<std::uint8_t>(value >> 16 & 0xff),
      static_cast<std::uint8_t>(value >> 8 & 0xff), static_cast<std::uint8_t>(value & 0xff)};
  return to_string(Address(bytes));
}

std::string value_text(Field field, std::uint32_t value) {
  switch (field) {
    case Field::mark:
    case Field::ct_mark:
      return mark_text(value);
    case Field::l4proto:
      return value == icmp ? "icmp" : value == icmpv6 ? "ipv6-icmp" : transport_text(value);
    case Field::ct_direction:
      return value < 2 ? (value == 0 ? "original" : "reply") : std::to_string(value);
    case Field::fib_daddr_type:
      return value < std::size(route_types) ? std::string(route_types[value])
                                            : std::to_string(value);
    case Field::saddr:
    case Field::daddr:
    case Field::ct_original_daddr:
      return ipv4(value);
    case Field::iif:
    case Field::oif:
      return value == loopback_index ? "\"lo\"" : std::to_string(value);
    default:
      return std::to_string(value);
  }
}

class RuleText {
 public:
  explicit RuleText(Family family) : family_(to_string(family)), of_(family) {}

  std::string print(const Rule& rule) {
    std::vector<std::string> words;
    constexpr std::size_t none = std::string::npos;
    std::size_t implied = none;  // the match that `transport_` comes from
    for (const Statement& statement : rule.statements) {
      transport_used_ = false;
      words.push_back(std::visit([this](const auto& s) { return this->text(s); }, statement));
      // nft leaves the match out where the words after it imply it: "tcp dport", "tcp flags".
      if (transport_used_ && implied != none) words[std::exchange(implied, none)].clear();
      const auto* const match = std::get_if<Match>(&statement);
      if (match != nullptr && match->field == Field::l4proto && match->equal &&
          match->mask == whole && transport_text(match->value) != std::to_string(match->value)) {
        transport_ = transport_text(match->value);
        implied = words.size() - 1;
      }
    }
    std::string line;
    for (const std::string& word : words) {
      if (!word.empty()) line.append(line.empty() ? "" : " ").append(word);
    }
    if (!rule.comment.empty()) line += " comment \"" + rule.comment + "\"";
    return line;
  }

 private:
  std::string field(Field field) {
    switch (field) {
      case Field::saddr:
        return family_ + " saddr";
      case Field::daddr:
        return family_ + " daddr";
      case Field::sport:
        return transport() + " sport";
      case Field::dport:
        return transport() + " dport";
      case Field::l4proto:
        return "meta l4proto";
      case Field::iifname:
        return "iifname";
      case Field::oifname:
        return "oifname";
      case Field::mark:
        return "meta mark";
      case Field::ct_mark:
        return "ct mark";
      case Field::ct_state:
        return "ct state";
      case Field::ct_direction:
        return "ct direction";
      case Field::ct_original_daddr:
        return "ct original " + family_ + " daddr";
      case Field::ct_original_dport:
        return "ct original proto-dst";
      case Field::ct_status:
        return "ct status";
      case Field::tcp_flags:
        transport_used_ = true;
        return "tcp flags";
      case Field::fib_daddr_type:
        return "fib daddr type";
      case Field::iifgroup:
        return "iifgroup";
      case Field::oifgroup:
        return "oifgroup";
      // Behind the headers of UDP, and of VXLAN, the source address of IP's.
      case Field::fou_inner_saddr:
        return family_ == "ip" ? "@th,160,32" : "@th,128,128";
      case Field::gpe_inner_saddr:
        return family_ == "ip" ? "@th,224,32" : "@th,192,128";
      case Field::gpe_next_protocol:
        return "@th,88,8";
      case Field::iif:
        return "iif";
      case Field::oif:
        return "oif";
      case Field::icmp_type:
        return "@th,0,8";
      case Field::icmp_code:
        return "@th,8,8";
      case Field::icmp_protocol:
        return "@th,136,8";
      case Field::icmp_daddr:
        return "@th,192,32";
      case Field::icmp_dport:
        return "@th,240,16";
    }
    return "?";
  }
  std::string transport() {
    transport_used_ = true;
    return transport_;
  }

  std::string fields(const std::vector<Field>& all) {
    std::string line;
    for (const Field one : all) line.append(line.empty() ? "" : " . ").append(field(one));
    return line;
  }

  [[nodiscard]] std::string mask_text(const Masked& masked) const {
    if (masked.field != Field::saddr && masked.field != Field::daddr) {
      return mark_text(masked.mask);
    }
    const std::array<std::uint8_t, 16> ones = {255, 255, 255, 255, 255, 255, 255, 255,
                                               255, 255, 255, 255, 255, 255, 255, 255};
    const Address all({ones.data(), of_ == Family::ipv4 ? std::size_t{4} : std::size_t{16}});
    return to_string(Prefix{all, static_cast<std::uint8_t>(masked.mask)}.masked().address);
  }

  std::string key(const Key& key) {
    std::string line;
    for (const Part& part : key) {
      if (!line.empty()) line += " . ";
      line += std::visit(
          Overloaded{[&](Field one) { return field(one); },
                     [&](const Masked& one) { return field(one.field) + " & " + mask_text(one); },
                     [&](const Hash& hash) {
                       return "jhash " + fields(hash.fields) + " mod " +
                              std::to_string(hash.modulus) + " seed " + hex_text(hash.seed);
                     },
                     [&](const Mapped& one) { return fields(one.fields) + " map @" + one.map; }},
          part);
    }
    return line;
  }

  std::string text(const Match& match) {
    const std::string name = field(match.field);
    const std::span<const Bit> bits = bits_of(match.field);
    if (!bits.empty()) return name + " " + flags(match, bits);
    const std::string value = value_text(match.field, match.value);
    if (match.mask == whole) return name + (match.equal ? " " : " != ") + value;
    return name + " & " + value_text(match.field, match.mask) + (match.equal ? " == " : " != ") +
           value;
  }
  static std::string flags(const Match& match, std::span<const Bit> bits) {
    const std::string mask = bit_names(bits, match.mask);
    const std::string value = bit_names(bits, match.value);
    if (match.mask == whole) return (match.equal ? "== " : "!= ") + value;
    if (match.value == 0) return (match.equal ? "! " : "") + mask;
    const bool one_bit = (match.mask & (match.mask - 1)) == 0;
    if (one_bit) return "& " + mask + (match.equal ? " == " : " != ") + value;
    return (match.equal ? "" : "!= ") + value + " / " + mask;
  }
  std::string text(const InSet& statement) {
    return key(statement.key) + (statement.contained ? " @" : " != @") + statement.set;
  }
  std::string text(const VerdictMap& statement) {
    return key(statement.key) + " vmap @" + statement.map;
  }
  static std::string text(const SetMark& statement) {
    const std::string name = statement.of == SetMark::Of::packet ? "meta mark" : "ct mark";
    const std::string value = mark_text(statement.value);
    if (statement.keep == 0) return name + " set " + value;
    // Bits that are set anyway show as kept.
    const std::uint32_t keep = statement.keep | statement.value;
    std::string line = name + " set " + name;
    if (keep != whole) line += " & " + mark_text(keep);
    if (statement.value != 0) line += " | " + value;
    return line;
  }
  std::string text(const Nat& nat) {
    std::string line = nat.kind == Nat::Kind::destination ? "dnat " : "snat ";
    line += (nat.with_port ? family_ + " to " : "to ") + key(nat.key);
    if (!nat.map.empty()) line += " map @" + nat.map;
    if (nat.port_map) {
      line += ":" + key(nat.port_map->first) + " map @" + nat.port_map->second;
    }
    return line;
  }
  static std::string text(const Masquerade& masquerade) {
    return masquerade.fully_random ? "masquerade fully-random" : "masquerade";
  }
  static std::string text(const Redirect&) { return "redirect"; }
  static std::string text(const Untrack&) { return "notrack"; }
  std::string text(const Reject& reject) {
    if (reject.unreachable) {
      return family_ == "ip" ? "reject with icmp host-unreachable"
                             : "reject with icmpv6 addr-unreachable";
    }
    if (!reject.tcp_reset) return "reject";
    transport_used_ = true;
    return "reject with tcp reset";
  }
  static std::string text(const ClampMss& clamp) {
    const std::string size = "tcp option maxseg size ";
    const std::string above =
        clamp.above == 0 ? "" : size + "> " + std::to_string(clamp.above) + " ";
    return above + size + "set " + (clamp.to == 0 ? "rt mtu" : std::to_string(clamp.to));
  }
  std::string text(const OverLimit& statement) {
    const std::string limit = std::to_string(statement.limit);
    if (statement.of == OverLimit::Of::connections) {
      return "add @" + statement.set + " { " + key(statement.key) + " ct count over " + limit +
             " }";
    }
    // nft does not print its default burst.
    const std::string burst = statement.limit == 5 ? "" : " burst " + limit + " packets";
    return "update @" + statement.set + " { " + key(statement.key) + " limit rate over " + limit +
           "/second" + burst + " }";
  }
  static std::string text(const Verdict& verdict) {
    switch (verdict.code) {
      case Verdict::Code::accept:
        return "accept";
      case Verdict::Code::drop:
        return "drop";
      case Verdict::Code::go_to:
        return "goto " + verdict.chain;
      case Verdict::Code::jump:
        return "jump " + verdict.chain;
      case Verdict::Code::ret:
        return "return";
    }
    return "?";
  }

  std::string family_;
  Family of_;
  std::string transport_ = "th";
  bool transport_used_ = false;
};

}  // namespace

std::string to_text(const nft::Rule& rule, Family family) {
  return rule.foreign.empty() ? RuleText(family).print(rule) : rule.foreign;
}

}  // namespace core
