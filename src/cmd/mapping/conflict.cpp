#include "cmd/mapping/conflict.hpp"

#include <algorithm>

#include "core/edge/claims/port_claims.hpp"

namespace cmd {
namespace {

core::ObjectId id_of(const core::Mapping& mapping) { return {core::Kind::mapping, mapping.name}; }

}  // namespace

std::optional<std::string> find_conflict(const core::Mapping& mapping,
                                         std::span<const kube::StoredMapping> stored) {
  core::Claims claims;
  const auto where = [&](const core::ObjectName& name) {
    const auto found = std::ranges::find_if(
        stored, [&](const kube::StoredMapping& other) { return other.mapping.name == name; });
    return core::to_string(name) + (found->live ? "" : " (" + found->where + ")");
  };
  for (const kube::StoredMapping& other : stored) {
    if (other.mapping.name != mapping.name)
      claims.set(id_of(other.mapping), claim_of(other.mapping));
  }
  const auto changed = claims.set(id_of(mapping), claim_of(mapping));
  if (const auto* loss = claims.loss(id_of(mapping))) {
    return core::to_string(loss->key) + " belongs to " + where(loss->winner.name) +
           ", which wins: take another address or port, or remove that one";
  }
  for (const core::ObjectId& other : changed) {
    const auto* loss = claims.loss(other);
    if (loss == nullptr || loss->winner.name != mapping.name) continue;
    return core::to_string(loss->key) + " is in use by " + where(other.name) + "; " +
           core::to_string(mapping.name) +
           " would win and take it away: use another address or port, or remove that one first";
  }
  return std::nullopt;
}

}  // namespace cmd
