// The kinds of objects that pona reads: what they are called, and how each is decoded. A new kind
// is a file here with its decoder, and a line in the table of kinds.cpp.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "kube/decode/decode.hpp"
#include "kube/decode/values.hpp"

namespace kube {

// Leaves fatal findings or an object that is whole; the name is already decoded.
using Decoder = core::Object(const Field& root, core::ObjectName name,
                             const DecodeOptions& options);
Decoder decode_address_pool, decode_egress, decode_egress_clients, decode_endpoint_slice,
    decode_endpoints, decode_mapping, decode_pod, decode_service;

struct KnownKind {
  std::string_view group;  // with the slash before the version; "" is the core group
  std::string_view version;
  std::string_view name;
  core::Kind kind;
  Decoder* decode = nullptr;
  bool namespaced = true;
  // Whether pona writes to this one, or refers to it by its uid; null: to none of the kind.
  bool (*written)(const core::Object& object) = nullptr;
  // Where one name stands for several kinds: whether the object is of this one.
  bool (*applies)(const Field& root) = nullptr;
};

// An Endpoints object is as many slices as it has subsets, and one at least.
std::size_t subsets_of(const Node& endpoints);

// Of several versions of a kind, the one that pona writes comes first.
std::span<const KnownKind> known_kinds();

std::string api_version_of(core::Kind kind);  // "discovery.k8s.io/v1"

inline constexpr std::string_view addresses_annotation = "pona.dev/addresses";
inline constexpr std::string_view address_pool_annotation = "pona.dev/address-pool";

// Of metadata; nothing where it is missing or, after a finding, no time.
std::optional<std::int64_t> decode_created(const Field& root);

}  // namespace kube
