#include "kube/api/refusal.hpp"

#include "kube/api/watch_event.hpp"

namespace kube {

std::string refusal_text(const Reply& reply) {
  if (!reply.error.empty()) return reply.error;
  const Status status = EventDecoder({}).status(reply.code, reply.body);
  return std::to_string(reply.code) + (status.reason.empty() ? "" : " " + status.reason) +
         (status.message.empty() ? "" : ": " + status.message);
}

}  // namespace kube
