// What writes to a cluster by requests of its own, as the frame of a client runs it. It asks
// through the client's Exchanges, and is offered all their answers.
#pragma once

#include <string>

#include "kube/api/requests.hpp"
#include "os/clock.hpp"

namespace kube {

class ClientPart {
 public:
  ClientPart() = default;
  ClientPart(const ClientPart&) = delete;
  ClientPart& operator=(const ClientPart&) = delete;
  virtual ~ClientPart() = default;

  virtual void step() = 0;
  // False: it is not of one of its requests.
  virtual bool take(const Reply& /*reply*/) { return false; }
  [[nodiscard]] virtual os::Time due() const = 0;
  // Why it does not get on; empty: it does, or it is another's business.
  [[nodiscard]] virtual std::string trouble() const { return {}; }
};

}  // namespace kube
