// In which order packets meet base chains. Pure.
#pragma once

#include <set>
#include <vector>

#include "core/packet/ruleset.hpp"

namespace net {

class BaseOrder {
 public:
  // A table that is dormant: none of its chains is met.
  void leave_out(core::packet::ChainId table) { dormant_.insert(std::move(table)); }
  // As the kernel lists them.
  void add(core::packet::BaseChain chain) { chains_.push_back(std::move(chain)); }
  void forget_chains() { chains_.clear(); }
  [[nodiscard]] std::size_t size() const { return chains_.size(); }

  [[nodiscard]] std::vector<core::packet::BaseChain> take() &&;

 private:
  std::set<core::packet::ChainId> dormant_;
  std::vector<core::packet::BaseChain> chains_;
};

}  // namespace net
