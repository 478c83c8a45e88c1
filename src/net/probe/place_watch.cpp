#include "net/probe/place_watch.hpp"

#include <linux/if_link.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <utility>

#include "core/error.hpp"
#include "net/netlink/message.hpp"
#include "net/netlink/request.hpp"
#include "net/probe/connection_event.hpp"
#include "net/probe/trace_event.hpp"

namespace net::probe {
namespace {

using core::packet::ConnectionEvent;
using core::packet::Lost;
using core::packet::ObservedAt;
using core::packet::Relation;
using core::packet::TraceEvent;

constexpr int receives_per_turn = 256;  // so that no busy stream keeps the others waiting
constexpr std::size_t most_pending = std::size_t{1} << 15;
constexpr std::uint32_t most_requests = 16;
constexpr std::size_t most_waiting = std::size_t{1} << 12;

template <typename Value>
void forget_oldest(std::deque<Value>& values, std::size_t most) {
  if (values.size() > most) values.pop_front();
}

ObservedAt now() { return std::chrono::system_clock::now().time_since_epoch(); }

std::uint32_t inode_of(int fd) {
  struct stat status {};
  return fstat(fd, &status) == 0 ? static_cast<std::uint32_t>(status.st_ino) : 0;
}

// In the namespace.
bool has_bridges() {
  RequestSocket socket(NETLINK_ROUTE);
  const Message message = make_message(RTM_GETLINK, NLM_F_DUMP, ifinfomsg{});
  put_nest(*message, IFLA_LINKINFO, [&] { put_text(*message, IFLA_INFO_KIND, "bridge"); });
  bool found = false;
  socket.stream(*message, [&](const NetlinkMessage& link) {
    const Attributes info(Attributes(link.payload(sizeof(ifinfomsg)))[IFLA_LINKINFO]);
    found = found || info.text(IFLA_INFO_KIND) == "bridge";
  });
  return found;
}

// Gives each message to `visit`; true: some were lost.
bool drain_messages(NetlinkSocket& socket,
                    const std::function<void(const NetlinkMessage&)>& visit) {
  bool lost = false;
  for (int i = 0; i < receives_per_turn; ++i) {
    const NetlinkSocket::Received received = socket.receive(false);
    if (received.error == ENOBUFS) {
      lost = true;
      continue;
    }
    if (received.error != 0) break;
    for_each_message(received.bytes, visit);
  }
  return lost;
}

}  // namespace

PlaceWatch::PlaceWatch(const Place& place, const Target& target)
    : number_(place.number), target_(target), inode_(inode_of(place.network->fd())) {
  if (target.cookie) learn(*target.cookie);
  place.network->run([this] { open(); });
}

void PlaceWatch::open() {
  const auto attempt = [this](const char* what, const std::function<void()>& work) {
    try {
      work();
    } catch (const core::Error& error) {
      left_out_.push_back(std::string(what) + ": " + error.what());
    }
  };
  // Listeners first: what is armed is heard.
  attempt("no packets", [this] { capture_.emplace(target_.needles); });
  attempt("no connection events", [this] {
    connections_.emplace(NETLINK_NETFILTER);
    // Of new ones only, and not while a flow is awaited, which may take long: for each connection
    // of others the kernel would write several messages. What became of ours is read at the end.
    if (target_.cookie) connections_->join(NFNLGRP_CONNTRACK_NEW);
  });
  attempt("no nft trace", [this] {
    NetlinkSocket socket(NETLINK_NETFILTER);
    socket.join(NFNLGRP_NFTRACE);
    table_ = std::make_unique<ArmedTable>(target_.table, target_.patterns, has_bridges());
    trace_.emplace(std::move(socket));
  });
  if (table_ && !table_->without_bridges().empty()) {
    left_out_.push_back("no nft trace between ports of bridges: " + table_->without_bridges());
  }
}

void PlaceWatch::add_to(std::vector<pollfd>& polled) const {
  if (trace_) polled.push_back({trace_->fd(), POLLIN, 0});
  if (connections_) polled.push_back({connections_->fd(), POLLIN, 0});
  if (capture_) polled.push_back({capture_->fd(), POLLIN, 0});
}

void PlaceWatch::learn(const core::packet::Cookie& cookie) {
  cookie_ = cookie;
  // Rules for a flow also match its other packets.
  filter_.emplace(target_.cookie ? target_.table : std::string(), cookie, target_.tunnels);
}

std::optional<core::packet::Cookie> PlaceWatch::first_fit(
    const std::vector<WatchedFlow>& flows) const {
  for (const Frame& frame : frames_) {
    const auto packet = core::packet::parse_packet(frame.bytes);
    if (!packet) continue;
    for (const WatchedFlow& flow : flows) {
      if (!fits(flow, *packet)) continue;
      if (auto cookie = cookie_of(*packet, frame.bytes)) return cookie;
    }
  }
  return std::nullopt;
}

void PlaceWatch::drain(Observations& observations) {
  if (capture_) take_packets(observations);
  if (trace_) take_trace(observations);
  if (connections_) take_connections(observations);
  if (cookie_) give(observations);
}

void PlaceWatch::take_packets(Observations& observations) {
  const std::uint32_t lost = capture_->drain([this](Frame frame) {
    frames_.push_back(std::move(frame));
    forget_oldest(frames_, most_waiting);
  });
  if (lost > 0) observations.emplace_back(Lost{number_, Lost::Stream::packets, now()});
}

void PlaceWatch::take_trace(Observations& observations) {
  const bool lost = drain_messages(*trace_, [this](const NetlinkMessage& message) {
    auto event = decode_trace_event(message);
    if (!event) return;
    event->place = number_;
    event->time = now();
    events_.push_back(std::move(*event));
    forget_oldest(events_, most_waiting);
  });
  if (lost) observations.emplace_back(Lost{number_, Lost::Stream::trace, now()});
}

void PlaceWatch::take_connections(Observations& observations) {
  const bool lost = drain_messages(*connections_, [this](const NetlinkMessage& message) {
    auto event = decode_connection_event(message);
    if (!event) return;
    event->place = number_;
    event->time = now();
    pending_.push_back(*event);
    forget_oldest(pending_, most_pending);
  });
  if (lost) observations.emplace_back(Lost{number_, Lost::Stream::connections, now()});
}

void PlaceWatch::know(const core::packet::Packet& packet, Relation relation) {
  const core::packet::FlowTuple tuple = core::packet::tuple_of(packet);
  if (relation == Relation::request) requests_.insert(tuple);
  tuples_.insert(tuple);
  tuples_.insert(core::packet::reversed(tuple));
}

// What was taken, as far as it has to do with the cookie.
void PlaceWatch::give(Observations& observations) {
  for (const Frame& frame : std::exchange(frames_, {})) {
    auto captured = read_capture(frame, *cookie_);
    if (!captured) continue;
    captured->place = number_;
    if (captured->relation != Relation::error) {
      know(captured->packet, captured->relation);
      if (captured->inside) know(*captured->inside, captured->relation);
    }
    observations.emplace_back(std::move(*captured));
  }
  for (TraceEvent& event : std::exchange(events_, {})) {
    if (!filter_->keeps(event)) continue;
    if (capture_) {
      event.in.name = capture_->interface_name(event.in.index);
      event.out.name = capture_->interface_name(event.out.index);
    }
    if (event.connection) ids_.insert(*event.connection);
    observations.emplace_back(std::move(event));
  }
  const auto is_ours = [this](const ConnectionEvent& event) {
    const core::packet::Connection& one = event.connection;
    return ids_.contains(one.id) || tuples_.contains(one.original) || tuples_.contains(one.reply);
  };
  for (const ConnectionEvent& event : pending_) {
    if (is_ours(event)) observations.emplace_back(event);
  }
  std::erase_if(pending_, is_ours);
}

void PlaceWatch::read_connections(Observations& observations) {
  if (!connections_) return;
  std::set<std::uint32_t> told;
  std::uint32_t sequence = 0;
  for (const core::packet::FlowTuple& tuple : requests_) {
    if (sequence++ == most_requests) return;
    // Events that come meanwhile are passed over. An error: there is none.
    connections_->query(connection_request(tuple, sequence).bytes(),
                        [&](const NetlinkMessage& message) {
                          auto event = decode_connection_event(message);
                          if (!event || !told.insert(event->connection.id).second) return;
                          event->place = number_;
                          event->time = now();
                          event->kind = ConnectionEvent::Kind::found;
                          observations.emplace_back(*event);
                        });
  }
}

}  // namespace net::probe
