#include "core/check/result.hpp"

#include <algorithm>
#include <array>

namespace core::check {
namespace {

bool is_plain_letter(char letter) {
  return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
         (letter >= '0' && letter <= '9') ||
         std::string_view("_-./:=@,+%").find(letter) != std::string_view::npos;
}

}  // namespace

std::string_view to_string(Role role) {
  constexpr std::array<std::string_view, 6> names = {"pre", "edge",    "node",
                                                     "nat", "cluster", "pod"};
  return names[static_cast<std::size_t>(role)];
}

std::string_view to_string(State state) {
  constexpr std::array<std::string_view, 5> names = {"ok", "skipped", "unknown", "warn", "error"};
  return names[static_cast<std::size_t>(state)];
}

std::string Place::command(std::string_view text) const {
  return netns.empty() ? std::string(text)
                       : "nsenter --net=" + quoted(netns) + ' ' + std::string(text);
}

std::string Place::where() const { return netns.empty() ? "" : " in " + name; }

std::string quoted(std::string_view word) {
  if (!word.empty() && std::ranges::all_of(word, is_plain_letter)) return std::string(word);
  std::string text = "'";
  for (const char letter : word) {
    if (letter == '\'') {
      text += "'\\''";
    } else {
      text += letter;
    }
  }
  return text + "'";
}

bool is_plain(std::string_view command) {
  return !command.empty() && std::ranges::all_of(command, [](char letter) {
    return letter == ' ' || is_plain_letter(letter);
  });
}

}  // namespace core::check
