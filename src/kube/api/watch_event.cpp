#include "kube/api/watch_event.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "kube/decode/parse.hpp"

namespace kube {
namespace {

// Of texts that the server made, not people: what is missing or of another type is "".
std::uint32_t number_at(const Node& node, std::string_view key) {
  const auto found = node.find(key);
  if (!found || found->type() != Node::Type::integer) return 0;
  std::vector<Finding> ignored;
  return Field(*found, ignored).integer(0, UINT32_MAX).value_or(0);
}

Status read_status(const Node& node) {
  Status status;
  status.code = static_cast<int>(std::min<std::uint32_t>(number_at(node, "code"), 999));
  status.reason = text_at(node, "reason");
  status.message = text_at(node, "message");
  const auto details = node.find("details");
  if (!details) return status;
  status.kind = text_at(*details, "kind");
  status.name = text_at(*details, "name");
  if (const auto seconds = number_at(*details, "retryAfterSeconds"); seconds > 0) {
    status.retry_after_seconds = seconds;
  }
  const auto causes = details->find("causes");
  if (!causes || causes->type() != Node::Type::sequence) return status;
  for (const Node cause : *causes) {
    status.causes.push_back({std::string(text_at(cause, "reason")),
                             std::string(text_at(cause, "field")),
                             std::string(text_at(cause, "message"))});
    if (status.causes.back().reason == "ResourceVersionTooLarge") status.version_too_large = true;
  }
  return status;
}

std::optional<WatchEvent::Type> parse_type(std::string_view text) {
  using Type = WatchEvent::Type;
  static constexpr std::array<std::pair<std::string_view, Type>, 5> types = {{
      {"ADDED", Type::added},
      {"MODIFIED", Type::modified},
      {"DELETED", Type::deleted},
      {"BOOKMARK", Type::bookmark},
      {"ERROR", Type::error},
  }};
  for (const auto& [name, type] : types) {
    if (name == text) return type;
  }
  return std::nullopt;
}

// In messages: a body may be anything.
std::string excerpt(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  return quote(text);
}

}  // namespace

bool LineCutter::take(std::string_view bytes, const std::function<void(std::string_view)>& line) {
  for (;;) {
    const std::size_t end = bytes.find('\n');
    if (end == std::string_view::npos) break;
    if (rest_.empty()) {
      line(bytes.substr(0, end));
    } else {
      rest_.append(bytes.substr(0, end));
      // The callee may clear this: it gets a text of its own.
      const std::string whole = std::exchange(rest_, {});
      line(whole);
    }
    bytes.remove_prefix(end + 1);
  }
  if (rest_.size() + bytes.size() > longest) return false;
  rest_.append(bytes);
  return true;
}

std::optional<std::string> EventDecoder::parse(std::string_view text,
                                               const std::function<void(Node)>& use) {
  int values = 0;
  const auto error = parse_json(text, document_, [&](const Document& document) {
    if (++values == 1) use(*document.root());
  });
  if (error) return error->reason;
  if (values != 1) return values == 0 ? "nothing" : "more than one JSON value";
  return std::nullopt;
}

std::optional<std::string> EventDecoder::event(std::string_view line, WatchEvent& event) {
  std::optional<std::string> wrong;
  const auto syntax = parse(line, [&](const Node& root) {
    const auto type = parse_type(text_at(root, "type"));
    const auto object = root.find("object");
    if (!type || !object || object->type() != Node::Type::map) {
      wrong = "no event of a watch: " + excerpt(line);
      return;
    }
    event.type = *type;
    if (event.type == WatchEvent::Type::error) {
      event.status = read_status(*object);
      return;
    }
    if (const auto metadata = object->find("metadata")) {
      event.version = text_at(*metadata, "resourceVersion");
      if (const auto annotations = metadata->find("annotations")) {
        event.initial_end = text_at(*annotations, "k8s.io/initial-events-end") == "true";
      }
    }
    if (event.version.empty()) {
      wrong = "an event without resourceVersion: " + excerpt(line);
      return;
    }
    if (event.type == WatchEvent::Type::bookmark) return;
    std::vector<Decoded> decoded = reduce_(*object);
    if (decoded.size() != 1 || decoded.front().ignored) {
      wrong = "an event of an object that was not asked for: " + excerpt(line);
      return;
    }
    event.object = std::move(decoded.front());
    // Without a name that pona could say it by it is nobody's business, and no reason to stop.
    if (!event.object.id) event.type = WatchEvent::Type::bookmark;
  });
  return syntax ? syntax : wrong;
}

std::optional<std::string> EventDecoder::page(std::string_view text, ListPage& page) {
  std::optional<std::string> wrong;
  const auto syntax = parse(text, [&](const Node& root) {
    const auto metadata = root.find("metadata");
    const auto items = root.find("items");
    if (!metadata || !text_at(root, "kind").ends_with("List")) {
      wrong = "no list: " + excerpt(text);
      return;
    }
    page.version = text_at(*metadata, "resourceVersion");
    page.next = text_at(*metadata, "continue");
    if (page.version.empty()) {
      wrong = "a list without resourceVersion: " + excerpt(text);
      return;
    }
    if (!items || items->type() == Node::Type::null) return;  // as Go writes an empty list
    page.objects = reduce_(root);
    if (std::ranges::any_of(page.objects, &Decoded::ignored)) {
      wrong = "a list with an object that was not asked for: " + excerpt(text);
      return;
    }
    std::erase_if(page.objects, [](const Decoded& object) { return !object.id; });
  });
  return syntax ? syntax : wrong;
}

Status EventDecoder::status(int code, std::string_view body) {
  Status status;
  const auto syntax = parse(body, [&](const Node& root) {
    if (text_at(root, "kind") == "Status") status = read_status(root);
  });
  if (syntax || status.message.empty()) status.message = body.empty() ? "no reason" : excerpt(body);
  status.code = code;
  return status;
}

}  // namespace kube
