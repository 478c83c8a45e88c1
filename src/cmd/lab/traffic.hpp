// The lab's own client: TCP lines, HTTP GET and UDP questions from inside a namespace. Failing to
// connect is an outcome here, not an exception: many steps of the lab expect it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cmd/lab/interruptible_wait.hpp"
#include "core/ip.hpp"
#include "net/netns.hpp"

namespace cmd {

struct Peer {
  core::Address address;
  std::uint16_t port = 0;
};

std::string to_string(const Peer& peer);  // "203.0.113.10:80", "[2001:db8:2::10]:80"

// Where traffic starts.
struct Origin {
  const net::Namespace& where;
  Waiting& waiting;
  std::optional<core::Address> source;  // empty: the kernel chooses
  Milliseconds timeout{2000};
};

struct Answer {
  std::string text;   // without the line's end
  std::string error;  // empty: there is an answer

  [[nodiscard]] bool ok() const { return error.empty(); }
};

class Stream {
 public:
  Stream(const Origin& origin, const Peer& to);

  [[nodiscard]] bool connected() const { return error_.empty(); }
  [[nodiscard]] const std::string& error() const { return error_; }
  [[nodiscard]] int fd() const { return fd_.get(); }

  bool send(std::string_view text);
  Answer line(Clock::time_point until);  // the next line
  Answer line() { return line(Clock::now() + timeout_); }
  Answer rest();  // everything until the peer closes
  Answer ask(std::string_view line);

 private:
  bool receive(Clock::time_point until);

  os::Fd fd_;
  Waiting* waiting_;
  Milliseconds timeout_;
  std::string received_;
  std::string error_;
};

// The body of a 200 reply; anything else is an error.
Answer http_get(const Origin& origin, const Peer& to, std::string_view path);
std::optional<Answer> parse_http(std::string_view reply);  // empty: no HTTP reply

Answer ask_udp(const Origin& origin, const Peer& to, std::string_view text);

struct Url {
  enum class Scheme : std::uint8_t { http, tcp, udp };
  Scheme scheme = Scheme::http;
  Peer peer;
  std::string path = "/";
};

// "http://ADDRESS[:PORT][/PATH]", "tcp://ADDRESS:PORT", "udp://ADDRESS:PORT"; no names.
std::optional<Url> parse_url(std::string_view text);

// One HTTP GET, or one line or datagram with `text` and what comes back.
Answer fetch(const Origin& origin, const Url& url, const std::string& text);

}  // namespace cmd
