// The text that --help prints: names of options with the values that they take, and what they do
// beside them, in 80 columns.
#pragma once

#include <memory>

namespace CLI {
class FormatterBase;
}

namespace cmd {

// CLI11's own shows how an option is checked, and what the parser makes of a flag.
std::shared_ptr<CLI::FormatterBase> help_formatter();

}  // namespace cmd
