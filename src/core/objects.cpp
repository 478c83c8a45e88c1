#include "core/objects.hpp"

namespace core {

std::string to_string(const ObjectName& name) {
  return name.ns.empty() ? name.name : name.ns + "/" + name.name;
}

Kind kind_of(const Object& object) {
  return std::visit([](const auto& value) { return value.kind; }, object);
}

const ObjectName& name_of(const Object& object) {
  return std::visit([](const auto& value) -> const ObjectName& { return value.name; }, object);
}

namespace {

template <typename... Known>
std::string_view name_among(Kind kind, const std::variant<Known...>* /*all*/) {
  std::string_view name = "?";
  ((name = Known::kind == kind ? Known::kind_name : name), ...);
  return name;
}

}  // namespace

std::string_view to_string(Kind kind) {
  return name_among(kind, static_cast<const Object*>(nullptr));
}

std::string to_string(const ObjectId& id) {
  return std::string(to_string(id.kind)) + " " + to_string(id.name);
}

}  // namespace core
