// The nftables of one network namespace as they are now, read as far as somebody asks: chains and
// sets that no packet meets cost nothing. Not here: all of it at once (read_ruleset). Rule: it
// never writes, and what it says holds for one state of the ruleset as long as changed() says no.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "core/packet/ruleset.hpp"
#include "net/packet/ruleset_socket.hpp"

namespace net {

class LiveRuleset final : public core::packet::Ruleset {
 public:
  using ChainId = core::packet::ChainId;

  // Of the namespace of the calling thread, also when that goes elsewhere. Throws core::Error where
  // there is no socket. For one thread.
  LiveRuleset();

  // Whether somebody has changed the ruleset since this was made; then what was read may be of
  // several states. True as well where the kernel does not say.
  [[nodiscard]] bool changed();

  bool readable() override;  // no: there is no right to (CAP_NET_ADMIN)
  const std::vector<core::packet::BaseChain>& base_chains() override;
  const std::vector<core::packet::Rule>* rules(const ChainId& chain) override;
  const core::packet::Set* set(const ChainId& id) override;
  core::packet::Found find(const ChainId& set, core::packet::ByteView key) override;
  std::vector<core::packet::Element> elements(const ChainId& set, std::size_t most) override;
  std::optional<core::packet::Expression> object(const ChainId& id, std::uint32_t type) override;

 private:
  void read_base_chains();
  bool has_chain(const ChainId& chain);
  // 0 or errno; the elements that have the key, or the catch-all one without a key.
  int get_element(const ChainId& set, std::optional<core::packet::ByteView> key,
                  std::vector<core::packet::Element>& found);
  int read_elements(const ChainId& set, std::size_t most, std::vector<core::packet::Element>& all);
  core::packet::Found find_in_dump(const ChainId& id, core::packet::ByteView key);

  RulesetSocket socket_;
  std::optional<std::uint32_t> generation_;
  bool read_ = false;
  bool readable_ = false;
  std::vector<core::packet::BaseChain> base_;
  std::map<ChainId, std::optional<std::vector<core::packet::Rule>>> rules_;
  std::map<ChainId, std::optional<core::packet::Set>> sets_;
  std::set<ChainId> without_catch_all_;
  // Sets that were read as a whole, because the kernel finds no single element.
  core::packet::HeldRuleset held_;
  std::map<ChainId, bool> dumped_;  // whether it is all there
  std::map<std::pair<ChainId, std::uint32_t>, std::optional<core::packet::Expression>> objects_;
  std::size_t rules_left_;
};

}  // namespace net
