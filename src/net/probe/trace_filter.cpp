#include "net/probe/trace_filter.hpp"

#include "net/probe/arm.hpp"

namespace net::probe {

using core::packet::TraceEvent;

bool TraceFilter::keeps(const TraceEvent& event) {
  if (event.chain.table == table_ && is_arming_chain(event.chain.name)) {
    if (event.type == TraceEvent::Type::rule) {
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

TraceFilter::Answer TraceFilter::headers_have_cookie(const TraceEvent& event) const {
  if (event.network_header.empty() || event.transport_header.empty()) return Answer::unknown;
  core::packet::Bytes bytes = event.network_header;
  bytes.insert(bytes.end(), event.transport_header.begin(), event.transport_header.end());
  if (core::packet::relation_of(bytes, cookie_)) return Answer::yes;
  // Of a tunnel's packet, and of an error, what has the cookie is further behind.
  const bool plain_tcp = event.network_header[0] >> 4 == 4 && event.network_header.size() > 9 &&
                         event.network_header[9] == core::packet::tcp;
  return plain_tcp && event.transport_header.size() >= 14 ? Answer::no : Answer::unknown;
}

}  // namespace net::probe
