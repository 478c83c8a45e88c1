// Random small rulesets, as texts for the programs that people use.
#pragma once

#include <string>

#include "sim/chance.hpp"

namespace model {

// For `nft -f -`.
std::string random_nft(sim::Chance& chance);
// For `iptables-nft-restore`, or with `ipv4` false for `ip6tables-nft-restore`.
std::string random_iptables(sim::Chance& chance, bool ipv4);

}  // namespace model
