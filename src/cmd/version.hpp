// What was built, for those who tell it to others. Only version.cpp sees the generated headers.
#pragma once

#include <string_view>

namespace cmd {

std::string_view version_number();  // "0.1.0"
std::string_view version_commit();

}  // namespace cmd
