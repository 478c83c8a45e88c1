// The objects of one resource as they were last known, and what changed since somebody looked. The
// one rule: an object goes only by remove(), or by a list that is whole and believed and does not
// hold it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/object_id_hash.hpp"
#include "kube/decode/decode.hpp"
#include "kube/source.hpp"

namespace kube {

class ObjectCache {
 public:
  // A list begins: what is put from here on is in it. Beginning again forgets the list before.
  void begin_list() { ++list_; }
  // What is there but not in this list; of as many as there were before it.
  [[nodiscard]] std::size_t missing() const;
  [[nodiscard]] std::size_t known() const;
  // The list is whole: what it did not hold is gone.
  void end_list();
  // The list is whole, but not believed: what it did not hold stays, in doubt.
  void doubt_list();
  // Of what is in doubt, what this list does not hold either is gone.
  void confirm_list();

  // Of an earlier process: it is there until a list says otherwise.
  void seed(const core::ObjectId& id, std::shared_ptr<const core::Object> object);
  // What no list has held since, where there is no list to be had.
  void forget_seeded();

  // An object that was left out for its faults keeps its last good version in effect.
  void put(Decoded decoded);
  void remove(const core::ObjectId& id);

  // Coalesced; the first call gives all.
  core::ObjectChanges take() { return std::exchange(changes_, {}); }
  [[nodiscard]] bool changed() const { return !changes_.empty(); }

  // What is seen of objects that have been seen otherwise since the last call; null: gone.
  using SeenChanges = std::map<core::ObjectId, std::shared_ptr<const Seen>>;
  SeenChanges take_seen() { return std::exchange(seen_changes_, {}); }
  // An answer to a write may come before the watch tells of it, and is taken as what it tells.
  void see(const core::ObjectId& id, std::shared_ptr<const Seen> seen);

  // Null: there is none, or no good one.
  [[nodiscard]] std::shared_ptr<const core::Object> find(const core::ObjectId& id) const;

  // Of objects with faults, `prefix` before their names.
  void add_problems(const std::string& prefix, std::vector<Problem>& problems) const;
  // Counts up when problems may have changed.
  [[nodiscard]] std::uint64_t problems_revision() const { return problems_revision_; }

  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    std::shared_ptr<const core::Object> object;  // the last good version; null: there was none
    std::uint64_t list = 0;                      // the last that held it
    std::uint64_t born = 0;                      // the first that held it
    bool doubted = false;                        // a later one did not, and was not believed
    std::shared_ptr<const Seen> seen;            // null: nobody writes its status
  };
  struct Faults {
    std::vector<std::string> texts;
    bool kept = false;  // a good version is in effect

    friend bool operator==(const Faults&, const Faults&) = default;
  };

  void forget(const core::ObjectId& id, const Entry& entry);
  template <typename Gone>
  void forget_where(const Gone& gone);
  void note(const core::ObjectId& id, const Decoded& decoded, bool kept);

  std::unordered_map<core::ObjectId, Entry, HashId> entries_;
  std::unordered_map<core::ObjectId, Faults, HashId> faults_;
  core::ObjectChanges changes_;
  SeenChanges seen_changes_;
  std::uint64_t list_ = 0;
  std::uint64_t problems_revision_ = 0;
};

}  // namespace kube
