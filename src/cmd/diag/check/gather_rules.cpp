#include <unistd.h>

#include <linux/netfilter.h>

#include <algorithm>
#include <array>

#include "cmd/diag/check/survey.hpp"
#include "core/check/codes.hpp"
#include "core/constants.hpp"
#include "core/edge/forward.hpp"
#include "core/error.hpp"
#include "core/packet/choices.hpp"
#include "core/packet/rules/rule_text.hpp"
#include "core/packet/walk/walk.hpp"
#include "core/state/scope.hpp"
#include "net/foreign/foreign_rules.hpp"
#include "net/foreign/legacy_chain.hpp"
#include "net/kernel.hpp"
#include "net/listeners.hpp"
#include "net/packet/live_ruleset.hpp"

namespace cmd {
namespace {

namespace packet = core::packet;
using packet::ChainId;
using packet::TableFamily;

constexpr std::size_t most_walks = 64;
constexpr std::size_t most_rules_shown = 4;

// Somebody outside (RFC 5737, RFC 3849).
core::Address stranger(core::Family family) {
  return *core::Address::parse(family == core::Family::ipv4 ? "198.51.100.77" : "2001:db8:c::77");
}

bool is_own(const std::string& table) {
  return table == core::constants::edge_table || table == core::constants::nat_table ||
         table == core::constants::client_table;
}

// By the chains that it makes; `table` without a chain: by any base chain in it.
struct Trace {
  const char* program;
  TableFamily family;
  const char* table;
  const char* chain;
};
constexpr auto traces = std::to_array<Trace>({
    {"firewalld", TableFamily::inet, "firewalld", ""},
    {"firewalld", TableFamily::ip, "firewalld", ""},
    {"ufw", TableFamily::ip, "filter", "ufw-before-forward"},
    {"Docker", TableFamily::ip, "nat", "DOCKER"},
    {"kube-proxy (iptables)", TableFamily::ip, "nat", "KUBE-SERVICES"},
    {"kube-proxy (nftables)", TableFamily::ip, "kube-proxy", ""},
    {"Calico", TableFamily::ip, "filter", "cali-FORWARD"},
    {"Flannel", TableFamily::ip, "nat", "FLANNEL-POSTRTG"},
    {"Cilium", TableFamily::ip, "filter", "CILIUM_FORWARD"},
    {"libvirt", TableFamily::ip, "filter", "LIBVIRT_FWX"},
    {"libvirt", TableFamily::ip, "libvirt_network", ""},
});

class RulesReader {
 public:
  explicit RulesReader(Survey& survey) : survey_(survey), rules_(survey.network().ruleset()) {}

  core::check::RuleFacts run() {
    facts_.role = survey_.role;
    facts_.place = survey_.place;
    facts_.mapped = survey_.mapped();
    if (auto* const live = dynamic_cast<net::LiveRuleset*>(&rules_))
      facts_.readable = live->readable();
    survey_.inside([&] { inside(); });
    for (const packet::BaseChain& chain : rules_.base_chains()) note_iptables(chain);
    programs();
    walks();
    if (survey_.role == core::check::Role::node) look_at_forwarded(survey_, facts_);
    return std::move(facts_);
  }

 private:
  void inside() {
    legacy();
    try {
      facts_.listeners = net::read_listeners();
    } catch (const core::Error&) {
      facts_.listeners.reset();
    }
    try {
      obstacles();
    } catch (const core::Error& error) {
      facts_.obstacles_unknown = error.what();
    }
  }

  // Tables are there once somebody has listed them; what counts is a rule or a policy.
  void legacy() {
    constexpr std::array<std::pair<core::Family, const char*>, 2> families = {
        {{core::Family::ipv4, "/proc/thread-self/net/ip_tables_names"},
         {core::Family::ipv6, "/proc/thread-self/net/ip6_tables_names"}}};
    struct LegacyTable {
      const char* name;
      unsigned hook;
      std::size_t chains;
    };
    constexpr std::array<LegacyTable, 4> tables = {{{"filter", NF_INET_FORWARD, 3},
                                                    {"nat", NF_INET_PRE_ROUTING, 4},
                                                    {"mangle", NF_INET_PRE_ROUTING, 5},
                                                    {"raw", NF_INET_PRE_ROUTING, 2}}};
    facts_.legacy_readable = true;
    for (const auto& [family, names] : families) {
      if (access(names, F_OK) != 0) continue;
      if (access(names, R_OK) != 0) {
        facts_.legacy_readable = false;
        continue;
      }
      const bool ipv4 = family == core::Family::ipv4;
      // Of a policy and of the end of a table: struct ipt_standard, ipt_error and their kin.
      const std::size_t standard = ipv4 ? 152 : 208, end = ipv4 ? 176 : 232;
      for (const LegacyTable& table : tables) {
        const auto chain = net::foreign::LegacyChain::read(family, table.name, table.hook);
        if (chain.empty()) continue;
        const std::string name = std::string(ipv4 ? "iptables" : "ip6tables") + " " + table.name;
        if (chain.size() > table.chains * standard + end || chain.drops())
          facts_.legacy.push_back(name);
        for (const Trace& trace : traces) {
          if (ipv4 && *trace.chain != '\0' && std::string_view(trace.table) == table.name &&
              chain.has_chain(trace.chain)) {
            facts_.programs.emplace_back(
                trace.program,
                "chain " + std::string(trace.chain) + " of legacy iptables, table " + table.name);
          }
        }
      }
    }
  }

  void obstacles() {
    const std::vector<core::MappedFlow> flows = sample();
    if (survey_.role == core::check::Role::edge && survey_.edge) {
      facts_.obstacles = net::open_kernel(core::edge_scope(), false)->obstacles(flows);
    } else {
      net::foreign::ForeignRules foreign{std::string(core::constants::edge_table)};
      std::vector<net::foreign::Way> ways;
      ways.reserve(flows.size());
      for (const core::MappedFlow& flow : flows) ways.push_back({flow, 0, 0, ""});
      facts_.obstacles = foreign.look(ways);
    }
    if (!facts_.readable) facts_.obstacles_unknown = "nftables cannot be read";
  }

  // Connections that ought to pass: of the edge, its own; else one that is like them.
  std::vector<core::MappedFlow> sample() {
    std::vector<core::MappedFlow> flows;
    if (survey_.role == core::check::Role::edge && survey_.edge) {
      for (const MappingStatus& mapping : survey_.edge->mappings) {
        for (const PortStatus& port : mapping.ports) of_port(port, flows);
      }
      return flows;
    }
    core::MappedFlow flow;
    flow.mapped = *core::Address::parse("203.0.113.1");
    flow.mapped_port = 443;
    flow.endpoint = *core::Address::parse("192.0.2.1");
    flow.endpoint_port = 8443;
    if (survey_.role == core::check::Role::pre) flows.push_back(flow);
    return flows;
  }

  void of_port(const PortStatus& port, std::vector<core::MappedFlow>& flows) {
    const auto address = core::Address::parse(port.address);
    const auto range = core::PortRange::parse(port.ports);
    const auto protocol = core::parse_protocol(port.protocol);
    if (!port.active || port.endpoints.empty() || !address || !range || !protocol ||
        flows.size() >= most_walks) {
      return;
    }
    const auto to = core::parse_backend(port.endpoints.front().address);
    if (!to) return;
    core::MappedFlow flow;
    flow.protocol = *protocol;
    flow.mapped = *address;
    flow.mapped_port = range->first;
    flow.endpoint = to->address;
    flow.endpoint_port = to->ports.first;
    const packet::Link* const link = survey_.network().link_with(*address);
    if (link != nullptr) flow.in = link->device.name;
    flows.push_back(flow);
  }

  // As iptables names them, which no other program does.
  void note_iptables(const packet::BaseChain& chain) {
    constexpr std::array<std::string_view, 5> names = {"PREROUTING", "INPUT", "FORWARD", "OUTPUT",
                                                       "POSTROUTING"};
    const ChainId& id = chain.id;
    if (std::ranges::find(names, id.name) == names.end() ||
        (id.family != TableFamily::ip && id.family != TableFamily::ip6)) {
      return;
    }
    const auto* const rules = rules_.rules(id);
    if (!chain.drops && (rules == nullptr || rules->empty())) return;
    const std::string name = std::string(to_string(id.family)) + " " + id.table;
    if (std::ranges::find(facts_.nft_iptables, name) == facts_.nft_iptables.end()) {
      facts_.nft_iptables.push_back(name);
    }
  }

  void programs() {
    for (const Trace& trace : traces) {
      const std::string_view chain = trace.chain;
      const bool found = chain.empty()
                             ? std::ranges::any_of(rules_.base_chains(),
                                                   [&](const packet::BaseChain& one) {
                                                     return one.id.family == trace.family &&
                                                            one.id.table == trace.table;
                                                   })
                             : rules_.rules({trace.family, trace.table, trace.chain}) != nullptr;
      if (!found) continue;
      facts_.programs.emplace_back(
          trace.program, "nft table " + std::string(to_string(trace.family)) + " " + trace.table +
                             (chain.empty() ? "" : ", chain " + std::string(chain)));
    }
    for (const packet::Link& link : survey_.network().links()) {
      if (link.device.name == "kube-ipvs0")
        facts_.programs.emplace_back("kube-proxy (ipvs)", "device kube-ipvs0");
      if (link.device.name == "cilium_host")
        facts_.programs.emplace_back("Cilium", "device cilium_host");
    }
    for (const core::Obstacle& obstacle : facts_.obstacles) {
      facts_.obstacle_rules.push_back(chain_text(obstacle.chain));
    }
  }

  // "chain FORWARD of table ip filter" as it is.
  std::string chain_text(const std::string& named) {
    for (const packet::BaseChain& chain : rules_.base_chains()) {
      if (named != "chain " + chain.id.name + " of table " +
                       std::string(to_string(chain.id.family)) + " " + chain.id.table) {
        continue;
      }
      std::string text = "type filter hook " + std::string(to_string(chain.hook)) + " priority " +
                         std::to_string(chain.priority) + "; policy " +
                         (chain.drops ? "drop" : "accept") + ";";
      const auto* const rules = rules_.rules(chain.id);
      if (rules == nullptr) return text;
      for (std::size_t i = 0; i < rules->size() && i < most_rules_shown; ++i) {
        const std::string rule = to_text((*rules)[i], chain.id, rules_);
        text += " " + (rule.empty() ? "rule " + std::to_string(i + 1) : rule) + ";";
      }
      if (rules->size() > most_rules_shown) {
        text += " and " + std::to_string(rules->size() - most_rules_shown) + " more rules";
      }
      return text;
    }
    return "";
  }

  // What becomes of a client's first packet to each mapped port: who translates it.
  void walks() {
    std::size_t done = 0;
    for (const core::check::MappedPort& port : facts_.mapped) {
      const packet::Link* const link = survey_.network().link_with(port.address);
      if (!port.active || link == nullptr || link->loopback || ++done > most_walks) continue;
      packet::Packet probe;
      probe.family = port.address.family();
      probe.protocol = static_cast<std::uint8_t>(port.protocol);
      probe.source = stranger(probe.family);
      probe.destination = port.address;
      probe.source_port = 40000;
      probe.destination_port = port.ports.first;
      probe.ttl = 64;
      if (probe.protocol == packet::tcp) probe.tcp_flags = packet::syn;
      packet::Choices choices;
      packet::WalkOptions walk;
      walk.edge_of_view = packet::Attachment{survey_.at, link->device.index};
      packet::Walker walker(survey_.world, choices, walk);
      judge_way(port, walker.receive({survey_.at, link->device.index}, probe));
    }
  }

  void judge_way(const core::check::MappedPort& port, const packet::Way& way) {
    const std::string what = port.object + ", " + to_string(port.address) + " port " +
                             to_string(port.ports) + "/" + std::string(to_string(port.protocol)) +
                             ",";
    for (const packet::Step& step : way.steps) {
      if (step.place != survey_.at) return;
      if (!step.rule || is_own(step.rule->chain.table)) {
        if (step.what == packet::Step::What::dnat) return;
        continue;
      }
      if (step.what == packet::Step::What::dnat) {
        facts_.translations.push_back(foreign_rule(what, *step.rule));
        return;
      }
      if (step.untracked) {
        facts_.untracked.push_back(foreign_rule(what, *step.rule));
        return;
      }
    }
  }

  static core::check::ForeignRule foreign_rule(const std::string& object,
                                               const packet::RuleReference& rule) {
    const std::string chain =
        std::string(to_string(rule.chain.family)) + " " + rule.chain.table + " " + rule.chain.name;
    return {object, to_text(rule), rule.text,
            rule.handle == 0
                ? ""
                : "nft delete rule " + chain + " handle " + std::to_string(rule.handle)};
  }

  Survey& survey_;
  packet::Ruleset& rules_;
  core::check::RuleFacts facts_;
};

}  // namespace

core::check::RuleFacts gather_rules(Survey& survey) { return RulesReader(survey).run(); }

}  // namespace cmd
