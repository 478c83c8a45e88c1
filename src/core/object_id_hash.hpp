// Object ids as keys of unordered maps.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include "core/objects.hpp"

namespace kube {

struct HashId {
  std::size_t operator()(const core::ObjectId& id) const {
    const std::hash<std::string> hash;
    return (hash(id.name.ns) * 31 + hash(id.name.name)) * 31 + static_cast<std::size_t>(id.kind);
  }
};

}  // namespace kube
