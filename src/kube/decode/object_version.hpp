// An object as its writers must know it: what identifies this version of it, and what its status
// says. Beside core::Object, which is what planners know, so that news of a status plan nothing.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kube/decode/document.hpp"
#include "kube/decode/mapping_status.hpp"

namespace kube {

struct Decoded;

struct Seen {
  std::string uid;
  std::string version;  // metadata.resourceVersion
  std::int64_t generation = 0;
  bool deleting = false;
  std::vector<std::string> finalizers;
  std::vector<std::string> owners;  // uids
  MappingStatusView status;         // of a Service: its conditions alone
  std::vector<std::string> faults;  // for which this version is left out; none: it is not
  std::vector<std::string> warnings;
  std::string json;  // the object but for managedFields, for who asks for it
};

// Any object to a Decoded of its name and what is seen of it, JSON included; items of a List, too.
// For resources that are no kind of core's: their ids are those of Egresses, and mean the name.
std::vector<Decoded> see_whole(const Node& root);

// Of a whole object; what is missing or malformed is as if empty.
Seen decode_seen(const Node& object);

// resourceVersions of one resource are numbers that grow. What is no number is never older.
bool is_not_newer(const std::string& version, const std::string& than);

}  // namespace kube
