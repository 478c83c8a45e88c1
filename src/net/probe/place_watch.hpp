// All that can be seen of a probe in one network namespace: armed, and heard. Each of the three
// streams may be missing, with the reason in words; what is there goes on.
#pragma once

#include <poll.h>

#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/packet/observation.hpp"
#include "net/netns.hpp"
#include "net/probe/arm.hpp"
#include "net/probe/capture.hpp"
#include "net/probe/trace_filter.hpp"

namespace net::probe {

struct Place {
  std::string label;                   // for texts
  const Namespace* network = nullptr;  // the caller's, for as long as the trace
};

class PlaceWatch {
 public:
  using Observations = std::vector<core::packet::Observation>;

  // `number`: of the place in observations. `table`: its name.
  PlaceWatch(std::size_t number, const Place& place, const std::string& table,
             const core::packet::Cookie& cookie, const std::vector<Pattern>& patterns);

  // Streams that are not there: "no nft trace: …".
  [[nodiscard]] const std::vector<std::string>& left_out() const { return left_out_; }
  [[nodiscard]] bool sees_something() const { return trace_ || capture_; }
  [[nodiscard]] std::uint32_t inode() const { return inode_; }

  void add_to(std::vector<pollfd>& polled) const;
  // Appends what waits, at most some hundred messages of each stream.
  void drain(Observations& observations);

 private:
  void open(const std::string& table, const std::vector<Pattern>& patterns);
  void drain_trace(Observations& observations);
  void drain_packets(Observations& observations);
  void drain_connections(Observations& observations);
  void keep_connections(Observations& observations);
  void know(const core::packet::Packet& packet);

  std::size_t number_;
  core::packet::Cookie cookie_;
  TraceFilter filter_;
  std::uint32_t inode_ = 0;
  std::vector<std::string> left_out_;

  std::unique_ptr<ArmedTable> table_;
  std::optional<NetlinkSocket> trace_;
  std::optional<NetlinkSocket> connections_;
  std::optional<Capture> capture_;

  // Events of connections may be heard before the packet that made them.
  std::deque<core::packet::ConnectionEvent> pending_;
  std::set<core::packet::FlowTuple> tuples_;  // of the probe's packets, both directions
  std::set<std::uint32_t> ids_;               // of connections that trace events named
};

}  // namespace net::probe
