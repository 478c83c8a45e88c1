#include "core/state/ruleset.hpp"

namespace core::nft {

std::size_t size_of(Type type, Family family) {
  switch (type) {
    case Type::address:
      return family == Family::ipv4 ? 4 : 16;
    case Type::inet_proto:
    case Type::ct_dir:
      return 1;
    case Type::inet_service:
      return 2;
    case Type::mark:
      return 4;
    case Type::ifname:
      return 16;  // IFNAMSIZ
    case Type::verdict:
      return 0;  // a verdict is no bytes but a code and a chain
  }
  return 0;
}

std::size_t padded_size_of(Type type, Family family) { return (size_of(type, family) + 3) / 4 * 4; }

std::size_t key_size(const std::vector<Type>& types, Family family) {
  if (types.size() == 1) return size_of(types.front(), family);
  std::size_t size = 0;
  for (const Type type : types) size += padded_size_of(type, family);
  return size;
}

}  // namespace core::nft
