#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/packet/rules/rule_text.hpp"
#include "core/packet/walk/walk_run.hpp"

namespace core::packet {
namespace {

// NF_IP_PRI_* (linux/netfilter_ipv4.h)
constexpr std::int32_t conntrack_priority = -200;
constexpr std::int32_t destination_nat_priority = -100;
constexpr std::int32_t source_nat_priority = 100;

bool sees(TableFamily table, Family family) {
  return table == TableFamily::inet ||
         table == (family == Family::ipv4 ? TableFamily::ip : TableFamily::ip6);
}

bool translates_destination(Hook hook) { return hook == Hook::prerouting || hook == Hook::output; }

std::string policy_text(const BaseChain& chain) {
  return "policy " + std::string(chain.drops ? "drop" : "accept") + " of chain " +
         to_text(chain.id);
}

std::string mark_text(std::uint32_t mark) {
  std::array<char, 16> digits{};
  const auto end = std::to_chars(digits.begin(), digits.end(), mark, 16).ptr;
  return "0x" + std::string(digits.begin(), end);
}

std::string rejected_with(const RejectAnswer& reject) {
  return reject.tcp_reset ? "rejected with a TCP reset" : "rejected with an ICMP error";
}

}  // namespace

RuleReference Walker::Run::reference(const Evaluated& rule) {
  RuleReference result;
  result.chain = rule.chain;
  result.number = rule.number;
  if (rule.rule != nullptr) {
    result.handle = rule.rule->handle;
    result.comment = rule.rule->comment;
    result.text = to_text(*rule.rule, rule.chain, network().ruleset());
  }
  return result;
}

RuleReference Walker::Run::reference(const BaseChain& chain, const ChainResult& result) {
  if (!result.by_policy && !result.rules.empty()) return reference(result.rules.back());
  RuleReference policy;
  policy.chain = chain.id;
  policy.text = policy_text(chain);
  return policy;
}

void Walker::Run::keep_evaluated(Step& step, const ChainResult& result) {
  if (!walker_.options_.evaluated) return;
  for (const Evaluated& rule : result.rules) {
    RuleReference one = reference(rule);
    one.text += rule.matched ? "" : "   (does not fit)";
    step.evaluated.push_back(std::move(one));
  }
}

bool Walker::Run::pass(Hook hook) {
  if (!network().ruleset().readable()) {
    way_.unread = true;
    walker_.assume(place_, "", "its nftables rules cannot be read: assumed that there are none");
  }
  std::vector<const BaseChain*> chains;
  std::vector<const BaseChain*> nat_chains;
  for (const BaseChain& chain : network().ruleset().base_chains()) {
    if (chain.hook != hook || !sees(chain.id.family, packet_.family)) continue;
    (chain.type == BaseChain::Type::nat ? nat_chains : chains).push_back(&chain);
  }

  context_.hook = hook;
  // What was seen before by lo is not looked at again (nf_conntrack_in).
  const bool tracks = (hook == Hook::prerouting && !looped_) || hook == Hook::output;
  const bool has_nat = hook != Hook::forward;
  const std::int32_t nat_priority =
      translates_destination(hook) ? destination_nat_priority : source_nat_priority;
  bool tracked = !tracks;
  bool translated = !has_nat;
  for (const BaseChain* chain : chains) {
    if (!tracked && chain->priority >= conntrack_priority) {
      if (!track()) return false;
      tracked = true;
    }
    if (!translated && chain->priority > nat_priority) {
      if (!nat(hook, nat_chains)) return false;
      translated = true;
    }
    if (!run(*chain)) return false;
  }
  if (!tracked && !track()) return false;
  if (!translated && !nat(hook, nat_chains)) return false;
  return pass_opaque(hook);
}

bool Walker::Run::pass_opaque(Hook hook) {
  for (const Opaque& opaque : network().opaque(hook, packet_, context_)) {
    const std::string where(to_string(hook));
    if (opaque.opinion == Opaque::Opinion::drops) {
      drop(Cause::unread_drop, where, "dropped by " + opaque.what);
      way_.steps.back().notes.push_back(opaque.remedy);
      return false;
    }
    if (opaque.opinion == Opaque::Opinion::unknown) {
      walker_.assume(place_, where, opaque.what + ": assumed to let it pass as it is");
    }
  }
  return true;
}

bool Walker::Run::track() {
  if (walker_.connections_[place_].track(packet_, context_, network())) {
    if (context_.connection && context_.connection->in_kernel && context_.connection->id != 0) {
      Step& step = add(Step::What::connection, std::string(to_string(context_.hook)),
                       context_.reply ? "an answer of a known connection" : "a known connection");
      step.connection = context_.connection;
      step.backwards = context_.reply;
    }
    return true;
  }
  const Network::Fill fill = network().conntrack_fill();
  drop(Cause::table_full, "conntrack",
       "connection tracking is full: " + std::to_string(fill.entries) + " of " +
           std::to_string(fill.limit) + " entries");
  return false;
}

bool Walker::Run::run(const BaseChain& chain) {
  const Packet before = packet_;
  const ChainResult result = run_chain(chain, packet_, context_, network().ruleset(), network(),
                                       walker_.choices_, walker_.options_.evaluated);
  // Too late for what has a connection (nft_notrack_eval).
  const bool untracks = result.notrack && !context_.connection;
  if (untracks) {
    context_.untracked = true;
    context_.state = CtState::untracked;
  }
  if (chain.type == BaseChain::Type::route && (result.marked || result.rewritten)) reroute_ = true;
  const std::string where(to_string(chain.hook));
  const std::string table = to_text(chain.id);
  if (result.verdict == ChainResult::Verdict::accept) {
    const bool by_rule = !result.by_policy && !result.rules.empty();
    // Whoever is let through in front of the routes has not got anywhere yet.
    const bool filters = chain.hook != Hook::prerouting && chain.hook != Hook::postrouting;
    if (!(by_rule && filters) && !result.marked && !result.rewritten && !untracks &&
        !result.proxied && !walker_.options_.evaluated) {
      return true;
    }
    std::string text = by_rule ? "accepted" : "passes " + table;
    if (untracks) text = "not tracked";
    if (result.marked) {
      text += ", mark " + mark_text(context_.mark);
    }
    if (result.proxied) {
      text += ", given to the proxy on port " + std::to_string(context_.proxied.value_or(0));
    }
    if (result.rewritten) text += ", changed";
    Step& step = add(Step::What::pass, where, text);
    if (packet_ != before) step.before = before;
    step.untracked = untracks;
    // The rule that did something, where none ended the chain.
    if (by_rule) {
      step.rule = reference(result.rules.back());
    } else {
      const auto did = std::ranges::find_if(result.rules.rbegin(), result.rules.rend(),
                                            [](const Evaluated& one) { return one.matched; });
      if (did != result.rules.rend()) step.rule = reference(*did);
    }
    keep_evaluated(step, result);
    return true;
  }
  const RuleReference rule = reference(chain, result);
  if (result.verdict == ChainResult::Verdict::queue) {
    drop(Cause::queue, where, "handed to a program by a queue: what that does is not known");
    way_.end = Way::End::unknown;
  } else if (result.reject) {
    drop(Cause::rule_reject, where, rejected_with(*result.reject));
  } else if (result.by_policy) {
    drop(Cause::policy_drop, where, "dropped by the policy of " + table);
  } else {
    drop(Cause::rule_drop, where, "dropped by a rule of " + table);
  }
  way_.steps.back().rule = rule;
  keep_evaluated(way_.steps.back(), result);
  return false;
}

std::optional<Address> Walker::Run::nat_address(Hook hook, bool masquerade) {
  if (!masquerade) {
    if (hook == Hook::output) {
      const std::uint8_t one[] = {127, 0, 0, 1};
      const std::uint8_t six[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
      return packet_.family == Family::ipv4 ? Address(one) : Address(six);
    }
    const Link* in = context_.in ? network().link(context_.in->index) : nullptr;
    if (in == nullptr) return std::nullopt;
    for (const LinkAddress& one : in->addresses) {
      if (one.prefix.family() == packet_.family) return one.prefix.address;
    }
    return std::nullopt;
  }
  const Link* out = context_.out ? network().link(context_.out->index) : nullptr;
  if (out == nullptr) return std::nullopt;
  const Address next_hop = route_.gateway.value_or(packet_.destination);
  if (packet_.family == Family::ipv6) {
    // As for a socket that is bound to nothing (ipv6_dev_get_saddr).
    RouteQuery query;
    query.destination = packet_.destination;
    query.out = out->device.index;
    if (const RouteAnswer answer = network().route(query); answer.error == 0 && answer.source) {
      return answer.source;
    }
  }
  // inet_select_addr(): the first one whose subnet the next hop is in, else the first one.
  std::optional<Address> first;
  for (const LinkAddress& one : out->addresses) {
    if (one.prefix.family() != packet_.family || one.secondary) continue;
    if (one.prefix.contains(next_hop)) return one.prefix.address;
    if (!first) first = one.prefix.address;
  }
  if (first || packet_.family == Family::ipv6) return first;
  // An interface without an address borrows one of another's, whose scope is not this host alone.
  for (const Link& other : network().links()) {
    if (other.loopback || !other.up) continue;
    for (const LinkAddress& one : other.addresses) {
      if (one.prefix.family() == packet_.family && !one.secondary) return one.prefix.address;
    }
  }
  return std::nullopt;
}

bool Walker::Run::nat(Hook hook, const std::vector<const BaseChain*>& chains) {
  if (context_.untracked || !context_.connection) return true;
  const bool destination = translates_destination(hook);
  Connections& connections = walker_.connections_[place_];
  const std::string where(to_string(hook));
  std::optional<RuleReference> by;
  std::vector<RuleReference> evaluated;
  std::string note;
  const std::uint32_t before_status = context_.connection->status;
  if (Connections::undecided(context_, destination)) {
    std::optional<NatRequest> request;
    for (const BaseChain* chain : chains) {
      const ChainResult result = run_chain(*chain, packet_, context_, network().ruleset(),
                                           network(), walker_.choices_, walker_.options_.evaluated);
      Step scratch;
      keep_evaluated(scratch, result);
      evaluated.insert(evaluated.end(), scratch.evaluated.begin(), scratch.evaluated.end());
      if (result.verdict == ChainResult::Verdict::drop) {
        drop(result.by_policy ? Cause::policy_drop : Cause::rule_drop, where,
             "dropped in " + to_text(chain->id));
        way_.steps.back().rule = reference(*chain, result);
        way_.steps.back().evaluated = std::move(evaluated);
        return false;
      }
      if (!result.nat) continue;
      request = result.nat;
      by = reference(*chain, result);
      break;
    }
    std::optional<Address> primary;
    if (request && (request->masquerade || request->redirect)) {
      primary = nat_address(hook, request->masquerade);
      if (!primary) {
        drop(Cause::rule_drop, where,
             "there is no address to translate to on " + (context_.out  ? context_.out->name
                                                          : context_.in ? context_.in->name
                                                                        : "lo"));
        way_.steps.back().rule = by;
        return false;
      }
    }
    const auto decided =
        connections.decide(packet_, context_, destination, request, primary, network());
    if (!decided) {
      drop(Cause::ports_exhausted, where,
           "no source port is left for another connection to " + to_string(packet_.destination) +
               " port " + std::to_string(packet_.destination_port));
      way_.steps.back().rule = by;
      return false;
    }
    note = *decided;
  }
  const Packet before = packet_;
  const bool changed = Connections::translate(packet_, context_, destination);
  if (!changed && !by && note.empty() && evaluated.empty()) return true;
  if (!changed && !by && note.empty()) {
    Step& step = add(Step::What::pass, where, "not translated");
    step.evaluated = std::move(evaluated);
    return true;
  }
  const bool decided = context_.connection->status != before_status;
  const Step::What what = !decided      ? Step::What::untranslate
                          : destination ? Step::What::dnat
                                        : Step::What::snat;
  Step& step = add(what, where, decided ? "" : "as its connection was translated before");
  step.before = before;
  step.rule = by;
  step.connection = context_.connection;
  step.evaluated = std::move(evaluated);
  if (!note.empty()) step.notes.push_back(note);
  step.port_taken = decided && !by && step.packet.source_port != before.source_port;
  return true;
}

}  // namespace core::packet
