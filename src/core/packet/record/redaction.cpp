#include "core/packet/record/redaction.hpp"

#include <algorithm>
#include <span>

namespace core::packet {
namespace {

// Ranges that stay what they are: whole, each address; else, as a range.
struct KeptRange {
  const char* prefix;
  bool whole;
};
constexpr auto kept_ranges = std::to_array<KeptRange>({
    {"0.0.0.0/32", true},
    {"10.0.0.0/8", false},
    {"100.64.0.0/10", false},
    {"127.0.0.0/8", true},
    {"169.254.0.0/16", true},
    {"172.16.0.0/12", false},
    {"192.168.0.0/16", false},
    {"224.0.0.0/4", true},
    {"240.0.0.0/4", true},
    {"::/128", true},
    {"::1/128", true},
    {"2000::/3", false},
    {"fc00::/7", false},
    {"fe80::/64", false},
    {"ff00::/8", true},
});

const std::vector<std::pair<Prefix, bool>>& kept() {
  static const auto all = [] {
    std::vector<std::pair<Prefix, bool>> result;
    result.reserve(kept_ranges.size());
    for (const KeptRange& one : kept_ranges) {
      result.emplace_back(*Prefix::parse(one.prefix), one.whole);
    }
    return result;
  }();
  return all;
}

bool same_bits(const Address& one, const Address& other, std::size_t bits) {
  return Prefix{one, static_cast<std::uint8_t>(bits)}.contains(other);
}

// Whether the bit after `before` bits may be another one.
bool may_change(const Address& address, std::size_t before) {
  return std::ranges::none_of(kept(), [&](const auto& range) {
    const Prefix& prefix = range.first;
    if (prefix.family() != address.family()) return false;
    if (prefix.length > before) return same_bits(address, prefix.address, before);
    return range.second && same_bits(address, prefix.address, prefix.length);
  });
}

// Words that names may be made of without naming anybody.
constexpr std::string_view vocabulary =
    " accept address agent all allow allowed arp bond br bridge cali chain chains cni cnt "
    "conntrack "
    "default default input dest destination dev dnat docker dst dummy edge egress en eno enp ens "
    "endpoint endpoints eth external fib filter firewall firewalld firewalls flannel fou fw "
    "forward "
    "forwarding fwd global gre hook host inet ingress input ip ipip iptables ipv isolation kube "
    "lb lo local map mangle mark markmasq masq masquerade mirror nat node nodeport nodeports "
    "output "
    "policy pona ponadiag port ports post postrouting pre prerouting proxy raw reject return route "
    "rule rules security service services set sets sit snat source src stage stat tcp tun tunl udp "
    "user veth vlan vrf vxlan wan lan wg wlan zone zones masqueradeall this namespace drop ";
constexpr std::string_view route_words =
    " all anycast blackhole broadcast default dev for from fwmark goto iif local lookup main mtu "
    "multicast nat next hops nhid nop not of oif one prohibit rule several src table throw to "
    "unicast unreachable via ";
// What interfaces' names begin with, where a number or a hash follows.
constexpr std::string_view stems =
    " bond br cali cilium cni docker dummy en eno enp ens eth flannel fou gpe gre ipip lo lxc pona "
    "ppp "
    "tap tun tunl veth vlan vnet vrf vxlan wg wlan ";

bool has_word(std::string_view words, std::string_view word) {
  std::string lower(" ");
  for (const char c : word) lower += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return words.find(lower + ' ') != std::string_view::npos;
}

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Of these words, of short numbers, and of what stands between.
bool is_made_of(std::string_view words, std::string_view name) {
  constexpr std::size_t most_digits = 3;
  for (std::size_t i = 0; i < name.size();) {
    std::size_t end = i;
    if (is_letter(name[i])) {
      while (end < name.size() && is_letter(name[end])) ++end;
      if (!has_word(words, name.substr(i, end - i))) return false;
    } else if (is_digit(name[i])) {
      while (end < name.size() && is_digit(name[end])) ++end;
      if (end - i > most_digits) return false;
    } else {
      if (std::string_view("-_.*/ ").find(name[i]) == std::string_view::npos) return false;
      ++end;
    }
    i = end;
  }
  return true;
}

// As people call what has such a name.
std::string_view kind_of(Meaning meaning) {
  switch (meaning) {
    case Meaning::pod:
      return "pod";
    case Meaning::ns:
      return "namespace";
    case Meaning::place:
      return "netns";
    case Meaning::comment:
      return "comment";
    case Meaning::interface:
      return "interface";
    case Meaning::nft:
      return "nft";
    default:
      return "object";
  }
}

std::string_view noun(Meaning meaning) {
  switch (meaning) {
    case Meaning::pod:
      return "pod-";
    case Meaning::ns:
      return "space-";
    case Meaning::place:
      return "netns-";
    case Meaning::comment:
      return "comment-";
    case Meaning::value:
      return "object-";
    default:
      return "name-";
  }
}

}  // namespace

bool Redaction::names_nobody(std::string_view name) { return is_made_of(vocabulary, name); }

std::optional<std::string> Redaction::known(const std::string& name) const {
  for (const Meaning meaning : {Meaning::place, Meaning::interface, Meaning::pod, Meaning::ns}) {
    const auto found = names_.find({meaning, name});
    if (found != names_.end()) return found->second;
  }
  return std::nullopt;
}

std::vector<std::string> Redaction::key() const {
  std::vector<std::string> lines;
  for (const auto& [original, other] : addresses_) {
    if (original != other) lines.push_back(to_string(original) + " is " + to_string(other));
  }
  for (const auto& [original, other] : names_) {
    lines.push_back(std::string(kind_of(original.first)) + ' ' + original.second + " is " + other);
  }
  return lines;
}

const Redaction::Digest& Redaction::digest(const std::string& text) {
  const auto known = digests_.find(text);
  return known != digests_.end() ? known->second
                                 : digests_.emplace(text, hash_(text)).first->second;
}

Address Redaction::permuted(const Address& original) {
  const auto bytes = original.bytes();
  Bytes result(bytes.begin(), bytes.end());
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    // A bit for each way that leads to a bit of this byte.
    std::string front = original.family() == Family::ipv4 ? "ip4" : "ip6";
    front.append(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(i));
    const Digest flips = digest(front);
    for (std::size_t bit = 0; bit < 8; ++bit) {
      const unsigned way = 1U << bit | static_cast<unsigned>(bytes[i]) >> (8 - bit);
      const bool flip = (flips[way / 8] >> way % 8 & 1) != 0;
      if (flip && may_change(original, i * 8 + bit)) {
        result[i] = static_cast<std::uint8_t>(result[i] ^ 0x80U >> bit);
      }
    }
  }
  return Address(result);
}

Address Redaction::address(const Address& original) {
  const auto known = addresses_.find(original);
  return known != addresses_.end() ? known->second
                                   : addresses_.emplace(original, permuted(original)).first->second;
}

Prefix Redaction::prefix(const Prefix& original) {
  // A network's first address is none that anybody has.
  const bool network =
      original == original.masked() && original.length < 8 * original.address.size();
  return network ? Prefix{permuted(original.address), original.length}.masked()
                 : Prefix{address(original.address), original.length};
}

Bytes Redaction::mac(const Bytes& mac) {
  // None, all zeros and all ones mean something of their own; the same bit marks groups.
  const bool plain = std::ranges::all_of(mac, [&](std::uint8_t b) { return b == mac[0]; });
  if (plain) return mac;
  const Digest other = digest("mac" + std::string(mac.begin(), mac.end()));
  Bytes result(other.begin(), other.begin() + std::min<std::ptrdiff_t>(std::ssize(mac), 32));
  result[0] = static_cast<std::uint8_t>((result[0] & 0xfc) | 2 | (mac[0] & 1));
  return result;
}

std::string Redaction::interface_name(const std::string& name) {
  if (is_made_of(stems, name)) return name;
  const auto known = names_.find({Meaning::interface, name});
  if (known != names_.end()) return known->second;
  std::size_t stem = 0;
  while (stem < name.size() && is_letter(name[stem])) ++stem;
  if (!has_word(stems, std::string_view(name).substr(0, stem))) stem = 0;
  std::string result = name;
  for (std::size_t i = stem; i < name.size(); ++i) {
    const int turn = digest("if" + name.substr(0, i))[0];
    const char first = is_digit(name[i]) ? '0' : name[i] >= 'a' ? 'a' : 'A';
    if (!is_digit(name[i]) && !is_letter(name[i])) {
      if (std::string_view("-_.*@:").find(name[i]) == std::string_view::npos) result[i] = 'x';
      continue;
    }
    const int size = is_digit(name[i]) ? 10 : 26;
    result[i] = static_cast<char>(first + (name[i] - first + turn) % size);
  }
  names_.emplace(std::pair(Meaning::interface, name), result);
  return result;
}

std::string Redaction::numbered(Meaning meaning, const std::string& name) {
  const auto [known, fresh] = names_.try_emplace({meaning, name});
  if (fresh) known->second = std::string(noun(meaning)) + std::to_string(++counts_[meaning]);
  return known->second;
}

// "pod shop/web-1", "this host", "blue"
std::string Redaction::place_name(const std::string& name) {
  if (name == "this host" || name == "this namespace") return name;
  if (name.starts_with("pod ")) {
    const std::size_t slash = name.find('/');
    if (slash != std::string::npos) {
      return "pod " + numbered(Meaning::ns, name.substr(4, slash - 4)) + '/' +
             numbered(Meaning::pod, name.substr(slash + 1));
    }
  }
  return numbered(Meaning::place, name);
}

// What leads into a namespace, and the path of one: "ip netns exec blue ", "/run/netns/blue".
std::string Redaction::command_text(const std::string& text) {
  for (const std::string_view front : {"ip netns exec ", "/run/netns/", "/var/run/netns/"}) {
    if (!text.starts_with(front)) continue;
    std::string name = text.substr(front.size());
    const bool command = name.ends_with(' ');
    if (command) name.pop_back();
    return std::string(front) + numbered(Meaning::place, name) + (command ? " " : "");
  }
  return text.starts_with("nsenter ") ? "nsenter --net=FILE " : "";
}

std::string Redaction::name(Meaning meaning, const std::string& name) {
  if (name.empty()) return name;
  switch (meaning) {
    case Meaning::interface:
      return interface_name(name);
    case Meaning::nft:
    case Meaning::comment:
      return names_nobody(name) ? name : numbered(meaning, name);
    case Meaning::place:
      return place_name(name);
    case Meaning::command:
      return command_text(name);
    case Meaning::route:
      return route_text(name);
    case Meaning::plain:
      return name;
    default:
      return numbered(meaning, name);
  }
}

std::string Redaction::route_text(const std::string& text) {
  std::string result;
  std::string before;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    std::string word = text.substr(at, end - at);
    at = end + 1;
    std::string behind;
    while (!word.empty() && (word.back() == ',' || word.back() == ':') && !Address::parse(word)) {
      behind.insert(0, 1, word.back());
      word.pop_back();
    }
    std::string other = word;
    const auto one = Address::parse(word);
    const auto prefixed = Prefix::parse(word);
    if (before == "dev" || before == "iif" || before == "oif") {
      other = interface_name(word);
    } else if (one) {
      other = to_string(address(*one));
    } else if (prefixed) {
      other = to_string(prefix(*prefixed));
    } else if (word.find_first_not_of("0123456789abcdefx/") != std::string::npos &&
               !has_word(route_words, word)) {
      other = "?";
    }
    before = word;
    result += (result.empty() ? "" : " ") + other + behind;
  }
  return result;
}

void Redaction::text(const char* /*key*/, std::string& value, Meaning meaning) {
  value = name(meaning, value);
}

void Redaction::bytes(const char* /*key*/, Bytes& value, Meaning meaning) {
  // Those of rules were changed with the rules, by who knows what they are (redact_rules).
  if (meaning == Meaning::mac) value = mac(value);
}

void Redaction::address(const char* /*key*/, std::optional<Address>& value) {
  if (value) value = address(*value);
}

void Redaction::prefix(const char* /*key*/, std::optional<Prefix>& value) {
  if (value) value = prefix(*value);
}

}  // namespace core::packet
