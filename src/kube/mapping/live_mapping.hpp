// A Mapping in a cluster, beside what it says: whose its fields are, and how a change of it is put
// to the server so that the fields of others stay theirs. Texts and values only; cluster_store.cpp
// sends them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kube/decode/document.hpp"
#include "kube/mapping/store.hpp"

namespace kube {

LiveObject read_live(const Node& object);

// The configuration to be applied for `mapping`. Of a Mapping that exists, only the fields that
// change and those that were applied before: whoever applies a field owns it. The others, and
// unchanged ones as they are written, stay.
std::string apply_configuration(const core::Mapping& mapping, const StoredMapping* before);

// The fields that `after` does without and `object` (JSON), the server's answer to that, still has:
// they are others' also.
std::vector<std::string> remaining_fields(const core::Mapping& before, const core::Mapping& after,
                                          const std::string& object);
// A merge patch that takes them away, from this version and no other.
std::string removal_patch(const std::vector<std::string>& fields, const std::string& version);

// Who owns a field of spec: "kubectl-edit, helm".
std::string owners_of(const std::string& object, const std::string& field);

}  // namespace kube
