// Reading the fields of a document: asks a node for the type that is wanted and writes down, with
// path and line, what was found instead. It knows no object; decode_*.cpp do.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kube/decode/document.hpp"

namespace kube {

// Something about one field of one object that its author should know.
struct Finding {
  std::string field;  // "spec.ports[0].port"
  std::uint32_t line = 0;
  std::string text;
  bool fatal = true;  // else a warning: the object counts nevertheless

  friend bool operator==(const Finding&, const Finding&) = default;
};

// A field that is there or not. It refers to its parent, which must outlive it; the path is put
// together only when there is something to say.
class Field {
 public:
  Field(Node root, std::vector<Finding>& findings) : node_(root), findings_(&findings) {}

  [[nodiscard]] Field at(std::string_view key) const;
  // The elements of a list; none where the field is missing, null or, after a finding, not a list.
  // They point to this field, so it must live as long as they do.
  [[nodiscard]] std::vector<Field> elements() const&;
  std::vector<Field> elements() const&& = delete;
  // False where the field is missing or, after a finding, not a map.
  [[nodiscard]] bool is_map() const;

  [[nodiscard]] bool missing() const;  // null counts as missing, as everywhere in Kubernetes
  [[nodiscard]] std::uint32_t line() const;
  [[nodiscard]] const std::optional<Node>& node() const { return node_; }

  // Empty where the field is missing or, after a finding, of another type.
  [[nodiscard]] std::optional<std::string_view> string() const;
  [[nodiscard]] std::optional<bool> boolean() const;
  [[nodiscard]] std::optional<std::uint32_t> integer(std::uint32_t min, std::uint32_t max) const;

  void reject(const std::string& text) const { say(text, true); }
  void warn(const std::string& text) const { say(text, false); }
  // The same field, in which whatever is wrong is a warning: it costs itself only, not the object.
  [[nodiscard]] Field contained() const;
  // Warns of fields that are not among `known`, a usual slip being the reason.
  void expect_only(std::span<const std::string_view> known) const;

 private:
  Field(const Field& parent, std::string_view key, std::optional<Node> node)
      : node_(node),
        findings_(parent.findings_),
        parent_(&parent),
        key_(key),
        soft_(parent.soft_) {}

  void say(const std::string& text, bool fatal) const;
  void reject_type(std::string_view wanted) const;
  [[nodiscard]] std::string path() const;

  std::optional<Node> node_;
  std::vector<Finding>* findings_;
  const Field* parent_ = nullptr;
  std::string_view key_;   // in a map
  std::size_t index_ = 0;  // in a list
  bool soft_ = false;
};

// As it stands in messages: "80" for texts, 80 for the rest, long ones cut.
std::string quote(std::string_view text);

}  // namespace kube
