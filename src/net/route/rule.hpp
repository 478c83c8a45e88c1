// Policy rules (ip rule): messages <-> values. A job's own are known by their protocol number and
// their priority, on kernels before 4.17 by priority, mask and table together. Rule: others are
// never changed.
#pragma once

#include <optional>
#include <set>

#include "core/state/scope.hpp"
#include "core/state/state.hpp"
#include "net/netlink/message.hpp"
#include "net/netlink/request.hpp"
#include "net/route/codec.hpp"

namespace net {

// Empty unless the message is about a rule of the scope.
std::optional<core::PolicyRule> decode_rule(const NetlinkMessage& message,
                                            const core::Scope& scope);

Message encode_add_rule(const core::PolicyRule& rule);
Message encode_delete_rule(const core::PolicyRule& rule);

std::set<core::PolicyRule> read_rules(RequestSocket& socket, const core::Scope& scope);

// Both converge: what is there already, or gone already, is a success.
Answer add_rule(RequestSocket& socket, const core::PolicyRule& rule);
Answer delete_rule(RequestSocket& socket, const core::PolicyRule& rule);

template <>
struct Codec<core::PolicyRule> {
  static void read(Reading& reading) {
    reading.state.rules = read_rules(reading.sockets.route, reading.scope);
  }
  static Answer add(Sockets& sockets, const core::PolicyRule& rule) {
    return add_rule(sockets.route, rule);
  }
  static Answer remove(Sockets& sockets, const core::PolicyRule& rule) {
    return delete_rule(sockets.route, rule);
  }
};

}  // namespace net
