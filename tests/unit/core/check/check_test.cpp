#include <algorithm>
#include <set>

#include "core/check/codes.hpp"
#include "core/check/judge.hpp"
#include "core/check/report.hpp"
#include "core/check/trials.hpp"
#include "support/catch.hpp"

namespace unit::check_test {

using namespace core::check;
namespace code = core::check::code;

core::Address address(const char* text) { return *core::Address::parse(text); }

const Result* find(const Results& results, int code) {
  const auto found =
      std::ranges::find_if(results, [&](const Result& one) { return one.code == code; });
  return found == results.end() ? nullptr : &*found;
}
State state_of(const Results& results, int code) {
  const Result* const result = find(results, code);
  REQUIRE(result != nullptr);
  return result->state;
}

core::packet::Link link(const char* name, const char* prefix) {
  core::packet::Link one;
  one.device.name = name;
  one.up = true;
  one.mtu = 1500;
  one.addresses.push_back({*core::Prefix::parse(prefix), false, false, false});
  return one;
}

TEST_CASE("check: codes are unique, by number and by name, and are found by each of their names") {
  std::set<int> numbers;
  std::set<std::string_view> names;
  for (const Code& one : codes()) {
    CHECK(numbers.insert(one.number).second);
    CHECK(names.insert(one.name).second);
    CHECK(one.text.ends_with('.'));
    CHECK(find_code(code_text(one.number)) == &one);
    CHECK(find_code(one.name) == &one);
    CHECK(find_code("c" + std::to_string(one.number)) == &one);
  }
  CHECK(find_code("PONA-C999") == nullptr);
  CHECK(find_code("") == nullptr);
}

TEST_CASE("check: an explanation keeps within its width") {
  for (const Code& one : codes()) {
    const auto lines = explain(one, 60);
    for (std::size_t i = 1; i < lines.size(); ++i) CHECK(lines[i].size() <= 60);
  }
}

TEST_CASE("check: a word of a shell stays one, whatever it holds") {
  CHECK(quoted("eth0.100") == "eth0.100");
  CHECK(quoted("") == "''");
  CHECK(quoted("a b") == "'a b'");
  CHECK(quoted("$(reboot)'x") == "'$(reboot)'\\''x'");
  CHECK(is_plain("nft delete rule ip nat PREROUTING handle 7"));
  CHECK_FALSE(is_plain("nft delete rule ip nat a;reboot handle 7"));
  CHECK_FALSE(is_plain("nft delete rule ip nat $(x) handle 7"));
  CHECK_FALSE(is_plain(""));
}

SysctlFacts edge_facts() {
  SysctlFacts facts;
  facts.role = Role::edge;
  facts.place = {"this host", ""};
  facts.links = {link("eth0", "192.0.2.2/24"), link("eth1", "203.0.113.2/24")};
  facts.external = {"eth0", "eth1"};
  facts.ipv6 = true;
  facts.edge_runs = true;
  facts.values = {{"net/ipv4/ip_forward", "1"},
                  {"net/ipv6/conf/all/forwarding", "1"},
                  {"net/ipv4/conf/all/rp_filter", "0"},
                  {"net/ipv4/conf/eth0/rp_filter", "0"},
                  {"net/ipv4/conf/eth1/rp_filter", "0"},
                  {"net/ipv4/conf/eth0/forwarding", "1"},
                  {"net/ipv4/conf/eth1/forwarding", "1"},
                  {"net/netfilter/nf_conntrack_max", "262144"},
                  {"net/netfilter/nf_conntrack_tcp_be_liberal", "1"},
                  {"net/ipv4/ip_local_port_range", "32768 60999"},
                  {"net/ipv6/conf/eth0/disable_ipv6", "0"}};
  return facts;
}

TEST_CASE("check: sysctls of a healthy edge are fine, each of them") {
  for (const Result& result : judge_sysctls(edge_facts())) CHECK(result.state == State::ok);
}

TEST_CASE("check: of rp_filter the larger one counts, and loose is enough") {
  SysctlFacts facts = edge_facts();
  facts.values["net/ipv4/conf/all/rp_filter"] = "1";
  CHECK(state_of(judge_sysctls(facts), code::rp_filter) == State::warn);
  facts.values["net/ipv4/conf/eth0/rp_filter"] = "2";
  facts.values["net/ipv4/conf/eth1/rp_filter"] = "2";
  CHECK(state_of(judge_sysctls(facts), code::rp_filter) == State::ok);
  facts.values["net/ipv4/conf/all/rp_filter"] = "0";
  facts.values["net/ipv4/conf/eth1/rp_filter"] = "1";
  const Results results = judge_sysctls(facts);
  CHECK(state_of(results, code::rp_filter) == State::warn);
  CHECK(find(results, code::rp_filter)->fixes[0].command ==
        "sysctl -w net.ipv4.conf.eth1.rp_filter=2");
  facts.external = {"eth1"};  // clients come by one way
  CHECK(state_of(judge_sysctls(facts), code::rp_filter) == State::skipped);
}

TEST_CASE("check: what cannot be read is not known, and never fine") {
  SysctlFacts facts = edge_facts();
  facts.values.erase("net/ipv4/ip_forward");
  CHECK(state_of(judge_sysctls(facts), code::forwarding4) == State::unknown);
  facts.values["net/ipv4/ip_forward"] = "0";
  const Results results = judge_sysctls(facts);
  CHECK(state_of(results, code::forwarding4) == State::error);
  CHECK(find(results, code::forwarding4)->evidence ==
        std::vector<std::string>{"net.ipv4.ip_forward = 0"});
}

TEST_CASE("check: names of interfaces with dots stay whole in commands") {
  SysctlFacts facts = edge_facts();
  facts.links = {link("eth0.100", "192.0.2.2/24")};
  facts.values["net/ipv4/conf/eth0.100/forwarding"] = "0";
  CHECK(find(judge_sysctls(facts), code::link_forwarding)->fixes[0].command ==
        "sysctl -w net/ipv4/conf/eth0.100/forwarding=1");
}

TEST_CASE("check: commands for a pod's namespace enter it") {
  SysctlFacts facts = edge_facts();
  facts.role = Role::nat;
  facts.place = {"pod shop/web", "/run/netns/a b"};
  facts.values["net/ipv4/ip_forward"] = "0";
  CHECK(find(judge_sysctls(facts), code::forwarding4)->fixes[0].command ==
        "nsenter --net='/run/netns/a b' sysctl -w net.ipv4.ip_forward=1");
}

TEST_CASE("check: the two ends of a link, and what the larger one is told") {
  MtuFacts facts;
  const Place here{"this host", ""}, pod{"pod shop/web", "/run/netns/x"};
  facts.pairs = {{{here, "veth1", 1500}, {pod, "eth0", 1300}}};
  const Results results = judge_mtu(facts);
  CHECK(state_of(results, code::veth_mtu) == State::error);
  CHECK(find(results, code::veth_mtu)->fixes[0].command == "ip link set dev veth1 mtu 1300");
  facts.pairs = {{{here, "veth1", 1300}, {pod, "eth0", 1500}}};
  CHECK(find(judge_mtu(facts), code::veth_mtu)->fixes[0].command ==
        "nsenter --net=/run/netns/x ip link set dev eth0 mtu 1300");
  facts.pairs = {{{here, "veth1", 1500}, {pod, "eth0", 1500}}};
  CHECK(state_of(judge_mtu(facts), code::veth_mtu) == State::ok);
  facts.unseen_peers = 1;
  CHECK(state_of(judge_mtu(facts), code::veth_mtu) == State::unknown);
}

TEST_CASE("check: a tunnel and what is below it") {
  MtuFacts facts;
  TunnelFacts tunnel;
  tunnel.place = {"this host", ""};
  tunnel.link = "pona-vxlan";
  tunnel.below = "eth0";
  tunnel.below_mtu = 1500;
  tunnel.tunnel.kind = core::packet::TunnelLink::Kind::vxlan_gpe;
  tunnel.mtu = 1464;
  facts.tunnels = {tunnel};
  CHECK(state_of(judge_mtu(facts), code::tunnel_mtu) == State::ok);
  facts.tunnels[0].mtu = 1465;
  CHECK(find(judge_mtu(facts), code::tunnel_mtu)->fixes[0].command ==
        "ip link set dev pona-vxlan mtu 1464");
  facts.tunnels[0].outer6 = true;
  CHECK(find(judge_mtu(facts), code::tunnel_mtu)->fixes[0].command ==
        "ip link set dev pona-vxlan mtu 1444");
}

core::Flow udp(const char* from, std::uint16_t sport, const char* to, std::uint16_t dport,
               const char* answers, std::uint16_t reply_dport) {
  core::Flow flow;
  flow.protocol = core::Protocol::udp;
  flow.original = {address(from), address(to), sport, dport};
  flow.reply = {address(answers), address(from), dport, reply_dport};
  return flow;
}

TEST_CASE("check: a NAT pod that spoke first blocks the client's tunnel, as in coil#245") {
  TunnelsFacts facts;
  facts.tunnel_port = 5555;
  facts.flows = {{udp("10.244.2.20", 5555, "10.244.1.10", 5555, "10.244.1.10", 5555),
                  udp("10.244.1.10", 5555, "10.96.0.50", 5555, "10.244.2.20", 48842)}};
  const Results results = judge_tunnels(facts);
  REQUIRE(state_of(results, code::tunnel_clash) == State::error);
  const Result& clash = *find(results, code::tunnel_clash);
  REQUIRE(clash.fixes.size() == 2);
  CHECK(clash.fixes[1].command ==
        "conntrack -D -p udp -s 10.244.1.10 -d 10.96.0.50 --sport 5555 --dport 5555");

  // The healthy twin: its port is its own.
  facts.flows = {{udp("10.244.1.10", 5555, "10.96.0.50", 5555, "10.244.2.20", 5555)}};
  CHECK(state_of(judge_tunnels(facts), code::tunnel_clash) == State::ok);
  // Of source ports that the kernel chooses, both directions are entries of their own.
  facts.flows = {{udp("10.244.2.20", 41000, "10.244.1.10", 5555, "10.244.1.10", 41000),
                  udp("10.244.1.10", 42000, "10.244.2.20", 5555, "10.244.2.20", 42000)}};
  CHECK(state_of(judge_tunnels(facts), code::tunnel_clash) == State::ok);
  facts.flows.reset();
  CHECK(state_of(judge_tunnels(facts), code::tunnel_clash) == State::unknown);
}

TEST_CASE("check: NAT pods that are dead, some and all") {
  TunnelsFacts facts;
  facts.flows.emplace();
  facts.egresses = {{"internet/egress", 2, {{"10.64.0.21", "up"}, {"10.64.0.22", "dead"}}}};
  CHECK(state_of(judge_tunnels(facts), code::nat_pods_dead) == State::warn);
  facts.egresses[0].nat_pods[0].second = "dead";
  CHECK(state_of(judge_tunnels(facts), code::nat_pods_dead) == State::error);
  facts.egresses[0].nat_pods.clear();
  CHECK(state_of(judge_tunnels(facts), code::no_nat_pods) == State::error);
  facts.egresses[0].clients = 0;  // nobody misses them
  CHECK(state_of(judge_tunnels(facts), code::no_nat_pods) == State::ok);
}

TEST_CASE("check: how full the table of connections is") {
  ConntrackFacts facts;
  facts.timeouts = {{"net/netfilter/nf_conntrack_tcp_timeout_established", "432000"}};
  facts.limit = 1000;
  facts.entries = 799;
  CHECK(state_of(judge_conntrack(facts), code::table_fill) == State::ok);
  facts.entries = 800;
  CHECK(state_of(judge_conntrack(facts), code::table_fill) == State::warn);
  facts.entries = 950;
  CHECK(state_of(judge_conntrack(facts), code::table_fill) == State::error);
  facts.limit = 0;
  CHECK(state_of(judge_conntrack(facts), code::table_fill) == State::skipped);
  facts.limit = 1000;
  facts.timeouts.begin()->second = "600";
  CHECK(state_of(judge_conntrack(facts), code::short_timeout) == State::warn);
}

TEST_CASE("check: ports are counted for the translated address and each destination") {
  std::map<PortUse, std::uint32_t> uses;
  core::Flow flow;
  flow.protocol = core::Protocol::tcp;
  flow.original = {address("198.51.100.1"), address("203.0.113.5"), 1000, 443};
  flow.reply = {address("10.1.0.11"), address("10.1.0.2"), 8080, 1000};
  count_port(uses, flow);
  CHECK(uses.empty());
  flow.status = 1U << 4;
  count_port(uses, flow);
  count_port(uses, flow);
  REQUIRE(uses.size() == 1);
  CHECK(uses.begin()->first ==
        PortUse{core::Protocol::tcp, address("10.1.0.2"), address("10.1.0.11"), 8080});
  CHECK(uses.begin()->second == 2);
  PortFacts facts;
  facts.uses = uses;
  CHECK(state_of(judge_ports(facts), code::port_use) == State::ok);
  facts.uses.begin()->second = 60000;
  CHECK(state_of(judge_ports(facts), code::port_use) == State::warn);
  facts.uses.begin()->second = 64512;
  CHECK(state_of(judge_ports(facts), code::port_use) == State::error);
}

TEST_CASE("check: mapped addresses, absent, downed, and found at another host") {
  AddressFacts facts;
  facts.links = {link("eth1", "203.0.113.5/24"), link("eth2", "2001:db8:2::5/64")};
  facts.mapped = {
      {"Mapping shop/web", address("203.0.113.5"), core::Protocol::tcp, {443, 443}, true}};
  for (const Result& result : judge_addresses(facts)) CHECK(result.state == State::ok);
  facts.links[0].up = false;
  CHECK(state_of(judge_addresses(facts), code::address_on_downed_link) == State::error);
  facts.links[0].up = true;
  facts.links[1].addresses[0].duplicate = true;
  CHECK(find(judge_addresses(facts), code::duplicate_address)->fixes[0].command ==
        "ip address del 2001:db8:2::5/64 dev eth2");
  facts.mapped[0].active = false;
  CHECK(state_of(judge_addresses(facts), code::address_absent) == State::warn);
  facts.links.push_back(link("eth3", "203.0.113.5/24"));
  CHECK(state_of(judge_addresses(facts), code::address_twice) == State::warn);
  // Nodes that route to pods by single addresses have one router address for all of them.
  for (core::packet::Link& one : facts.links)
    one.addresses = {{*core::Prefix::parse("169.254.1.1/32"), {}, {}, {}}};
  CHECK(state_of(judge_addresses(facts), code::address_twice) == State::ok);
}

TEST_CASE("check: rules of others, and who listens on a mapped port") {
  RuleFacts facts;
  facts.role = Role::edge;
  facts.legacy_readable = true;
  facts.listeners.emplace();
  facts.mapped = {
      {"Mapping shop/web", address("203.0.113.5"), core::Protocol::tcp, {443, 443}, true}};
  for (const Result& result : judge_rules(facts)) CHECK(result.state == State::ok);
  facts.obstacles = {{0, false, "chain FORWARD of table ip filter", "drops mapped traffic: …",
                      "let it pass with: nft insert rule ip filter FORWARD ct status dnat accept"}};
  CHECK(find(judge_rules(facts), code::forward_drop)->fixes[0].command ==
        "nft insert rule ip filter FORWARD ct status dnat accept");
  // A name that a shell would read otherwise is no command.
  facts.obstacles[0].remedy = "let it pass with: nft insert rule ip filter $(reboot) accept";
  CHECK(find(judge_rules(facts), code::forward_drop)->fixes[0].command.empty());
  facts.legacy = {"iptables filter"};
  CHECK(state_of(judge_rules(facts), code::two_iptables) == State::ok);
  facts.nft_iptables = {"ip nat"};
  CHECK(state_of(judge_rules(facts), code::two_iptables) == State::warn);
  facts.listeners->insert({443, core::Protocol::tcp, address("0.0.0.0"), 0});
  CHECK(state_of(judge_rules(facts), code::listener) == State::warn);
  facts.listeners = {{443, core::Protocol::tcp, address("127.0.0.1"), 0}};
  CHECK(state_of(judge_rules(facts), code::listener) == State::ok);
  facts.listeners = {{443, core::Protocol::udp, address("0.0.0.0"), 0}};
  CHECK(state_of(judge_rules(facts), code::listener) == State::ok);
}

TEST_CASE("check: what the kernel lacks is asked by the job that needs it") {
  KernelFacts facts;
  facts.role = Role::edge;
  facts.trials = {{code::nftables, ""},
                  {code::hash, "add rule: No such file or directory"},
                  {code::fou, "fou: No such file or directory"},
                  {code::vxlan, ""}};
  Results results = judge_kernel(facts);
  CHECK(state_of(results, code::hash) == State::error);
  CHECK(find(results, code::fou) == nullptr);
  facts.role = Role::node;
  results = judge_kernel(facts);
  CHECK(find(results, code::hash) == nullptr);
  CHECK(state_of(results, code::fou) == State::warn);
  facts.trials[3].refusal = "vxlan: Operation not supported";
  CHECK(state_of(judge_kernel(facts), code::fou) == State::error);
  facts.role = Role::pre;
  CHECK(state_of(judge_kernel(facts), code::fou) == State::warn);
  // Where it is known what Egresses use, that alone counts.
  facts.role = Role::node;
  facts.trials[3].refusal.clear();
  facts.encapsulations = {"VXLAN"};
  CHECK(state_of(judge_kernel(facts), code::fou) == State::skipped);
  CHECK(state_of(judge_kernel(facts), code::vxlan) == State::ok);
  facts.encapsulations = {"FoU"};
  CHECK(state_of(judge_kernel(facts), code::fou) == State::error);
  facts.encapsulations.clear();
  facts.failure = "no namespace";
  results = judge_kernel(facts);
  REQUIRE(results.size() == 1);
  CHECK(results[0].state == State::unknown);
}

TEST_CASE("check: each trial is of a code of the kernel, and makes something") {
  for (const bool ipv6 : {false, true}) {
    std::set<int> seen;
    for (const TrialState& trial : trial_states(ipv6)) {
      CHECK(seen.insert(trial.code).second);
      CHECK(code_of(trial.code).group == Group::kernel);
      const core::State& state = trial.state;
      std::size_t rules = 0;
      for (const auto& [family, table] : state.tables) {
        for (const auto& chain : table.chains) rules += chain.rules.size();
      }
      INFO(code_text(trial.code));
      CHECK(rules + state.rules.size() + state.links.size() != 0);
    }
    CHECK(seen.contains(code::fou6) == ipv6);
  }
}

TEST_CASE("check: names of what others left") {
  CHECK(is_smartnat_chain("SNM-PREROUTING"));
  CHECK(is_smartnat_chain("MAP-ABCDEFGHIJKLMNOPQRSTUVWX"));
  CHECK_FALSE(is_smartnat_chain("MAP-web"));
  CHECK(is_smartnat_set("DNAT-ABCDEFGHIJKLMNOPQRSTUVWX"));
  CHECK(is_smartnat_set("ABCDEFGHIJKLMNOPQRSTUV23"));
  CHECK_FALSE(is_smartnat_set("KUBE-CLUSTER-IP"));
  CHECK(is_old_device("fou4_0a400015"));
  CHECK(is_old_device("coil_ipip4"));
  CHECK_FALSE(is_old_device("pona4-0a400015"));
  CHECK_FALSE(is_old_device("fou4_eth0"));
}

TEST_CASE("check: exit status, and the script of fixes") {
  Report report;
  report.role = Role::edge;
  report.subject = "this host\nreboot";
  report.groups = {Group::sysctl};
  report.results = {ok(code::forwarding4, "fine")};
  CHECK(exit_status(report.results, State::error) == 0);
  report.results.push_back({code::rp_filter,
                            State::warn,
                            "strict\nreboot",
                            {"x\ny"},
                            {{"sysctl -w a=1", "why\nreboot"}, {"sysctl -w a=1", ""}},
                            false});
  CHECK(exit_status(report.results, State::error) == 0);
  CHECK(exit_status(report.results, State::warn) == 1);
  const auto script = fix_script(report);
  for (const std::string& line : script) {
    CHECK(line.find('\n') == std::string::npos);
    CHECK((line.empty() || line[0] == '#' || line == "sysctl -w a=1"));
  }
  CHECK(std::ranges::count(script, "sysctl -w a=1") == 1);
  report.results.push_back(unknown(code::fib, "no right", true));
  CHECK(exit_status(report.results, State::error) == 5);
  report.results.push_back({code::nat, State::error, "none", {}, {}, false});
  CHECK(exit_status(report.results, State::error) == 1);
  const auto lines = to_lines(report, {});
  CHECK(lines.back().text.find("--explain") != std::string::npos);
}

TEST_CASE("check: files and daemons") {
  FilesFacts facts;
  FileFacts file;
  file.path = "/etc/kubernetes/admin.conf";
  file.exists = true;
  file.mode = 0600;
  facts.kubeconfig = file;
  CHECK(state_of(judge_files(facts), code::kubeconfig_mode) == State::ok);
  facts.kubeconfig->mode = 0644;
  CHECK(find(judge_files(facts), code::kubeconfig_mode)->fixes[0].command ==
        "chmod o-rw /etc/kubernetes/admin.conf");
  file.directory = true;
  file.mode = 0777;
  facts.run = file;
  CHECK(state_of(judge_files(facts), code::run_directory) == State::error);
  facts.run->mode = 01777;
  CHECK(state_of(judge_files(facts), code::run_directory) == State::ok);

  DaemonFacts edge;
  edge.socket = "/run/pona/edge.sock";
  CHECK(state_of(judge_edge(edge), code::edge_silent) == State::skipped);
  edge.wanted = true;
  CHECK(state_of(judge_edge(edge), code::edge_silent) == State::error);
  edge.answers = true;
  CHECK(state_of(judge_edge(edge), code::edge_troubled) == State::ok);
  edge.problems = {"Mapping shop/web: no Service"};
  CHECK(state_of(judge_edge(edge), code::edge_troubled) == State::warn);
  edge.troubles = {"the kernel refuses"};
  CHECK(state_of(judge_edge(edge), code::edge_troubled) == State::error);
}

TEST_CASE("check: rights that are missing are named, and a clock that differs") {
  ClusterFacts facts;
  CHECK(state_of(judge_cluster(facts), code::permissions) == State::skipped);
  facts.config = "context shop";
  facts.skew = 2;
  facts.rights = {{{"ClusterRole pona-edge", "", "pona.dev", "addresspools", "", "", "list"}, true},
                  {{"ClusterRole pona-edge", "", "smartnat.aureacentral.com", "mappings", "status",
                    "", "patch"},
                   false}};
  Results results = judge_cluster(facts);
  CHECK(find(results, code::permissions)->evidence ==
        std::vector<std::string>{"patch mappings.smartnat.aureacentral.com/status"});
  CHECK(state_of(results, code::clock) == State::ok);
  facts.skew = -6;
  CHECK(state_of(judge_cluster(facts), code::clock) == State::warn);
  facts.skew = 3600;
  CHECK(state_of(judge_cluster(facts), code::clock) == State::error);
  facts.failure = "connection refused";
  results = judge_cluster(facts);
  CHECK(state_of(results, code::api_server) == State::error);
  CHECK(state_of(results, code::clock) == State::unknown);
}

}  // namespace unit::check_test
