#include "net/view/ipsec.hpp"

#include <linux/netlink.h>
#include <linux/xfrm.h>
#include <netinet/in.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "core/error.hpp"
#include "net/netlink/request.hpp"

namespace net::view {
namespace {

using core::packet::IpsecPolicy;

core::Address address_of(const xfrm_address_t& address, bool ipv4) {
  const auto* const bytes = reinterpret_cast<const std::uint8_t*>(&address);
  return core::Address(ByteView(bytes, ipv4 ? 4 : 16));
}

std::uint16_t in_host_order(std::uint16_t port) { return ntohs(port); }

const char* protocol_word(std::uint8_t protocol) {
  return protocol == IPPROTO_ESP ? "esp" : protocol == IPPROTO_AH ? "ah" : "comp";
}

struct Template {
  core::Address remote;
  std::uint8_t protocol = 0;
  std::uint32_t request = 0;
};

std::vector<Template> templates_of(const Attributes& attributes, bool required) {
  std::vector<Template> all;
  xfrm_user_tmpl one{};
  for (ByteView rest = attributes[XFRMA_TMPL]; rest.size() >= sizeof one;
       rest = rest.subspan(sizeof one)) {
    std::memcpy(&one, rest.data(), sizeof one);
    if (required && (one.optional != 0 || one.mode != XFRM_MODE_TUNNEL)) continue;
    all.push_back({address_of(one.id.daddr, one.family == AF_INET), one.id.proto, one.reqid});
  }
  return all;
}

}  // namespace

std::optional<IpsecPolicy> decode_policy(const NetlinkMessage& message) {
  const auto header = header_in<xfrm_userpolicy_info>(message);
  if (message.type != XFRM_MSG_NEWPOLICY || !header || header->dir > XFRM_POLICY_FWD) {
    return std::nullopt;
  }
  const Attributes attributes(message, sizeof *header);
  if (attributes.u32(XFRMA_IF_ID).value_or(0) != 0) return std::nullopt;
  const xfrm_selector& selector = header->sel;
  if (selector.family != AF_INET && selector.family != AF_INET6) return std::nullopt;
  const bool ipv4 = selector.family == AF_INET;
  const std::size_t most = ipv4 ? 32 : 128;
  if (selector.prefixlen_s > most || selector.prefixlen_d > most) return std::nullopt;

  IpsecPolicy policy;
  policy.direction = static_cast<IpsecPolicy::Direction>(header->dir);
  policy.blocks = header->action == XFRM_POLICY_BLOCK;
  policy.source = {address_of(selector.saddr, ipv4), selector.prefixlen_s};
  policy.destination = {address_of(selector.daddr, ipv4), selector.prefixlen_d};
  policy.protocol = selector.proto;
  policy.source_port = in_host_order(selector.sport);
  policy.source_port_mask = in_host_order(selector.sport_mask);
  policy.destination_port = in_host_order(selector.dport);
  policy.destination_port_mask = in_host_order(selector.dport_mask);
  policy.device = static_cast<std::uint32_t>(selector.ifindex);
  policy.priority = header->priority;
  const ByteView mark = attributes[XFRMA_MARK];
  if (mark.size() == sizeof(xfrm_mark)) {
    xfrm_mark value{};
    std::memcpy(&value, mark.data(), sizeof value);
    policy.mark = value.v;
    policy.mark_mask = value.m;
  }
  constexpr const char* directions[] = {"in", "out", "fwd"};
  policy.text = "src " + to_string(policy.source) + " dst " + to_string(policy.destination);
  if (policy.protocol != 0) policy.text += " proto " + core::packet::protocol_text(policy.protocol);
  if (policy.source_port_mask != 0) policy.text += " sport " + std::to_string(policy.source_port);
  if (policy.destination_port_mask != 0) {
    policy.text += " dport " + std::to_string(policy.destination_port);
  }
  policy.text += std::string(" dir ") + directions[header->dir];
  if (policy.blocks) policy.text += " action block";
  for (const Template& one : templates_of(attributes, false)) {
    policy.text +=
        std::string(" tmpl ") + protocol_word(one.protocol) + " to " + to_string(one.remote);
  }
  xfrm_user_tmpl one{};
  for (ByteView rest = attributes[XFRMA_TMPL]; rest.size() >= sizeof one;
       rest = rest.subspan(sizeof one)) {
    std::memcpy(&one, rest.data(), sizeof one);
    if (one.optional == 0) policy.transforms = true;
  }
  if (const auto tunnels = templates_of(attributes, true); !tunnels.empty()) {
    policy.remote = tunnels.front().remote;
  }
  return policy;
}

std::vector<IpsecPolicy> read_ipsec() {
  std::vector<IpsecPolicy> policies;
  std::unique_ptr<RequestSocket> socket;
  try {
    socket = std::make_unique<RequestSocket>(NETLINK_XFRM);
  } catch (const core::Error&) {
    return policies;  // the kernel has none
  }
  std::vector<std::uint8_t> messages;
  const auto list = [&](std::uint16_t type) {
    messages.clear();
    const Answer answer = socket->dump(
        *make_message(type, 0, ByteView()), [](const NetlinkMessage&) { return true; }, messages);
    if (answer.ok()) return;
    throw core::Error(kind_of(answer.error), "cannot list IPsec policies: " + to_string(answer));
  };
  list(XFRM_MSG_GETPOLICY);
  std::vector<Template> wanted;  // one for each policy; the last template is the outermost
  for_each_message(messages, [&](const NetlinkMessage& message) {
    auto policy = decode_policy(message);
    if (!policy) return;
    const Attributes attributes(message, sizeof(xfrm_userpolicy_info));
    const auto tunnels = templates_of(attributes, true);
    wanted.push_back(tunnels.empty() ? Template() : tunnels.back());
    policies.push_back(std::move(*policy));
  });
  if (policies.empty()) return policies;
  list(XFRM_MSG_GETSA);
  std::vector<bool> found(policies.size());
  for_each_message(messages, [&](const NetlinkMessage& message) {
    const auto state = header_in<xfrm_usersa_info>(message);
    if (message.type != XFRM_MSG_NEWSA || !state) return;
    const core::Address remote = address_of(state->id.daddr, state->family == AF_INET);
    for (std::size_t i = 0; i < policies.size(); ++i) {
      const Template& one = wanted[i];
      if (one.remote == remote && one.protocol == state->id.proto &&
          (one.request == 0 || one.request == state->reqid)) {
        found[i] = true;
      }
    }
  });
  for (std::size_t i = 0; i < policies.size(); ++i) {
    policies[i].has_state = !policies[i].remote || found[i];
  }
  return policies;
}

}  // namespace net::view
