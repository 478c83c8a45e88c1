// Documents to the objects that pona reads, and what is wrong with those that are left out. One
// decoder serves manifests and the API server: it sees nodes, never text or files. Only what an
// object says of itself is judged here; what depends on others is the planners' business.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/objects.hpp"
#include "kube/decode/document.hpp"
#include "kube/decode/field.hpp"
#include "kube/decode/object_version.hpp"

namespace kube {

inline constexpr std::string_view mapping_api_version = "smartnat.aureacentral.com/v1alpha1";
inline constexpr std::string_view address_pool_api_version = "pona.dev/v1alpha1";

inline constexpr std::string_view egress_api_version = "pona.cybozu.com/v1";

// Which kinds a process reads: objects of all others are as those that pona does not know.
class Kinds {
 public:
  constexpr Kinds(std::initializer_list<core::Kind> kinds) {
    for (const core::Kind kind : kinds) bits_ |= bit(kind);
  }
  [[nodiscard]] constexpr bool contains(core::Kind kind) const { return (bits_ & bit(kind)) != 0; }

  friend bool operator==(const Kinds&, const Kinds&) = default;

 private:
  static constexpr std::uint32_t bit(core::Kind kind) {
    return std::uint32_t{1} << static_cast<unsigned>(kind);
  }

  std::uint32_t bits_ = 0;
};

inline constexpr Kinds edge_kinds = {core::Kind::mapping, core::Kind::service,
                                     core::Kind::endpoint_slice, core::Kind::address_pool};

struct DecodeOptions {
  std::size_t max_ports_per_mapping = 50;  // entries of spec.ports; a range counts once
  bool served = false;                     // by an API server: generations mean something
  std::string node;                        // endpoints on it are marked; empty: none is
  Kinds kinds = edge_kinds;
  bool whole = false;  // what is seen of an object has its JSON
};

// What one object of a document came to.
struct Decoded {
  std::uint32_t line = 0;
  std::optional<core::ObjectId> id;            // as far as it could be made out
  std::shared_ptr<const core::Object> object;  // null: left out
  std::shared_ptr<const Seen> seen;            // of what pona writes to, if served
  std::vector<Finding> findings;
  bool ignored = false;  // of a kind that this process does not read
};

// The objects of a document: one, or those of a List (also MappingList, ServiceList, …).
std::vector<Decoded> decode(const Node& root, const DecodeOptions& options);

// "Mapping shop/web: spec.ports[0].port: 0 is not in the range 1 to 65535"
std::string to_string(const Finding& finding, const std::optional<core::ObjectId>& id);

}  // namespace kube
