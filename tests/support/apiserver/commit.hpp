// The last steps of every write: what the server itself sets, the rules of the kind, the store, and
// what follows from it (a kind appears, dependents go). Objects come in the words of their
// resource.
#pragma once

#include "support/apiserver/state.hpp"

namespace support::apiserver {

// From a body to an object of the kind: identity, pruning, defaults.
Json decode(Call& call, Json body);
// Only the defaults, for what apply made.
void complete(const Resource& resource, Json& object);

// The new object as stored. Throws what the API server refuses with.
Json commit_new(State& state, Call& call, Json object);

// The changed object, as stored or as it was last when its last finalizer went. A change of nothing
// is not stored. Its managedFields are up to date.
Json commit_change(State& state, Call& call, const Json& live, Json object);

// Puts back what this door does not change: status, or all but status; identity.
void keep_unchangeable(const Call& call, const Json& live, Json& object);

// The addresses that a Service holds.
std::vector<std::string> cluster_ips(const Json& service);
// Stores without any rule: for the server's own writes.
Stored write(State& state, const Key& key, const Json& object);

struct Deletion {
  std::optional<std::int64_t> grace;
  std::string propagation;  // "Background", "Foreground", "Orphan"; "" is the default
};
// Deletes, or marks as being deleted what has finalizers or grace. The last state.
Json remove_object(State& state, const Resource& resource, const Key& key,
                   const Deletion& deletion);
// Takes the object out of the store, whatever it waits for.
void purge(State& state, const Resource& resource, const Key& key);
// Does what the controllers would: empties namespaces, collects garbage, ends finished deletions.
void settle(State& state);

}  // namespace support::apiserver
