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

using core::packet::Captured;
using core::packet::ConnectionEvent;
using core::packet::Lost;
using core::packet::ObservedAt;
using core::packet::Relation;
using core::packet::TraceEvent;

constexpr int receives_per_turn = 256;  // so that no busy stream keeps the others waiting
constexpr std::size_t most_pending = std::size_t{1} << 15;

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

NetlinkSocket listen_to(std::initializer_list<std::uint32_t> groups) {
  NetlinkSocket socket(NETLINK_NETFILTER);
  for (const std::uint32_t group : groups) socket.join(group);
  return socket;
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

PlaceWatch::PlaceWatch(std::size_t number, const Place& place, const std::string& table,
                       const core::packet::Cookie& cookie, const std::vector<Pattern>& patterns)
    : number_(number),
      cookie_(cookie),
      filter_(table, cookie),
      inode_(inode_of(place.network->fd())) {
  place.network->run([&] { open(table, patterns); });
}

void PlaceWatch::open(const std::string& table, const std::vector<Pattern>& patterns) {
  const auto attempt = [this](const char* what, const std::function<void()>& work) {
    try {
      work();
    } catch (const core::Error& error) {
      left_out_.push_back(std::string(what) + ": " + error.what());
    }
  };
  // Listeners first: what is armed is heard.
  attempt("no packets", [this] { capture_.emplace(cookie_); });
  attempt("no connection events", [this] {
    connections_.emplace(
        listen_to({NFNLGRP_CONNTRACK_NEW, NFNLGRP_CONNTRACK_UPDATE, NFNLGRP_CONNTRACK_DESTROY}));
  });
  attempt("no nft trace", [&] {
    NetlinkSocket socket = listen_to({NFNLGRP_NFTRACE});
    table_ = std::make_unique<ArmedTable>(table, patterns, has_bridges());
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

void PlaceWatch::drain(Observations& observations) {
  if (capture_) drain_packets(observations);
  if (trace_) drain_trace(observations);
  if (connections_) drain_connections(observations);
}

void PlaceWatch::know(const core::packet::Packet& packet) {
  const core::packet::FlowTuple tuple = core::packet::tuple_of(packet);
  tuples_.insert(tuple);
  tuples_.insert(core::packet::reversed(tuple));
}

void PlaceWatch::drain_packets(Observations& observations) {
  const std::uint32_t lost = capture_->drain([&](Captured captured) {
    captured.place = number_;
    if (captured.relation != Relation::error) {
      know(captured.packet);
      if (captured.inside) know(*captured.inside);
    }
    observations.emplace_back(std::move(captured));
  });
  if (lost > 0) observations.emplace_back(Lost{number_, Lost::Stream::packets, now()});
}

void PlaceWatch::drain_trace(Observations& observations) {
  const bool lost = drain_messages(*trace_, [&](const NetlinkMessage& message) {
    auto event = decode_trace_event(message);
    if (!event || !filter_.keeps(*event)) return;
    event->place = number_;
    event->time = now();
    if (capture_) {
      event->in.name = capture_->interface_name(event->in.index);
      event->out.name = capture_->interface_name(event->out.index);
    }
    if (event->connection) ids_.insert(*event->connection);
    observations.emplace_back(std::move(*event));
  });
  if (lost) observations.emplace_back(Lost{number_, Lost::Stream::trace, now()});
}

void PlaceWatch::drain_connections(Observations& observations) {
  const bool lost = drain_messages(*connections_, [&](const NetlinkMessage& message) {
    auto event = decode_connection_event(message);
    if (!event) return;
    event->place = number_;
    event->time = now();
    pending_.push_back(std::move(*event));
  });
  keep_connections(observations);
  if (pending_.size() > most_pending) {
    pending_.erase(pending_.begin(),
                   pending_.begin() + static_cast<std::ptrdiff_t>(pending_.size() - most_pending));
  }
  if (lost) observations.emplace_back(Lost{number_, Lost::Stream::connections, now()});
}

void PlaceWatch::keep_connections(Observations& observations) {
  const auto is_ours = [this](const ConnectionEvent& event) {
    const core::packet::Connection& one = event.connection;
    return ids_.contains(one.id) || tuples_.contains(one.original) || tuples_.contains(one.reply);
  };
  for (const ConnectionEvent& event : pending_) {
    if (is_ours(event)) observations.emplace_back(event);
  }
  std::erase_if(pending_, is_ours);
}

}  // namespace net::probe
