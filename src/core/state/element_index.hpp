// Which of the desired elements the kernel holds exactly as they are, without holding both: of
// hundreds of thousands, usually all. What is left over is little, and diff's business.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "core/state/diff.hpp"
#include "core/state/state.hpp"

namespace core {

// Decides which observed elements are kept.
class ElementFilter {
 public:
  ElementFilter() = default;
  ElementFilter(const ElementFilter&) = delete;
  ElementFilter& operator=(const ElementFilter&) = delete;
  virtual ~ElementFilter() = default;

  // The elements of this set come next; those that came already come again, or are gone.
  virtual void begin(Family family, SetId set) = 0;
  virtual bool keeps(const Element& element) = 0;
};

class KeepAll final : public ElementFilter {
 public:
  void begin(Family, SetId) override {}
  bool keeps(const Element&) override { return true; }
};

class ElementIndex final : public ElementFilter {
 public:
  // Calls `desired` only when there are elements to be met.
  explicit ElementIndex(EachElement desired);

  void begin(Family family, SetId set) override;
  // Keeps what is not desired as it is.
  bool keeps(const Element& element) override;
  // Whether this desired element has come.
  [[nodiscard]] bool has_met(const Element& desired) const;

 private:
  // 128 bits of hash stand for the element: two alike among a million would be one in 10^26.
  using Digest = std::array<std::uint64_t, 2>;
  struct Entry {
    Digest digest{};
    bool met = false;
  };
  using Entries = std::vector<Entry>;

  using Sets = std::map<std::pair<Family, SetId>, Entries>;

  void make();
  static Digest digest_of(const Element& element);
  // Null: no such element is desired.
  template <typename AnySets>
  static auto find(AnySets& sets, const Element& element) -> decltype(sets.begin()->second.data());

  EachElement desired_;
  bool made_ = false;
  Sets sets_;  // each sorted by digest
};

}  // namespace core
