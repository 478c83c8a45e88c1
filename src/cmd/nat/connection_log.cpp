#include "cmd/nat/connection_log.hpp"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include <cerrno>
#include <chrono>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "cmd/serve/log.hpp"
#include "kube/decode/json_text.hpp"
#include "net/conntrack.hpp"

namespace cmd {
namespace {

using Json = nlohmann::ordered_json;

// Milliseconds, as RFC 3339 allows.
std::string now_text() {
  const auto now = std::chrono::system_clock::now();
  const auto milliseconds =
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
  const std::time_t seconds = static_cast<std::time_t>(milliseconds / 1000);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[32];
  const std::size_t size = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  char fraction[8];
  std::snprintf(fraction, sizeof fraction, ".%03dZ", static_cast<int>(milliseconds % 1000));
  return std::string(text, size) + fraction;
}

}  // namespace

NatLog::NatLog() : socket_(NETLINK_NETFILTER) { socket_.join(NFNLGRP_CONNTRACK_NEW); }

void NatLog::write(const core::NatPlan& plan) {
  for (;;) {
    const net::NetlinkSocket::Received received = socket_.receive(false);
    if (received.error == EAGAIN) break;
    if (received.error == ENOBUFS) {
      log::warning("the NAT log misses connections: they come faster than they are written");
      continue;
    }
    if (received.error != 0) break;
    net::for_each_message(received.bytes, [&](const net::NetlinkMessage& message) {
      const auto flow = net::decode_flow(message);
      if (!flow) return;
      const auto owners = plan.clients().find(flow->original.source);
      if (owners == plan.clients().end()) return;
      const core::EgressClients::Client& client = *owners->second.begin();
      // The reply goes to what the client left as.
      const Json line{{"time", now_text()},
                      {"namespace", client.pod.ns},
                      {"pod", client.pod.name},
                      {"uid", client.uid},
                      {"protocol", to_string(flow->protocol)},
                      {"source", to_string(flow->original.source)},
                      {"sourcePort", flow->original.source_port},
                      {"destination", to_string(flow->original.destination)},
                      {"destinationPort", flow->original.destination_port},
                      {"natAddress", to_string(flow->reply.destination)},
                      {"natPort", flow->reply.destination_port}};
      std::cout << kube::dump_json(line) << '\n';
    });
  }
  std::cout.flush();
}

}  // namespace cmd
