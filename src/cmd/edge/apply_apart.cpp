#include "cmd/edge/apply_apart.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "core/state/text.hpp"

namespace cmd {
namespace {

const core::ElementKey* element_key_of(const core::Change& change) {
  if (const auto* add = std::get_if<core::AddElement>(&change)) return &add->element.key;
  if (const auto* gone = std::get_if<core::DeleteElement>(&change)) return &gone->key;
  return nullptr;
}

// What elements that are still to be changed may refer to.
bool is_last(const core::Change& change) {
  return std::holds_alternative<core::DeleteChain>(change) ||
         std::holds_alternative<core::DeleteSet>(change);
}

// The nftables changes: those that nobody wants alone, and for each object its own.
class Apart {
 public:
  Apart(net::Kernel& kernel, const core::EdgePlan& plan, const core::Changes& changes)
      : kernel_(kernel) {
    std::unordered_map<core::ElementKey, std::vector<std::size_t>, core::ElementKeyHash> about;
    for (std::size_t i = 0; i < changes.size(); ++i) {
      if (const auto* key = element_key_of(changes[i])) about[*key].push_back(i);
    }
    std::map<core::ObjectId, std::set<std::size_t>> wanted;
    std::set<std::size_t> owned;
    plan.each_owned([&](const core::ObjectId& id, const core::Element& element) {
      const auto found = about.find(element.key);
      if (found == about.end()) return;
      wanted[id].insert(found->second.begin(), found->second.end());
      owned.insert(found->second.begin(), found->second.end());
    });
    for (std::size_t i = 0; i < changes.size(); ++i) {
      if (!core::is_nftables(changes[i]) || owned.contains(i)) continue;
      (is_last(changes[i]) ? end_ : base_).push_back(changes[i]);
    }
    // Says whether the kernel takes anything of ours at all: a table that is there changes nothing.
    for (const auto& [family, table] : plan.frame().tables) {
      base_.push_back(core::AddTable{family, table.name});
    }
    for (auto& [id, indices] : wanted) groups_.push_back({id, std::move(indices)});
    changes_ = &changes;
  }

  std::vector<core::Rejection> apply() {
    split(0, groups_.size());
    if (!base_done_) apply_base();
    try {
      if (!end_.empty()) kernel_.apply(end_);
    } catch (const core::Error&) {
      // What is refused may still hold what is to go: then it goes with that, in the next round.
      if (refused_.empty()) throw;
    }
    return std::move(refused_);
  }

 private:
  struct Group {
    core::ObjectId id;
    std::set<std::size_t> changes;
  };

  void apply_base() {
    kernel_.apply(base_);
    base_done_ = true;
  }

  // What several want is added with the first of them that the kernel takes.
  void apply_groups(std::size_t first, std::size_t last) {
    std::set<std::size_t> indices;
    for (std::size_t i = first; i < last; ++i) {
      std::ranges::set_difference(groups_[i].changes, done_, std::inserter(indices, indices.end()));
    }
    core::Changes changes;
    if (!base_done_) changes = base_;
    for (const std::size_t i : indices) changes.push_back((*changes_)[i]);
    if (!changes.empty()) kernel_.apply(changes);
    base_done_ = true;
    done_.merge(indices);
  }

  void split(std::size_t first, std::size_t last) {
    if (first == last) return;
    std::string reason;
    try {
      apply_groups(first, last);
      return;
    } catch (const core::Error& error) {
      if (error.kind() == core::Error::Kind::transient) throw;
      reason = error.what();
    }
    if (last - first > 1) {
      const std::size_t middle = first + (last - first) / 2;
      split(first, middle);
      split(middle, last);
    } else if (!base_done_) {
      apply_base();  // if this is refused, then nobody's object is to blame
      split(first, last);
    } else {
      refused_.push_back({groups_[first].id, reason});
    }
  }

  net::Kernel& kernel_;
  const core::Changes* changes_ = nullptr;
  core::Changes base_;
  core::Changes end_;
  std::vector<Group> groups_;
  std::set<std::size_t> done_;
  bool base_done_ = false;
  std::vector<core::Rejection> refused_;
};

// The rest works without it: a route to some destination.
bool can_do_without(const core::Change& change) {
  return std::holds_alternative<core::AddRoute>(change);
}

}  // namespace

core::Refused apply_apart(net::Kernel& kernel, const core::EdgePlan& plan,
                          const core::Changes& changes) {
  core::Refused refused;
  bool nftables_done = false;
  for (const core::Change& change : changes) {
    if (core::is_nftables(change)) {
      if (!std::exchange(nftables_done, true)) {
        refused.objects = Apart(kernel, plan, changes).apply();
      }
      continue;
    }
    try {
      kernel.apply({change});
    } catch (const core::Error& error) {
      if (!can_do_without(change)) throw;
      refused.frame.emplace(core::to_text(core::Changes{change}).front(), error.what());
    }
  }
  return refused;
}

}  // namespace cmd
