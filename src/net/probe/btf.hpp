// Where the running kernel keeps what in its structures, by BTF (kernel documentation, bpf/btf).
// Pure but for kernel_btf(). Only what a probe asks for.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace net::probe {

class Btf {
 public:
  Btf(const Btf&) = delete;  // it has views of itself
  Btf& operator=(const Btf&) = delete;
  Btf(Btf&&) = default;
  Btf& operator=(Btf&&) = default;
  ~Btf() = default;

  // Nothing where the bytes make no sense.
  static std::optional<Btf> parse(std::vector<std::uint8_t> bytes);

  // In bytes. `path` leads through structures that are members, also without a name: "ns.inum".
  [[nodiscard]] std::optional<std::uint32_t> offset_of(std::string_view structure,
                                                       std::string_view path) const;
  // Names by number, the first of each. Empty: there is no such enumeration.
  [[nodiscard]] std::map<std::uint32_t, std::string> enumerators(std::string_view name) const;

 private:
  struct Type {
    std::string_view name;
    std::uint32_t kind = 0;
    std::uint32_t count = 0;  // of members
    bool flag = false;
    std::uint32_t reference = 0;  // another type, or a size
    std::size_t members = 0;      // in bytes_
  };
  struct Member {
    std::uint32_t type = 0;
    std::uint32_t bits = 0;
  };

  Btf() = default;
  [[nodiscard]] std::uint32_t word(std::size_t at) const;
  [[nodiscard]] std::string_view text(std::uint32_t at) const;
  [[nodiscard]] const Type* find(std::uint32_t kind, std::string_view name) const;
  [[nodiscard]] const Type* resolve(std::uint32_t id) const;
  [[nodiscard]] std::optional<Member> member(const Type& type, std::string_view name,
                                             int depth) const;

  std::vector<std::uint8_t> bytes_;
  std::size_t texts_ = 0;
  std::size_t texts_end_ = 0;
  std::vector<Type> types_;  // by id; 0 is void
};

// /sys/kernel/btf/vmlinux. Throws core::Error.
Btf kernel_btf();

}  // namespace net::probe
