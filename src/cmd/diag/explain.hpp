// What a code of a trace means, for people.
#pragma once

#include <string>

namespace cmd {

// "PONA-D104", "policy-drop", or "all". The exit status. Throws core::Error (usage).
int explain_code(const std::string& text);

}  // namespace cmd
