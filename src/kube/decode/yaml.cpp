#include <yaml.h>

#include <memory>
#include <string>

#include "kube/decode/merge_key.hpp"
#include "kube/decode/parse.hpp"

namespace kube {
namespace {

struct ParserDeleter {
  void operator()(yaml_parser_t* parser) const {
    yaml_parser_delete(parser);
    delete parser;
  }
};
using Parser = std::unique_ptr<yaml_parser_t, ParserDeleter>;

struct EventDeleter {
  void operator()(yaml_event_t* event) const { yaml_event_delete(event); }
};
using Event = std::unique_ptr<yaml_event_t, EventDeleter>;

std::string_view view(const yaml_char_t* text) {
  return text == nullptr ? std::string_view() : reinterpret_cast<const char*>(text);
}

std::string_view view(const yaml_char_t* text, std::size_t size) {
  return {reinterpret_cast<const char*>(text), size};
}

// A marker counts only at the start of a line and before white space.
bool is_marker(std::string_view line, std::string_view marker) {
  return line.starts_with(marker) && (line.size() == marker.size() || line[marker.size()] == ' ' ||
                                      line[marker.size()] == '\t' || line[marker.size()] == '\r');
}

bool is_blank(std::string_view line) {
  const std::size_t first = line.find_first_not_of(" \t\r");
  return first == std::string_view::npos || line[first] == '#';
}

// Where the line that begins at `at` ends: at a line break, as YAML 1.1 knows them, of `size`
// bytes.
struct LineEnd {
  std::size_t at;
  std::size_t size;
};

LineEnd end_of_line(std::string_view text, std::size_t at) {
  for (;;) {
    at = text.find_first_of("\n\r\xc2\xe2", at);
    if (at == std::string_view::npos) return {text.size(), 0};
    const std::string_view rest = text.substr(at);
    if (rest.starts_with("\r\n")) return {at, 2};
    if (rest.front() == '\n' || rest.front() == '\r') return {at, 1};
    if (rest.starts_with("\xc2\x85")) return {at, 2};  // NEL
    if (rest.starts_with("\xe2\x80\xa8") || rest.starts_with("\xe2\x80\xa9"))
      return {at, 3};  // LS, PS
    ++at;
  }
}

// The events of one document, one after the other, into the tree.
class Reader {
 public:
  Reader(std::uint32_t first_line, Document& document)
      : first_line_(first_line), document_(document) {}

  bool take(const yaml_event_t& event) {
    const auto line = first_line_ + static_cast<std::uint32_t>(event.start_mark.line);
    const bool is_key = !containers_.empty() && containers_.back() == Container::key;
    switch (event.type) {
      case YAML_DOCUMENT_START_EVENT:
        if (documents_++ == 0) return true;
        return fail(line, "a second document begins here: begin it with \"---\" on a line alone");
      case YAML_SCALAR_EVENT:
        return scalar(event, line, is_key);
      case YAML_ALIAS_EVENT:
        if (is_key) return fail(line, "a field's name cannot be an alias");
        return document_.alias(view(event.data.alias.anchor), line) && next();
      case YAML_SEQUENCE_START_EVENT:
        return begin(view(event.data.sequence_start.tag), view(event.data.sequence_start.anchor),
                     Container::sequence, line, is_key);
      case YAML_MAPPING_START_EVENT:
        return begin(view(event.data.mapping_start.tag), view(event.data.mapping_start.anchor),
                     Container::key, line, is_key);
      case YAML_SEQUENCE_END_EVENT:
      case YAML_MAPPING_END_EVENT:
        containers_.pop_back();
        return document_.end() && next();
      default:
        return true;
    }
  }

  [[nodiscard]] const SyntaxError& error() const {
    return error_.reason.empty() ? document_.error() : error_;
  }

 private:
  // Where the next node goes; a map's turns from key to value and back.
  enum class Container : std::uint8_t { sequence, key, value };

  bool scalar(const yaml_event_t& event, std::uint32_t line, bool is_key) {
    const auto& scalar = event.data.scalar;
    const std::string_view text = view(scalar.value, scalar.length);
    if (is_key) {
      const bool merge = text == "<<" && scalar.style == YAML_PLAIN_SCALAR_STYLE;
      return document_.key(merge ? merge_key : text, line) && next();
    }
    document_.anchor(view(scalar.anchor));
    const std::string_view tag = view(scalar.tag);
    if (!tag.empty() && tag != YAML_STR_TAG && tag != "!") return fail_tag(tag, line);
    const bool plain = scalar.style == YAML_PLAIN_SCALAR_STYLE && tag.empty();
    return (plain ? document_.plain(text, line) : document_.string(text, line)) && next();
  }

  bool begin(std::string_view tag, std::string_view anchor, Container container, std::uint32_t line,
             bool is_key) {
    if (is_key) return fail(line, "a field's name must be a text, not a list or a map");
    if (!tag.empty()) return fail_tag(tag, line);
    document_.anchor(anchor);
    containers_.push_back(container);
    return container == Container::sequence ? document_.begin_sequence(line)
                                            : document_.begin_map(line);
  }

  bool next() {
    if (containers_.empty() || containers_.back() == Container::sequence) return true;
    containers_.back() = containers_.back() == Container::key ? Container::value : Container::key;
    return true;
  }

  bool fail_tag(std::string_view tag, std::uint32_t line) {
    return fail(line, "the tag " + std::string(tag) + " is not supported: remove it");
  }

  bool fail(std::uint32_t line, std::string reason) {
    error_ = {line, std::move(reason)};
    return false;
  }

  std::uint32_t first_line_;
  Document& document_;
  std::vector<Container> containers_;
  int documents_ = 0;
  SyntaxError error_;
};

SyntaxError syntax_error(const yaml_parser_t& parser, std::uint32_t first_line) {
  const auto line = [&](const yaml_mark_t& mark) {
    return first_line + static_cast<std::uint32_t>(mark.line);
  };
  SyntaxError error;
  error.line = line(parser.problem_mark);
  error.reason = "not YAML: ";
  error.reason += parser.problem == nullptr ? "out of memory" : parser.problem;
  if (parser.context != nullptr) {
    error.reason += " " + std::string(parser.context);
    if (line(parser.context_mark) != error.line) {
      error.reason += " that begins in line " + std::to_string(line(parser.context_mark));
    }
  }
  return error;
}

}  // namespace

std::vector<Cut> cut_yaml(std::string_view text) {
  std::vector<Cut> cuts;
  std::size_t begin = 0;
  std::uint32_t begin_line = 1;
  std::uint32_t line_number = 1;
  bool blank = true;
  const auto cut = [&](std::size_t end, std::uint32_t next_line) {
    if (end > begin) cuts.push_back({text.substr(begin, end - begin), begin_line, blank});
    begin = end;
    begin_line = next_line;
    blank = true;
  };
  for (std::size_t at = 0; at < text.size();) {
    const LineEnd line_end = end_of_line(text, at);
    const std::size_t end = line_end.at + line_end.size;
    const std::string_view line = text.substr(at, line_end.at - at);
    if (is_marker(line, "---")) {
      cut(at, line_number);
      blank = is_blank(line.substr(3));
    } else if (is_marker(line, "...")) {
      cut(end, line_number + 1);
    } else if (blank && !is_blank(line) && line.front() != '%') {
      blank = false;
    }
    at = end;
    ++line_number;
  }
  cut(text.size(), line_number);
  return cuts;
}

std::optional<SyntaxError> parse_yaml(const Cut& cut, Document& document) {
  document.clear();
  if (cut.blank) return std::nullopt;
  Parser parser(new yaml_parser_t);
  if (yaml_parser_initialize(parser.get()) == 0) {
    return SyntaxError{cut.line, "not read: libyaml has no memory for a parser"};
  }
  yaml_parser_set_input_string(
      parser.get(), reinterpret_cast<const unsigned char*>(cut.text.data()), cut.text.size());
  Reader reader(cut.line, document);
  for (;;) {
    yaml_event_t storage;
    if (yaml_parser_parse(parser.get(), &storage) == 0) return syntax_error(*parser, cut.line);
    const Event event(&storage);
    if (!reader.take(storage)) return reader.error();
    if (storage.type == YAML_STREAM_END_EVENT) return std::nullopt;
  }
}

}  // namespace kube
