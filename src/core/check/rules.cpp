#include <algorithm>

#include "core/check/codes.hpp"
#include "core/check/judge.hpp"

namespace core::check {
namespace {

constexpr std::size_t most_listed = 8;

void judge_obstacles(const RuleFacts& facts, Results& results) {
  if (!facts.obstacles_unknown.empty()) {
    results.push_back(unknown(code::forward_drop, facts.obstacles_unknown, !facts.readable));
    return;
  }
  std::set<std::pair<std::string, std::string>> told;
  for (std::size_t i = 0; i < facts.obstacles.size(); ++i) {
    const Obstacle& one = facts.obstacles[i];
    if (!told.insert({one.chain, one.effect}).second) continue;
    Result result{code::forward_drop,
                  facts.role == Role::pre ? State::warn : State::error,
                  one.chain + " " + one.effect,
                  {},
                  {},
                  false};
    if (i < facts.obstacle_rules.size() && !facts.obstacle_rules[i].empty()) {
      result.evidence.push_back(facts.obstacle_rules[i]);
    }
    constexpr std::string_view lead = "let it pass with: ";
    const std::string command =
        one.remedy.starts_with(lead) ? one.remedy.substr(lead.size()) : std::string();
    // Names of chains are other programs' to choose.
    if (is_plain(command)) {
      result.fixes.push_back({facts.place.command(command),
                              "the program that owns the chain has to be told, too, or its next "
                              "start takes this away"});
    } else {
      result.fixes.push_back({"", one.remedy});
    }
    results.push_back(std::move(result));
  }
  if (told.empty()) {
    results.push_back(ok(code::forward_drop, "no other program's chain drops forwarded traffic"));
  }
}

void judge_foreign(int code, const std::vector<ForeignRule>& found, const RuleFacts& facts,
                   const std::string& what, const std::string& good, Results& results) {
  for (const ForeignRule& rule : found) {
    Result result{code,
                  State::error,
                  rule.object + " " + what,
                  {rule.reference + (rule.text.empty() ? "" : ": " + rule.text)},
                  {},
                  false};
    if (is_plain(rule.removal)) {
      result.fixes.push_back({facts.place.command(rule.removal),
                              "or free the port in the program that made the rule"});
    } else {
      result.fixes.push_back(
          {"", "delete that rule, or free the port in the program that made it"});
    }
    results.push_back(std::move(result));
  }
  if (!found.empty()) return;
  if (!facts.readable) {
    results.push_back(unknown(code, "nftables cannot be read", true));
  } else if (facts.mapped.empty()) {
    results.push_back(skipped(code, "nothing is mapped here"));
  } else {
    results.push_back(ok(code, good));
  }
}

void judge_listeners(const RuleFacts& facts, Results& results) {
  if (facts.mapped.empty()) {
    results.push_back(skipped(code::listener, "nothing is mapped here"));
    return;
  }
  if (!facts.listeners) {
    results.push_back(unknown(code::listener, "who listens here cannot be read", false));
    return;
  }
  bool fine = true;
  for (const MappedPort& port : facts.mapped) {
    for (auto it = facts.listeners->lower_bound(lowest(port.ports.first));
         it != facts.listeners->end() && it->port <= port.ports.last; ++it) {
      const bool all =
          std::ranges::all_of(it->address.bytes(), [](auto byte) { return byte == 0; });
      // An IPv6 socket for all may take IPv4 as well, and is then there for both.
      if (it->protocol != port.protocol || it->address.family() != port.address.family() ||
          (!all && it->address != port.address)) {
        continue;
      }
      fine = false;
      const std::string number = std::to_string(it->port);
      results.push_back(
          {code::listener,
           State::warn,
           "a program listens on port " + number + ", which " + port.object + " maps",
           {std::string(to_string(it->protocol)) + " " +
            (all ? std::string("all addresses") : to_string(it->address)) + " port " + number},
           {Fix{facts.place.command("ss -lnp sport = :" + number),
                "shows which program it is (as root); end it, let it listen on another address, or "
                "map another port"}}});
    }
  }
  if (fine) results.push_back(ok(code::listener, "no program has a mapped port"));
}

}  // namespace

Results judge_rules(const RuleFacts& facts) {
  Results results;
  judge_obstacles(facts, results);
  if (facts.legacy_readable == false) {
    results.push_back(
        unknown(code::two_iptables, "tables of legacy iptables cannot be read", true));
  } else if (!facts.legacy.empty() && !facts.nft_iptables.empty()) {
    Result result{code::two_iptables,
                  State::warn,
                  "rules of iptables-legacy and of iptables-nft work one behind the other",
                  {},
                  {},
                  false};
    for (const std::string& table : facts.legacy) result.evidence.push_back("legacy: " + table);
    for (const std::string& table : facts.nft_iptables)
      result.evidence.push_back("nft: table " + table);
    result.fixes.push_back({"",
                            "find who uses the legacy ones (iptables-legacy-save -c), move it to "
                            "iptables-nft, and then flush them: iptables-legacy -t TABLE -F; a "
                            "table goes for good at the next boot"});
    results.push_back(std::move(result));
  } else {
    results.push_back(
        ok(code::two_iptables, "not both kinds of iptables are in use", facts.legacy));
  }
  std::vector<std::string> evidence;
  std::string names;
  for (const auto& [name, by] : facts.programs) {
    names += (names.empty() ? "" : ", ") + name;
    if (evidence.size() < most_listed) evidence.push_back(name + ": " + by);
  }
  results.push_back(facts.readable
                        ? ok(code::other_programs,
                             names.empty() ? "no other program that is known has rules here"
                                           : "rules of others: " + names,
                             evidence)
                        : unknown(code::other_programs, "nftables cannot be read", true));
  judge_foreign(code::translated_first, facts.translations, facts,
                "is translated by another program first", "nobody translates a mapped port first",
                results);
  judge_foreign(code::untracked, facts.untracked, facts,
                "is left untracked, so that it is not translated", "mapped traffic is tracked",
                results);
  judge_listeners(facts, results);
  return results;
}

}  // namespace core::check
