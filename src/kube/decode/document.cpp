#include "kube/decode/document.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "kube/decode/merge_key.hpp"

namespace kube {
namespace {

// Kubernetes' own objects stay far below both, and pona reads nothing that lies deeper.
constexpr std::size_t max_depth = 64;
constexpr std::size_t max_aliased_nodes = 100'000;

bool all_of_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// https://yaml.org/spec/1.2.2/#103-core-schema
Node::Type core_schema(std::string_view text) {
  if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL") {
    return Node::Type::null;
  }
  // Nearly every text starts with a letter that begins none of the rest.
  if (std::string_view("+-.0123456789tTfF").find(text.front()) == std::string_view::npos) {
    return Node::Type::string;
  }
  for (const std::string_view word : {"true", "True", "TRUE", "false", "False", "FALSE"}) {
    if (text == word) return Node::Type::boolean;
  }
  for (const std::string_view word : {".nan", ".NaN", ".NAN"}) {
    if (text == word) return Node::Type::number;
  }
  if (text.front() == '+' || text.front() == '-') text.remove_prefix(1);
  // With an underscore between digits, too, as YAML 1.1 had it and kubectl reads it.
  if (text.starts_with("0o") || text.starts_with("0x") || text.starts_with("0b")) {
    const auto digits = text[1] == 'o'   ? "01234567_"
                        : text[1] == 'b' ? "01_"
                                         : "0123456789abcdefABCDEF_";
    const bool valid = text.size() > 2 && text[2] != '_' &&
                       text.find_first_not_of(digits, 2) == std::string_view::npos;
    return valid ? Node::Type::integer : Node::Type::string;
  }
  if (!text.empty() && text.front() != '_' &&
      text.find_first_not_of("0123456789_") == std::string_view::npos) {
    return Node::Type::integer;
  }
  for (const std::string_view word : {".inf", ".Inf", ".INF"}) {
    if (text == word) return Node::Type::number;
  }
  // ( "." [0-9]+ | [0-9]+ ( "." [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?
  const std::size_t e = text.find_first_of("eE");
  if (e != std::string_view::npos) {
    std::string_view exponent = text.substr(e + 1);
    if (exponent.starts_with('+') || exponent.starts_with('-')) exponent.remove_prefix(1);
    if (!all_of_digits(exponent)) return Node::Type::string;
    text = text.substr(0, e);
  }
  const std::size_t dot = text.find('.');
  const std::string_view whole = text.substr(0, dot);
  const std::string_view fraction =
      dot == std::string_view::npos ? std::string_view() : text.substr(dot + 1);
  const bool numeric = (whole.empty() || all_of_digits(whole)) &&
                       (fraction.empty() || all_of_digits(fraction)) &&
                       !(whole.empty() && fraction.empty());
  return numeric ? Node::Type::number : Node::Type::string;
}

}  // namespace

Node::Iterator& Node::Iterator::operator++() {
  index_ = document_->records_[index_].next;
  return *this;
}

Node::Type Node::type() const { return document_->records_[index_].type; }

std::uint32_t Node::line() const { return document_->records_[index_].line; }

std::string_view Node::text() const {
  const auto& record = document_->records_[index_];
  return std::string_view(document_->text_).substr(record.text, record.text_size);
}

bool Node::plain() const { return document_->records_[index_].plain; }

std::string_view Node::key() const {
  const auto& record = document_->records_[index_];
  return std::string_view(document_->text_).substr(record.key, record.key_size);
}

Node::Iterator Node::begin() const { return {document_, document_->records_[index_].first}; }

std::optional<Node> Node::find(std::string_view key) const {
  if (type() != Type::map) return std::nullopt;
  for (const Node child : *this) {
    if (child.key() == key) return child;
  }
  return std::nullopt;
}

void Document::clear() {
  records_.clear();
  text_.clear();
  open_.clear();
  anchors_.clear();
  next_anchor_.clear();
  aliased_ = 0;
  skipped_ = 0;
  key_size_ = 0;
  key_line_ = 0;
  finished_ = false;
  error_ = {};
}

std::optional<Node> Document::root() const {
  return finished_ ? std::optional<Node>(Node(this, 0)) : std::nullopt;
}

bool Document::key(std::string_view text, std::uint32_t line) {
  if (skipped_ > 0) return true;
  key_ = store(text);
  key_size_ = static_cast<std::uint32_t>(text.size());
  key_line_ = line;
  return true;
}

bool Document::string(std::string_view text, std::uint32_t line) {
  return scalar(Node::Type::string, false, text, line);
}

bool Document::plain(std::string_view text, std::uint32_t line) {
  return scalar(core_schema(text), true, text, line);
}

bool Document::scalar(Node::Type type, bool plain, std::string_view text, std::uint32_t line) {
  if (skipped_ > 0) {
    next_anchor_.clear();
    return true;
  }
  const std::uint32_t at = store(text);
  const std::uint32_t index = add(type, line);
  records_[index].text = at;
  records_[index].text_size = static_cast<std::uint32_t>(text.size());
  records_[index].plain = plain;
  remember(std::exchange(next_anchor_, {}), index, 1);
  finished_ = open_.empty();
  return true;
}

bool Document::begin(Node::Type type, std::uint32_t line) {
  if (skipped_ > 0 || open_.size() == max_depth) {
    // The one that would lie there is empty; its own are passed over.
    if (skipped_++ == 0) add(type, line);
    next_anchor_.clear();
    return true;
  }
  const std::size_t before = expanded();
  const std::uint32_t index = add(type, line);
  open_.push_back({index, 0, before, std::exchange(next_anchor_, {})});
  return true;
}

bool Document::end() {
  // https://yaml.org/type/merge.html: the fields of other maps, where the map has none of the name
  // itself; of several the first counts. What it costs if written out is counted by their aliases.
  const auto merge = [this](std::uint32_t map) -> bool {
    const auto key_of = [this](std::uint32_t index) {
      return std::string_view(text_).substr(records_[index].key, records_[index].key_size);
    };
    std::uint32_t before = 0;
    std::uint32_t merged = records_[map].first;
    while (merged != 0 && key_of(merged) != merge_key) {
      before = std::exchange(merged, records_[merged].next);
    }
    const Record found = records_[merged];
    (before == 0 ? records_[map].first : records_[before].next) = found.next;
    std::vector<std::uint32_t> sources;
    if (found.type == Node::Type::map) {
      sources.push_back(merged);
    } else if (found.type == Node::Type::sequence) {
      for (std::uint32_t at = found.first; at != 0; at = records_[at].next) sources.push_back(at);
    }
    const bool maps = std::ranges::all_of(
        sources, [this](std::uint32_t index) { return records_[index].type == Node::Type::map; });
    if ((sources.empty() && found.type != Node::Type::sequence) || !maps) {
      return fail(found.line, "<< wants a map, or a list of maps, whose fields are to be merged");
    }
    std::set<std::string_view> present;
    std::uint32_t last = 0;
    for (std::uint32_t at = records_[map].first; at != 0; at = records_[at].next) {
      present.insert(key_of(at));
      last = at;
    }
    for (const std::uint32_t source : sources) {
      for (std::uint32_t at = records_[source].first; at != 0; at = records_[at].next) {
        if (!present.insert(key_of(at)).second) continue;
        const auto index = static_cast<std::uint32_t>(records_.size());
        Record copy = records_[at];
        copy.next = 0;
        records_.push_back(copy);
        (last == 0 ? records_[map].first : records_[last].next) = index;
        last = index;
      }
    }
    return true;
  };
  if (skipped_ > 0) {
    --skipped_;
    return true;
  }
  Open closed = std::move(open_.back());
  open_.pop_back();
  const Record& record = records_[closed.record];
  if (record.type == Node::Type::map) {
    if (!unique_keys(record)) return false;
    // What is no UTF-8 sorts last.
    if (!keys_.empty() && keys_.back() == merge_key && !merge(closed.record)) return false;
  }
  remember(std::move(closed.anchor), closed.record, expanded() - closed.expanded);
  finished_ = open_.empty();
  return true;
}

bool Document::alias(std::string_view name, std::uint32_t line) {
  if (skipped_ > 0) return true;
  // The newest of a name counts: YAML lets anchors be defined again.
  const auto found = std::find_if(anchors_.rbegin(), anchors_.rend(),
                                  [&](const Anchor& a) { return a.name == name; });
  if (found == anchors_.rend()) {
    return fail(line,
                "*" + std::string(name) + " refers to no &" + std::string(name) + " before it");
  }
  aliased_ += found->expanded;
  if (aliased_ > max_aliased_nodes) {
    return fail(line, "the aliases (*) of this document stand for more than " +
                          std::to_string(max_aliased_nodes) + " fields: write them out");
  }
  const std::uint32_t target = found->record;
  const std::uint32_t index = add(records_[target].type, line);
  records_[index].text = records_[target].text;
  records_[index].text_size = records_[target].text_size;
  records_[index].plain = records_[target].plain;
  records_[index].first = records_[target].first;
  return true;
}

std::uint32_t Document::add(Node::Type type, std::uint32_t line) {
  const auto index = static_cast<std::uint32_t>(records_.size());
  Record record;
  record.type = type;
  record.line = line;
  if (!open_.empty()) {
    Open& parent = open_.back();
    if (records_[parent.record].type == Node::Type::map) {
      record.key = key_;
      record.key_size = key_size_;
      record.line = key_line_;
    }
    (parent.last == 0 ? records_[parent.record].first : records_[parent.last].next) = index;
    parent.last = index;
  }
  records_.push_back(record);
  return index;
}

void Document::remember(std::string name, std::uint32_t record, std::size_t expanded) {
  if (!name.empty()) anchors_.push_back({std::move(name), record, expanded});
}

bool Document::unique_keys(const Record& map) {
  keys_.clear();
  for (std::uint32_t child = map.first; child != 0; child = records_[child].next) {
    const Record& record = records_[child];
    keys_.push_back(std::string_view(text_).substr(record.key, record.key_size));
  }
  std::sort(keys_.begin(), keys_.end());
  const auto twice = std::adjacent_find(keys_.begin(), keys_.end());
  if (twice == keys_.end()) return true;
  std::uint32_t line = map.line;
  for (std::uint32_t child = map.first; child != 0; child = records_[child].next) {
    const Record& record = records_[child];
    if (std::string_view(text_).substr(record.key, record.key_size) == *twice) line = record.line;
  }
  const std::string name(*twice == merge_key ? "<<" : *twice);
  return fail(line, "the field " + name + " is given twice: remove one of them");
}

std::uint32_t Document::store(std::string_view text) {
  const auto at = static_cast<std::uint32_t>(text_.size());
  text_.append(text);
  return at;
}

bool Document::fail(std::uint32_t line, std::string reason) {
  error_ = {line, std::move(reason)};
  return false;
}

std::string_view text_at(const Node& map, std::string_view key) {
  const auto found = map.find(key);
  return found && found->type() == Node::Type::string ? found->text() : std::string_view();
}

}  // namespace kube
