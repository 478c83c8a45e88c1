// bpf(2) without a library: the few commands that a probe needs, and instructions.
#pragma once

#include <linux/bpf.h>

#include <cstdint>
#include <string>
#include <vector>

#include "os/fd.hpp"

namespace net::probe {

// As syscall(2): -1 and errno.
int call_bpf(int command, bpf_attr& attributes);

// Returns nothing and sets errno where the kernel refuses. The license is "Dual MIT/GPL", without
// which no program may read the kernel's memory.
os::Fd load_program(bpf_prog_type type, const std::vector<bpf_insn>& program,
                    std::string* verifier_log = nullptr);

// Instructions; registers are numbers, 0 to 10.
namespace ebpf {

constexpr bpf_insn instruction(unsigned code, unsigned to, unsigned from, int offset, int value) {
  bpf_insn result{};
  result.code = static_cast<std::uint8_t>(code);
  result.dst_reg = static_cast<std::uint8_t>(to & 0xf);
  result.src_reg = static_cast<std::uint8_t>(from & 0xf);
  result.off = static_cast<std::int16_t>(offset);
  result.imm = value;
  return result;
}
constexpr bpf_insn set(unsigned to, int value) {
  return instruction(BPF_ALU64 | BPF_MOV | BPF_K, to, 0, 0, value);
}
constexpr bpf_insn copy(unsigned to, unsigned from) {
  return instruction(BPF_ALU64 | BPF_MOV | BPF_X, to, from, 0, 0);
}
constexpr bpf_insn add(unsigned to, int value) {
  return instruction(BPF_ALU64 | BPF_ADD, to, 0, 0, value);  // BPF_K is 0, as is BPF_ADD
}
constexpr bpf_insn add_register(unsigned to, unsigned from) {
  return instruction(BPF_ALU64 | BPF_ADD | BPF_X, to, from, 0, 0);
}
// `size`: BPF_B, BPF_H, BPF_W, BPF_DW.
constexpr bpf_insn load(unsigned size, unsigned to, unsigned from, int offset) {
  return instruction(BPF_LDX | size | BPF_MEM, to, from, offset, 0);
}
constexpr bpf_insn store(unsigned size, unsigned to, int offset, unsigned from) {
  return instruction(BPF_STX | size | BPF_MEM, to, from, offset, 0);
}
constexpr bpf_insn store_value(unsigned size, unsigned to, int offset, int value) {
  return instruction(BPF_ST | size | BPF_MEM, to, 0, offset, value);
}
// `condition`: BPF_JEQ, BPF_JNE; skips that many instructions.
constexpr bpf_insn skip_if(unsigned condition, unsigned at, int value, int skipped) {
  return instruction(BPF_JMP | condition | BPF_K, at, 0, skipped, value);
}
constexpr bpf_insn skip(int skipped) { return instruction(BPF_JMP | BPF_JA, 0, 0, skipped, 0); }
constexpr bpf_insn call(int helper) { return instruction(BPF_JMP | BPF_CALL, 0, 0, 0, helper); }
constexpr bpf_insn leave() { return instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0); }

}  // namespace ebpf

}  // namespace net::probe
