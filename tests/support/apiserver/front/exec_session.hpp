// A command that runs for pods/exec, over a WebSocket with the subprotocol v4.channel.k8s.io: what
// stands for a container is the program that the variable APISERVER_EXEC names, called with
// namespace, pod, container and the command's words.
#pragma once

#include <event2/event.h>
#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "support/apiserver/front/deleter.hpp"

namespace support::apiserver {

class ExecSession {
 public:
  using Write = std::function<void(const std::string& bytes)>;

  // `end`: everything was written.
  ExecSession(event_base* base, const std::vector<std::string>& words, Write write,
              std::function<void()> end);
  ExecSession(const ExecSession&) = delete;
  ExecSession& operator=(const ExecSession&) = delete;
  ~ExecSession();

  // Takes whole frames of the client out of `input`.
  void take(std::string& input);

  // The head of the answer to a request that is to be one.
  static std::string head(const std::string& key);

 private:
  using Event = std::unique_ptr<event, Deleter<event_free>>;
  struct Stream {
    ExecSession* session = nullptr;
    char channel = 0;
    int fd = -1;
    Event event;
  };
  static void on_output(evutil_socket_t fd, short what, void* stream);
  void finish();
  void send(char channel, const std::string& bytes);

  Write write_;
  std::function<void()> end_;
  pid_t child_ = -1;
  int input_ = -1;
  Stream output_;
  Stream errors_;
};

}  // namespace support::apiserver
