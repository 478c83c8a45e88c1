#include "net/probe/bpf.hpp"

#include <sys/syscall.h>
#include <unistd.h>

namespace net::probe {

int call_bpf(int command, bpf_attr& attributes) {
  return static_cast<int>(syscall(SYS_bpf, command, &attributes, sizeof attributes));
}

os::Fd load_program(bpf_prog_type type, const std::vector<bpf_insn>& program,
                    std::string* verifier_log) {
  static constexpr char license[] = "Dual MIT/GPL";
  bpf_attr attributes{};
  attributes.prog_type = type;
  attributes.insns = reinterpret_cast<std::uintptr_t>(program.data());
  attributes.insn_cnt = static_cast<std::uint32_t>(program.size());
  attributes.license = reinterpret_cast<std::uintptr_t>(license);
  if (verifier_log != nullptr) {
    verifier_log->assign(std::size_t{1} << 20, '\0');
    attributes.log_buf = reinterpret_cast<std::uintptr_t>(verifier_log->data());
    attributes.log_size = static_cast<std::uint32_t>(verifier_log->size());
    attributes.log_level = 1;
  }
  return os::Fd(call_bpf(BPF_PROG_LOAD, attributes));
}

}  // namespace net::probe
