// The one exception. Thrown only when an operation broke (a system call, an unreadable file);
// bad objects are data and become rejections instead.
#pragma once

#include <stdexcept>
#include <string>

namespace core {

class Error : public std::runtime_error {
 public:
  enum class Kind {
    transient,  // trying again may help: busy, interrupted, connection refused
    permanent,  // it will not: bad input, no permission, not supported by the kernel
    usage,      // the command line or the configuration is wrong: exit status 2
  };

  // `message` says what was attempted and what the system answered.
  Error(Kind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}

  [[nodiscard]] Kind kind() const { return kind_; }

 private:
  Kind kind_;
};

}  // namespace core
