#include "net/probe/flow_watch.hpp"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <optional>

#include "core/error.hpp"
#include "net/conntrack.hpp"
#include "net/netlink/message.hpp"
#include "net/netlink/request.hpp"
#include "net/probe/connection_event.hpp"
#include "net/sysctl.hpp"

namespace net::probe {
namespace {

constexpr int events_per_turn = 8192;

std::optional<std::uint64_t> bytes_in(ByteView counters) {
  return counters.empty() ? std::nullopt : Attributes(counters).be64(CTA_COUNTERS_BYTES);
}

}  // namespace

std::optional<core::watch::Flow> decode_flow_news(const NetlinkMessage& message,
                                                  std::size_t place) {
  auto event = decode_connection_event(message);
  if (!event) return std::nullopt;
  event->place = place;
  core::watch::Flow flow = core::watch::to_flow(*event);
  const Attributes attributes(message, sizeof(nfgenmsg));
  const auto received = bytes_in(attributes[CTA_COUNTERS_ORIG]);
  const auto sent = bytes_in(attributes[CTA_COUNTERS_REPLY]);
  if (received || sent) flow.traffic = {received.value_or(0), sent.value_or(0)};
  return flow;
}

FlowWatch::FlowWatch(const Namespace& network, std::size_t place)
    : network_(network), place_(place) {
  network_.run([this] {
    events_ = std::make_unique<NetlinkSocket>(NETLINK_NETFILTER);
    requests_ = std::make_unique<RequestSocket>(NETLINK_NETFILTER);
    events_->join(NFNLGRP_CONNTRACK_NEW);
    events_->join(NFNLGRP_CONNTRACK_DESTROY);
    counts_bytes_ = read_sysctl("net/netfilter/nf_conntrack_acct") == "1";
    if (read_sysctl("net/netfilter/nf_conntrack_events") == "0") {
      obstacle_ = "connections are not told of: net.netfilter.nf_conntrack_events is 0";
    } else if (read_conntrack_fill().entries == 0) {
      obstacle_ =
          "no connection is tracked now, and none is shown as long as no rule asks for connection "
          "tracking";
    }
  });
}

FlowWatch::~FlowWatch() = default;

void FlowWatch::drain(const Visit& visit) {
  for (int i = 0; i < events_per_turn; ++i) {
    const NetlinkSocket::Received received = events_->receive(false);
    if (received.error == ENOBUFS) continue;  // see lost()
    if (received.error != 0) return;
    for_each_message(received.bytes, [&](const NetlinkMessage& message) {
      if (const auto flow = decode_flow_news(message, place_)) visit(*flow);
    });
  }
}

std::uint64_t FlowWatch::lost() const {
  std::array<std::uint32_t, SK_MEMINFO_VARS> info{};
  socklen_t size = sizeof info;
  if (getsockopt(events_->fd(), SOL_SOCKET, SO_MEMINFO, info.data(), &size) != 0) return 0;
  return info[SK_MEMINFO_DROPS];
}

bool FlowWatch::read_all(std::size_t most, const Visit& visit) {
  std::size_t entries = 0;
  network_.run([&] { entries = read_conntrack_fill().entries; });
  if (entries > most) return false;
  for (const core::Family family : {core::Family::ipv4, core::Family::ipv6}) {
    const Answer answer =
        requests_->stream(*encode_dump_flows(family, {}), [&](const NetlinkMessage& message) {
          if (const auto flow = decode_flow_news(message, place_)) visit(*flow);
        });
    if (!answer.ok() && answer.error != EINTR) {
      throw core::Error(kind_of(answer.error),
                        "cannot list tracked connections: " + to_string(answer));
    }
  }
  return true;
}

}  // namespace net::probe
