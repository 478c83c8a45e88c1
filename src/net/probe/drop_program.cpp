#include "net/probe/drop_program.hpp"

#include <arpa/inet.h>
#include <cstddef>
#include <utility>

#include "net/probe/bpf.hpp"

namespace net::probe {
namespace {

using namespace ebpf;

// Registers: what of the context is kept, and a pointer into the kernel.
constexpr unsigned skb = 6;
constexpr unsigned reason = 7;
constexpr unsigned pointer = 8;
constexpr unsigned scratch = 9;
constexpr unsigned frame = 10;

constexpr int record_at = -static_cast<int>(sizeof(DropRecord));
constexpr int bytes_at = record_at + static_cast<int>(offsetof(DropRecord, bytes));
constexpr int network_at = record_at + static_cast<int>(offsetof(DropRecord, network));
constexpr int interface_at = record_at + static_cast<int>(offsetof(DropRecord, interface));
constexpr int word_at = record_at - 8;

constexpr int first_offset_in_bytes = 12;  // an address of IPv4

class DropProgram {
 public:
  explicit DropProgram(const SkbOffsets& offsets) : offsets_(offsets) {}

  std::vector<bpf_insn> build(const DropFilter& filter, int ring, int lost) {
    put(load(BPF_DW, skb, 1, 0));
    put(load(BPF_DW, reason, 1, 16));  // behind the caller's address
    read_bytes();
    if (!filter.words.empty()) {
      find(filter.words);
      out_.push_back(jump());
      land(found_);
    }
    fill_record();
    if (!filter.networks.empty()) find_network(filter.networks);
    output(ring);
    out_.push_back(jump_if(BPF_JEQ, 0, 0));
    count(lost);
    land(out_);
    put(set(0, 0));
    put(leave());
    return std::move(code_);
  }

 private:
  using Jumps = std::vector<std::size_t>;

  void put(const bpf_insn& one) { code_.push_back(one); }
  std::size_t jump() {
    put(skip(0));
    return code_.size() - 1;
  }
  std::size_t jump_if(unsigned condition, unsigned at, int value) {
    put(skip_if(condition, at, value, 0));
    return code_.size() - 1;
  }
  void land(const Jumps& jumps) {
    for (const std::size_t from : jumps) {
      code_[from].off = static_cast<std::int16_t>(code_.size() - from - 1);
    }
  }

  // From the kernel's memory at `from` + `offset` to the stack; zeros where that cannot be read.
  void read(int to, int size, unsigned from, std::uint32_t offset) {
    put(copy(1, frame));
    put(add(1, to));
    put(set(2, size));
    put(copy(3, from));
    put(add(3, static_cast<int>(offset)));
    put(call(BPF_FUNC_probe_read_kernel));
  }
  void follow(unsigned from, std::uint32_t offset) {
    read(word_at, 8, from, offset);
    put(load(BPF_DW, pointer, frame, word_at));
  }

  void read_bytes() {
    read(word_at, 2, skb, offsets_.network_header);
    put(load(BPF_H, scratch, frame, word_at));
    out_.push_back(jump_if(BPF_JEQ, scratch, 0));  // not set, in either of two ways
    out_.push_back(jump_if(BPF_JEQ, scratch, 0xffff));
    follow(skb, offsets_.head);
    put(add_register(pointer, scratch));
    read(bytes_at, sizeof DropRecord::bytes, pointer, 0);
    out_.push_back(jump_if(BPF_JNE, 0, 0));
  }

  // By halves of words: the verifier wants the stack read at multiples of the size.
  void find(const std::vector<std::uint32_t>& words) {
    constexpr int last = static_cast<int>(sizeof DropRecord::bytes) - 4;
    for (int at = first_offset_in_bytes; at <= last; at += 2) {
      put(load(BPF_H, 1, frame, bytes_at + at));
      for (const std::uint32_t word : words) {
        const auto half = [](std::uint32_t value) {
          return static_cast<int>(htons(static_cast<std::uint16_t>(value)));
        };
        const std::size_t next = jump_if(BPF_JNE, 1, half(word >> 16));
        put(load(BPF_H, 2, frame, bytes_at + at + 2));
        found_.push_back(jump_if(BPF_JEQ, 2, half(word)));
        land({next});
      }
    }
  }

  void fill_record() {
    put(call(BPF_FUNC_ktime_get_ns));
    put(store(BPF_DW, frame, record_at, 0));
    put(store(BPF_W, frame, record_at + static_cast<int>(offsetof(DropRecord, reason)), reason));
    put(store_value(BPF_W, frame, network_at, 0));
    put(store_value(BPF_DW, frame, interface_at, 0));
    // A packet that is just being made has no device yet, but a socket.
    follow(skb, offsets_.device);
    const std::size_t no_device = jump_if(BPF_JEQ, pointer, 0);
    read(interface_at, 4, pointer, offsets_.device_index);
    follow(pointer, offsets_.device_network);
    const std::size_t has_network = jump();
    land({no_device});
    follow(skb, offsets_.socket);
    const std::size_t no_socket = jump_if(BPF_JEQ, pointer, 0);
    follow(pointer, offsets_.socket_network);
    land({has_network});
    const std::size_t no_network = jump_if(BPF_JEQ, pointer, 0);
    read(network_at, 4, pointer, offsets_.network_inode);
    land({no_socket, no_network});
  }

  void find_network(const std::vector<std::uint32_t>& networks) {
    Jumps same;
    put(load(BPF_W, scratch, frame, network_at));
    for (const std::uint32_t network : networks) {
      // Of words, as a value of an instruction is taken for a signed one.
      same.push_back(code_.size());
      put(instruction(BPF_JMP32 | BPF_JEQ | BPF_K, scratch, 0, 0, static_cast<int>(network)));
    }
    out_.push_back(jump());
    land(same);
  }

  void count(int counter) {
    put(instruction(BPF_LD | BPF_DW, 1, BPF_PSEUDO_MAP_VALUE, 0, counter));
    put(instruction(0, 0, 0, 0, 0));
    put(set(2, 1));
    put(instruction(BPF_STX | BPF_DW | BPF_ATOMIC, 1, 2, 0, BPF_ADD));
  }

  void output(int ring) {
    put(instruction(BPF_LD | BPF_DW, 1, BPF_PSEUDO_MAP_FD, 0, ring));  // BPF_IMM is 0
    put(instruction(0, 0, 0, 0, 0));
    put(copy(2, frame));
    put(add(2, record_at));
    put(set(3, sizeof(DropRecord)));
    put(set(4, 0));
    put(call(BPF_FUNC_ringbuf_output));
  }

  const SkbOffsets& offsets_;
  std::vector<bpf_insn> code_;
  Jumps found_;
  Jumps out_;
};

}  // namespace

std::optional<SkbOffsets> skb_offsets(const Btf& btf) {
  SkbOffsets offsets;
  const auto find = [&](std::uint32_t& to, const char* structure, const char* path) {
    const auto offset = btf.offset_of(structure, path);
    to = offset.value_or(0);
    return offset.has_value();
  };
  const bool all = find(offsets.head, "sk_buff", "head") &&
                   find(offsets.network_header, "sk_buff", "network_header") &&
                   find(offsets.device, "sk_buff", "dev") &&
                   find(offsets.socket, "sk_buff", "sk") &&
                   find(offsets.device_network, "net_device", "nd_net.net") &&
                   find(offsets.device_index, "net_device", "ifindex") &&
                   find(offsets.socket_network, "sock_common", "skc_net.net") &&
                   find(offsets.network_inode, "net", "ns.inum");
  return all ? std::optional(offsets) : std::nullopt;
}

std::vector<bpf_insn> drop_program(const SkbOffsets& offsets, const DropFilter& filter, int ring,
                                   int lost) {
  return DropProgram(offsets).build(filter, ring, lost);
}

}  // namespace net::probe
