// RTN_* and FR_ACT_* (linux/rtnetlink.h, linux/fib_rules.h). For walk/*.cpp only.
#pragma once

#include <cstdint>

namespace core::packet {

inline constexpr std::uint8_t rtn_unicast = 1;
inline constexpr std::uint8_t rtn_local = 2;
inline constexpr std::uint8_t rtn_broadcast = 3;
inline constexpr std::uint8_t rtn_multicast = 5;
// Rules have the same numbers for what they do themselves.
inline constexpr std::uint8_t rtn_blackhole = 6;
inline constexpr std::uint8_t rtn_unreachable = 7;
inline constexpr std::uint8_t rtn_prohibit = 8;
inline constexpr std::uint8_t rtn_throw = 9;
inline constexpr std::uint8_t act_to_table = 1;
inline constexpr std::uint8_t act_goto = 2;

}  // namespace core::packet
