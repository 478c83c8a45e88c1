#include "support/apiserver/json_path.hpp"

#include <algorithm>
#include <regex>

namespace support::apiserver {
namespace {

using Values = std::vector<const Json*>;

// What the groups of a step's expression hold.
enum Group { field = 1, quoted, wildcard, bracketed, filtered, operation, text2, text1, operand };

const std::regex& step_expression() {
  static const std::regex expression(R"re(\.([A-Za-z0-9_-]+)|)re"
                                     R"re(\['([^']+)'\]|)re"
                                     R"re((\.\*)|)re"
                                     R"re(\[(\*|-?\d+|(?:-?\d+)?:(?:-?\d+)?)\]|)re"
                                     R"re(\[\?\(@((?:\.[A-Za-z0-9_-]+)*)(?:\s*(==|!=)\s*)re"
                                     R"re((?:"([^"]*)"|'([^']*)'|([^"'()\s]+)))?\)\])re");
  return expression;
}

Values fields(const Values& values, const std::string& name) {
  Values found;
  for (const Json* const value : values) {
    if (value->is_object() && value->contains(name)) found.push_back(&value->at(name));
  }
  return found;
}

Values children(const Values& values) {
  Values found;
  for (const Json* const value : values) {
    if (!value->is_structured()) continue;
    for (const Json& child : *value) found.push_back(&child);
  }
  return found;
}

// "*", "N", "FROM:TO". To point beyond the end is an error; an empty list has no N, but all of it.
std::optional<Values> elements(const Values& values, const std::string& which) {
  Values found;
  for (const Json* const value : values) {
    if (value->is_null()) continue;
    if (!value->is_array()) return std::nullopt;
    const long size = static_cast<long>(value->size());
    const auto number = [&](const std::string& text, long otherwise) {
      const long at = text.empty() ? otherwise : std::stol(text);
      return at < 0 ? at + size : at;
    };
    const std::size_t colon = which.find(':');
    long from = 0;
    long to = size;
    if (colon != std::string::npos) {
      from = number(which.substr(0, colon), 0);
      to = number(which.substr(colon + 1), size);
    } else if (which != "*") {
      from = number(which, 0);
      to = from + 1;
    }
    if (from != to && (from < 0 || from >= size || to > size)) return std::nullopt;
    for (; from < to; ++from) found.push_back(&value->at(static_cast<std::size_t>(from)));
  }
  return found;
}

// A comparison with what an element does not have is an error; "has it" is none.
std::optional<Values> filtered_by(const Values& values, const std::smatch& match) {
  Values found;
  for (const Json* const value : values) {
    if (!value->is_array()) return std::nullopt;
    for (const Json& element : *value) {
      Values left = {&element};
      for (const std::string& name : split(match[filtered].str(), '.')) {
        if (!name.empty()) left = fields(left, name);
      }
      if (!match[operation].matched) {
        if (!left.empty()) found.push_back(&element);
        continue;
      }
      if (left.size() != 1) return std::nullopt;
      const Json right = match[operand].matched ? Json::parse(match[operand].str(), nullptr, false)
                         : match[text1].matched ? Json(match[text1].str())
                                                : Json(match[text2].str());
      if (right.is_discarded()) return std::nullopt;
      if ((*left.front() == right) == (match[operation] == "==")) found.push_back(&element);
    }
  }
  return found;
}

}  // namespace

std::optional<std::vector<const Json*>> values_at(const Json& object, const std::string& path) {
  std::optional<Values> values = Values{&object};
  auto from = path.cbegin();
  std::smatch match;
  while (values && from != path.cend()) {
    if (!std::regex_search(from, path.cend(), match, step_expression(),
                           std::regex_constants::match_continuous)) {
      return std::nullopt;
    }
    if (match[field].matched || match[quoted].matched) {
      values = fields(*values, match[field].matched ? match[field].str() : match[quoted].str());
    } else if (match[wildcard].matched) {
      values = children(*values);
    } else if (match[bracketed].matched) {
      values = elements(*values, match[bracketed].str());
    } else {
      values = filtered_by(*values, match);
    }
    from = match[0].second;
  }
  return values;
}

std::string json_path_text(const Json& value) {
  if (value.is_null()) return "<no value>";
  if (value.is_string()) return value;
  std::string out;
  for (const char c : value.dump()) {
    // Go's encoder writes them so, that HTML may hold its output; they are in strings alone.
    if (value.is_structured() && (c == '<' || c == '>' || c == '&')) {
      out += c == '<' ? "\\u003c" : c == '>' ? "\\u003e" : "\\u0026";
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace support::apiserver
