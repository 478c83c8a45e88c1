// One client's connection: reads requests, answers them one after the other, and carries a watch
// until it ends. Where a fault says so, it breaks its word.
#pragma once

#include <event2/bufferevent.h>
#include <event2/event.h>

#include <functional>
#include <memory>
#include <string>

#include "support/apiserver/front/exec_session.hpp"
#include "support/apiserver/server.hpp"

namespace support::apiserver {

struct BuffereventDeleter {
  void operator()(bufferevent* buffer) const { bufferevent_free(buffer); }
};
using Buffer = std::unique_ptr<bufferevent, BuffereventDeleter>;

class Connection {
 public:
  // `handle` answers requests. Afterwards, and whenever time has passed, pump() is called.
  Connection(Buffer buffer, std::function<Response(const Request&)> handle);

  // Writes what the watch has to say, and what is due of a slow answer.
  void pump(Time now);
  // Nothing more can come of it.
  [[nodiscard]] bool over() const { return over_; }

 private:
  static void on_read(bufferevent* buffer, void* self);
  static void on_written(bufferevent* buffer, void* self);
  static void on_event(bufferevent* buffer, short what, void* self);

  void serve();
  void answer(const Request& request);
  void run(const Request& request, const std::string& body);
  void deliver(const std::string& bytes, const Delivery& delivery, std::size_t head);
  void write(const std::string& bytes);

  Buffer buffer_;
  std::function<Response(const Request&)> handle_;
  std::string input_;
  std::shared_ptr<Stream> stream_;
  std::unique_ptr<ExecSession> exec_;  // a command that runs
  std::string slow_;                   // still to be sent, at drip_ bytes per second
  std::size_t drip_ = 0;
  Time dripped_{};
  bool stalled_ = false;
  bool closing_ = false;  // once everything is written
  bool over_ = false;
};

}  // namespace support::apiserver
