#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "kube/decode/json_text.hpp"
#include "kube/decode/mapping_fields.hpp"
#include "kube/decode/parse.hpp"
#include "kube/mapping/text.hpp"

namespace kube {
namespace {

void write_field(std::string& out, const std::string& indent, std::string_view key,
                 const nlohmann::ordered_json& value) {
  out += indent + std::string(key) + ":";
  if (!value.is_array() || value.empty()) {
    out += " " + yaml_scalar(value) + "\n";
    return;
  }
  out += "\n";
  for (const auto& element : value) {
    std::string lead = indent + "- ";
    if (!element.is_object()) {
      out += lead + dump_json(element) + "\n";
      continue;
    }
    for (const auto& [name, member] : element.items()) {
      out += lead + name + ": " + yaml_scalar(member) + "\n";
      lead = indent + "  ";
    }
  }
}

// The lines of a text, each with its line break, by their numbers in the file.
class Lines {
 public:
  Lines(std::string_view text, std::uint32_t first) : first_(first) {
    while (!text.empty()) {
      const std::size_t size = std::min(text.find('\n'), text.size() - 1) + 1;
      lines_.push_back(text.substr(0, size));
      text.remove_prefix(size);
    }
  }

  [[nodiscard]] std::string_view operator[](std::uint32_t line) const {
    return lines_[line - first_];
  }
  [[nodiscard]] std::uint32_t end() const {
    return first_ + static_cast<std::uint32_t>(lines_.size());
  }
  [[nodiscard]] std::size_t indent(std::uint32_t line) const {
    return std::min((*this)[line].find_first_not_of(' '), (*this)[line].size());
  }
  [[nodiscard]] std::string_view content(std::uint32_t line) const {
    return (*this)[line].substr(indent(line));
  }
  // Nothing but white space or a comment.
  [[nodiscard]] bool blank(std::uint32_t line) const {
    const std::size_t at = (*this)[line].find_first_not_of(" \t\r\n");
    return at == std::string_view::npos || (*this)[line][at] == '#';
  }
  // The line after a node's last one: what is deeper than its first belongs to it, and so does a
  // list's dash at a key's own depth. Comments at the end go with what follows.
  [[nodiscard]] std::uint32_t end_of(std::uint32_t first, bool is_key) const {
    std::uint32_t last = first;
    for (std::uint32_t line = first + 1; line < end(); ++line) {
      if (blank(line)) continue;
      const bool dash = is_key && indent(line) == indent(first) && content(line).starts_with("- ");
      if (indent(line) <= indent(first) && !dash) break;
      last = line;
    }
    return last + 1;
  }
  void append(std::string& out, std::uint32_t from, std::uint32_t to) const {
    for (std::uint32_t line = from; line < to; ++line) out += (*this)[line];
  }

 private:
  std::uint32_t first_;
  std::vector<std::string_view> lines_;
};

struct Replacement {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  std::string text;
};

std::string splice(std::string_view text, const MappingPlace& place, const Lines& lines,
                   std::vector<Replacement> replacements) {
  const ManifestPart& part = *place.part;
  std::ranges::stable_sort(replacements, {}, &Replacement::begin);
  std::string out(text.substr(0, part.begin));
  std::uint32_t at = part.line;
  for (const Replacement& replacement : replacements) {
    lines.append(out, at, replacement.begin);
    if (!out.empty() && out.back() != '\n') out += '\n';  // the file's last line
    out += replacement.text;
    at = replacement.end;
  }
  lines.append(out, at, lines.end());
  return out += text.substr(part.begin + part.size);
}

// The object of a place: the document itself or an item of a list.
std::optional<Node> find(const Document& document, const MappingPlace& place) {
  const auto root = document.root();
  if (!root || root->type() != Node::Type::map) return std::nullopt;
  const auto items = root->find("items");
  if (items && items->type() == Node::Type::sequence) {
    for (const Node item : *items) {
      if (item.line() == place.line) return item;
    }
  }
  return root->line() == place.line ? root : std::nullopt;
}

bool parse_part(std::string_view text, const MappingPlace& place, Document& document) {
  const Cut cut{text.substr(place.part->begin, place.part->size), place.part->line, false};
  return !parse_yaml(cut, document).has_value();
}

// The key stands at the start of its own line.
bool is_block_key(const Lines& lines, const Node& node) {
  std::string_view content = lines.content(node.line());
  if (content.starts_with('"') || content.starts_with('\'')) content.remove_prefix(1);
  return content.starts_with(node.key());
}

}  // namespace

std::string yaml_scalar(const nlohmann::ordered_json& value) {
  static constexpr std::array<std::string_view, 9> words = {"true", "false", "null", "yes", "no",
                                                            "on",   "off",   "y",    "n"};
  if (!value.is_string()) return dump_json(value);
  const std::string& text = value.get_ref<const std::string&>();
  std::string lower = text;
  std::ranges::transform(lower, lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  const bool plain =
      !lower.empty() && lower.front() >= 'a' && lower.front() <= 'z' &&
      lower.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-./") == std::string::npos &&
      std::ranges::find(words, lower) == words.end();
  return plain ? text : dump_json(value);
}

std::string format_timestamp(std::int64_t seconds) {
  const std::chrono::sys_seconds time{std::chrono::seconds(seconds)};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  std::string text(40, '\0');
  const int size = std::snprintf(
      text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02dZ", static_cast<int>(date.year()),
      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
      static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
      static_cast<int>(clock.seconds().count()));
  text.resize(static_cast<std::size_t>(size));
  return text;
}

std::string micro_time(std::int64_t unix_seconds) {
  std::string text = format_timestamp(unix_seconds);
  text.insert(text.size() - 1, ".000000");
  return text;
}

std::string mapping_yaml(const core::Mapping& mapping) {
  std::string out = "apiVersion: " + std::string(mapping_api_version) +
                    "\nkind: Mapping\nmetadata:\n  name: " + yaml_scalar(mapping.name.name) +
                    "\n  namespace: " + yaml_scalar(mapping.name.ns) + "\n";
  if (mapping.created) {
    out += "  creationTimestamp: \"" + format_timestamp(*mapping.created) + "\"\n";
  }
  out += "spec:\n";
  for (const std::string_view field : mapping_fields) {
    const auto value = field_json(mapping, field);
    if (!value.is_null()) write_field(out, "  ", field, value);
  }
  return out;
}

core::Mapping validated(const core::Mapping& mapping, const DecodeOptions& options) {
  std::string reasons;
  for (const ManifestPart& part : read_manifest("", mapping_yaml(mapping), options)) {
    for (const auto& item : part.items) return std::get<core::Mapping>(*item.object);
    for (const auto& note : part.notes) reasons += (reasons.empty() ? "" : "\n") + note.text;
  }
  throw core::Error(core::Error::Kind::usage, reasons);
}

std::optional<std::string> edit_yaml(std::string_view text, const MappingPlace& place,
                                     const core::Mapping& before, const core::Mapping& after) {
  Document document;
  if (!parse_part(text, place, document)) return std::nullopt;
  const auto object = find(document, place);
  const auto spec = object ? object->find("spec") : std::nullopt;
  if (!spec || spec->type() != Node::Type::map || spec->begin() == spec->end()) return std::nullopt;
  const Lines lines(text.substr(place.part->begin, place.part->size), place.part->line);
  std::uint32_t spec_end = spec->line();
  for (const Node child : *spec) {
    if (child.line() == spec->line() || !is_block_key(lines, child)) return std::nullopt;
    spec_end = lines.end_of(child.line(), true);
  }
  const std::string indent(lines.indent((*spec->begin()).line()), ' ');
  std::vector<Replacement> replacements;
  for (const std::string_view field : mapping_fields) {
    const auto value = field_json(after, field);
    if (value == field_json(before, field)) continue;
    Replacement replacement{spec_end, spec_end, {}};
    if (const auto node = spec->find(field)) {
      replacement.begin = node->line();
      replacement.end = lines.end_of(node->line(), true);
    }
    if (!value.is_null()) write_field(replacement.text, indent, field, value);
    replacements.push_back(std::move(replacement));
  }
  return splice(text, place, lines, std::move(replacements));
}

std::optional<std::string> remove_yaml(std::string_view text, const MappingPlace& place) {
  Document document;
  if (!parse_part(text, place, document)) return std::nullopt;
  const auto object = find(document, place);
  if (!object) return std::nullopt;
  const auto items = document.root()->find("items");
  const bool in_list = items && items->type() == Node::Type::sequence;
  if (!in_list || ++items->begin() == items->end()) {
    const ManifestPart& part = *place.part;
    return std::string(text.substr(0, part.begin)) +
           std::string(text.substr(part.begin + part.size));
  }
  const Lines lines(text.substr(place.part->begin, place.part->size), place.part->line);
  if (!lines.content(place.line).starts_with("- ")) return std::nullopt;
  return splice(text, place, lines, {{place.line, lines.end_of(place.line, false), {}}});
}

}  // namespace kube
