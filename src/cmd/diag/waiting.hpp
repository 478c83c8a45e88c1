// What a trace that waits for somebody else's packet says on its standard error once it is ready,
// for people and for whoever sends the packet then.
#pragma once

#include <string_view>

namespace cmd {

inline constexpr std::string_view waiting_words = "waiting for the packet";

}  // namespace cmd
