// The objects at every revision since the last compaction. Knows keys and revisions, no kinds: what
// is written here has been checked. A revision that was given out never changes.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "support/apiserver/json.hpp"

namespace support::apiserver {

struct Key {
  std::string resource;  // "widgets.example.pona.dev": all versions of a kind share it
  std::string space;     // namespace; "" for what has none
  std::string name;

  friend auto operator<=>(const Key&, const Key&) = default;
};

struct Event {
  std::uint64_t revision = 0;
  Key key;
  Stored before;  // nothing: added
  Stored after;   // nothing: deleted
};

class Store {
 public:
  // Objects by key, in the order of their keys.
  using Objects = std::map<Key, Stored>;

  [[nodiscard]] Stored get(const Key& key) const;
  // Those of a resource, of all namespaces where `space` is empty.
  [[nodiscard]] std::vector<std::pair<Key, Stored>> list(const std::string& resource,
                                                         const std::string& space) const;
  // As of a revision that is not compacted.
  [[nodiscard]] std::vector<std::pair<Key, Stored>> list_at(std::uint64_t revision,
                                                            const std::string& resource,
                                                            const std::string& space) const;

  // Writes the object with the new revision as its resourceVersion, and gives it back.
  Stored put(const Key& key, Json object);
  // The last state, with the revision of its deletion.
  Stored erase(const Key& key);

  [[nodiscard]] std::uint64_t revision() const { return revision_; }
  // Events after this revision are there.
  [[nodiscard]] std::uint64_t compacted() const { return compacted_; }
  void compact(std::uint64_t revision);
  // Visits the events after `revision`, oldest first, until `visit` says false.
  void events_after(std::uint64_t revision, const std::function<bool(const Event&)>& visit) const;

  [[nodiscard]] const Objects& objects() const { return objects_; }

 private:
  Objects objects_;
  std::deque<Event> log_;
  std::uint64_t revision_ = 0;
  std::uint64_t compacted_ = 0;
};

}  // namespace support::apiserver
