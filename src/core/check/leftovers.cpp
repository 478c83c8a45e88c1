#include <algorithm>
#include <array>

#include "core/check/codes.hpp"
#include "core/check/judge.hpp"

namespace core::check {
namespace {

bool is_base32(std::string_view text) {
  return text.size() == 24 && std::ranges::all_of(text, [](char letter) {
           return (letter >= 'A' && letter <= 'Z') || (letter >= '2' && letter <= '7');
         });
}

// "iptables nat SNM-PREROUTING"
struct NamedChain {
  std::string program, table, chain;
};
NamedChain split(const std::string& text) {
  const std::size_t first = text.find(' '), second = text.find(' ', first + 1);
  return {text.substr(0, first), text.substr(first + 1, second - first - 1),
          text.substr(second + 1)};
}

// Jumps first, then rules, then the chains themselves: none goes while another leads to it.
void judge_chains(const Leftovers& facts, Results& results) {
  if (facts.chains.empty()) {
    results.push_back(facts.chains_known ? ok(code::smartnat_chains, "SmartNat has left no chains")
                                         : unknown(code::smartnat_chains,
                                                   "chains of iptables cannot be read", true));
    return;
  }
  Result result{code::smartnat_chains, State::warn, "chains of SmartNat are still here",
                facts.chains,          {},          false};
  constexpr std::array<std::pair<std::string_view, std::string_view>, 4> hooks = {
      {{"SNM-PREROUTING", "PREROUTING"},
       {"SNM-POSTROUTING-SNAT", "POSTROUTING"},
       {"SNM-POSTROUTING-MASQ", "POSTROUTING"},
       {"SNM-POSTROUTING", "POSTROUTING"}}};
  std::vector<Fix> flush, remove;
  for (const std::string& text : facts.chains) {
    const NamedChain chain = split(text);
    const std::string head = chain.program + " -w -t " + chain.table;
    for (const auto& [name, hook] : hooks) {
      if (chain.chain != name) continue;
      // SmartNat's jump has a comment or has none: all that lead there go.
      result.fixes.push_back(
          {facts.place.command("sh -c " +
                               quoted(chain.program + "-save -t " + chain.table +
                                      " | sed -n 's/^-A \\(" + std::string(hook) + " .*-j " +
                                      chain.chain + "\\)$/" + head + " -D \\1/p' | sh")),
           "the jumps there; stop SmartNat on this host first, and see that pona has its "
           "Mappings"});
    }
    flush.push_back({facts.place.command(head + " -F " + quoted(chain.chain)), ""});
    remove.push_back({facts.place.command(head + " -X " + quoted(chain.chain)), ""});
  }
  std::ranges::move(flush, std::back_inserter(result.fixes));
  std::ranges::move(remove, std::back_inserter(result.fixes));
  results.push_back(std::move(result));
}

}  // namespace

bool is_smartnat_chain(std::string_view name) {
  return name.starts_with("SNM-") || (name.starts_with("MAP-") && is_base32(name.substr(4)));
}

bool is_smartnat_set(std::string_view name) {
  return is_base32(name) || (name.starts_with("DNAT-") && is_base32(name.substr(5)));
}

bool is_old_device(std::string_view name) {
  constexpr std::array<std::string_view, 10> names = {
      "coil_ipip4", "coil_ipip6", "pona_ipip4", "pona_ipip6",   "coil_tunl",
      "pona_tunl",  "fou-dummy",  "nat-dummy",  "egress-dummy", "coil_ip6tnl"};
  const auto hexadecimal = [](std::string_view text) {
    return text.size() == 8 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
  };
  return std::ranges::find(names, name) != names.end() || name == "pona_ip6tnl" ||
         ((name.starts_with("fou4_") || name.starts_with("fou6_")) && hexadecimal(name.substr(5)));
}

Results judge_leftovers(const Leftovers& facts) {
  Results results;
  judge_chains(facts, results);
  if (!facts.sets) {
    results.push_back(unknown(code::smartnat_sets, "ipsets cannot be listed", facts.privileges));
  } else if (!facts.sets->empty()) {
    Result result{
        code::smartnat_sets, State::warn, "ipsets of SmartNat are still here", {}, {}, false};
    for (const std::string& set : *facts.sets) {
      result.evidence.push_back("ipset " + set);
      result.fixes.push_back(
          {facts.place.command("ipset destroy " + quoted(set)), "once no rule uses it"});
    }
    results.push_back(std::move(result));
  } else {
    results.push_back(ok(code::smartnat_sets, "SmartNat has left no ipsets"));
  }
  const auto rules = [&](int code, const std::vector<std::string>& found,
                         const std::string& whose) {
    if (found.empty()) {
      results.push_back(ok(code, whose + " has left no routing rules"));
      return;
    }
    Result result{
        code,  State::warn, "routing rules of " + whose + " are still here" + facts.place.where(),
        found, {},          false};
    for (const std::string& rule : found) {
      // "1900: from all lookup 117", and behind "-6" those of IPv6.
      const bool six = rule.starts_with("-6 ");
      const std::string text = six ? rule.substr(3) : rule;
      const std::size_t colon = text.find(": ");
      const std::string command = std::string("ip ") + (six ? "-6 " : "") + "rule del pref " +
                                  text.substr(0, colon) + " " +
                                  (colon == std::string::npos ? "" : text.substr(colon + 2));
      if (is_plain(command)) result.fixes.push_back({facts.place.command(command), ""});
    }
    results.push_back(std::move(result));
  };
  rules(code::smartnat_rules, facts.rules, "SmartNat");
  if (facts.devices.empty()) {
    results.push_back(ok(code::old_devices, "Coil and the old Pona have left no devices"));
  } else {
    Result result{code::old_devices,
                  State::warn,
                  "devices of Coil or the old Pona are still here" + facts.place.where(),
                  {},
                  {},
                  false};
    for (const std::string& device : facts.devices) {
      result.evidence.push_back("device " + device);
      result.fixes.push_back({facts.place.command("ip link del " + quoted(device)), ""});
    }
    results.push_back(std::move(result));
  }
  rules(code::old_rules, facts.old_rules, "Coil or the old Pona");
  return results;
}

}  // namespace core::check
