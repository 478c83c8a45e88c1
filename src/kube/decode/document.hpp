// One parsed document, YAML or JSON, as a tree of nodes that know their lines. It says nothing
// about what the fields mean. All nodes and texts lie in two buffers, so that reading the next
// document into the same Document allocates nothing; a Node is only a handle and ends with its
// Document.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kube {

class Document;

class Node {
 public:
  // Scalars have the type that YAML's core schema gives them, which is JSON's too.
  enum class Type : std::uint8_t { null, boolean, integer, number, string, sequence, map };

  class Iterator {
   public:
    using value_type = Node;
    using difference_type = std::ptrdiff_t;

    Iterator() = default;
    Iterator(const Document* document, std::uint32_t index) : document_(document), index_(index) {}

    Node operator*() const { return {document_, index_}; }
    Iterator& operator++();
    Iterator operator++(int) {
      const Iterator before = *this;
      ++*this;
      return before;
    }
    friend bool operator==(const Iterator&, const Iterator&) = default;

   private:
    const Document* document_ = nullptr;
    std::uint32_t index_ = 0;
  };

  Node(const Document* document, std::uint32_t index) : document_(document), index_(index) {}

  [[nodiscard]] Type type() const;
  [[nodiscard]] std::uint32_t line() const;     // of the key, where there is one; from 1
  [[nodiscard]] std::string_view text() const;  // of a scalar, without quotes
  [[nodiscard]] std::string_view key() const;   // inside a map
  [[nodiscard]] bool plain() const;             // a scalar without quotes

  // The children of a sequence or a map.
  [[nodiscard]] Iterator begin() const;
  [[nodiscard]] Iterator end() const { return {document_, 0}; }
  [[nodiscard]] std::optional<Node> find(std::string_view key) const;

 private:
  const Document* document_;
  std::uint32_t index_;
};

// A string of a map; empty where there is none, or something else in its place.
std::string_view text_at(const Node& map, std::string_view key);

// Why a text could not be read as a document.
struct SyntaxError {
  std::uint32_t line = 0;
  std::string reason;
};

// Filled from the parsers' events, in the order of the text. Every call says false once something
// is not acceptable, and error() says what. A list or map that lies deeper than 64 levels is kept
// as an empty one: pona reads nothing there, and authors of other fields may nest as they like.
class Document {
 public:
  void clear();
  bool begin_map(std::uint32_t line) { return begin(Node::Type::map, line); }
  bool begin_sequence(std::uint32_t line) { return begin(Node::Type::sequence, line); }
  bool key(std::string_view text, std::uint32_t line);
  bool string(std::string_view text, std::uint32_t line);
  bool plain(std::string_view text, std::uint32_t line);  // a scalar without quotes: typed by text
  bool end();

  // Names the node that the next event makes, and makes a node equal to a named one. An alias
  // shares its target's children; what it would cost if written out is bounded.
  void anchor(std::string_view name) { next_anchor_ = name; }
  bool alias(std::string_view name, std::uint32_t line);

  // Nothing where the text held nothing but comments.
  [[nodiscard]] std::optional<Node> root() const;
  [[nodiscard]] const SyntaxError& error() const { return error_; }

 private:
  friend class Node;

  struct Record {
    std::uint32_t line = 0;
    std::uint32_t key = 0;  // offsets into text_
    std::uint32_t key_size = 0;
    std::uint32_t text = 0;
    std::uint32_t text_size = 0;
    std::uint32_t first = 0;  // child; 0 is none, as record 0 is nobody's child
    std::uint32_t next = 0;   // sibling
    Node::Type type = Node::Type::null;
    bool plain = false;
  };
  struct Open {
    std::uint32_t record;
    std::uint32_t last;    // child
    std::size_t expanded;  // nodes before it, aliases written out
    std::string anchor;
  };
  struct Anchor {
    std::string name;
    std::uint32_t record;
    std::size_t expanded;  // nodes of its tree, aliases written out
  };

  bool begin(Node::Type type, std::uint32_t line);
  bool scalar(Node::Type type, bool plain, std::string_view text, std::uint32_t line);
  std::uint32_t add(Node::Type type, std::uint32_t line);
  void remember(std::string name, std::uint32_t record, std::size_t expanded);
  bool fail(std::uint32_t line, std::string reason);
  bool unique_keys(const Record& map);
  std::uint32_t store(std::string_view text);
  [[nodiscard]] std::size_t expanded() const { return records_.size() + aliased_; }

  std::vector<Record> records_;
  std::string text_;
  std::vector<Open> open_;
  std::vector<Anchor> anchors_;
  std::vector<std::string_view> keys_;
  std::string next_anchor_;
  std::size_t aliased_ = 0;
  std::size_t skipped_ = 0;  // containers that are open and lie too deep to be kept
  std::uint32_t key_ = 0;
  std::uint32_t key_size_ = 0;
  std::uint32_t key_line_ = 0;
  bool finished_ = false;
  SyntaxError error_;
};

}  // namespace kube
