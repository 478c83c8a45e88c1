#include "cmd/lab/hints.hpp"

#include <algorithm>

#include "cmd/lab/home.hpp"

namespace cmd {
namespace {

// As a shell reads it back.
std::string shell_word(const std::string& text) {
  constexpr std::string_view plain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+,:@%";
  if (!text.empty() && text.find_first_not_of(plain) == std::string::npos) return text;
  std::string word = "'";
  for (const char c : text) word += c == '\'' ? "'\\''" : std::string(1, c);
  return word + '\'';
}

}  // namespace

std::string lab_options(const std::string& base, const std::string& name) {
  std::string options;
  if (base != LabHome::default_base()) options = "--dir " + shell_word(base);
  if (!name.empty()) options += (options.empty() ? "" : " ") + ("--lab " + name);
  return options;
}

std::string told(std::string_view command, const LabHint& hint) {
  constexpr std::string_view place = "{lab}", applet = "pona lab ";
  std::string text(command);
  const std::string directory = shell_word(hint.lab);
  for (std::size_t at = 0; (at = text.find(place, at)) != std::string::npos;) {
    text.replace(at, place.size(), directory);
    at += directory.size();
  }
  const std::size_t begin = text.find(applet);
  if (begin == std::string::npos || hint.options.empty()) return text;
  return text.insert(std::min(text.find(' ', begin + applet.size()), text.size()),
                     ' ' + hint.options);
}

}  // namespace cmd
