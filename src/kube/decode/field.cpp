#include "kube/decode/field.hpp"

#include <charconv>

#include "core/nearest.hpp"
#include "core/printable.hpp"

namespace kube {
namespace {

std::string describe(const Node& node) {
  switch (node.type()) {
    case Node::Type::null:
      return "nothing";
    case Node::Type::boolean:
      return std::string(node.text()) + " is a boolean";
    case Node::Type::integer:
    case Node::Type::number:
      return std::string(node.text()) + " is a number";
    case Node::Type::string:
      return quote(node.text()) + " is a text";
    case Node::Type::sequence:
      return "a list stands here";
    case Node::Type::map:
      return "a map stands here";
  }
  return {};
}

bool is_scalar(const Node& node) {
  return node.type() != Node::Type::map && node.type() != Node::Type::sequence;
}

// As kubectl reads whole numbers of YAML: 8080, 0x1f90, 0b11, 0o17 and 017, 8_080.
std::optional<std::uint32_t> parse_whole(std::string_view given) {
  std::string digits(given);
  std::erase(digits, '_');
  std::string_view text = digits;
  if (text.starts_with('+')) text.remove_prefix(1);
  int base = 10;
  if (text.size() > 1 && text.front() == '0') {
    const std::size_t prefix = text[1] == 'x' || text[1] == 'b' || text[1] == 'o' ? 2 : 1;
    base = text[1] == 'x' ? 16 : text[1] == 'b' ? 2 : 8;
    text.remove_prefix(prefix);
    // 08 is no octal number: kubectl takes it for eight.
    if (prefix == 1 && text.find_first_of("89") != std::string_view::npos) base = 10;
  }
  std::uint32_t value = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, value, base);
  return parsed.ec == std::errc() && parsed.ptr == end ? std::optional(value) : std::nullopt;
}

}  // namespace

std::string quote(std::string_view text) {
  constexpr std::size_t longest = 80;
  return '"' + core::printable(text, longest) + '"';
}

Field Field::at(std::string_view key) const {
  return {*this, key, node_ ? node_->find(key) : std::nullopt};
}

std::vector<Field> Field::elements() const& {
  std::vector<Field> fields;
  if (missing()) return fields;
  if (node_->type() != Node::Type::sequence) {
    reject_type("a list");
    return fields;
  }
  for (const Node child : *node_) {
    Field field(*this, {}, child);
    field.index_ = fields.size();
    fields.push_back(field);
  }
  return fields;
}

bool Field::is_map() const {
  if (missing()) return false;
  if (node_->type() == Node::Type::map) return true;
  reject_type("a map");
  return false;
}

bool Field::missing() const { return !node_ || node_->type() == Node::Type::null; }

std::uint32_t Field::line() const {
  if (node_) return node_->line();
  return parent_ == nullptr ? 0 : parent_->line();
}

std::optional<std::string_view> Field::string() const {
  if (missing()) return std::nullopt;
  if (node_->type() == Node::Type::string) return node_->text();
  if (is_scalar(*node_)) {
    reject(describe(*node_) + ", a text is wanted: put it in quotes");
  } else {
    reject_type("a text");
  }
  return std::nullopt;
}

std::optional<bool> Field::boolean() const {
  if (missing()) return std::nullopt;
  if (node_->type() == Node::Type::boolean) {
    return node_->text().front() == 't' || node_->text().front() == 'T';
  }
  // As YAML 1.1 had them, and kubectl reads them (https://yaml.org/type/bool.html).
  if (node_->type() == Node::Type::string && node_->plain()) {
    for (const std::string_view word : {"y", "Y", "yes", "Yes", "YES", "on", "On", "ON"}) {
      if (node_->text() == word) return true;
    }
    for (const std::string_view word : {"n", "N", "no", "No", "NO", "off", "Off", "OFF"}) {
      if (node_->text() == word) return false;
    }
  }
  reject_type("true or false");
  return std::nullopt;
}

std::optional<std::uint32_t> Field::integer(std::uint32_t min, std::uint32_t max) const {
  if (missing()) return std::nullopt;
  const std::string range = std::to_string(min) + " to " + std::to_string(max);
  const std::string_view text = node_->text();
  const auto given = parse_whole(text);
  const std::uint32_t value = given.value_or(0);
  const bool number = given.has_value();
  if (node_->type() == Node::Type::string && number) {
    reject(quote(text) + " is a text: write the number without quotes");
  } else if (node_->type() != Node::Type::integer) {
    reject_type("a whole number from " + range);
  } else if (!number || value < min || value > max) {
    reject(std::string(text) + " is not in the range " + range);
  } else {
    return value;
  }
  return std::nullopt;
}

void Field::expect_only(std::span<const std::string_view> known) const {
  if (!node_ || node_->type() != Node::Type::map) return;
  for (const Node child : *node_) {
    bool found = false;
    for (const std::string_view key : known) found = found || key == child.key();
    if (found) continue;
    const auto meant = core::nearest(child.key(), known);
    Field(*this, child.key(), child)
        .warn("unknown field, it has no effect" +
              (meant ? "; did you mean " + std::string(*meant) + "?" : std::string()));
  }
}

Field Field::contained() const {
  Field field = *this;
  field.soft_ = true;
  return field;
}

void Field::say(const std::string& text, bool fatal) const {
  findings_->push_back({path(), line(), text, fatal && !soft_});
}

void Field::reject_type(std::string_view wanted) const {
  reject(describe(*node_) + ", wanted is " + std::string(wanted));
}

std::string Field::path() const {
  if (parent_ == nullptr) return {};
  const std::string parent = parent_->path();
  if (key_.empty()) return parent + "[" + std::to_string(index_) + "]";
  return parent.empty() ? std::string(key_) : parent + "." + std::string(key_);
}

}  // namespace kube
