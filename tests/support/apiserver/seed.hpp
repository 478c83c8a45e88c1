// What a cluster has before anybody does anything: namespaces, and the roles that everybody is in.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace support::apiserver {

// Path and body of each creation, in order.
std::vector<std::pair<std::string, std::string>> seed_objects();

}  // namespace support::apiserver
