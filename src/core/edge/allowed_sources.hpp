// Who may connect: a Mapping's list of prefixes, of one family, as its forwards share it. However
// long it is, to copy and to compare it costs nothing. Not here: its elements (source_lists).
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <vector>

#include "core/ip.hpp"

namespace core {

// Immutable: sorted, and disjoint, because a wider prefix says it all. Empty: everybody.
class AllowedSources {
 public:
  AllowedSources() = default;
  // Of one family, in any order. "0.0.0.0/0" (or "::/0") among them makes the list empty.
  explicit AllowedSources(std::vector<Prefix> prefixes);
  AllowedSources(std::initializer_list<Prefix> prefixes)
      : AllowedSources(std::vector<Prefix>(prefixes)) {}

  [[nodiscard]] bool empty() const { return list_ == nullptr; }
  [[nodiscard]] std::span<const Prefix> prefixes() const;
  // Whether one of the prefixes does. Takes the logarithm of their number.
  [[nodiscard]] bool contains(const Address& address) const;
  [[nodiscard]] std::uint64_t hash() const { return empty() ? 0 : list_->hash; }

  friend bool operator==(const AllowedSources& a, const AllowedSources& b);

 private:
  struct List {
    std::vector<Prefix> prefixes;
    std::uint64_t hash = 0;
  };
  std::shared_ptr<const List> list_;
};

// Of a Mapping, in one family. Nobody may connect when it lists prefixes of the other one only.
struct SourcesOfFamily {
  AllowedSources list;
  bool nobody = false;
};
SourcesOfFamily sources_of(std::span<const Prefix> prefixes, Family family);

}  // namespace core
