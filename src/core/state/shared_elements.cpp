#include "core/state/shared_elements.hpp"

#include <algorithm>
#include <tuple>

namespace core {
namespace {

bool precedes(const ElementValue& a, const ElementValue& b) {
  return std::tie(a.data, a.chain, a.jump) < std::tie(b.data, b.chain, b.jump);
}

}  // namespace

void SharedElements::acquire(const std::vector<Element>& elements) {
  for (const Element& element : elements) {
    touch(element.key);
    Wishes& wishes = wishes_[element.key];
    const auto at = std::lower_bound(
        wishes.begin(), wishes.end(), element.value,
        [](const auto& wish, const ElementValue& value) { return precedes(wish.first, value); });
    if (at != wishes.end() && at->first == element.value) {
      ++at->second;
    } else {
      wishes.insert(at, {element.value, 1});
    }
  }
}

void SharedElements::release(const std::vector<Element>& elements) {
  for (const Element& element : elements) {
    touch(element.key);
    const auto found = wishes_.find(element.key);
    if (found == wishes_.end()) {
      continue;
    }
    Wishes& wishes = found->second;
    const auto at = std::find_if(wishes.begin(), wishes.end(),
                                 [&](const auto& wish) { return wish.first == element.value; });
    if (at != wishes.end() && --at->second == 0) {
      wishes.erase(at);
    }
    if (wishes.empty()) {
      wishes_.erase(found);
    }
  }
}

SharedElements::Difference SharedElements::settle() {
  Difference difference;
  for (const auto& [key, was] : touched_) {
    const std::optional<ElementValue> is = current(key);
    if (was == is) {
      continue;
    }
    if (was) {
      difference.before.push_back({key, *was});
    }
    if (is) {
      difference.after.push_back({key, *is});
    }
  }
  touched_.clear();
  return difference;
}

void SharedElements::each(const std::function<void(const Element&)>& visit) const {
  for (const auto& [key, wishes] : wishes_) {
    visit({key, wishes.front().first});
  }
}

void SharedElements::touch(const ElementKey& key) { touched_.try_emplace(key, current(key)); }

std::optional<ElementValue> SharedElements::current(const ElementKey& key) const {
  const auto found = wishes_.find(key);
  return found == wishes_.end() ? std::nullopt : std::optional(found->second.front().first);
}

}  // namespace core
