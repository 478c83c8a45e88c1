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

std::string_view to_string(Kind kind) {
  std::string_view name = "?";
  const auto look = [&]<typename... Known>(const std::variant<Known...>*) {
    ((name = Known::kind == kind ? Known::kind_name : name), ...);
  };
  look(static_cast<const Object*>(nullptr));
  return name;
}

std::string to_string(const ObjectId& id) {
  return std::string(to_string(id.kind)) + " " + to_string(id.name);
}

}  // namespace core
