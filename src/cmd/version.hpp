// What was built, for those who tell it to others. Only version.cpp sees the generated headers.
#pragma once

#include <string>
#include <string_view>

namespace cmd {

std::string_view version_number();  // "0.1.0"
std::string_view version_commit();
// How a part of it calls itself at an API server: "pona/0.1.0 (edge)".
std::string user_agent(std::string_view part);

}  // namespace cmd
