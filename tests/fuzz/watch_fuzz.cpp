// Any bytes as what an API server sends: nothing crashes, lines are the same whatever pieces they
// come in, and what is accepted has what the reflector relies on.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz/fuzz.hpp"
#include "kube/api/watch_event.hpp"

namespace {

using fuzz::require;

std::vector<std::string> lines_of(std::string_view text, std::size_t piece) {
  kube::LineCutter cutter;
  std::vector<std::string> lines;
  std::size_t told = 0;
  for (std::size_t at = 0; at < text.size(); at += piece) {
    require(cutter.take(text.substr(at, piece), [&](std::string_view line) {
      told += line.size() + 1;
      lines.emplace_back(line);
    }));
  }
  require(told + cutter.pending() == text.size());
  return lines;
}

void check(const kube::Decoded& decoded) { require(!decoded.ignored && decoded.id); }

void check_event(kube::EventDecoder& decoder, const std::string& line) {
  kube::WatchEvent event;
  if (const auto wrong = decoder.event(line, event)) {
    require(!wrong->empty() && wrong->size() < 4 * line.size() + 1000);
    return;
  }
  using Type = kube::WatchEvent::Type;
  if (event.type == Type::error) return;
  require(!event.version.empty());
  if (event.type != Type::bookmark) check(event.object);
  // A decoder that has seen other texts says the same as a new one.
  kube::EventDecoder other([](const kube::Node& node) { return kube::decode(node, {}); });
  kube::WatchEvent again;
  require(!other.event(line, again) && again.version == event.version &&
          again.object.id == event.object.id);
}

void check_page(kube::EventDecoder& decoder, std::string_view text) {
  kube::ListPage page;
  if (decoder.page(text, page)) return;
  require(!page.version.empty());
  std::for_each(page.objects.begin(), page.objects.end(), check);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::Input(data, size).text();
  const std::vector<std::string> lines = lines_of(text, std::max<std::size_t>(size, 1));
  require(lines_of(text, size % 7 + 1) == lines);
  kube::EventDecoder decoder([](const kube::Node& node) { return kube::decode(node, {}); });
  for (const std::string& line : lines) check_event(decoder, line);
  check_page(decoder, text);
  require(!decoder.status(500, text).message.empty());
  return 0;
}
