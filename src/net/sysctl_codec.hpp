// Kernel parameters as a kind of the state.
#pragma once

#include "net/route/codec.hpp"
#include "net/sysctl.hpp"

namespace net {

template <>
struct Codec<core::Sysctl> {
  static void read(Reading& reading) {  // those that are expected
    for (const auto& [key, value] : reading.expected.sysctls) {
      if (auto now = read_sysctl(key)) reading.state.sysctls.emplace(key, std::move(*now));
    }
  }
  static Answer add(Sockets&, const core::Sysctl& sysctl) {
    write_sysctl(sysctl.key, sysctl.value);
    return {};
  }
  static Answer replace(Sockets& sockets, const core::Sysctl& now) { return add(sockets, now); }
};

}  // namespace net
