#include "support/apiserver/selectors.hpp"

#include <algorithm>

#include "support/apiserver/refusal.hpp"

namespace support::apiserver {
namespace {

std::string trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return "";
  return std::string(text.substr(first, text.find_last_not_of(' ') - first + 1));
}

// At commas outside parentheses.
std::vector<std::string> terms_of(const std::string& text) {
  std::vector<std::string> terms;
  std::string term;
  int depth = 0;
  for (const char c : text) {
    depth += c == '(' ? 1 : c == ')' ? -1 : 0;
    if (c == ',' && depth == 0) {
      terms.push_back(trimmed(term));
      term.clear();
    } else {
      term += c;
    }
  }
  if (!trimmed(term).empty() || !terms.empty()) terms.push_back(trimmed(term));
  return terms;
}

Refusal unreadable(const std::string& what, const std::string& term) {
  return bad_request("unable to parse requirement: found '" + term + "', expected: " + what);
}

Requirement parse_set(const std::string& term, std::size_t open) {
  const std::vector<std::string> words = split(trimmed(term.substr(0, open)), ' ');
  const std::string& op = words.back();
  if (words.size() < 2 || (op != "in" && op != "notin") || term.back() != ')') {
    throw unreadable("'in', 'notin', '=', '==', '!=' or the end", term);
  }
  Requirement out{
      words.front(), op == "in" ? Requirement::Operator::in : Requirement::Operator::not_in, {}};
  for (const std::string& value :
       split(std::string_view(term).substr(open + 1, term.size() - open - 2), ',')) {
    out.values.push_back(trimmed(value));
  }
  return out;
}

Requirement parse_term(const std::string& term) {
  using Operator = Requirement::Operator;
  if (term.empty()) throw unreadable("a key", term);
  if (const std::size_t open = term.find('('); open != std::string::npos) {
    return parse_set(term, open);
  }
  if (const std::size_t at = term.find("!="); at != std::string::npos) {
    return {trimmed(term.substr(0, at)), Operator::not_in, {trimmed(term.substr(at + 2))}};
  }
  if (const std::size_t at = term.find('='); at != std::string::npos) {
    const std::size_t value = term.find_first_not_of('=', at);
    return {trimmed(term.substr(0, at)),
            Operator::in,
            {value == std::string::npos ? "" : trimmed(term.substr(value))}};
  }
  if (term.front() == '!') return {trimmed(term.substr(1)), Operator::not_exists, {}};
  if (term.find(' ') != std::string::npos) throw unreadable("',' or the end", term);
  return {term, Operator::exists, {}};
}

bool holds(const Requirement& term, const Json* value) {
  const bool there = value != nullptr;
  const std::string is = !there               ? ""
                         : value->is_string() ? value->get<std::string>()
                                              : value->dump();
  const bool listed = std::find(term.values.begin(), term.values.end(), is) != term.values.end();
  switch (term.op) {
    case Requirement::Operator::in:
      return there && listed;
    case Requirement::Operator::not_in:
      return !there || !listed;
    case Requirement::Operator::exists:
      return there;
    case Requirement::Operator::not_exists:
      return !there;
  }
  return false;
}

}  // namespace

bool Selector::matches(const Json& object) const {
  const Json* const labels_of = find(object, "metadata.labels");
  for (const Requirement& term : labels) {
    const Json* value = nullptr;
    if (labels_of != nullptr && labels_of->is_object() && labels_of->contains(term.key)) {
      value = &labels_of->at(term.key);
    }
    if (!holds(term, value)) return false;
  }
  static const Json missing = "";  // a field that is not set selects as ""
  return std::all_of(fields.begin(), fields.end(), [&](const Requirement& term) {
    const Json* const value = find(object, term.key);
    return holds(term, value == nullptr || value->is_null() ? &missing : value);
  });
}

Selector parse_selector(const std::string& labels, const std::string& fields,
                        const std::vector<std::string>& known_fields) {
  Selector out;
  for (const std::string& term : terms_of(labels)) out.labels.push_back(parse_term(term));
  for (const std::string& term : terms_of(fields)) {
    Requirement requirement = parse_term(term);
    if (requirement.values.empty()) {
      throw bad_request("invalid selector: '" + term + "'; can't understand '" + term + "'");
    }
    if (std::find(known_fields.begin(), known_fields.end(), requirement.key) ==
        known_fields.end()) {
      throw bad_request("field label not supported: " + requirement.key);
    }
    out.fields.push_back(std::move(requirement));
  }
  return out;
}

}  // namespace support::apiserver
