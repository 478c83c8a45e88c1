// Legacy iptables (x_tables) of a namespace as the model meets it: what each table makes of a
// packet, without its rules one by one. Not here: reading them (net/foreign). Rule: a table that is
// not there is not asked for, because that would make it.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/packet/walk/network.hpp"
#include "net/foreign/legacy_chain.hpp"
#include "net/netns.hpp"

namespace net::view {

class LegacyTables {
 public:
  explicit LegacyTables(const Namespace& where);

  // Tables in the order of their hooks' priorities.
  std::vector<core::packet::Opaque> ask(core::packet::Hook hook, const core::packet::Packet& packet,
                                        const core::packet::Context& context);

 private:
  const foreign::LegacyChain& chain(core::Family family, const std::string& table,
                                    core::packet::Hook hook);

  const Namespace& where_;
  std::map<core::Family, std::vector<std::string>> names_;
  std::map<std::pair<std::pair<core::Family, std::string>, core::packet::Hook>,
           foreign::LegacyChain>
      chains_;
};

}  // namespace net::view
