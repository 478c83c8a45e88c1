// What an API server's lists and watches are made of: lines of events, pages of items, and the
// Status that stands in for either when something is wrong. Decodes one whole text at a time; the
// objects in it are reduced at once to what pona reads. Knows no stream's state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kube/decode/decode.hpp"
#include "kube/decode/document.hpp"

namespace kube {

// An object to what pona keeps of it: decode(), except in tests. The Decoded are those of one
// object or of a List's items.
using Reduce = std::function<std::vector<Decoded>(const Node&)>;

// Cuts a stream into lines, whatever pieces it comes in.
class LineCutter {
 public:
  // Gives each line that is complete now, without its end. False: a line got longer than
  // `longest`, and the stream is of no more use.
  bool take(std::string_view bytes, const std::function<void(std::string_view)>& line);
  void clear() { rest_.clear(); }
  // Bytes of a line whose end has not come.
  [[nodiscard]] std::size_t pending() const { return rest_.size(); }

  static constexpr std::size_t longest = std::size_t{32} << 20;

 private:
  std::string rest_;
};

// meta/v1 StatusCause.
struct StatusCause {
  std::string reason;  // "FieldManagerConflict"
  std::string field;   // ".spec.ports"
  std::string message;

  friend bool operator==(const StatusCause&, const StatusCause&) = default;
};

// meta/v1 Status of a failure.
struct Status {
  int code = 0;
  std::string reason;   // "Expired"
  std::string message;  // for people
  std::string kind;     // what it is about: "mappings"; empty: no object
  std::string name;
  std::vector<StatusCause> causes;
  std::optional<std::uint32_t> retry_after_seconds;
  bool version_too_large = false;  // a resourceVersion of the future

  // The resourceVersion or the continue token is no longer known.
  [[nodiscard]] bool gone() const { return code == 410 || reason == "Expired" || reason == "Gone"; }

  friend bool operator==(const Status&, const Status&) = default;
};

struct WatchEvent {
  enum class Type : std::uint8_t { added, modified, deleted, bookmark, error };
  Type type = Type::bookmark;
  std::string version;       // metadata.resourceVersion
  bool initial_end = false;  // a bookmark: what there was at the start has been sent
  Decoded object;            // of the first three
  Status status;             // of an error
};

struct ListPage {
  std::string version;
  std::string next;  // metadata.continue; empty: the last page
  std::vector<Decoded> objects;
};

// A decoder holds its buffers between texts. Each returns why the text is not what it should be.
class EventDecoder {
 public:
  explicit EventDecoder(Reduce reduce) : reduce_(std::move(reduce)) {}

  std::optional<std::string> event(std::string_view line, WatchEvent& event);
  std::optional<std::string> page(std::string_view text, ListPage& page);
  // Never fails: a body that is no Status becomes its message.
  Status status(int code, std::string_view body);
  // Gives the buffers back, which are as large as the largest text.
  void release() { document_ = Document(); }

 private:
  std::optional<std::string> parse(std::string_view text, const std::function<void(Node)>& use);

  Reduce reduce_;
  Document document_;
};

}  // namespace kube
