#include "core/packet/rules/interpret.hpp"

#include <cstdio>
#include <cstring>
#include <memory>
#include <variant>

#include "core/packet/rules/interpret_run.hpp"

namespace core::packet {
namespace {

constexpr std::size_t most_jumps = 16;          // NFT_JUMP_STACK_SIZE
constexpr std::size_t most_evaluated = 200000;  // rules of a run: a ruleset of a file may be a loop

struct Place {
  const ChainId* chain;
  const std::vector<Rule>* rules;
  std::size_t next;  // rule
};

bool sees(const BaseChain& chain, const Packet& packet) {
  switch (chain.id.family) {
    case TableFamily::ip:
      return packet.family == Family::ipv4;
    case TableFamily::ip6:
      return packet.family == Family::ipv6;
    case TableFamily::arp:
      return false;
    default:
      return true;
  }
}

class ChainRun {
 public:
  ChainRun(Run& run, bool record_all) : run_(run), record_all_(record_all) {}

  // As nft_do_chain() goes.
  void go() {
    Place at{&run_.base.id, run_.ruleset.rules(run_.base.id), 0};
    if (at.rules == nullptr) {
      run_.chain = at.chain;
      run_.assume("the chain " + to_text(run_.base.id) +
                  " cannot be read: assumed that its policy decides");
      return by_policy();
    }
    for (std::size_t evaluated = 0;; ++evaluated) {
      if (at.next == at.rules->size()) {
        if (callers_.empty()) return by_policy();
        at = callers_.back();
        callers_.pop_back();
        continue;
      }
      if (evaluated == most_evaluated) {
        run_.assume("more than " + std::to_string(most_evaluated) +
                    " rules: assumed that the policy decides");
        return by_policy();
      }
      const Rule& rule = (*at.rules)[at.next++];
      run_.chain = at.chain;
      run_.number = at.next;
      run_.verdict = {};
      const Outcome outcome = evaluate_all(run_, rule.expressions);
      if (outcome != Outcome::no_match || record_all_) record(rule, outcome);
      run_.note.clear();
      if (outcome == Outcome::verdict && !follow(at)) return;
    }
  }

 private:
  void by_policy() {
    run_.result.by_policy = true;
    run_.result.verdict =
        run_.base.drops ? ChainResult::Verdict::drop : ChainResult::Verdict::accept;
  }

  void record(const Rule& rule, Outcome outcome) {
    const bool matched = outcome != Outcome::no_match;
    run_.result.rules.push_back({*run_.chain, &rule, run_.number, matched,
                                 outcome == Outcome::verdict ? run_.verdict : Verdict{},
                                 run_.note});
  }

  // Whether the packet goes on in this base chain.
  bool follow(Place& at) {
    switch (run_.verdict.code) {
      case Verdict::Code::accept:
        run_.result.verdict = ChainResult::Verdict::accept;
        return false;
      case Verdict::Code::drop:
        run_.result.verdict = ChainResult::Verdict::drop;
        return false;
      case Verdict::Code::queue:
        run_.result.verdict = ChainResult::Verdict::queue;
        return false;
      case Verdict::Code::ret:
        at.next = at.rules->size();
        return true;
      case Verdict::Code::jump:
        if (callers_.size() == most_jumps) {
          run_.result.verdict = ChainResult::Verdict::drop;
          return false;
        }
        enter(at, true);
        return true;
      case Verdict::Code::go_to:
        enter(at, false);
        return true;
      case Verdict::Code::unknown:
        run_.assume("a verdict that is not known: assumed to go on");
        return true;
      case Verdict::Code::next:
        return true;
    }
    return true;
  }

  void enter(Place& at, bool comes_back) {
    const ChainId id = run_.in_table(run_.verdict.chain);
    const std::vector<Rule>* const rules = run_.ruleset.rules(id);
    if (rules == nullptr) {
      run_.assume("the chain " + to_text(id) + " cannot be read: assumed to be empty");
      if (!comes_back) at.next = at.rules->size();
      return;
    }
    if (comes_back) callers_.push_back(at);
    entered_.push_back(std::make_unique<ChainId>(id));
    at = {entered_.back().get(), rules, 0};
  }

  Run& run_;
  bool record_all_;
  std::vector<Place> callers_{};
  std::vector<std::unique_ptr<ChainId>> entered_{};
};

}  // namespace

std::string hex(std::uint32_t value) {
  char text[16];
  std::snprintf(text, sizeof text, "0x%x", value);
  return text;
}

std::uint16_t host16(ByteView bytes) {
  std::uint16_t value = 0;
  if (bytes.size() >= sizeof value) std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

std::size_t Run::fork(Fork::Kind kind, std::string what, std::size_t options) {
  Fork fork{kind, std::move(what), options, {}};
  if (kind == Fork::Kind::assumption) {
    add_note(fork.what);
    fork.where = to_text(*chain);
    if (number != 0) fork.where += " rule " + std::to_string(number);
  }
  return choices.choose(std::move(fork));
}

bool Run::fits_unknown(Register at, std::size_t length, std::string_view how) {
  const std::string what(registers.unknown_text(at, length));
  if (registers.unknown_kind(at, length) == Fork::Kind::balancing) {
    return fork(Fork::Kind::balancing, what + " " + std::string(how), 2) == 1;
  }
  return assume_otherwise(what + " is not known: assumed not to fit");
}

void Run::add_note(std::string_view text) { note.append(note.empty() ? "" : "; ").append(text); }

void Run::packet_changed() {
  bytes = to_bytes(packet);
  transport = network_header_size(packet);
  result.rewritten = true;
}

ChainId Run::in_table(std::string_view name) const {
  return {base.id.family, base.id.table, std::string(name)};
}

Outcome Run::end(Verdict::Code code) {
  verdict = {code, ""};
  return Outcome::verdict;
}

Outcome evaluate(Run& run, const Expression& expression) {
  return std::visit([&run](const auto& one) { return carry_out(run, one); }, expression);
}

Outcome evaluate_all(Run& run, const std::vector<Expression>& expressions) {
  for (const Expression& expression : expressions) {
    const Outcome outcome = evaluate(run, expression);
    if (outcome != Outcome::next) return outcome;
  }
  return Outcome::next;
}

ChainResult run_chain(const BaseChain& chain, Packet& packet, Context& context, Ruleset& ruleset,
                      Surroundings& surroundings, Choices& choices, bool record_all) {
  ChainResult result;
  if (!sees(chain, packet)) {
    result.verdict = ChainResult::Verdict::accept;
    result.by_policy = true;
    return result;
  }
  Run run{chain, packet, context, ruleset, surroundings, choices, result};
  run.bytes = to_bytes(packet);
  run.transport = network_header_size(packet);
  const std::uint32_t mark = context.mark;
  ChainRun(run, record_all).go();
  result.marked = context.mark != mark;
  return result;
}

}  // namespace core::packet
