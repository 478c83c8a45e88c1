// Network namespaces with a name: made, opened, entered, removed. A thread that enters one ends
// there, so nobody ever finds itself in the wrong namespace.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "os/fd.hpp"

namespace net {

class Namespace {
 public:
  // Makes a namespace and keeps it at `path` (bind mount), which must not exist; loopback is up.
  // It lives until remove(path), whatever becomes of this process. Needs CAP_SYS_ADMIN.
  static Namespace create(const std::string& path);
  static Namespace open(const std::string& path);
  // Empty where no namespace is: no file, or one that nothing is mounted on any more. Whatever else
  // keeps it from being opened throws.
  static std::optional<Namespace> find(const std::string& path);

  // Unmounts and unlinks; processes and sockets inside keep the namespace alive until they end.
  // Nothing happens where nothing is.
  static void remove(const std::string& path);

  // Runs `work` in a thread of its own inside the namespace, waits for it and passes on what it
  // throws. Sockets that it opens belong to the namespace for good and may be used by any thread.
  void run(const std::function<void()>& work) const;

  // The calling thread is inside from now on, for good: for a process that is there for one thing
  // and saves the thread. Throws core::Error.
  void enter() const;

  // As socket(2) with SOCK_CLOEXEC, inside.
  [[nodiscard]] os::Fd socket(int domain, int type, int protocol = 0) const;

  [[nodiscard]] int fd() const { return fd_.get(); }  // for setns(2)
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  Namespace(std::string path, os::Fd fd) : path_(std::move(path)), fd_(std::move(fd)) {}

  std::string path_;
  os::Fd fd_;
};

}  // namespace net
