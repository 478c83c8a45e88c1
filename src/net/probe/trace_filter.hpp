// Which of the trace events of one namespace are about the probe: every listener hears those of all
// who trace, and few of them have the packet's headers. Pure. Rule: an event is kept because a rule
// of ours matched its packet or its headers have the cookie, not because of its trace id alone, of
// which the kernel has few.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/packet/observation.hpp"
#include "net/probe/arm.hpp"

namespace net::probe {

class TraceFilter {
 public:
  // `table`: of the rules that arm; empty where these match more than the cookie.
  TraceFilter(std::string table, const core::packet::Cookie& cookie, std::vector<Tunnel> tunnels)
      : table_(std::move(table)), cookie_(cookie), tunnels_(std::move(tunnels)) {}

  // Events in the order in which the kernel told them.
  bool keeps(const core::packet::TraceEvent& event);

 private:
  enum class Answer : std::uint8_t { no, yes, unknown };
  [[nodiscard]] Answer headers_have_cookie(const core::packet::TraceEvent& event) const;

  std::string table_;
  core::packet::Cookie cookie_;
  std::vector<Tunnel> tunnels_;
  std::set<std::uint32_t> ours_;   // trace ids
  std::set<std::uint32_t> fresh_;  // those whose arming rule matched, until their chain ends
};

}  // namespace net::probe
