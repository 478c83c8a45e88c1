// What a status says of one aspect of an object.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace core {

// As metav1.Condition.
struct Condition {
  enum class Status : std::uint8_t { no, yes, unknown };

  std::string type;
  Status status = Status::unknown;
  std::string reason;  // one word
  std::string message;
  std::int64_t generation = 0;
  std::int64_t since = 0;  // lastTransitionTime, Unix seconds

  friend bool operator==(const Condition&, const Condition&) = default;
};

std::string_view to_string(Condition::Status status);  // "True", "False", "Unknown"

}  // namespace core
