// Values in the words of nft(8).
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <span>

#include "core/packet/rules/rule_text.hpp"
#include "core/packet/rules/rule_words.hpp"

namespace core::packet {
namespace words {
namespace {

struct NamedNumber {
  std::uint32_t value;
  std::string_view name;
};
constexpr NamedNumber state_names[] = {
    {1, "invalid"}, {2, "established"}, {4, "related"}, {8, "new"}, {64, "untracked"}};
constexpr NamedNumber status_names[] = {{1, "expected"},  {2, "seen-reply"}, {4, "assured"},
                                        {8, "confirmed"}, {16, "snat"},      {32, "dnat"},
                                        {512, "dying"}};
constexpr NamedNumber flag_names[] = {{1, "fin"},  {2, "syn"},  {4, "rst"},  {8, "psh"},
                                      {16, "ack"}, {32, "urg"}, {64, "ecn"}, {128, "cwr"}};
constexpr NamedNumber fib_names[] = {{0, "unspec"},    {1, "unicast"},     {2, "local"},
                                     {3, "broadcast"}, {4, "anycast"},     {5, "multicast"},
                                     {6, "blackhole"}, {7, "unreachable"}, {8, "prohibit"}};
constexpr NamedNumber icmp_names[] = {{0, "echo-reply"},           {3, "destination-unreachable"},
                                      {4, "source-quench"},        {5, "redirect"},
                                      {8, "echo-request"},         {9, "router-advertisement"},
                                      {10, "router-solicitation"}, {11, "time-exceeded"},
                                      {12, "parameter-problem"},   {13, "timestamp-request"},
                                      {14, "timestamp-reply"}};
constexpr NamedNumber icmpv6_names[] = {
    {1, "destination-unreachable"}, {2, "packet-too-big"},        {3, "time-exceeded"},
    {4, "parameter-problem"},       {128, "echo-request"},        {129, "echo-reply"},
    {130, "mld-listener-query"},    {131, "mld-listener-report"}, {132, "mld-listener-done"},
    {133, "nd-router-solicit"},     {134, "nd-router-advert"},    {135, "nd-neighbor-solicit"},
    {136, "nd-neighbor-advert"},    {137, "nd-redirect"},         {143, "mld2-listener-report"}};
constexpr NamedNumber pkttype_names[] = {
    {0, "host"}, {1, "broadcast"}, {2, "multicast"}, {3, "other"}};
constexpr NamedNumber nfproto_names[] = {{2, "ipv4"}, {10, "ipv6"}};
constexpr NamedNumber ethertype_names[] = {
    {0x0800, "ip"}, {0x0806, "arp"}, {0x86dd, "ip6"}, {0x8100, "8021q"}};
constexpr NamedNumber direction_names[] = {{0, "original"}, {1, "reply"}};
constexpr NamedNumber boolean_names[] = {{0, "missing"}, {1, "exists"}};
constexpr NamedNumber arphrd_names[] = {{1, "ether"}, {772, "loopback"}};
constexpr NamedNumber day_names[] = {{0, "\"Sunday\""},    {1, "\"Monday\""},   {2, "\"Tuesday\""},
                                     {3, "\"Wednesday\""}, {4, "\"Thursday\""}, {5, "\"Friday\""},
                                     {6, "\"Saturday\""}};
constexpr NamedNumber group_names[] = {{0, "default"}};

std::span<const NamedNumber> names_of(std::uint32_t type) {
  switch (type) {
    case ct_state_type:
      return state_names;
    case ct_status_type:
      return status_names;
    case tcp_flags_type:
      return flag_names;
    case fib_type:
      return fib_names;
    case words::icmp_type:
      return icmp_names;
    case words::icmpv6_type:
      return icmpv6_names;
    case pkttype_type:
      return pkttype_names;
    case nfproto_type:
      return nfproto_names;
    case ethertype_type:
      return ethertype_names;
    case ct_direction_type:
      return direction_names;
    case boolean_type:
      return boolean_names;
    case group_type:
      return group_names;
    case arphrd_type:
      return arphrd_names;
    case day_type:
      return day_names;
    default:
      return {};
  }
}

std::uint64_t number_of(ByteView value, bool host) {
  if (host) {
    std::array<std::uint8_t, 8> bytes{};
    const std::size_t size = std::min(value.size(), bytes.size());
    std::copy_n(value.begin(), size, bytes.begin());
    if (size <= 4) {
      // Short ones lie in the first bytes of a word.
      std::uint32_t word = 0;
      std::memcpy(&word, bytes.data(), sizeof word);
      return word;
    }
    std::uint64_t number = 0;
    std::memcpy(&number, bytes.data(), sizeof number);
    return number;
  }
  std::uint64_t number = 0;
  for (const std::uint8_t byte : value.first(std::min<std::size_t>(value.size(), 8))) {
    number = number << 8 | byte;
  }
  return number;
}

std::string named(std::span<const NamedNumber> names, std::uint64_t number, std::uint32_t type) {
  if (is_flags(type)) {
    std::string text;
    std::uint64_t left = number;
    for (const auto& [bit, name] : names) {
      if ((number & bit) == 0) continue;
      text.append(text.empty() ? "" : ",").append(name);
      left &= ~std::uint64_t{bit};
    }
    if (left == 0 && !text.empty()) return text;
    char hex[24];
    std::snprintf(hex, sizeof hex, "0x%llx", static_cast<unsigned long long>(number));
    return hex;
  }
  for (const auto& [value, name] : names) {
    if (value == number) return std::string(name);
  }
  return std::to_string(number);
}

std::string name_text(ByteView value) {
  const auto end = std::find(value.begin(), value.end(), 0);
  std::string text(value.begin(), end);
  // Without the 0 behind it, it is compared as a beginning.
  const bool beginning = end == value.end() && value.size() < 16;
  return quoted(text + (beginning ? "*" : ""));
}

std::string ether_text(ByteView value) {
  std::string text;
  for (const std::uint8_t byte : value) {
    char hex[8];
    std::snprintf(hex, sizeof hex, text.empty() ? "%02x" : ":%02x", byte);
    text += hex;
  }
  return text;
}

std::string single_value(ByteView value, std::uint32_t type) {
  const std::uint32_t size = size_of_type(type);
  if (value.empty() || (size != 0 && value.size() < size && type != ifname_type)) {
    return hex_bytes(value);
  }
  const ByteView own = size == 0 ? value : value.first(std::min<std::size_t>(value.size(), size));
  switch (type) {
    case ipv4_type:
    case ipv6_type:
      return to_string(Address(own));
    case ether_type:
      return ether_text(own);
    case ifname_type:
    case string_type:
      return name_text(own);
    case protocol_type:
      return own[0] == core::packet::icmpv6 ? "ipv6-icmp" : protocol_text(own[0]);
    case mark_type:
      return mark_hex(static_cast<std::uint32_t>(number_of(own, true)));
    case ifindex_type:
      return number_of(own, true) == 1 ? "\"lo\"" : number_text(own, true);
    default:
      break;
  }
  const auto names = names_of(type);
  const bool host = in_host_order(type);
  if (!names.empty()) return named(names, number_of(own, host), type);
  const bool number = type == integer_type || type == service_type || host;
  return number && own.size() <= 8 ? number_text(own, host || own.size() == 4) : hex_bytes(own);
}

}  // namespace

bool is_flags(std::uint32_t type) {
  return type == ct_state_type || type == ct_status_type || type == tcp_flags_type;
}

bool is_address(std::uint32_t type) { return type == ipv4_type || type == ipv6_type; }

bool in_host_order(std::uint32_t type) {
  switch (type) {
    case mark_type:
    case ifindex_type:
    case arphrd_type:
    case realm_type:
    case uid_type:
    case gid_type:
    case ct_state_type:
    case ct_status_type:
    case group_type:
    case fib_type:
    case boolean_type:
      return true;
    default:
      return false;
  }
}

std::uint32_t size_of_type(std::uint32_t type) {
  switch (type) {
    case ipv4_type:
    case mark_type:
    case ifindex_type:
    case realm_type:
    case uid_type:
    case gid_type:
    case ct_state_type:
    case ct_status_type:
    case group_type:
    case fib_type:
      return 4;
    case ipv6_type:
    case ifname_type:
      return 16;
    case ether_type:
      return 6;
    case ethertype_type:
    case service_type:
    case arphrd_type:
      return 2;
    case nfproto_type:
    case protocol_type:
    case words::icmp_type:
    case words::icmpv6_type:
    case tcp_flags_type:
    case ct_direction_type:
    case pkttype_type:
    case boolean_type:
    case day_type:
      return 1;
    default:
      return 0;
  }
}

std::string number_text(ByteView value, bool host) {
  return std::to_string(number_of(value, host));
}

std::string hex_bytes(ByteView value) {
  std::string text = "0x";
  for (const std::uint8_t byte : value) {
    char hex[4];
    std::snprintf(hex, sizeof hex, "%02x", byte);
    text += hex;
  }
  return text;
}

std::string mark_hex(std::uint32_t mark) {
  char text[16];
  std::snprintf(text, sizeof text, "0x%08x", mark);
  return text;
}

std::string quoted(std::string_view text) { return "\"" + std::string(text) + "\""; }

std::optional<std::uint32_t> prefix_length(ByteView mask) {
  std::uint32_t bits = 0;
  bool ended = false;
  for (const std::uint8_t byte : mask) {
    for (int bit = 7; bit >= 0; --bit) {
      const bool set = (byte >> bit & 1) != 0;
      if (set && ended) return std::nullopt;
      if (set) ++bits;
      ended = ended || !set;
    }
  }
  return bits;
}

std::string range_text(ByteView first, ByteView last, std::uint32_t type) {
  if (std::equal(first.begin(), first.end(), last.begin(), last.end())) {
    return value_text(first, type);
  }
  if (is_address(type) && first.size() == last.size()) {
    // A prefix: equal bits, then from all 0 to all 1.
    Bytes mask(first.size());
    bool prefix = true;
    for (std::size_t i = 0; i < first.size(); ++i) {
      mask[i] = static_cast<std::uint8_t>(~(first[i] ^ last[i]));
      prefix = prefix && (first[i] & ~mask[i]) == 0;
    }
    const auto length = prefix_length(mask);
    if (prefix && length) return value_text(first, type) + "/" + std::to_string(*length);
  }
  return value_text(first, type) + "-" + value_text(last, type);
}

}  // namespace words

std::string value_text(ByteView value, std::uint32_t nft_type) {
  std::vector<std::uint32_t> types;
  for (std::uint32_t left = nft_type; left != 0 && types.size() < 6; left >>= 6) {
    types.insert(types.begin(), left & 0x3f);
  }
  if (types.size() < 2) return words::single_value(value, nft_type);
  std::string text;
  std::size_t at = 0;
  for (std::size_t i = 0; i < types.size(); ++i) {
    std::size_t size = words::size_of_type(types[i]);
    // Of a type of any size nothing behind it can be found, unless it is the last.
    if (size == 0 && i + 1 == types.size() && at < value.size()) size = value.size() - at;
    if (size == 0 || at + size > value.size()) return words::hex_bytes(value);
    text.append(text.empty() ? "" : " . ");
    text += words::single_value(value.subspan(at, size), types[i]);
    at += (size + 3) / 4 * 4;
  }
  return text;
}

std::string to_text(const Verdict& verdict) {
  switch (verdict.code) {
    case Verdict::Code::next:
      return "continue";
    case Verdict::Code::accept:
      return "accept";
    case Verdict::Code::drop:
      return "drop";
    case Verdict::Code::ret:
      return "return";
    case Verdict::Code::jump:
      return "jump " + verdict.chain;
    case Verdict::Code::go_to:
      return "goto " + verdict.chain;
    case Verdict::Code::queue:
      return "queue";
    case Verdict::Code::unknown:
      return "[verdict]";
  }
  return "?";
}

}  // namespace core::packet
