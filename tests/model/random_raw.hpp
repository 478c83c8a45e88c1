// Random programs of nf_tables' expressions, which no program of people's writes so: what is
// computed ends in the packet's mark.
#pragma once

#include <string>

#include "sim/chance.hpp"

namespace model {

// Puts one table of them into the namespace of the calling thread. Answers the kernel's error, 0:
// it took them.
int load_random_raw(sim::Chance& chance);

}  // namespace model
