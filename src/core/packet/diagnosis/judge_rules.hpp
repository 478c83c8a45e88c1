// What a rule that stops a packet means, from whose table it is: pona's own rules do what an object
// says, those of others are mended where they are.
#pragma once

#include "core/packet/diagnosis/judge.hpp"

namespace core::packet {

// `finding` is about `step`, which has a rule; its code, words and remedies become more exact.
void judge_rule(Finding& finding, const Step& step, const Promise& promise, World& world);

// The command that lets the step's packet pass in front of the rule, or of the chain's policy,
// without the namespace where it is to be run; `addresses`: no other packet to the same port.
std::string let_pass(const Step& step, bool addresses);

}  // namespace core::packet
