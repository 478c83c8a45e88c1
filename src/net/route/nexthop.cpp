#include "net/route/nexthop.hpp"

#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "core/constants.hpp"
#include "net/route/encapsulation.hpp"

namespace net {
namespace {

using core::constants::edge_protocol;

constexpr std::uint32_t ticks_per_second = 100;  // USER_HZ, the unit of timers here

std::vector<core::Nexthop::Member> members_of(ByteView group) {
  std::vector<core::Nexthop::Member> members;
  for (; group.size() >= sizeof(nexthop_grp); group = group.subspan(sizeof(nexthop_grp))) {
    nexthop_grp entry{};
    std::memcpy(&entry, group.data(), sizeof entry);
    members.push_back({entry.id, static_cast<std::uint16_t>(entry.weight + 1)});
  }
  return members;
}

}  // namespace

std::optional<core::Nexthop> decode_nexthop(const NetlinkMessage& message) {
  const auto header = header_in<nhmsg>(message);
  if (message.type != RTM_NEWNEXTHOP || !header || header->nh_protocol != edge_protocol) {
    return std::nullopt;
  }
  const Attributes attributes(message, sizeof *header);
  core::Nexthop nexthop;
  nexthop.id = attributes.u32(NHA_ID).value_or(0);
  if (attributes.has(NHA_GROUP)) {
    nexthop.members = members_of(attributes[NHA_GROUP]);
    const Attributes table(attributes[NHA_RES_GROUP]);
    nexthop.buckets = table.u16(NHA_RES_GROUP_BUCKETS).value_or(0);
    nexthop.idle_seconds = table.u32(NHA_RES_GROUP_IDLE_TIMER).value_or(0) / ticks_per_second;
    return nexthop;
  }
  nexthop.family = parse_address_family(header->nh_family).value_or(core::Family::ipv4);
  char name[IF_NAMESIZE] = "?";  // a device that is just going
  if_indextoname(attributes.u32(NHA_OIF).value_or(0), name);
  nexthop.device = name;
  nexthop.gateway = attributes.address(NHA_GATEWAY);
  nexthop.encapsulation = read_encapsulation(attributes, NHA_ENCAP_TYPE, NHA_ENCAP);
  return nexthop;
}

Message encode_add_nexthop(const core::Nexthop& nexthop, std::uint32_t device, bool replace) {
  nhmsg header{};
  header.nh_family = nexthop.group() ? AF_UNSPEC : address_family(nexthop.family);
  header.nh_protocol = edge_protocol;
  Message message =
      make_message(RTM_NEWNEXTHOP, NLM_F_CREATE | (replace ? NLM_F_REPLACE : NLM_F_EXCL), header);
  put_u32(*message, NHA_ID, nexthop.id);
  if (!nexthop.group()) {
    put_u32(*message, NHA_OIF, device);
    if (nexthop.gateway) put(*message, NHA_GATEWAY, nexthop.gateway->bytes());
    if (nexthop.encapsulation) {
      put_encapsulation(*message, NHA_ENCAP_TYPE, NHA_ENCAP, *nexthop.encapsulation);
    }
    return message;
  }
  std::vector<nexthop_grp> group;
  for (const core::Nexthop::Member& member : nexthop.members) {
    nexthop_grp entry{};
    entry.id = member.id;
    entry.weight = static_cast<std::uint8_t>(member.weight - 1);
    group.push_back(entry);
  }
  put(*message, NHA_GROUP,
      {reinterpret_cast<const std::uint8_t*>(group.data()), group.size() * sizeof(nexthop_grp)});
  put_u16(*message, NHA_GROUP_TYPE, NEXTHOP_GRP_TYPE_RES);
  put_nest(*message, NHA_RES_GROUP, [&] {
    put_u16(*message, NHA_RES_GROUP_BUCKETS, nexthop.buckets);
    put_u32(*message, NHA_RES_GROUP_IDLE_TIMER, nexthop.idle_seconds * ticks_per_second);
    // Never moved by force: whoever is busy stays where it is.
    put_u32(*message, NHA_RES_GROUP_UNBALANCED_TIMER, 0);
  });
  return message;
}

Message encode_delete_nexthop(std::uint32_t id) {
  Message message = make_message(RTM_DELNEXTHOP, 0, nhmsg{});
  put_u32(*message, NHA_ID, id);
  return message;
}

std::map<std::uint32_t, core::Nexthop> read_nexthops(RequestSocket& socket) {
  std::map<std::uint32_t, core::Nexthop> nexthops;
  const Message request = make_message(RTM_GETNEXTHOP, 0, nhmsg{});
  std::vector<std::uint8_t> messages;
  const Answer answer = socket.dump(
      *request, [](const NetlinkMessage& message) { return decode_nexthop(message).has_value(); },
      messages);
  if (answer.error == EOPNOTSUPP || answer.error == EINVAL) return nexthops;  // before 5.3
  if (!answer.ok()) {
    throw core::Error(kind_of(answer.error), "cannot list nexthop objects: " + to_string(answer));
  }
  for_each_message(messages, [&](const NetlinkMessage& message) {
    core::Nexthop nexthop = *decode_nexthop(message);
    nexthops.emplace(nexthop.id, std::move(nexthop));
  });
  return nexthops;
}

Answer put_nexthop(RequestSocket& socket, const core::Nexthop& nexthop) {
  std::uint32_t device = 0;
  if (!nexthop.group()) {
    device = if_nametoindex(nexthop.device.c_str());
    if (device == 0) return {ENODEV, nexthop.device};
  }
  return socket.request(*encode_add_nexthop(nexthop, device, true));
}

Answer delete_nexthop(RequestSocket& socket, const core::Nexthop& nexthop) {
  const Answer answer = socket.request(*encode_delete_nexthop(nexthop.id));
  return answer.error == ENOENT ? Answer{} : answer;
}

}  // namespace net
