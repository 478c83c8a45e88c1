// A base chain of legacy iptables (x_tables, not nf_tables) in one network namespace, and what it
// lets through. Rule: a table that is not there is not asked for, because that would make it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/ip.hpp"
#include "net/foreign/packet.hpp"

namespace net::foreign {

class LegacyChain {
 public:
  // In the network namespace of the calling thread. Where there is none, or none that can be read,
  // it is empty.
  // `hook` is one of NF_INET_*.
  static LegacyChain read(core::Family family, const char* table, unsigned hook);

  // `table` is what the kernel gives for IPT_SO_GET_ENTRIES, without its header.
  LegacyChain(core::Family family, std::vector<std::uint8_t> table, std::uint32_t first,
              std::uint32_t policy)
      : family_(family), table_(std::move(table)), first_(first), policy_(policy) {}

  [[nodiscard]] std::size_t size() const { return table_.size(); }  // bytes of its table
  [[nodiscard]] bool empty() const { return table_.empty(); }
  [[nodiscard]] bool drops() const;  // its policy
  [[nodiscard]] bool has_chain(std::string_view name) const;
  // Of its whole table, those that people have made.
  [[nodiscard]] std::vector<std::string> chain_names() const;
  // Without the policy.
  [[nodiscard]] Outcome pass(const Packet& packet) const;

 private:
  class Walk;

  core::Family family_{};
  std::vector<std::uint8_t> table_;
  std::uint32_t first_ = 0;  // offsets in it: of the chain's first rule, and of its policy
  std::uint32_t policy_ = 0;
};

}  // namespace net::foreign
