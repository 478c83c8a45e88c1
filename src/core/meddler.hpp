// A program that changed in the kernel what is pona's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace core {

struct Meddler {
  std::string process;    // its name; empty: not known, as when it has ended already
  std::uint32_t pid = 0;  // 0: not known

  friend bool operator==(const Meddler&, const Meddler&) = default;
};

// "\"systemd-networkd\" (pid 321)", "another program" where its name is not known.
std::string to_string(const Meddler& meddler);

}  // namespace core
