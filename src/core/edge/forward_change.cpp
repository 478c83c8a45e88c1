#include "core/edge/forward_change.hpp"

#include <map>
#include <utility>

namespace core {

void join(std::vector<ForwardChange>& changes) {
  std::map<ForwardKey, ForwardChange> joined;
  for (ForwardChange& change : changes) {
    const ForwardKey& key = change.before ? change.before->key : change.after->key;
    ForwardChange& target = joined[key];
    if (change.before) {
      target.before = std::move(change.before);
    }
    if (change.after) {
      target.after = std::move(change.after);
    }
  }
  changes.clear();
  for (auto& [key, change] : joined) {
    changes.push_back(std::move(change));
  }
}

}  // namespace core
