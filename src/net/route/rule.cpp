#include "net/route/rule.hpp"

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "core/constants.hpp"

namespace net {
namespace {

using core::constants::edge_protocol;

bool is_ours(const Attributes& attributes, const core::PolicyRule& rule, const core::Scope& scope) {
  if (!scope.has_priority(rule.priority)) return false;
  if (const auto protocol = attributes.u8(FRA_PROTOCOL)) return *protocol == scope.protocol;
  return rule.mask != 0 && (rule.table == RT_TABLE_MAIN || scope.has_table(rule.table));
}

// Of a rule for one port of UDP.
std::uint16_t udp_port_of(const Attributes& attributes) {
  fib_rule_port_range ports{};
  const ByteView bytes = attributes[FRA_DPORT_RANGE];
  if (attributes.u8(FRA_IP_PROTO) != IPPROTO_UDP || bytes.size() != sizeof ports) return 0;
  std::memcpy(&ports, bytes.data(), sizeof ports);
  return ports.start;
}

Message encode(int type, int flags, const core::PolicyRule& rule) {
  fib_rule_hdr header{};
  header.family = address_family(rule.family);
  header.action = FR_ACT_TO_TBL;
  if (rule.inverted) header.flags = FIB_RULE_INVERT;
  Message message = make_message(type, flags, header);
  put_u32(*message, FRA_PRIORITY, rule.priority);
  put_u32(*message, FRA_TABLE, rule.table);
  if (rule.mask != 0 || (rule.iif.empty() && rule.udp_port == 0)) {
    put_u32(*message, FRA_FWMARK, rule.mark);
    put_u32(*message, FRA_FWMASK, rule.mask);
  }
  if (!rule.iif.empty()) put_text(*message, FRA_IIFNAME, rule.iif);
  if (rule.udp_port != 0) {
    const fib_rule_port_range ports{rule.udp_port, rule.udp_port};
    put_u8(*message, FRA_IP_PROTO, IPPROTO_UDP);
    put(*message, FRA_DPORT_RANGE, {reinterpret_cast<const std::uint8_t*>(&ports), sizeof ports});
  }
  if (rule.suppress_default) put_u32(*message, FRA_SUPPRESS_PREFIXLEN, 0);
  put_u8(*message, FRA_PROTOCOL, edge_protocol);
  return message;
}

}  // namespace

std::optional<core::PolicyRule> decode_rule(const NetlinkMessage& message,
                                            const core::Scope& scope) {
  const auto header = header_in<fib_rule_hdr>(message);
  if (!header) return std::nullopt;
  if (message.type != RTM_NEWRULE && message.type != RTM_DELRULE) return std::nullopt;
  const auto family = parse_address_family(header->family);
  if (!family) return std::nullopt;
  const Attributes attributes(message, sizeof *header);
  const core::PolicyRule rule{.family = *family,
                              .priority = attributes.u32(FRA_PRIORITY).value_or(0),
                              .mark = attributes.u32(FRA_FWMARK).value_or(0),
                              .mask = attributes.u32(FRA_FWMASK).value_or(0),
                              .table = attributes.u32(FRA_TABLE).value_or(header->table),
                              // The kernel reports -1 where nothing is suppressed.
                              .suppress_default = attributes.u32(FRA_SUPPRESS_PREFIXLEN) == 0U,
                              .iif = std::string(attributes.text(FRA_IIFNAME)),
                              .udp_port = udp_port_of(attributes),
                              .inverted = (header->flags & FIB_RULE_INVERT) != 0};
  return is_ours(attributes, rule, scope) ? std::optional(rule) : std::nullopt;
}

Message encode_add_rule(const core::PolicyRule& rule) {
  return encode(RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, rule);
}

Message encode_delete_rule(const core::PolicyRule& rule) { return encode(RTM_DELRULE, 0, rule); }

std::set<core::PolicyRule> read_rules(RequestSocket& socket, const core::Scope& scope) {
  std::set<core::PolicyRule> rules;
  for (const core::Family family : {core::Family::ipv4, core::Family::ipv6}) {
    fib_rule_hdr header{};
    header.family = address_family(family);
    const Message request = make_message(RTM_GETRULE, 0, header);
    std::vector<std::uint8_t> messages;
    const Answer answer = socket.dump(
        *request,
        [&](const NetlinkMessage& message) { return decode_rule(message, scope).has_value(); },
        messages);
    // The family, or policy routing as such, is not compiled in: then there are none.
    if (answer.error == EOPNOTSUPP || answer.error == EAFNOSUPPORT) continue;
    if (!answer.ok()) {
      throw core::Error(kind_of(answer.error), "cannot list policy rules: " + to_string(answer));
    }
    for_each_message(messages, [&](const NetlinkMessage& message) {
      rules.insert(*decode_rule(message, scope));
    });
  }
  return rules;
}

Answer add_rule(RequestSocket& socket, const core::PolicyRule& rule) {
  const Answer answer = socket.request(*encode_add_rule(rule));
  return answer.error == EEXIST ? Answer{} : answer;
}

Answer delete_rule(RequestSocket& socket, const core::PolicyRule& rule) {
  const Answer answer = socket.request(*encode_delete_rule(rule));
  return answer.error == ENOENT || answer.error == ESRCH ? Answer{} : answer;
}

}  // namespace net
