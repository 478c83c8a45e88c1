// A question about a world of values, answered and judged as `pona diag trace` does it.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "core/packet/diagnosis/codes.hpp"
#include "core/packet/diagnosis/judge.hpp"
#include "core/packet/diagnosis/judge_live.hpp"
#include "core/packet/diagnosis/model.hpp"
#include "core/packet/diagnosis/stitch.hpp"
#include "core/packet/diagnosis/text.hpp"
#include "unit/core/packet/walk/walk_rig.hpp"

namespace unit::diagnosis_rig {

using namespace walk_rig;

struct Diagnosis {
  Answer answer;
  Trace trace;

  [[nodiscard]] int code() const { return trace.findings.empty() ? 0 : trace.findings[0].code; }
  [[nodiscard]] const Finding& first() const {
    REQUIRE(!trace.findings.empty());
    return trace.findings.front();
  }
  [[nodiscard]] bool has(int number) const {
    for (const Finding& one : trace.findings) {
      if (one.code == number) return true;
    }
    return false;
  }
  // Where the first finding is.
  [[nodiscard]] const Step& step() const { return trace.steps.at(first().step); }
};

inline Diagnosis lay_out(FakeWorld& world, const Question& question, std::size_t places) {
  Diagnosis result;
  Choices choices;
  result.answer = ask_model(world, question, choices);
  Trace& trace = result.trace;
  trace.probe = question.probe;
  trace.kind = "path";
  for (std::size_t i = 0; i < places; ++i) trace.places.push_back(world.name(i));
  trace.steps = result.answer.request.steps;
  trace.request_end = result.answer.request.end;
  if (result.answer.reply) {
    const auto& reply = result.answer.reply->steps;
    trace.steps.insert(trace.steps.end(), reply.begin(), reply.end());
    trace.reply_end = result.answer.reply->end;
  }
  trace.assumptions = result.answer.assumptions;
  trace.forks = result.answer.forks;
  return result;
}

// The three hosts of Routed, seen from the client.
struct Judged : Routed {
  Question question;
  Promise promise;

  Judged() { question.probe = tcp_packet("10.0.0.2", "192.0.2.2"); }
  // From the wire, as a client of the router's that is not there.
  void from_outside(const std::string& source, const std::string& destination,
                    std::uint16_t to_port = 80) {
    question.place = FakeWorld::place(router);
    question.from_wire = Attachment{question.place, router.index("in")};
    question.probe = tcp_packet(source, destination, to_port);
  }
  Diagnosis judge() {
    Diagnosis result = lay_out(world, question, 3);
    core::packet::judge(result.trace, question, result.answer, promise, world);
    return result;
  }
};

}  // namespace unit::diagnosis_rig
