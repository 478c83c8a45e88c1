// Objects under a merge schema: compare, merge, the set of a configuration's fields, removal by
// set. The walks follow structured-merge-diff's typed package; who owns what is managed.hpp's.
#pragma once

#include "support/apiserver/fields.hpp"
#include "support/apiserver/schema.hpp"

namespace support::apiserver {

struct Comparison {
  FieldSet added;
  FieldSet modified;
  FieldSet removed;
};

Comparison compare(const Json& before, const Json& after, const Schema& schema);

// What a configuration that is applied lays claim to: leaves, and each element of lists by key.
FieldSet fields_of(const Json& configuration, const Schema& schema);

// `over` laid over `under`.
Json merge(const Json& under, const Json& over, const Schema& schema);

// Without the values at the members of `set`; maps and lists that lose all go too.
Json remove(const Json& value, const FieldSet& set, const Schema& schema);

}  // namespace support::apiserver
