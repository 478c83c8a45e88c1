// A place in JSON that may not be there.
#pragma once

#include <initializer_list>
#include <nlohmann/json_fwd.hpp>

namespace kube {

// Null where there is no such place. It lives as long as the object does.
const nlohmann::json& json_at(const nlohmann::json& object,
                              std::initializer_list<const char*> path);

}  // namespace kube
