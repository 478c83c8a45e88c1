// The Kubernetes objects that pona reads, reduced to the fields it reads. Values only; they are
// made by kube/ (from manifests or the API server) and read by the planners. A kind is a file in
// core/object, a word in Kind and one in Object.
#pragma once

#include <compare>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "core/object/address_pool.hpp"
#include "core/object/egress.hpp"
#include "core/object/egress_clients.hpp"
#include "core/object/endpoint_slice.hpp"
#include "core/object/mapping.hpp"
#include "core/object/pod.hpp"
#include "core/object/service.hpp"

namespace core {

using Object =
    std::variant<Mapping, Service, EndpointSlice, AddressPool, Egress, Pod, EgressClients>;

Kind kind_of(const Object& object);
const ObjectName& name_of(const Object& object);
std::string_view to_string(Kind kind);  // "Mapping", "Service", …

struct ObjectId {
  Kind kind{};
  ObjectName name;

  friend auto operator<=>(const ObjectId&, const ObjectId&) = default;
};

std::string to_string(const ObjectId& id);  // "Mapping shop/web"

// The newest state of each object that changed since somebody last looked; nullptr: it is gone.
// Level, not edge: applying the same changes twice is the same as once.
using ObjectChanges = std::map<ObjectId, std::shared_ptr<const Object>>;

// Why an object is not, or not fully, in effect. Becomes a status line, a condition, a log line.
struct Rejection {
  ObjectId object;
  std::string reason;

  friend auto operator<=>(const Rejection&, const Rejection&) = default;
};

}  // namespace core
