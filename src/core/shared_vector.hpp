// A vector that many hold and nobody changes: to copy it costs nothing, and copies are equal
// without a look. For what thousands of ports have in common.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <memory>
#include <utility>
#include <vector>

namespace core {

template <typename T>
class SharedVector {
 public:
  using value_type = T;
  using const_iterator = typename std::vector<T>::const_iterator;

  SharedVector() = default;
  explicit SharedVector(std::vector<T> values) {
    if (!values.empty()) values_ = std::make_shared<const std::vector<T>>(std::move(values));
  }
  SharedVector(std::initializer_list<T> values) : SharedVector(std::vector<T>(values)) {}

  [[nodiscard]] bool empty() const { return values_ == nullptr; }
  [[nodiscard]] std::size_t size() const { return empty() ? 0 : values_->size(); }
  [[nodiscard]] const T& operator[](std::size_t at) const { return (*values_)[at]; }
  [[nodiscard]] const T& front() const { return values_->front(); }
  [[nodiscard]] const_iterator begin() const {
    return empty() ? const_iterator() : values_->begin();
  }
  [[nodiscard]] const_iterator end() const { return empty() ? const_iterator() : values_->end(); }

  friend bool operator==(const SharedVector& a, const SharedVector& b) {
    if (a.values_ == b.values_) return true;
    return !a.empty() && !b.empty() && *a.values_ == *b.values_;
  }

 private:
  std::shared_ptr<const std::vector<T>> values_;  // null: empty
};

}  // namespace core
