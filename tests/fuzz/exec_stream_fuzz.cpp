// Any bytes as what an API server sends on a WebSocket: they are messages within the limits, the
// same in whatever pieces they come, or refused.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "fuzz/fuzz.hpp"
#include "kube/api/exec_stream.hpp"

namespace {

using fuzz::require;

// What was understood before it was refused, if it was.
std::vector<kube::ExecMessage> read_in(std::string_view text, std::size_t piece) {
  std::vector<kube::ExecMessage> messages;
  kube::ExecReader reader;
  try {
    while (!text.empty()) {
      reader.add(text.substr(0, piece));
      text.remove_prefix(std::min(piece, text.size()));
      while (auto message = reader.next()) {
        require(message->bytes.size() <= kube::ExecReader::longest_message);
        require(message->kind == kube::ExecMessage::Kind::data || message->bytes.size() <= 125);
        messages.push_back(*std::move(message));
      }
    }
  } catch (const core::Error&) {
    messages.push_back({kube::ExecMessage::Kind::close, "refused"});
  }
  return messages;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const std::size_t piece = 1 + input.byte();
  const auto whole = read_in(input.text(), input.text().size() + 1);
  require(read_in(input.text(), piece) == whole);
  for (const kube::ExecMessage& message : whole) {
    std::string why;
    if (!kube::exec_status(message.bytes, why)) require(!why.empty());
  }
  return 0;
}
