// GET of one object and of lists: pages, versions, selectors.
#include <algorithm>

#include "support/apiserver/base64.hpp"
#include "support/apiserver/present.hpp"
#include "support/apiserver/versions.hpp"

namespace support::apiserver {
namespace {

struct Continuation {
  std::uint64_t revision = 0;
  bool consistent = true;  // rv -1: after a compaction, whatever is there now
  std::string start;       // the key to go on from, below the list's own
};

Refusal bad_continue(const std::string& why) {
  return bad_request("invalid continue token: " + why);
}

Continuation read_continue(const std::string& token) {
  const std::optional<std::string> decoded = from_base64url(token);
  if (!decoded) throw bad_continue("continue key is not valid: illegal base64 data");
  const Json value = Json::parse(*decoded, nullptr, false);
  if (!value.is_object()) {
    char hex[8];
    std::snprintf(hex, sizeof hex, "\\x%02x",
                  decoded->empty() ? 0U : static_cast<unsigned char>(decoded->front()));
    throw bad_continue(std::string("continue key is not valid: invalid character '") + hex +
                       "' looking for beginning of value");
  }
  if (value.value("v", "") != "meta.k8s.io/v1" || value.value("start", "").empty()) {
    throw bad_continue("continue key is not valid: server does not recognize this encoded version");
  }
  const auto revision = value.value("rv", std::int64_t{0});
  return {revision < 0 ? 0 : static_cast<std::uint64_t>(revision), revision >= 0,
          value.value("start", "")};
}

std::string write_continue(std::int64_t revision, const std::string& start) {
  return to_base64url(Json{{"v", "meta.k8s.io/v1"}, {"rv", revision}, {"start", start}}.dump());
}

// Where an object stands in the list, in the words of continue tokens.
std::string place_of(const Call& call, const Key& key) {
  return call.resource->namespaced && call.space.empty() ? key.space + "/" + key.name
                                                         : "/" + key.name;
}

Refusal expired_continue(const std::string& start) {
  Json status = status_object(
      410, "Expired",
      "The provided continue parameter is too old to display a consistent list result. You can "
      "start a new list without the continue parameter, or use the continue token in this response "
      "to retrieve the remainder of the results. Continuing with the provided token results in an "
      "inconsistent list - objects that were created, modified, or deleted between the time the "
      "first chunk was returned and now may show up in the list.");
  status["metadata"]["continue"] = write_continue(-1, start);
  return Refusal(std::move(status));
}

// The revision that the list is of.
std::uint64_t revision_of(const State& state, const Call& call, const Continuation& from) {
  const std::uint64_t now = state.store.revision();
  if (!from.start.empty()) {
    if (!from.consistent) return now;
    if (from.revision < state.store.compacted()) throw expired_continue(from.start);
    return from.revision;
  }
  const std::string match = call.argument("resourceVersionMatch");
  const std::uint64_t wanted = read_version(call.argument("resourceVersion"));
  if (!match.empty() && call.argument("resourceVersion").empty()) {
    throw invalid({"", "meta.k8s.io", "", "ListOptions"},
                  {{"FieldValueForbidden",
                    "Forbidden: resourceVersionMatch is forbidden unless resourceVersion is "
                    "provided",
                    "resourceVersionMatch"}});
  }
  if (wanted > now) throw too_large(wanted, now);
  // A version with a limit and without a match is exact, as it was before there were matches.
  const bool exact =
      match == "Exact" || (match.empty() && wanted != 0 && call.query.contains("limit"));
  if (!exact) return now;
  if (wanted < state.store.compacted()) {
    throw failure(410, "Expired", "The resourceVersion for the provided list is too old.");
  }
  return wanted;
}

}  // namespace

Response read_object(State& state, const Call& call) {
  const Stored stored = state.store.get(call.key());
  if (!stored) throw not_found(call.about());
  const std::uint64_t wanted = read_version(call.argument("resourceVersion"));
  if (wanted > state.store.revision()) throw too_large(wanted, state.store.revision());
  return present_object(call, 200, call.resource->present(*stored));
}

Response list_objects(State& state, const Call& call) {
  const Resource& resource = *call.resource;
  const Selector selector = selector_of(call);
  const std::string token = call.argument("continue");
  const Continuation from = token.empty() ? Continuation() : read_continue(token);
  const std::uint64_t revision = revision_of(state, call, from);
  const std::size_t limit = call.argument("limit").empty() ? 0 : std::stoul(call.argument("limit"));
  // From the cache, that is with version 0, a list comes whole.
  const bool whole = limit == 0 || (call.argument("resourceVersion") == "0" && token.empty() &&
                                    call.argument("resourceVersionMatch") != "Exact");
  std::vector<Json> items;
  Json metadata = {{"resourceVersion", std::to_string(revision)}};
  std::size_t left = 0;
  std::string last;
  for (const auto& [key, object] : state.store.list_at(revision, resource.storage(), call.space)) {
    const std::string place = place_of(call, key);
    if (!from.start.empty() && place < from.start) continue;
    if (!selector.empty() && !selector.matches(resource.present(*object))) continue;
    if (!whole && items.size() == limit) {
      ++left;
      continue;
    }
    items.push_back(*object);
    last = place;
  }
  if (left > 0) {
    metadata["continue"] =
        write_continue(static_cast<std::int64_t>(revision), last + std::string(1, '\0'));
    // With a selector nobody counts what is left.
    if (selector.empty()) metadata["remainingItemCount"] = left;
  }
  return present_list(call, items, std::move(metadata));
}

}  // namespace support::apiserver
