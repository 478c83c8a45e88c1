#include "kube/refusal.hpp"

#include "kube/watch_event.hpp"

namespace kube {

std::string refusal_text(const Answer& answer) {
  if (!answer.error.empty()) return answer.error;
  const Status status = EventDecoder({}).status(answer.code, answer.body);
  return std::to_string(answer.code) + (status.reason.empty() ? "" : " " + status.reason) +
         (status.message.empty() ? "" : ": " + status.message);
}

}  // namespace kube
