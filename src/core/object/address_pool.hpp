// Which external addresses there are to be given, and to whom.
#pragma once

#include <string_view>
#include <vector>

#include "core/ip.hpp"
#include "core/object/object.hpp"

namespace core {

// pona.dev/v1alpha1 AddressPool, cluster scoped.
struct AddressPool {
  static constexpr Kind kind = Kind::address_pool;
  static constexpr std::string_view kind_name = "AddressPool";

  struct Range {
    Address first;
    Address last;  // inclusive, of the same family, not below first

    friend bool operator==(const Range&, const Range&) = default;
  };

  ObjectName name;                              // without namespace
  std::vector<Range> ranges;                    // as written: a network is all its addresses
  std::vector<std::string> allowed_namespaces;  // sorted; empty: all
  bool auto_assign = true;                      // to Services that ask for nothing

  friend bool operator==(const AddressPool&, const AddressPool&) = default;
};

}  // namespace core
