// Prefixes, of which the longest decides, as ranges: what an interval set of nftables holds where
// routes would look for the longest prefix. Pure.
#pragma once

#include <map>
#include <vector>

#include "core/ip.hpp"

namespace core {

struct AddressRange {
  Address first, last;  // inclusive, of one family

  friend bool operator==(const AddressRange&, const AddressRange&) = default;
};

// The addresses whose longest prefix is mapped to true. Sorted, disjoint, none next to another. The
// prefixes are masked; a map has them in the order of their first addresses, wider ones first.
std::vector<AddressRange> taken_ranges(const std::map<Prefix, bool>& prefixes);

}  // namespace core
