// The files of completions/, put into the binary by cmake/generated.cmake.
#pragma once

#include <string_view>

namespace cmd {

extern const std::string_view bash_completion;
extern const std::string_view zsh_completion;
extern const std::string_view fish_completion;

}  // namespace cmd
