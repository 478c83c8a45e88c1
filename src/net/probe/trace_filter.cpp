#include "net/probe/trace_filter.hpp"

namespace net::probe {

using core::packet::TraceEvent;

bool TraceFilter::keeps(const TraceEvent& event) {
  if (event.chain.table == table_ && is_arming_chain(event.chain.name)) {
    // The rules that match say "continue", others lead to these.
    if (event.type == TraceEvent::Type::rule &&
        event.verdict.code == core::packet::Verdict::Code::next) {
      ours_.insert(event.trace_id);
      fresh_.insert(event.trace_id);
    } else if (!fresh_.contains(event.trace_id)) {
      ours_.erase(event.trace_id);  // somebody else's, none of our rules matched it
    }
    if (event.type == TraceEvent::Type::policy) fresh_.erase(event.trace_id);
    return ours_.contains(event.trace_id);
  }
  switch (headers_have_cookie(event)) {
    case Answer::yes:
      ours_.insert(event.trace_id);
      break;
    case Answer::no:
      ours_.erase(event.trace_id);
      break;
    case Answer::unknown:
      break;
  }
  return ours_.contains(event.trace_id);
}

// What is not the probe itself may have it further behind, in a tunnel or an error.
TraceFilter::Answer TraceFilter::headers_have_cookie(const TraceEvent& event) const {
  const core::packet::Bytes& network = event.network_header;
  const core::packet::Bytes& transport = event.transport_header;
  if (network.size() < 20 || transport.size() < 16) return Answer::unknown;
  core::packet::Bytes bytes = network;
  bytes.insert(bytes.end(), transport.begin(), transport.end());
  const auto relation = core::packet::relation_of(bytes, cookie_);
  if (relation && *relation != core::packet::Relation::later) return Answer::yes;
  switch (network[network[0] >> 4 == 4 ? 9 : 6]) {
    case core::packet::tcp:
      return Answer::no;
    case core::packet::udp: {
      const int port = transport[2] << 8 | transport[3];
      for (const Tunnel& tunnel : tunnels_) {
        if (tunnel.port == port) return Answer::unknown;
      }
      return Answer::no;
    }
    case core::packet::icmp:
      return transport[0] == 8 || transport[0] == 0 ? Answer::no : Answer::unknown;
    case core::packet::icmpv6:
      return transport[0] >= 128 ? Answer::no : Answer::unknown;
    default:
      return Answer::unknown;
  }
}

}  // namespace net::probe
