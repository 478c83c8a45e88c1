#include "net/foreign/xt_match.hpp"

#include <arpa/inet.h>
#include <net/if.h>

#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/x_tables.h>
#include <linux/netfilter/xt_conntrack.h>
#include <linux/netfilter/xt_state.h>
#include <linux/netfilter/xt_tcpudp.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace net::foreign {
namespace {

// Some stand in room that is a little longer.
template <typename Info>
std::optional<Info> info_in(ByteView bytes) {
  if (bytes.size() < sizeof(Info)) return std::nullopt;
  Info info;
  std::memcpy(&info, bytes.data(), sizeof info);
  return info;
}

constexpr Tri tri(bool value) { return value ? Tri::yes : Tri::no; }

// Whether the packet is in one of the states of the mask. Its bits are those of nf_tables, but for
// two that stand for the status.
Tri in_states(std::uint32_t mask, const Packet& packet) {
  if ((mask & packet.state) != 0) return Tri::yes;
  Tri result = Tri::no;
  const auto add = [&](std::uint32_t state, std::uint32_t status) {
    if ((mask & state) == 0) return;
    const bool known = (packet.status_known & status) != 0;
    const Tri one = known ? tri((packet.status & status) != 0) : Tri::maybe;
    result = std::max(result, one);
  };
  add(XT_CONNTRACK_STATE_SNAT, IPS_SRC_NAT);
  add(XT_CONNTRACK_STATE_DNAT, IPS_DST_NAT);
  return result;
}

Tri has_status(std::uint32_t mask, const Packet& packet) {
  if ((mask & packet.status & packet.status_known) != 0) return Tri::yes;
  return (mask & ~packet.status_known) != 0 ? Tri::maybe : Tri::no;
}

Tri inverted(Tri value, bool invert) {
  if (!invert || value == Tri::maybe) return value;
  return tri(value == Tri::no);
}

template <typename Info>
Tri conntrack(ByteView bytes, const Packet& packet) {
  const auto info = info_in<Info>(bytes);
  if (!info || !packet.tracked) return Tri::maybe;
  constexpr std::uint16_t understood =
      XT_CONNTRACK_STATE | XT_CONNTRACK_STATUS | XT_CONNTRACK_STATE_ALIAS;
  Tri result = (info->match_flags & ~understood) == 0 ? Tri::yes : Tri::maybe;
  if ((info->match_flags & XT_CONNTRACK_STATE) != 0) {
    result = both(result, inverted(in_states(info->state_mask, packet),
                                   (info->invert_flags & XT_CONNTRACK_STATE) != 0));
  }
  if ((info->match_flags & XT_CONNTRACK_STATUS) != 0) {
    result = both(result, inverted(has_status(info->status_mask, packet),
                                   (info->invert_flags & XT_CONNTRACK_STATUS) != 0));
  }
  return result;
}

Tri port(const std::optional<std::uint16_t>& port, const __u16 (&range)[2], bool invert) {
  if (range[0] == 0 && range[1] == 0xffff && !invert) return Tri::yes;
  if (!port) return Tri::maybe;
  return inverted(tri(range[0] <= *port && *port <= range[1]), invert);
}

// The entry's or rule's own condition on the protocol stands before it.
template <typename Info>
Tri ports(ByteView bytes, const Packet& packet, std::uint8_t source, std::uint8_t destination) {
  const auto info = info_in<Info>(bytes);
  if (!info) return Tri::maybe;
  return both(port(packet.source_port, info->spts, (info->invflags & source) != 0),
              port(packet.destination_port, info->dpts, (info->invflags & destination) != 0));
}

Tri tcp(ByteView bytes, const Packet& packet) {
  if (packet.protocol != core::Protocol::tcp) return Tri::no;
  const auto info = info_in<xt_tcp>(bytes);
  const bool plain = info && info->option == 0 && info->flg_mask == 0;
  return both(plain ? Tri::yes : Tri::maybe,
              ports<xt_tcp>(bytes, packet, XT_TCP_INV_SRCPT, XT_TCP_INV_DSTPT));
}

Tri udp(ByteView bytes, const Packet& packet) {
  if (packet.protocol != core::Protocol::udp) return Tri::no;
  return ports<xt_udp>(bytes, packet, XT_UDP_INV_SRCPT, XT_UDP_INV_DSTPT);
}

}  // namespace

Tri xt_match(std::string_view name, unsigned revision, ByteView info, const Packet& packet) {
  if (name == "comment") return Tri::yes;
  if (name == "conntrack" && revision == 1) return conntrack<xt_conntrack_mtinfo1>(info, packet);
  if (name == "conntrack" && revision == 2) return conntrack<xt_conntrack_mtinfo2>(info, packet);
  if (name == "conntrack" && revision == 3) return conntrack<xt_conntrack_mtinfo3>(info, packet);
  if (name == "state" && revision == 0) {
    const auto states = info_in<xt_state_info>(info);
    return states && packet.tracked ? tri((states->statemask & packet.state) != 0) : Tri::maybe;
  }
  if (name == "tcp" && revision == 0) return tcp(info, packet);
  if (name == "udp" && revision == 0) return udp(info, packet);
  return Tri::maybe;
}

XtTarget xt_target(std::string_view name) {
  constexpr std::array drops = {"DROP", "REJECT"};
  // These change marks, counts and fields that no condition is decided by here.
  constexpr std::array goes_on = {"AUDIT",   "CHECKSUM", "CLASSIFY", "CONNMARK", "CONNSECMARK",
                                  "DSCP",    "ECN",      "LOG",      "MARK",     "NFLOG",
                                  "SECMARK", "TCPMSS",   "TOS",      "TRACE"};
  constexpr std::array translates = {"DNAT", "MASQUERADE", "REDIRECT", "SNAT"};
  if (std::ranges::find(drops, name) != drops.end()) return XtTarget::drops;
  if (std::ranges::find(translates, name) != translates.end()) return XtTarget::translates;
  if (std::ranges::find(goes_on, name) != goes_on.end()) return XtTarget::goes_on;
  return XtTarget::unknown;
}

}  // namespace net::foreign
