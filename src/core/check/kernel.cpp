#include <algorithm>
#include <array>

#include "core/check/codes.hpp"
#include "core/check/judge.hpp"

namespace core::check {
namespace {

// What a kernel without it means for a role; roles that do without do not ask.
struct Need {
  int code;
  bool edge, egress;  // which job asks for it
  State missing;
  const char* fix;  // a command; empty: none is known
};

constexpr auto needs = std::to_array<Need>({
    {code::nftables, true, true, State::error, "modprobe nf_tables"},
    {code::nat, true, true, State::error, "modprobe -a nft_chain_nat nft_nat nft_masq"},
    {code::conntrack, true, true, State::error,
     "modprobe -a nf_conntrack nf_conntrack_netlink nft_ct"},
    {code::fib, true, false, State::warn, "modprobe -a nft_fib_ipv4 nft_fib_ipv6"},
    {code::notrack, false, true, State::error, "modprobe nft_ct"},
    {code::hash, true, false, State::error, "modprobe nft_hash"},
    {code::limits, true, false, State::warn, "modprobe -a nft_connlimit nft_limit"},
    {code::owner, true, false, State::warn, ""},
    {code::nexthop, false, true, State::error, ""},
    {code::vxlan, false, true, State::warn, "modprobe vxlan"},
    {code::fou, false, true, State::warn, "modprobe -a fou ipip"},
    {code::fou6, false, true, State::warn, "modprobe -a fou6 ip6_tunnel"},
    {code::policy_routing, true, true, State::error, ""},
    {code::clamp, true, true, State::warn, ""},
    {code::reject, true, true, State::error,
     "modprobe -a nft_reject nft_reject_ipv4 nft_reject_ipv6"},
});

bool asks(const Need& need, Role role) {
  switch (role) {
    case Role::edge:
      return need.edge;
    case Role::node:
    case Role::nat:
    case Role::pod:
      return need.egress;
    case Role::pre:
      return true;
    case Role::cluster:
      break;
  }
  return false;
}

std::string job_of(const Need& need) {
  return need.edge && need.egress ? ""
         : need.edge              ? " (the edge needs it)"
                                  : " (the egress side needs it)";
}

// The encapsulation that needs it; empty: none.
std::string_view encapsulation_of(int code) {
  return code == code::vxlan ? "VXLAN" : code == code::fou || code == code::fou6 ? "FoU" : "";
}

const Trial* find_trial(const KernelFacts& facts, int code) {
  const auto found = std::ranges::find(facts.trials, code, &Trial::code);
  return found == facts.trials.end() ? nullptr : &*found;
}

}  // namespace

Results judge_kernel(const KernelFacts& facts) {
  Results results;
  if (!facts.failure.empty()) {
    results.push_back(unknown(code::namespaces, facts.failure, facts.privileges));
    return results;
  }
  results.push_back(ok(code::namespaces, "network namespaces can be made"));
  const auto has = [&](int code) {
    const Trial* const trial = find_trial(facts, code);
    return trial != nullptr && trial->refusal.empty();
  };
  // With one way through a tunnel, the other one need not be there.
  const bool some_tunnel = has(code::vxlan) || has(code::fou);
  for (const Need& need : needs) {
    if (!asks(need, facts.role)) continue;
    const Trial* const trial = find_trial(facts, need.code);
    if (trial == nullptr) continue;
    if (trial->refusal.empty()) {
      results.push_back(ok(need.code, "the kernel has " + std::string(code_of(need.code).name)));
      continue;
    }
    const std::string_view encapsulation = encapsulation_of(need.code);
    const bool in_use = facts.encapsulations.contains(std::string(encapsulation));
    if (!encapsulation.empty() && !facts.encapsulations.empty() && !in_use) {
      results.push_back(skipped(need.code, "no Egress here uses " + std::string(encapsulation)));
      continue;
    }
    State state = need.missing;
    if (facts.role == Role::pre) {
      // Which job will run here is not known yet.
      if (!need.edge || !need.egress) state = State::warn;
    } else if (!encapsulation.empty() && need.code != code::fou6 && (in_use || !some_tunnel)) {
      state = State::error;
    }
    Result result{need.code,        state, std::string(code_of(need.code).title) + job_of(need),
                  {trial->refusal}, {},    false};
    if (*need.fix != '\0') {
      result.fixes.push_back({need.fix,
                              "if the kernel has these as modules; a line for each in a file of "
                              "/etc/modules-load.d loads them at boot"});
    }
    if (need.code == code::fou && has(code::vxlan)) {
      result.fixes.push_back(
          {"", "or let Egresses say encapsulation: VXLAN, which this kernel has"});
    }
    if (need.code == code::vxlan && has(code::fou)) {
      result.fixes.push_back({"", "Egresses with encapsulation: FoU, the default, do without"});
    }
    if (result.fixes.empty()) result.fixes.push_back({"", "it takes another kernel"});
    results.push_back(std::move(result));
  }
  return results;
}

}  // namespace core::check
