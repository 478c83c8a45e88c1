// Field ownership: what an update takes and what an apply claims, gives up and conflicts over
// (structured-merge-diff's merge.Updater and the API server's field managers around it). Reads and
// writes metadata.managedFields; nothing else of the object's metadata is its business.
#pragma once

#include <compare>
#include <map>
#include <optional>
#include <string>

#include "support/apiserver/fields.hpp"
#include "support/apiserver/schema.hpp"

namespace support::apiserver {

// Who writes, and through which door.
struct Writer {
  std::string manager;
  std::string api_version;
  std::string subresource;
  bool apply = false;

  friend auto operator<=>(const Writer&, const Writer&) = default;
};

struct Write {
  const Schema& schema;
  // What this door does not change: nobody comes to own it here.
  const FieldSet& ignored;
  Writer writer;
  Time now;
};

// `after` with the managedFields that follow from those of `base` (the live object's, or what the
// request carried) and the difference from `before`.
Json own_update(const Json& before, Json after, const Json& base, const Write& write);

// What the configuration makes of the live object. Throws the 409 of conflicts unless `force`.
Json own_apply(const Json& live, const Json& configuration, bool force, const Write& write);

// Equal but for the times of managedFields.
bool same_but_times(const Json& a, const Json& b);

}  // namespace support::apiserver
