// Set elements that several objects want at once, counted, so that the last one to leave removes
// them and a change costs only what it touches.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/state/state.hpp"

namespace core {

class SharedElements {
 public:
  void acquire(const std::vector<Element>& elements);
  void release(const std::vector<Element>& elements);

  // What the calls since the last settle() came to: elements that are no longer as they were, and
  // as what they are now. An element that changed its value is in both.
  struct Difference {
    std::vector<Element> before;
    std::vector<Element> after;
  };
  Difference settle();

  void each(const std::function<void(const Element&)>& visit) const;

 private:
  // Who wants which value of a key. Of several values the least is in effect, whatever the order in
  // which they came.
  using Wishes = std::vector<std::pair<ElementValue, std::uint32_t>>;

  void touch(const ElementKey& key);
  [[nodiscard]] std::optional<ElementValue> current(const ElementKey& key) const;

  std::unordered_map<ElementKey, Wishes, ElementKeyHash> wishes_;
  std::unordered_map<ElementKey, std::optional<ElementValue>, ElementKeyHash> touched_;
};

}  // namespace core
