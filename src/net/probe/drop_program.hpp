// The program at the kernel's tracepoint kfree_skb: for each packet that is thrown away and has one
// of some words, or is in one of some namespaces, it says why, where, and what it was. Pure. Rule:
// packets of others cost a look at their first bytes, and only when they are thrown away.
#pragma once

#include <linux/bpf.h>

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "net/probe/btf.hpp"

namespace net::probe {

// What it writes.
struct DropRecord {
  std::uint64_t time = 0;  // CLOCK_MONOTONIC, nanoseconds
  std::uint32_t reason = 0;
  std::uint32_t network = 0;    // inode
  std::uint32_t interface = 0;  // index
  std::uint32_t unused = 0;
  std::array<std::uint8_t, 160> bytes{};  // from the IP header on, and what lies behind the packet
};

// Offsets in the running kernel's structures.
struct SkbOffsets {
  std::uint32_t head = 0;
  std::uint32_t network_header = 0;
  std::uint32_t device = 0;
  std::uint32_t socket = 0;
  std::uint32_t device_network = 0;
  std::uint32_t device_index = 0;
  std::uint32_t socket_network = 0;
  std::uint32_t network_inode = 0;
};
std::optional<SkbOffsets> skb_offsets(const Btf& btf);

// Which packets; both must be so.
struct DropFilter {
  std::vector<std::uint32_t> words;     // one of them at an even offset from the IP header; or any
  std::vector<std::uint32_t> networks;  // inodes of namespaces, one of them; or any
};
// `lost`: an array of one counter of 64 bits, for those that the ring has no room for.
std::vector<bpf_insn> drop_program(const SkbOffsets& offsets, const DropFilter& filter, int ring,
                                   int lost);

}  // namespace net::probe
