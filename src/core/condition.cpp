#include "core/condition.hpp"

namespace core {

std::string_view to_string(Condition::Status status) {
  switch (status) {
    case Condition::Status::no:
      return "False";
    case Condition::Status::yes:
      return "True";
    case Condition::Status::unknown:
      break;
  }
  return "Unknown";
}

}  // namespace core
