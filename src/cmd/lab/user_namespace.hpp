// A lab for somebody who is not root: the process becomes root of namespaces of its own, and the
// lab lies inside them and ends with the process. Rule: before any thread.
#pragma once

#include <string>

namespace cmd {

// Enters a user, a mount and a network namespace, in which this user is root and /run is empty.
// Throws core::Error (permanent) that says what does not allow it and what to do.
void enter_user_namespace();

// Of a failed attempt, for people: what the system forbids by this error number.
std::string no_user_namespace(int error);

}  // namespace cmd
