#include "cmd/help_formatter.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <sstream>
#include <string>

namespace cmd {
namespace {

constexpr std::size_t width = 80;
constexpr std::size_t names_width = 30;

// "--wait{60}" and "-h,--help" without what is in the braces.
std::string without_braces(const std::string& names) {
  std::string text;
  bool within = false;
  for (const char c : names) {
    if (c == '{') within = true;
    if (!within) text += c;
    if (c == '}') within = false;
  }
  return text;
}

// "N" of "N:INT in [0 - 100]", "text|json" of "FORMAT:{text,json}"; "PORT[:PORT]" as it is.
std::string value_name(const CLI::Option& option) {
  std::string all = option.get_type_name();
  const std::size_t end = all.rfind(':');
  if (end == std::string::npos) return all;
  const std::string check = all.substr(end + 1);
  if (check.starts_with('{') && check.ends_with('}')) {
    std::string words = check.substr(1, check.size() - 2);
    std::ranges::replace(words, ',', '|');
    return words;
  }
  return check.find(' ') == std::string::npos ? all : all.substr(0, end);
}

std::string names_of(const CLI::Option& option, bool positional) {
  if (positional) return option.get_name(true, false);
  const std::string names = option.get_name(false, true);
  const std::string value = value_name(option);
  if (option.get_items_expected() == 0) {
    // A flag that also takes a value has a name for it.
    return without_braces(names) + (value.empty() ? "" : "[=" + value + ']');
  }
  return value.empty() ? names : names + " " + value;
}

std::string description_of(const CLI::Option& option) {
  const std::string& text = option.get_description();
  std::string more;
  const auto add = [&](const std::string& what) { more += (more.empty() ? "" : "; ") + what; };
  if (option.get_required()) add("required");
  if (!option.get_default_str().empty() && text.find("default") == std::string::npos) {
    add("default " + option.get_default_str());
  }
  if (!option.get_envname().empty()) add("environment: " + option.get_envname());
  return more.empty() ? text : text + " (" + more + ")";
}

class Formatter : public CLI::Formatter {
 public:
  Formatter() { column_width(names_width); }

  std::string make_option(const CLI::Option* option, bool positional) const override {
    std::string text = "  " + names_of(*option, positional);
    std::size_t column = text.size();
    bool begun = false;  // the second column, in this line
    std::istringstream words(description_of(*option));
    for (std::string word; words >> word;) {
      if (!begun && column + 2 > names_width) {
        text += '\n';
        column = 0;
      } else if (begun && column + 1 + word.size() > width) {
        text += '\n';
        column = 0;
        begun = false;
      }
      if (!begun) {
        text += std::string(names_width - column, ' ');
        column = names_width;
      } else {
        text += ' ';
        ++column;
      }
      text += word;
      column += word.size();
      begun = true;
    }
    return text + '\n';
  }
};

}  // namespace

std::shared_ptr<CLI::FormatterBase> help_formatter() { return std::make_shared<Formatter>(); }

}  // namespace cmd
