// Faults where they take effect: on an ordinary response, and between a watch and whoever reads it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "support/apiserver/state.hpp"

namespace support::apiserver {

// A watch before faults: whole lines.
class Lines {
 public:
  virtual ~Lines() = default;
  virtual std::vector<std::string> lines() = 0;
  [[nodiscard]] virtual bool ended() const = 0;
  [[nodiscard]] virtual Time due() const = 0;
};

// Takes the first fault that meets this request.
std::optional<Fault> take_fault(State& state, const Call& call);
// Throws, for the faults that are answers.
void refuse_by_fault(const Fault& fault);
// Changes body and delivery, for the others.
void spoil(const Fault& fault, Response& response);

// The watch as it is read, under the call's fault, if any.
std::shared_ptr<Stream> with_fault(State& state, const Call& call, std::shared_ptr<Lines> lines);

}  // namespace support::apiserver
