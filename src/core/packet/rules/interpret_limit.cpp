// What passes, what counts, and what is not known.
#include "core/packet/rules/interpret_run.hpp"

namespace core::packet {
namespace {

std::string unit_text(std::uint64_t seconds) {
  switch (seconds) {
    case 1:
      return "second";
    case 60:
      return "minute";
    case 3600:
      return "hour";
    case 86400:
      return "day";
    default:
      return std::to_string(seconds) + " s";
  }
}

// `over`: the rule is for what exceeds it.
Outcome within_limit(Run& run, const std::string& what, bool over) {
  const bool exceeded = run.assume_otherwise(what + ": assumed not to be exceeded");
  return match_if(exceeded == over);
}

}  // namespace

Outcome carry_out(Run& run, const Limit& limit) {
  return within_limit(run,
                      "limit rate " + std::to_string(limit.rate) + (limit.bytes ? " bytes/" : "/") +
                          unit_text(limit.unit),
                      limit.over);
}

Outcome carry_out(Run& run, const Connlimit& connlimit) {
  return within_limit(run, "ct count " + std::to_string(connlimit.count), connlimit.over);
}

Outcome carry_out(Run& run, const Quota& quota) {
  const bool exceeded = quota.consumed + run.bytes.size() >= quota.bytes;
  if (exceeded) run.add_note("the quota is used up");
  return match_if(exceeded == quota.over);
}

Outcome carry_out(Run& /*run*/, const Counter& /*counter*/) { return Outcome::next; }
Outcome carry_out(Run& /*run*/, const Log& /*log*/) { return Outcome::next; }

Outcome carry_out(Run& /*run*/, const Passes& /*passes*/) { return Outcome::next; }

// A counter, limit or quota of its table; by a map, the element tells which.
Outcome carry_out(Run& run, const ObjectReference& reference) {
  std::string name = reference.name;
  std::uint32_t type = reference.type;
  if (reference.at) {
    const ChainId id = run.in_table(reference.map);
    const Set* const map = run.ruleset.set(id);
    if (map == nullptr || !run.registers.known(*reference.at, map->key_length)) {
      run.assume("which object of the map " + reference.map + " it is, is not known: passed");
      return Outcome::next;
    }
    const Found found = run.ruleset.find(id, run.registers.bytes(*reference.at, map->key_length));
    if (found.answer == Found::Answer::no) return Outcome::no_match;
    name = found.object;
    type = map->object_type;
  }
  const auto object = run.ruleset.object(run.in_table(name), type);
  if (!object) {
    run.assume("the object " + name + " is not read: passed");
    return Outcome::next;
  }
  return evaluate(run, *object);
}

Outcome carry_out(Run& run, const Unknown& unknown) {
  const bool otherwise =
      run.assume_otherwise("the expression " + unknown.name + " is not known: assumed not to fit");
  if (!otherwise) return Outcome::no_match;
  return unknown.sets_verdict ? run.end(Verdict::Code::drop) : Outcome::next;
}

}  // namespace core::packet
