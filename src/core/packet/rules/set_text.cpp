// Anonymous sets and maps, written out.
#include <algorithm>

#include "core/packet/kernel_numbers.hpp"
#include "core/packet/rules/rule_text.hpp"
#include "core/packet/rules/rule_words.hpp"

namespace core::packet::words {
namespace {

constexpr std::size_t most_elements = 16;  // of a text

// The last one in front of `bytes`; all ones where they are all 0.
Bytes one_before(Bytes bytes) {
  for (std::size_t i = bytes.size(); i-- > 0;) {
    if (bytes[i]-- != 0) break;
  }
  return bytes;
}

std::string fields_text(const Element& element, const Set& set) {
  // Each field has its own range.
  std::string text;
  std::size_t at = 0;
  const std::size_t fields = set.field_lengths.size();
  for (std::size_t i = 0; i < fields; ++i) {
    const std::size_t length = set.field_lengths[i];
    const ByteView from = element.key;
    const ByteView to = element.key_end ? ByteView(*element.key_end) : from;
    if (at + length > from.size() || at + length > to.size()) return hex_bytes(from);
    const std::uint32_t type = set.key_type >> 6 * (fields - 1 - i) & 0x3f;
    text.append(text.empty() ? "" : " . ");
    text += range_text(from.subspan(at, length), to.subspan(at, length), type);
    at += (length + 3) / 4 * 4;
  }
  return text;
}

std::string key_text(const Element& element, const Element* next, const Set& set,
                     bool open_intervals) {
  if (element.catch_all) return "*";
  if (set.field_lengths.size() > 1) return fields_text(element, set);
  if (element.key_end) return range_text(element.key, *element.key_end, set.key_type);
  if (!open_intervals) return value_text(element.key, set.key_type);
  const Bytes last =
      next != nullptr ? one_before(next->key) : Bytes(element.key.size(), std::uint8_t{0xff});
  return range_text(element.key, last, set.key_type);
}

std::string element_text(const Element& element, const std::string& key, const Set& set) {
  if (element.verdict) return key + " : " + to_text(*element.verdict);
  const ByteView data = element.data;
  if (data.empty()) return key;
  // A prefix that another one is mapped to is its first and its last address.
  const std::size_t half = data.size() / 2;
  if (is_address(set.data_type) && half == size_of_type(set.data_type)) {
    return key + " : " + range_text(data.first(half), data.subspan(half), set.data_type);
  }
  return key + " : " + value_text(data, set.data_type);
}

}  // namespace

std::string set_text(const ChainId& id, bool anonymous, Ruleset& ruleset) {
  const Set* const set = anonymous ? ruleset.set(id) : nullptr;
  if (set == nullptr) return "@" + id.name;
  // An interval is two elements.
  std::vector<Element> elements = ruleset.elements(id, 2 * most_elements + 1);
  const bool open_intervals = (set->flags & set_interval) != 0 && (set->flags & set_concat) == 0 &&
                              set->field_lengths.size() < 2;
  if (open_intervals) {
    std::stable_sort(elements.begin(), elements.end(), [](const auto& left, const auto& right) {
      if (left.key != right.key) return left.key < right.key;
      return left.interval_end && !right.interval_end;
    });
  }
  std::string text;
  std::size_t written = 0;
  for (std::size_t i = 0; i < elements.size(); ++i) {
    if (elements[i].interval_end) continue;
    if (written == most_elements) {
      text += ", ...";
      break;
    }
    const Element* const next = i + 1 < elements.size() ? &elements[i + 1] : nullptr;
    text.append(written++ == 0 ? "" : ", ");
    text += element_text(elements[i], key_text(elements[i], next, *set, open_intervals), *set);
  }
  return text.empty() ? "{ }" : "{ " + text + " }";
}

}  // namespace core::packet::words
