#include "net/foreign/legacy_chain.hpp"

#include <arpa/inet.h>
#include <net/if.h>
#include <sys/socket.h>

#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <map>
#include <optional>
#include <span>
#include <string>

#include "net/foreign/xt_match.hpp"
#include "os/fd.hpp"

namespace net::foreign {
namespace {

constexpr std::size_t largest_table = 32 << 20;
constexpr std::size_t most_steps = 100'000;

// A copy, because nothing there is known to be aligned. Not as an optional: most of these end in an
// array of any length.
template <typename Value>
bool read_at(std::span<const std::uint8_t> bytes, std::size_t at, Value& into) {
  if (at > bytes.size() || bytes.size() - at < sizeof(Value)) return false;
  std::memcpy(&into, bytes.data() + at, sizeof into);
  return true;
}

bool has_table(const char* names, std::string_view wanted) {
  std::ifstream file(names);
  for (std::string name; std::getline(file, name);) {
    if (name == wanted) return true;
  }
  return false;
}

// An entry of either family, without its own addresses: what both have in common.
struct Entry {
  std::size_t at = 0;
  std::size_t matches = 0;  // offsets
  std::size_t target = 0;
  std::size_t next = 0;
  bool go_to = false;
  Tri match = Tri::yes;  // of addresses, interfaces and protocol
};

constexpr Tri tri_of(bool value) { return value ? Tri::yes : Tri::no; }

Tri name_matches(const std::string& name, const char* wanted, const unsigned char* mask,
                 bool inverted) {
  if (std::all_of(mask, mask + IFNAMSIZ, [](unsigned char bits) { return bits == 0; })) {
    return tri_of(!inverted);
  }
  if (name.empty() || name.size() >= IFNAMSIZ) return Tri::maybe;
  bool equal = true;
  for (std::size_t i = 0; i < IFNAMSIZ; ++i) {
    const unsigned letter = i < name.size() ? static_cast<unsigned char>(name[i]) : 0;
    equal = equal && ((letter ^ static_cast<unsigned char>(wanted[i])) & mask[i]) == 0;
  }
  return tri_of(equal != inverted);
}

Tri address_matches(const std::optional<core::Address>& address, const void* wanted,
                    const void* mask, std::size_t size, bool inverted) {
  const std::span want(static_cast<const std::uint8_t*>(wanted), size);
  const std::span bits(static_cast<const std::uint8_t*>(mask), size);
  if (std::ranges::all_of(bits, [](std::uint8_t byte) { return byte == 0; })) {
    return tri_of(!inverted);
  }
  if (!address || address->size() != size) return Tri::maybe;
  bool equal = true;
  for (std::size_t i = 0; i < size; ++i) {
    equal = equal && ((address->bytes()[i] ^ want[i]) & bits[i]) == 0;
  }
  return tri_of(equal != inverted);
}

// The names of flags are those of IPv4; those of IPv6 have the same values.
static_assert(IPT_INV_VIA_IN == IP6T_INV_VIA_IN && IPT_INV_VIA_OUT == IP6T_INV_VIA_OUT &&
              IPT_INV_SRCIP == IP6T_INV_SRCIP && IPT_INV_DSTIP == IP6T_INV_DSTIP);

template <typename Header>
Tri header_matches(const Header& header, std::uint16_t protocol, const Packet& packet) {
  const auto inverts = [&](unsigned flag) { return (header.invflags & flag) != 0; };
  Tri result = both(
      name_matches(packet.in, header.iniface, header.iniface_mask, inverts(IPT_INV_VIA_IN)),
      name_matches(packet.out, header.outiface, header.outiface_mask, inverts(IPT_INV_VIA_OUT)));
  result = both(result, address_matches(packet.source, &header.src, &header.smsk, sizeof header.src,
                                        inverts(IPT_INV_SRCIP)));
  result = both(result, address_matches(packet.destination, &header.dst, &header.dmsk,
                                        sizeof header.dst, inverts(IPT_INV_DSTIP)));
  if (protocol != 0) {
    const bool equal = protocol == static_cast<std::uint16_t>(packet.protocol);
    result = both(result, tri_of(equal != inverts(XT_INV_PROTO)));
  }
  return result;
}

std::optional<Entry> entry4(std::span<const std::uint8_t> table, std::size_t at,
                            const Packet& packet) {
  ipt_entry entry{};
  if (!read_at(table, at, entry)) return std::nullopt;
  Tri match = header_matches(entry.ip, entry.ip.proto, packet);
  if ((entry.ip.flags & IPT_F_FRAG) != 0) match = both(match, Tri::maybe);
  return Entry{at,
               at + sizeof(ipt_entry),
               at + entry.target_offset,
               at + entry.next_offset,
               (entry.ip.flags & IPT_F_GOTO) != 0,
               match};
}

std::optional<Entry> entry6(std::span<const std::uint8_t> table, std::size_t at,
                            const Packet& packet) {
  ip6t_entry entry{};
  if (!read_at(table, at, entry)) return std::nullopt;
  const bool named = (entry.ipv6.flags & IP6T_F_PROTO) != 0;
  Tri match = header_matches(entry.ipv6, named ? entry.ipv6.proto : 0, packet);
  if ((entry.ipv6.flags & IP6T_F_TOS) != 0) match = both(match, Tri::maybe);
  return Entry{at,
               at + sizeof(ip6t_entry),
               at + entry.target_offset,
               at + entry.next_offset,
               (entry.ipv6.flags & IP6T_F_GOTO) != 0,
               match};
}

template <std::size_t size>
std::string_view name_in(const char (&name)[size]) {
  return {name, strnlen(name, size)};
}

// Matches and targets begin alike: xt_entry_match, xt_entry_target. As values, because those end in
// an array of any length.
struct Extension {
  std::uint16_t size = 0;
  char name[XT_EXTENSION_MAXNAMELEN] = "";
  std::uint8_t revision = 0;
};
static_assert(sizeof(Extension) == sizeof(xt_entry_match) &&
              sizeof(Extension) == sizeof(xt_entry_target));
struct StandardTarget {  // xt_standard_target
  Extension extension;
  std::int32_t verdict = 0;
};
static_assert(offsetof(StandardTarget, verdict) == offsetof(xt_standard_target, verdict));
struct ErrorTarget {  // xt_error_target; at the head of a chain
  std::uint16_t size = 0;
  char name[XT_EXTENSION_MAXNAMELEN] = "";
  std::uint8_t revision = 0;
  char chain[XT_FUNCTION_MAXNAMELEN] = "";
};
static_assert(offsetof(ErrorTarget, chain) == offsetof(xt_error_target, errorname));

struct EntriesRequest {  // ipt_get_entries, ip6t_get_entries
  char name[XT_TABLE_MAXNAMELEN] = "";
  unsigned size = 0;
};

// What both getsockopt calls of a family are about.
template <typename Info, typename Entries>
std::optional<LegacyChain> read_table(core::Family family, std::string_view table, unsigned hook,
                                      int socket_family, int level, int info_option,
                                      int entries_option) {
  // Of whatever type: x_tables are configured through any socket of the family.
  const os::Fd socket(::socket(socket_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return std::nullopt;
  Info info{};
  std::ranges::copy(table, info.name);
  socklen_t length = sizeof info;
  if (getsockopt(socket.get(), level, info_option, &info, &length) != 0) return std::nullopt;
  if ((info.valid_hooks & 1U << hook) == 0 || info.size > largest_table) return std::nullopt;
  const std::size_t header = offsetof(Entries, entrytable);
  std::vector<std::uint8_t> bytes(header + info.size);
  static_assert(offsetof(EntriesRequest, size) == offsetof(Entries, size) &&
                sizeof(EntriesRequest) <= offsetof(Entries, entrytable));
  EntriesRequest request;
  std::ranges::copy(table, request.name);
  request.size = info.size;
  std::memcpy(bytes.data(), &request, sizeof request);
  length = static_cast<socklen_t>(bytes.size());
  if (getsockopt(socket.get(), level, entries_option, bytes.data(), &length) != 0) {
    return std::nullopt;
  }
  bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(header));
  return LegacyChain(family, std::move(bytes), info.hook_entry[hook], info.underflow[hook]);
}

}  // namespace

// One packet's way through the table.
class LegacyChain::Walk {
 public:
  Walk(const LegacyChain& filter, const Packet& packet)
      : packet_(packet), ipv4_(filter.family_ == core::Family::ipv4), table_(filter.table_) {}

  // From this entry to the chain's end, which is a RETURN; a base chain's is its policy, at `end`.
  Outcome chain(std::size_t at, std::optional<std::size_t> end, int depth) {
    if (depth > deepest_chain) return anything;
    const auto known = memory_.find(at);
    if (known != memory_.end()) return known->second;
    const std::size_t begin = at;
    // Until it is known: a chain that leads to itself, which the kernel takes from nobody.
    memory_.emplace(begin, anything);
    Outcome outcome;
    for (;;) {
      if (end && at == *end) {
        outcome.fall = true;
        break;
      }
      const auto entry = read(at);
      if (!entry || steps_++ > most_steps) return anything;
      const Tri match = both(entry->match, matches(*entry));
      if (match != Tri::no) {
        const auto [after, leaves] = target(*entry, depth);
        outcome.accept |= after.accept;
        outcome.drop |= after.drop;
        if (leaves) outcome.fall |= after.fall;
        if (match == Tri::yes && (leaves || !after.fall)) break;
      }
      at = entry->next;
    }
    memory_[begin] = outcome;
    return outcome;
  }

  // The verdict of the entry at `at`, if it is a plain one.
  [[nodiscard]] std::optional<int> verdict(std::size_t at) const {
    const auto entry = read(at);
    return entry ? verdict_of(*entry) : std::nullopt;
  }

  [[nodiscard]] std::vector<std::string> chain_names() const {
    std::vector<std::string> names;
    std::size_t steps = 0;
    for (std::size_t at = 0; at < table_.size() && steps++ < most_steps;) {
      const auto entry = read(at);
      if (!entry) break;
      ErrorTarget target{};
      if (read_at(table_, entry->target, target) && name_in(target.name) == XT_ERROR_TARGET) {
        names.emplace_back(name_in(target.chain));
      }
      at = entry->next;
    }
    return names;
  }

 private:
  [[nodiscard]] std::optional<Entry> read(std::size_t at) const {
    const auto entry = ipv4_ ? entry4(table_, at, packet_) : entry6(table_, at, packet_);
    const bool sound = entry && entry->next > at && entry->next <= table_.size() &&
                       entry->matches <= entry->target && entry->target < entry->next;
    return sound ? entry : std::nullopt;
  }

  [[nodiscard]] Tri matches(const Entry& entry) const {
    Tri result = Tri::yes;
    for (std::size_t at = entry.matches; at < entry.target;) {
      Extension match;
      const bool sound = read_at(table_, at, match) && match.size >= sizeof match &&
                         match.size <= entry.target - at;
      if (!sound) return Tri::maybe;
      const auto info = table_.subspan(at + sizeof match, match.size - sizeof match);
      result = both(result, xt_match(name_in(match.name), match.revision, info, packet_));
      at += match.size;
    }
    return result;
  }

  [[nodiscard]] std::optional<int> verdict_of(const Entry& entry) const {
    StandardTarget target;
    const bool plain = read_at(table_, entry.target, target) &&
                       name_in(target.extension.name).empty();  // XT_STANDARD_TARGET
    return plain ? std::optional(target.verdict) : std::nullopt;
  }

  // What becomes of it, and whether `fall` leaves the chain.
  std::pair<Outcome, bool> target(const Entry& entry, int depth) {
    if (const auto verdict = verdict_of(entry)) {
      if (*verdict >= 0) {
        const auto to = static_cast<std::size_t>(*verdict);
        if (to == entry.next && !entry.go_to) return {{.fall = true}, false};
        return {chain(to, std::nullopt, depth + 1), entry.go_to};
      }
      if (*verdict == XT_RETURN) return {{.fall = true}, true};
      if (*verdict == -NF_ACCEPT - 1) return {{.accept = true}, true};
      if (*verdict == -NF_DROP - 1) return {{.drop = true}, true};
      return {anything, true};
    }
    Extension other;
    const bool read = read_at(table_, entry.target, other);
    switch (read ? xt_target(name_in(other.name)) : XtTarget::unknown) {
      case XtTarget::goes_on:
        return {{.fall = true}, false};
      case XtTarget::drops:
        return {{.drop = true}, true};
      case XtTarget::translates:
        return {{.accept = true}, true};
      case XtTarget::unknown:
        break;
    }
    return {anything, true};
  }

  const Packet& packet_;
  bool ipv4_;
  std::span<const std::uint8_t> table_;
  std::map<std::size_t, Outcome> memory_;
  std::size_t steps_ = 0;
};

LegacyChain LegacyChain::read(core::Family family, const char* table, unsigned hook) {
  const bool ipv4 = family == core::Family::ipv4;
  LegacyChain none(family, {}, 0, 0);
  if (!has_table(
          ipv4 ? "/proc/thread-self/net/ip_tables_names" : "/proc/thread-self/net/ip6_tables_names",
          table)) {
    return none;
  }
  auto found =
      ipv4 ? read_table<ipt_getinfo, ipt_get_entries>(family, table, hook, AF_INET, IPPROTO_IP,
                                                      IPT_SO_GET_INFO, IPT_SO_GET_ENTRIES)
           : read_table<ip6t_getinfo, ip6t_get_entries>(family, table, hook, AF_INET6, IPPROTO_IPV6,
                                                        IP6T_SO_GET_INFO, IP6T_SO_GET_ENTRIES);
  return found ? std::move(*found) : std::move(none);
}

bool LegacyChain::drops() const {
  return !empty() && Walk(*this, {}).verdict(policy_) == -NF_DROP - 1;
}

bool LegacyChain::has_chain(std::string_view name) const {
  const std::vector<std::string> names = chain_names();
  return std::ranges::find(names, name) != names.end();
}

std::vector<std::string> LegacyChain::chain_names() const {
  return empty() ? std::vector<std::string>() : Walk(*this, {}).chain_names();
}

Outcome LegacyChain::pass(const Packet& packet) const {
  if (empty()) return {.fall = true};
  if (packet.family != family_) return anything;  // it does not come there
  return Walk(*this, packet).chain(first_, policy_, 0);
}

}  // namespace net::foreign
