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
#include "net/probe/watched_flow.hpp"

namespace net::probe {

struct Place {
  std::size_t number = 0;              // in observations
  std::string label;                   // for texts
  const Namespace* network = nullptr;  // the caller's, for as long as the trace
};

// What is looked for, and how it is known.
struct Target {
  std::string table;                           // the name of the tables that arm
  std::optional<core::packet::Cookie> cookie;  // of a probe; empty: a flow is watched
  std::vector<Tunnel> tunnels;
  std::vector<Pattern> patterns;
  std::vector<Needle> needles;
};

class PlaceWatch {
 public:
  using Observations = std::vector<core::packet::Observation>;

  PlaceWatch(const Place& place, const Target& target);

  // Streams that are not there: "no nft trace: …".
  [[nodiscard]] const std::vector<std::string>& left_out() const { return left_out_; }
  [[nodiscard]] bool sees_something() const { return trace_ || capture_; }
  [[nodiscard]] std::uint32_t inode() const { return inode_; }

  void add_to(std::vector<pollfd>& polled) const;
  // Takes what waits, at most some hundred messages of each stream, and appends what is about the
  // cookie. As long as that is not known, the newest some thousand of each are kept.
  void drain(Observations& observations);

  // The cookie of the first packet that fits and has one, of those that were kept.
  std::optional<core::packet::Cookie> first_fit(const std::vector<WatchedFlow>& flows) const;
  void learn(const core::packet::Cookie& cookie);

  // Appends what connection tracking has of the probe's packets now, also what it had before.
  void read_connections(Observations& observations);

 private:
  void open();
  void take_trace(Observations& observations);
  void take_packets(Observations& observations);
  void take_connections(Observations& observations);
  void give(Observations& observations);
  void know(const core::packet::Packet& packet, core::packet::Relation relation);

  std::size_t number_;
  const Target& target_;
  std::optional<core::packet::Cookie> cookie_;
  std::optional<TraceFilter> filter_;
  std::uint32_t inode_ = 0;
  std::vector<std::string> left_out_;

  std::unique_ptr<ArmedTable> table_;
  std::optional<NetlinkSocket> trace_;
  std::optional<NetlinkSocket> connections_;
  std::optional<Capture> capture_;

  std::deque<Frame> frames_;
  std::deque<core::packet::TraceEvent> events_;
  // Events of connections may be heard before the packet that made them.
  std::deque<core::packet::ConnectionEvent> pending_;
  std::set<core::packet::FlowTuple> tuples_;    // of the probe's packets, both directions
  std::set<core::packet::FlowTuple> requests_;  // one direction
  std::set<std::uint32_t> ids_;                 // of connections that trace events named
};

}  // namespace net::probe
