// What a real packet adds to the model's judgement: it confirms it, explains what the model cannot
// know, or differs from it.
#pragma once

#include "core/packet/diagnosis/judge.hpp"
#include "core/packet/diagnosis/stitch.hpp"

namespace core::packet {

// After judge(); changes findings and result where what was seen says more.
void judge_live(Trace& trace, const Answer& answer, const Promise& promise, const Witness& witness,
                World& world);

}  // namespace core::packet
