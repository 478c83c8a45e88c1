// An operation broke because of who asks: root, or a capability, is missing. For those who answer
// that otherwise than by its words; to all others it is a core::Error.
#pragma once

#include "core/error.hpp"

namespace core {

class NoPrivilege : public Error {
 public:
  explicit NoPrivilege(const std::string& message) : Error(Kind::permanent, message) {}
};

}  // namespace core
