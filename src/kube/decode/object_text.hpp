// An object of a cluster as people want it printed: all that the server said, but for who owns
// which field. JSON text in, as it was received.
#pragma once

#include <span>
#include <string>

namespace kube {

std::string object_yaml(const std::string& json);
std::string object_json(const std::string& json);
std::string object_list_json(std::span<const std::string> objects);

}  // namespace kube
