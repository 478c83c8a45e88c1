// Rules written down as short as nft(8) says them, for the planners.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/state/ruleset.hpp"
#include "core/state/state.hpp"

namespace core::nft {

inline constexpr std::uint32_t whole = 0xffffffff;  // the mask of a field that is compared as it is
inline constexpr std::uint32_t tcp = 6;             // IPPROTO_TCP
inline constexpr std::uint32_t udp = 17;            // IPPROTO_UDP

inline std::string name_of(SetId set) { return std::string(to_string(set)); }

inline Verdict accept() { return {Verdict::Code::accept, ""}; }
inline Verdict drop() { return {Verdict::Code::drop, ""}; }
inline Verdict jump(std::string chain) { return {Verdict::Code::jump, std::move(chain)}; }
inline Verdict go_to(std::string chain) { return {Verdict::Code::go_to, std::move(chain)}; }

inline Match equal(Field field, std::uint32_t value, std::uint32_t mask = whole) {
  return {field, mask, true, value};
}
inline Match differs(Field field, std::uint32_t value, std::uint32_t mask = whole) {
  return {field, mask, false, value};
}

inline Rule rule(std::vector<Statement> statements, std::string comment = "") {
  return {std::move(statements), std::move(comment), ""};
}

}  // namespace core::nft
