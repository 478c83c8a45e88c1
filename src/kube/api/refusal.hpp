// What an answer that is none of success says to people.
#pragma once

#include <string>

#include "kube/api/requests.hpp"

namespace kube {

// "409 Conflict: the object has been modified", or why there is no whole reply.
std::string refusal_text(const Reply& reply);

}  // namespace kube
