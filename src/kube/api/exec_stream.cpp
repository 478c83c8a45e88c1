#include "kube/api/exec_stream.hpp"

#include <array>
#include <charconv>
#include <utility>

#include "core/error.hpp"
#include "kube/api/watch_event.hpp"

namespace kube {
namespace {

constexpr unsigned opcode_more = 0x0;
constexpr unsigned opcode_data = 0x2;
constexpr unsigned opcode_close = 0x8;
constexpr unsigned opcode_ping = 0x9;
constexpr unsigned opcode_pong = 0xa;
constexpr std::size_t longest_control = 125;

[[noreturn]] void broken(const std::string& what) {
  throw core::Error(core::Error::Kind::permanent, "the server's answer is no WebSocket: " + what);
}

unsigned opcode_of(ExecMessage::Kind kind) {
  switch (kind) {
    case ExecMessage::Kind::close:
      return opcode_close;
    case ExecMessage::Kind::ping:
      return opcode_ping;
    case ExecMessage::Kind::pong:
      return opcode_pong;
    case ExecMessage::Kind::data:
      break;
  }
  return opcode_data;
}

}  // namespace

std::optional<ExecMessage> ExecReader::next() {
  for (;;) {
    const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(input_[at]); };
    if (input_.size() < 2) return std::nullopt;
    const bool last = (byte(0) & 0x80U) != 0;
    const unsigned opcode = byte(0) & 0x0fU;
    if ((byte(0) & 0x70U) != 0) broken("bits that nobody asked for");
    if ((byte(1) & 0x80U) != 0) broken("a masked frame");
    std::uint64_t size = byte(1) & 0x7fU;
    const std::size_t more = size == 126 ? 2 : size == 127 ? 8 : 0;
    const std::size_t head = 2 + more;
    if (input_.size() < head) return std::nullopt;
    if (more > 0) size = 0;
    for (std::size_t i = 0; i < more; ++i) size = size << 8 | byte(2 + i);
    const bool control = opcode >= opcode_close;
    if (control ? size > longest_control : size > longest_message - message_.size()) {
      broken("a frame of " + std::to_string(size) + " bytes");
    }
    if (input_.size() - head < size) return std::nullopt;
    std::string bytes = input_.substr(head, static_cast<std::size_t>(size));
    input_.erase(0, head + bytes.size());
    if (control) {
      if (!last) broken("a part of a control frame");
      if (opcode > opcode_pong) broken("opcode " + std::to_string(opcode));
      return ExecMessage{opcode == opcode_close  ? ExecMessage::Kind::close
                         : opcode == opcode_ping ? ExecMessage::Kind::ping
                                                 : ExecMessage::Kind::pong,
                         std::move(bytes)};
    }
    if (opcode > opcode_data) broken("opcode " + std::to_string(opcode));
    if ((opcode == opcode_more) != open_) broken("parts of messages in disorder");
    message_ += bytes;
    open_ = !last;
    if (last) return ExecMessage{ExecMessage::Kind::data, std::exchange(message_, {})};
  }
}

std::string exec_frame(ExecMessage::Kind kind, std::string_view bytes, std::uint32_t mask) {
  std::string frame;
  frame += static_cast<char>(0x80U | opcode_of(kind));
  // The longest that is sent is a ping's answer, or a line.
  bytes = bytes.substr(0, longest_control);
  frame += static_cast<char>(0x80U | bytes.size());
  const std::array<unsigned char, 4> key = {
      static_cast<unsigned char>(mask >> 24), static_cast<unsigned char>(mask >> 16),
      static_cast<unsigned char>(mask >> 8), static_cast<unsigned char>(mask)};
  for (const unsigned char one : key) frame += static_cast<char>(one);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    frame += static_cast<char>(static_cast<unsigned char>(bytes[i]) ^ key[i % key.size()]);
  }
  return frame;
}

std::optional<int> exec_status(std::string_view text, std::string& why) {
  const Status status = EventDecoder({}).status(0, text);
  for (const StatusCause& cause : status.causes) {
    if (cause.reason != "ExitCode") continue;
    int code = 0;
    const char* const end = cause.message.data() + cause.message.size();
    if (std::from_chars(cause.message.data(), end, code).ptr == end) return code;
  }
  // Of success there is no message, and then the text stands in for it.
  if (status.reason.empty() && text.find("\"Success\"") != std::string_view::npos) return 0;
  why = status.message;
  return std::nullopt;
}

}  // namespace kube
