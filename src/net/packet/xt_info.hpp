// A structure of x_tables out of the bytes that stand for it. For decode_xt_*.cpp only.
#pragma once

#include <cstring>
#include <optional>

#include "core/ip.hpp"
#include "core/packet/ruleset.hpp"
#include "net/netlink/netlink.hpp"

namespace net {

// They stand in room that is a multiple of eight bytes (XT_ALIGN).
template <typename Info>
std::optional<Info> xt_info(ByteView bytes) {
  constexpr std::size_t aligned = (sizeof(Info) + 7) & ~std::size_t{7};
  if (bytes.size() != aligned) return std::nullopt;
  Info info;
  std::memcpy(&info, bytes.data(), sizeof info);
  return info;
}

// Of a nf_inet_addr, whose first bytes are an IPv4 address.
template <typename InetAddress>
core::Address xt_address(const InetAddress& address, core::packet::TableFamily family) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(&address);
  return core::Address(
      ByteView(bytes, family == core::packet::TableFamily::ip6 ? sizeof address : 4));
}

}  // namespace net
