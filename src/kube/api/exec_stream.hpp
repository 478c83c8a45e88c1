// What an API server sends on a WebSocket when a command runs in a pod: frames (RFC 6455), and in
// them the channels of the subprotocol v4.channel.k8s.io. Pure. Rule: nothing that a server sends
// makes it keep more than its limits.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kube {

// A whole message, or one of the frames that control a connection.
struct ExecMessage {
  enum class Kind : std::uint8_t { data, close, ping, pong };
  Kind kind = Kind::data;
  std::string bytes;

  friend bool operator==(const ExecMessage&, const ExecMessage&) = default;
};

class ExecReader {
 public:
  static constexpr std::size_t longest_message = std::size_t{4} << 20;

  void add(std::string_view bytes) { input_ += bytes; }
  // The next one that is whole. Throws core::Error where what came is no WebSocket, or too long.
  std::optional<ExecMessage> next();

 private:
  std::string input_;
  std::string message_;  // what came of one in several frames
  bool open_ = false;
};

// A frame of a client, which has to be masked. `mask`: random.
std::string exec_frame(ExecMessage::Kind kind, std::string_view bytes, std::uint32_t mask);

// How a command ended, from the text of the channel of errors; nothing: the server failed to run
// it, and `why` says so.
std::optional<int> exec_status(std::string_view text, std::string& why);

}  // namespace kube
