#include <cstddef>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>

#include "kube/decode/parse.hpp"

namespace kube {
namespace {

// How far the parser has read. It looks one character ahead only after a number, hence a line break
// counts when the character after it is read: a callback always sees its own token's line.
struct Progress {
  const char* next = nullptr;
  std::uint32_t line = 1;
};

class Cursor {
 public:
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;
  using iterator_category = std::input_iterator_tag;

  Cursor(const char* at, const char* begin, Progress* progress)
      : at_(at), begin_(begin), progress_(progress) {}

  reference operator*() const { return *at_; }
  Cursor& operator++() {
    if (at_ != begin_ && at_[-1] == '\n') ++progress_->line;
    progress_->next = ++at_;
    return *this;
  }
  Cursor operator++(int) {
    const Cursor before = *this;
    ++*this;
    return before;
  }
  friend bool operator==(const Cursor& a, const Cursor& b) { return a.at_ == b.at_; }

 private:
  const char* at_;
  const char* begin_;
  Progress* progress_;
};

class Handler : public nlohmann::json_sax<nlohmann::json> {
 public:
  Handler(const Progress& progress, Document& document)
      : progress_(progress), document_(document) {}

  bool null() override { return document_.plain("null", line()); }
  bool boolean(bool value) override { return document_.plain(value ? "true" : "false", line()); }
  bool number_integer(number_integer_t value) override {
    return document_.plain(std::to_string(value), line());
  }
  bool number_unsigned(number_unsigned_t value) override {
    return document_.plain(std::to_string(value), line());
  }
  bool number_float(number_float_t, const string_t& text) override {
    return document_.plain(text, line());
  }
  bool string(string_t& text) override { return document_.string(text, line()); }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return document_.begin_map(line()); }
  bool key(string_t& text) override { return document_.key(text, line()); }
  bool end_object() override { return document_.end(); }
  bool start_array(std::size_t) override { return document_.begin_sequence(line()); }
  bool end_array() override { return document_.end(); }

  bool parse_error(std::size_t, const std::string&,
                   const nlohmann::detail::exception& error) override {
    // "[json.exception.parse_error.101] parse error at line 3, column 5: syntax error while …"
    std::string reason = error.what();
    const std::size_t position = reason.find(" column ");
    const std::size_t colon = reason.find(": ", position == std::string::npos ? 0 : position);
    if (colon != std::string::npos) reason.erase(0, colon + 2);
    error_ = {line(), "not JSON: " + reason};
    return false;
  }

  [[nodiscard]] const SyntaxError& error() const {
    return error_.reason.empty() ? document_.error() : error_;
  }

 private:
  [[nodiscard]] std::uint32_t line() const { return progress_.line; }

  const Progress& progress_;
  Document& document_;
  SyntaxError error_;
};

}  // namespace

std::optional<SyntaxError> parse_json(std::string_view text, Document& document,
                                      const std::function<void(const Document&)>& use) {
  const char* const begin = text.data();
  const char* const end = begin + text.size();
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  Progress progress{text.data(), 1};
  for (;;) {
    Cursor cursor(progress.next, begin, &progress);
    const Cursor last(end, begin, &progress);
    while (!(cursor == last) &&
           std::string_view(" \t\r\n").find(*cursor) != std::string_view::npos) {
      ++cursor;
    }
    if (cursor == last) return std::nullopt;
    document.clear();
    Handler handler(progress, document);
    if (!nlohmann::json::sax_parse(cursor, last, &handler, nlohmann::json::input_format_t::json,
                                   false)) {
      return handler.error();
    }
    use(document);
  }
}

}  // namespace kube
