#include "core/packet/diagnosis/judge_live.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "core/packet/diagnosis/codes.hpp"
#include "core/packet/diagnosis/judge_rules.hpp"
#include "core/packet/rules/rule_text.hpp"

namespace core::packet {
namespace {

// How it was refused: " with a TCP reset".
std::string refusal_words(const Witness& witness) {
  if (witness.kind == Relation::error) return " with an ICMP error";
  return witness.answer->protocol == tcp ? " with a TCP reset" : " with an ABORT of SCTP";
}

// The step of a place and direction that is the last one before something was seen no more.
std::size_t last_step_in(const Trace& trace, std::size_t place, bool reply) {
  for (std::size_t i = trace.steps.size(); i-- > 0;) {
    if (trace.steps[i].place == place && trace.steps[i].reply == reply) return i;
  }
  return trace.steps.size();
}

class LiveJudgement {
 public:
  LiveJudgement(Trace& trace, const Answer& answer, const Promise& promise, const Witness& witness,
                World& world)
      : trace_(trace), answer_(answer), promise_(promise), witness_(witness), world_(world) {}

  void run() {
    trace_.live = true;
    const bool unread = trace_.result == Trace::Result::unprivileged;
    // A client takes no answer from somebody whom it has not asked.
    const bool from_others = witness_.answer && witness_.kind == Relation::reply &&
                             witness_.answer->source != trace_.probe.destination;
    trace_.answered = witness_.answer && witness_.kind == Relation::reply && !from_others;
    if (!witness_.sent && !witness_.answer) return unseen();
    const bool fails = !trace_.findings.empty() && trace_.findings.front().fatal;
    if (from_others) {
      fails ? confirmed() : answered_by_others();
    } else if (witness_.answer) {
      fails ? answered_against_the_model() : answered();
    } else {
      fails ? confirmed() : lost();
    }
    // What could not be read may be what a missing answer is about.
    if (unread && !trace_.answered) trace_.result = Trace::Result::unprivileged;
    if (witness_.incomplete) {
      trace_.assumptions.push_back(
          {"live", "not everything that was seen was kept: what is missing may have happened"});
    }
  }

 private:
  void add_first(Finding finding) {
    trace_.findings.insert(trace_.findings.begin(), std::move(finding));
  }

  void answered_by_others() {
    Finding finding;
    finding.code = code::no_way_back;
    finding.step = trace_.steps.empty() ? 0 : trace_.steps.size() - 1;
    finding.why = "The answer came from " + to_string(witness_.answer->source) +
                  ", and the client waits for one from " + to_string(trace_.probe.destination) +
                  ": it has not passed the host that translated the request.";
    trace_.differences.push_back(finding.why);
    add_first(std::move(finding));
    trace_.result = Trace::Result::differs;
  }

  void unseen() {
    Finding finding;
    finding.code = code::not_seen;
    finding.step = trace_.steps.size();
    finding.fatal = false;
    finding.why = "Nothing was seen of the probe, not even where it was sent.";
    trace_.findings.push_back(std::move(finding));
    if (trace_.result == Trace::Result::ok) trace_.result = Trace::Result::inconclusive;
  }

  void answered() {
    const bool refused = is_reset(*witness_.answer) || witness_.kind == Relation::error;
    if (!refused) {
      proxy();
      trace_.result = Trace::Result::ok;
      return;
    }
    Finding finding;
    finding.code = code::differs;
    finding.why = "It was refused by " + to_string(witness_.answer->source) +
                  refusal_words(witness_) + ", which the model does not expect.";
    finding.step = witness_.last_request.value_or(trace_.steps.size());
    // Whether somebody takes SCTP is not known where the kernel has none.
    const bool no_sctp = trace_.probe.protocol == sctp &&
                         witness_.answer->source == answer_.request.packet.destination;
    if (no_sctp || (is_reset(*witness_.answer) && answer_.request.end != Way::End::delivered)) {
      // It left what can be seen, and whoever is there refused it.
      finding.code = code::port_closed;
      finding.why = to_string(witness_.answer->source) + " was reached, and refuses it" +
                    refusal_words(witness_) + ": nothing listens on port " +
                    std::to_string(trace_.probe.destination_port) +
                    " there, or a firewall refuses it in its name.";
      add_first(std::move(finding));
      trace_.result = Trace::Result::fail;
      return;
    }
    trace_.differences.push_back(finding.why);
    add_first(std::move(finding));
    trace_.result = Trace::Result::differs;
  }

  // Answered, and the place where the model delivers it has not seen it.
  void proxy() {
    const auto& steps = answer_.request.steps;
    if (answer_.request.end != Way::End::delivered || trace_.probe.protocol != tcp ||
        steps.empty()) {
      return;
    }
    const std::size_t end = steps.back().place;
    if (end == steps.front().place) return;
    const bool there = std::ranges::any_of(trace_.steps, [&](const Step& step) {
      return !step.reply && step.place == end && (step.captured || step.traced);
    });
    if (there || witness_.incomplete || !witness_.last_request) return;
    Finding finding;
    finding.code = code::proxy;
    finding.fatal = false;
    finding.step = *witness_.last_request;
    finding.why = "It was answered, and never came to " + trace_.places[end] + ": something at " +
                  trace_.places[trace_.steps[*witness_.last_request].place] +
                  ", or behind it, takes connections in its stead.";
    trace_.findings.push_back(std::move(finding));
  }

  void answered_against_the_model() {
    // A refusal is what the model says where nothing listens or a rule rejects.
    const Finding& first = trace_.findings.front();
    const bool refusal = first.code == code::port_closed || first.code == code::rule_reject ||
                         first.code == code::no_endpoint || first.code == code::limit_exceeded ||
                         first.code == code::source_not_allowed || first.code == code::conflict ||
                         first.code == code::no_service || first.code == code::no_port ||
                         first.code == code::object_rejected;
    if (first.answered || (is_reset(*witness_.answer) && refusal)) return confirmed();
    // Hosts and routers that cannot get rid of it say so.
    if (witness_.kind == Relation::error) return confirmed();
    if (is_reset(*witness_.answer)) return confirmed();
    Finding finding;
    finding.code = code::differs;
    finding.step = first.step;
    finding.why =
        "By rules and routes it fails (" + code_text(first.code) +
        "), and yet a real packet was answered: something decides that is not read, or the rules "
        "changed meanwhile.";
    trace_.differences.push_back(finding.why);
    add_first(std::move(finding));
    trace_.result = Trace::Result::differs;
  }

  // It fails, as the model says; who else has seen it.
  void confirmed() {
    std::string by;
    const auto add = [&](const std::string& what) { by += (by.empty() ? "" : ", ") + what; };
    if (!witness_.drops.empty()) add("nft trace");
    for (const DropEvent& reason : witness_.reasons) {
      if (reason.relation == Relation::later) continue;
      const std::string name = "the kernel's reason " + reason.reason_name;
      if (by.find(name) == std::string::npos) add(name);
    }
    if (witness_.kind == Relation::error) {
      add("an ICMP error of " + to_string(witness_.answer->source));
    } else if (witness_.answer && is_reset(*witness_.answer)) {
      add((witness_.answer->protocol == tcp ? "a TCP reset of " : "an ABORT of SCTP of ") +
          to_string(witness_.answer->source));
    }
    trace_.live_note = by.empty() ? "a real packet was sent, and no answer came back"
                                  : "a real packet confirms it: " + by;
  }

  // The model sees nothing wrong, and nothing came back.
  // By a rule that the model did not see fit.
  void dropped_by_rule(const TraceEvent& event) {
    const bool policy = event.type == TraceEvent::Type::policy;
    Step here;
    here.place = event.place;
    here.packet = packet_in(event).value_or(trace_.probe);
    here.rule = reference(event);
    Finding finding;
    finding.code = policy ? code::policy_drop : code::rule_drop;
    finding.step = last_step_in(trace_, event.place, false);
    finding.why = "A real packet was dropped at " + trace_.places[event.place] + " by " +
                  (policy ? "the policy of " + to_text(event.chain) : to_text(*here.rule)) + ".";
    judge_rule(finding, here, promise_, world_);
    // Where the model had to assume something, it has not said otherwise.
    const bool claimed = trace_.assumptions.empty();
    if (claimed) trace_.differences.push_back(finding.why + " The model lets it pass.");
    add_first(std::move(finding));
    trace_.result = claimed ? Trace::Result::differs : Trace::Result::fail;
  }

  RuleReference reference(const TraceEvent& event) {
    RuleReference result{event.chain, event.rule, 0, "", ""};
    Ruleset& ruleset = world_.network(event.place).ruleset();
    const std::vector<Rule>* const rules = ruleset.rules(event.chain);
    if (rules == nullptr) return result;
    for (std::size_t i = 0; i < rules->size(); ++i) {
      const Rule& rule = (*rules)[i];
      if (rule.handle != event.rule) continue;
      result.number = i + 1;
      result.comment = rule.comment;
      result.text = to_text(rule, event.chain, ruleset);
    }
    return result;
  }

  void lost() {
    Finding finding;
    const auto own = std::ranges::find_if(witness_.drops, [&](const TraceEvent& event) {
      return !event.chain.table.starts_with("pona-diag-");
    });
    if (own != witness_.drops.end()) {
      return dropped_by_rule(*own);
    }
    for (const DropEvent& reason : witness_.reasons) {
      if (!reason.place || reason.relation == Relation::later) continue;
      const bool reply = reason.relation == Relation::reply || reason.relation == Relation::error;
      finding.code = code::unseen_drop;
      finding.step = last_step_in(trace_, *reason.place, reply);
      finding.why =
          std::string(reply ? "The answer" : "It") + " was dropped at " +
          trace_.places[*reason.place] +
          " by a part of the kernel that is not read here; the kernel's reason is " +
          (reason.reason_name.empty() ? std::to_string(reason.reason) : reason.reason_name) +
          hint(*reason.place) + ".";
      add_first(std::move(finding));
      trace_.result = Trace::Result::fail;
      return;
    }
    if (witness_.last_reply) return reply_lost();
    if (!witness_.last_request) return;
    const std::size_t last = *witness_.last_request;
    const std::size_t end = answer_.request.steps.size() - 1;
    finding.step = last;
    if (trace_.steps[last].place == trace_.steps[end].place) {
      if (answer_.request.end == Way::End::left) {
        trace_.result = Trace::Result::inconclusive;
        trace_.live_note = "it left as the model says, and no answer came back";
        return;
      }
      finding.code = code::no_answer;
      finding.fatal = trace_.probe.protocol == tcp || trace_.probe.protocol == sctp;
      finding.why =
          "It was delivered at " + trace_.places[trace_.steps[end].place] +
          ", and nothing answered in time" +
          (trace_.probe.protocol == udp
               ? ": a UDP server answers only what it understands, so this may be as it should."
               : ": the server is stuck, or its backlog is full.");
      const bool fatal = finding.fatal;
      add_first(std::move(finding));
      trace_.result = fatal ? Trace::Result::fail : Trace::Result::inconclusive;
      return;
    }
    finding.code = code::lost;
    const std::size_t next = next_place(last);
    finding.why =
        "It was seen last at " + trace_.places[trace_.steps[last].place] +
        (next < trace_.places.size() ? ", and never came to " + trace_.places[next] : "") +
        ": it is lost in between, without a word.";
    add_first(std::move(finding));
    trace_.result = Trace::Result::fail;
  }

  void reply_lost() {
    Finding finding;
    finding.code = code::answer_lost;
    finding.step = *witness_.last_reply;
    finding.why = "The answer was seen last at " +
                  trace_.places[trace_.steps[*witness_.last_reply].place] +
                  ", and did not come back to where the probe began.";
    add_first(std::move(finding));
    trace_.result = Trace::Result::fail;
  }

  [[nodiscard]] std::size_t next_place(std::size_t step) const {
    for (std::size_t i = step + 1; i < trace_.steps.size() && !trace_.steps[i].reply; ++i) {
      if (trace_.steps[i].place != trace_.steps[step].place) return trace_.steps[i].place;
    }
    return trace_.places.size();
  }

  // Which parts there may be responsible: the model has named them.
  std::string hint(std::size_t place) {
    std::string text;
    for (const Assumption& one : trace_.assumptions) {
      if (one.where.rfind(trace_.places[place], 0) != 0) continue;
      text += (text.empty() ? ". What is there and not read: " : ", ") + one.text;
    }
    return text;
  }

  Trace& trace_;
  const Answer& answer_;
  const Promise& promise_;
  const Witness& witness_;
  World& world_;
};

}  // namespace

void judge_live(Trace& trace, const Answer& answer, const Promise& promise, const Witness& witness,
                World& world) {
  LiveJudgement(trace, answer, promise, witness, world).run();
}

}  // namespace core::packet
