// A network device ("link", as in rtnetlink(7) and ip-link(8)) that pona makes. pona's are known by
// their link group (Scope::link_group), which they have from the moment of their creation.
//
// What a device of one type needs is its body: a new type is a struct here with its words in
// link.cpp, and its attributes in net/route/link.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <variant>

#include "core/ip.hpp"
#include "core/state/kind.hpp"

namespace core {

// ipip or ip6tnl within UDP (Foo over UDP), of one family outside and inside.
struct FouTunnel {
  Address local, remote;
  std::uint16_t port = 0;  // UDP, of the remote
  bool checksum = true;    // UDP's, of outer packets
  std::uint8_t ttl = 0;    // of outer packets; 0: as the inner one's

  [[nodiscard]] Family family() const { return remote.family(); }
  friend auto operator<=>(const FouTunnel&, const FouTunnel&) = default;
};

// VXLAN-GPE in external mode: routes say where to, for both families.
struct GpeTunnel {
  std::uint16_t port = 0;  // UDP, of both ends

  friend auto operator<=>(const GpeTunnel&, const GpeTunnel&) = default;
};

// ipip or ip6tnl in external mode: takes what arrives by FoU from anywhere.
struct FouSink {
  Family family{};  // of the outer packets, and of the inner ones

  friend auto operator<=>(const FouSink&, const FouSink&) = default;
};

// In the group and of no type that pona makes: nobody wants it.
struct OtherLink {
  std::string type;  // IFLA_INFO_KIND

  friend auto operator<=>(const OtherLink&, const OtherLink&) = default;
};

struct Link {
  using Body = std::variant<FouTunnel, GpeTunnel, FouSink, OtherLink>;

  std::string name;  // at most 15 bytes
  Body body;
  std::uint32_t mtu = 0;  // of inner packets, bytes
  // It is up and gives itself no link-local address; IPv4's rp_filter is 0 and src_valid_mark 1:
  // the way back is looked for with the mark that a NAT pod gives to what comes in here.
  bool ready = true;

  friend auto operator<=>(const Link&, const Link&) = default;
};

std::string to_text(const Link& link);  // without "ip link add"

// Where a tunnel leads; null: to no one place.
inline const Address* remote_of(const Link& link) {
  const auto* const fou = std::get_if<FouTunnel>(&link.body);
  return fou == nullptr ? nullptr : &fou->remote;
}

template <>
struct Held<Link> {
  std::map<std::string, Link> links = {};  // by name

  auto& all() { return links; }
  [[nodiscard]] const auto& all() const { return links; }
  friend bool operator==(const Held&, const Held&) = default;
};

template <>
struct KindOf<Link> : HeldByKey<std::string, Link> {
  using Changes = Types<Add<Link>, Replace<Link>, Delete<Link>>;

  static const std::string& key(const Link& link) { return link.name; }
  static bool replaces(const Link& was, const Link& now);  // of the same type and ends

  // The link that other objects go with.
  static const std::string& link(const Link& link) { return link.name; }

  static std::string make(const Link& link) { return "ip link add " + to_text(link); }
  static std::string replace(const Link& now, const Link&) { return "ip link set " + to_text(now); }
  static std::string remove(const Link& link) { return "ip link del " + link.name; }
};

using AddLink = Add<Link>;
using ChangeLink = Replace<Link>;
using DeleteLink = Delete<Link>;

}  // namespace core
