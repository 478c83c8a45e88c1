#include "core/packet/walk/network.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/packet/kernel_numbers.hpp"
#include "core/packet/walk/route_types.hpp"

namespace core::packet {
namespace {

constexpr std::size_t name_size = 16;

// In the byte order of this machine, as registers have it.
Bytes host_word(std::uint32_t value) {
  Bytes bytes(sizeof value);
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

// A byte, as nft_reg_store8() has it.
Bytes host_word8(bool value) { return {static_cast<std::uint8_t>(value ? 1 : 0), 0, 0, 0}; }

}  // namespace

const Link* Network::link(std::uint32_t index) {
  const auto& all = links();
  const auto found =
      std::ranges::find_if(all, [&](const Link& one) { return one.device.index == index; });
  return found == all.end() ? nullptr : &*found;
}

const Link* Network::vrf_of(std::uint32_t index) {
  const Link* const own = link(index);
  if (own == nullptr || own->vrf_table != 0) return own;
  const Link* const master = link(own->master);
  return master != nullptr && master->vrf_table != 0 ? master : nullptr;
}

const Link* Network::link_with(const Address& address) {
  const auto& all = links();
  const auto found = std::ranges::find_if(all, [&](const Link& one) {
    return std::ranges::any_of(one.addresses, [&](const LinkAddress& held) {
      return held.prefix.address == address && !held.tentative;
    });
  });
  return found == all.end() ? nullptr : &*found;
}

std::optional<std::uint32_t> Network::address_type(const Address& address, std::uint32_t device) {
  if (const Link* owner = link_with(address)) {
    if (device == 0 || owner->device.index == device) return rtn_local;
  }
  RouteQuery query;
  query.destination = address;
  query.out = 0;
  const RouteAnswer answer = route(query);
  if (answer.error != 0) return answer.type != 0 ? answer.type : rtn_unreachable;
  // Local by another device is an ordinary address to who asks for this one alone.
  if (device != 0 && answer.device != device) return rtn_unicast;
  return answer.type;
}

std::optional<Bytes> Network::fib(const Packet& packet, const Context& context, const Fib& fib) {
  const Address& asked = (fib.flags & fib_saddr) != 0 ? packet.source : packet.destination;
  std::uint32_t device = 0;
  if ((fib.flags & fib_iif) != 0 && context.in) device = context.in->index;
  if ((fib.flags & fib_by_oif) != 0 && context.out) device = context.out->index;
  if (fib.result == fib_addrtype) {
    const auto type = address_type(asked, device);
    if (!type) return std::nullopt;
    return host_word(*type);
  }
  if (fib.result != fib_oif && fib.result != fib_oifname) return std::nullopt;
  RouteQuery query;
  query.destination = asked;
  if ((fib.flags & fib_mark) != 0) query.mark = context.mark;
  const RouteAnswer answer = route(query);
  std::uint32_t out = answer.error == 0 && answer.type == rtn_unicast ? answer.device : 0;
  if (device != 0 && out != device) out = 0;
  if ((fib.flags & fib_present) != 0) return Bytes{static_cast<std::uint8_t>(out != 0 ? 1 : 0)};
  if (fib.result == fib_oif) return host_word(out);
  Bytes name(name_size, 0);
  if (const Link* link_out = link(out)) {
    std::copy_n(link_out->device.name.begin(),
                std::min(link_out->device.name.size(), name_size - 1), name.begin());
  }
  return name;
}

std::optional<Bytes> Network::route_key(const Packet& packet, const Context& context,
                                        std::uint32_t key) {
  RouteQuery query;
  query.destination = packet.destination;
  query.source = packet.source;
  query.mark = context.mark;
  if (context.in) query.in = context.in->index;
  const RouteAnswer answer = route(query);
  if (answer.error != 0) return std::nullopt;
  const Link* out = link(answer.device);
  switch (key) {
    case rt_nexthop4:
    case rt_nexthop6: {
      const Address next = answer.gateway.value_or(packet.destination);
      const auto bytes = next.bytes();
      return Bytes(bytes.begin(), bytes.end());
    }
    case rt_tcpmss: {
      if (out == nullptr) return std::nullopt;
      const std::uint32_t mtu = answer.mtu != 0 ? answer.mtu : out->mtu;
      const std::uint32_t headers = packet.family == Family::ipv4 ? 40 : 60;
      const auto mss = static_cast<std::uint16_t>(mtu > headers ? mtu - headers : 0);
      Bytes bytes(sizeof mss);
      std::memcpy(bytes.data(), &mss, sizeof mss);
      return bytes;
    }
    default:
      return std::nullopt;
  }
}

std::optional<Bytes> Network::socket_key(const Packet& packet, const Context& context,
                                         const Socket& socket) {
  if (!packet.has_ports()) return Bytes{};
  const auto found = find_socket(packet, context, packet.destination, packet.destination_port);
  if (!found) return std::nullopt;
  if (!found->exists) return Bytes{};
  switch (socket.key) {
    case socket_transparent:
      return host_word8(found->transparent);
    case socket_wildcard:
      return host_word8(found->wildcard);
    case socket_mark:
      return host_word(found->mark);
    default:
      return std::nullopt;
  }
}

const std::vector<IpsecPolicy>& Network::ipsec() {
  static const std::vector<IpsecPolicy> none;
  return none;
}

}  // namespace core::packet
