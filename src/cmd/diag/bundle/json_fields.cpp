#include "cmd/diag/bundle/json_fields.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "core/error.hpp"
#include "kube/decode/json_depth.hpp"
#include "kube/decode/json_text.hpp"

namespace cmd {
namespace {

using core::packet::Bytes;
using core::packet::Meaning;
using LineJson = nlohmann::ordered_json;
using ReadJson = nlohmann::json;

constexpr std::size_t longest_bytes = 4096;
constexpr std::size_t longest_text = 65536;
constexpr std::size_t longest_line = std::size_t{1} << 20;

[[noreturn]] void wrong_field(const char* key) {
  throw core::Error(core::Error::Kind::permanent, std::string(key) + " makes no sense");
}

class JsonWriter final : public core::packet::Fields {
 public:
  explicit JsonWriter(LineJson& root) : at_{&root} {}

  void number(const char* key, std::int64_t& value, std::int64_t, std::int64_t) override {
    if (value != 0) top()[key] = value;
  }
  void text(const char* key, std::string& value, Meaning) override {
    if (!value.empty()) top()[key] = value;
  }
  void bytes(const char* key, Bytes& value, Meaning) override {
    if (value.empty()) return;
    std::string hex;
    for (const std::uint8_t byte : value) {
      hex += "0123456789abcdef"[byte >> 4];
      hex += "0123456789abcdef"[byte & 15];
    }
    top()[key] = hex;
  }
  void address(const char* key, std::optional<core::Address>& value) override {
    if (value) top()[key] = to_string(*value);
  }
  void prefix(const char* key, std::optional<core::Prefix>& value) override {
    if (value) top()[key] = to_string(*value);
  }
  std::size_t list(const char* key, std::size_t size) override {
    if (size > 0) top()[key] = LineJson::array();
    at_.push_back(size > 0 ? &top()[key] : nullptr);
    return size;
  }
  void item(std::size_t) override {
    top().push_back(LineJson::object());
    at_.push_back(&top().back());
  }
  void leave() override { at_.pop_back(); }

 private:
  LineJson& top() { return *at_.back(); }
  std::vector<LineJson*> at_;
};

std::optional<std::uint8_t> digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<std::uint8_t>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<std::uint8_t>(c - 'a' + 10);
  return std::nullopt;
}

class JsonReader final : public core::packet::Fields {
 public:
  JsonReader(const ReadJson& root, std::size_t& items) : at_{&root}, items_(items) {}

  [[nodiscard]] bool reads() const override { return true; }
  void number(const char* key, std::int64_t& value, std::int64_t lowest,
              std::int64_t highest) override {
    value = 0;
    const ReadJson* const found = find(key);
    if (found == nullptr) return;
    if (!found->is_number_integer()) wrong_field(key);
    value = found->get<std::int64_t>();
    if (value < lowest || value > highest) wrong_field(key);
  }
  void text(const char* key, std::string& value, Meaning) override {
    value = word(key, longest_text);
  }
  void bytes(const char* key, Bytes& value, Meaning) override {
    const std::string hex = word(key, 2 * longest_bytes);
    value.clear();
    if (hex.size() % 2 != 0) wrong_field(key);
    for (std::size_t i = 0; i < hex.size(); i += 2) {
      const auto high = digit(hex[i]);
      const auto low = digit(hex[i + 1]);
      if (!high || !low) wrong_field(key);
      value.push_back(static_cast<std::uint8_t>(*high << 4 | *low));
    }
  }
  void address(const char* key, std::optional<core::Address>& value) override {
    const std::string text = word(key, longest_bytes);
    value = core::Address::parse(text);
    if (!value && !text.empty()) wrong_field(key);
  }
  void prefix(const char* key, std::optional<core::Prefix>& value) override {
    const std::string text = word(key, longest_bytes);
    value = core::Prefix::parse(text);
    if (!value && !text.empty()) wrong_field(key);
  }
  std::size_t list(const char* key, std::size_t) override {
    const ReadJson* const found = find(key);
    if (found != nullptr && !found->is_array()) wrong_field(key);
    at_.push_back(found);
    const std::size_t size = found == nullptr ? 0 : found->size();
    if (size > items_) {
      throw core::Error(core::Error::Kind::permanent, "there are more values than any bundle has");
    }
    items_ -= size;
    return size;
  }
  void item(std::size_t number) override {
    const ReadJson& one = (*at_.back())[number];
    if (!one.is_object()) wrong_field("a list");
    at_.push_back(&one);
  }
  void leave() override { at_.pop_back(); }

 private:
  const ReadJson* find(const char* key) {
    const auto found = at_.back()->find(key);
    return found == at_.back()->end() ? nullptr : &*found;
  }
  std::string word(const char* key, std::size_t longest) {
    const ReadJson* const found = find(key);
    if (found == nullptr) return "";
    if (!found->is_string()) wrong_field(key);
    const auto& text = found->get_ref<const std::string&>();
    if (text.size() > longest) wrong_field(key);
    return text;
  }

  std::vector<const ReadJson*> at_;
  std::size_t& items_;
};

}  // namespace

void append_line(std::string& out, std::string_view kind,
                 const std::function<void(core::packet::Fields&)>& value) {
  LineJson line = LineJson::object();
  LineJson& body = line[std::string(kind)];
  body = LineJson::object();
  JsonWriter writer(body);
  value(writer);
  out += kube::dump_json(line);
  out += '\n';
}

void read_lines(std::string_view text, const std::string& file, std::size_t& items,
                const std::function<void(std::string_view kind, core::packet::Fields&)>& visit) {
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    try {
      if (line.size() > longest_line) wrong_field("its length");
      if (kube::nested_too_deep(line)) wrong_field("its nesting");
      const ReadJson json = ReadJson::parse(line, nullptr, false);
      if (!json.is_object() || json.size() != 1 || !json.begin()->is_object()) {
        wrong_field("the line");
      }
      if (items == 0) wrong_field("the number of lines");
      --items;
      JsonReader reader(*json.begin(), items);
      visit(json.begin().key(), reader);
    } catch (const core::Error& error) {
      throw core::Error(core::Error::Kind::permanent,
                        file + ", line " + std::to_string(number) + ": " + error.what());
    }
  }
}

}  // namespace cmd
