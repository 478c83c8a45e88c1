// Gateways that are no objects: what daemons of this host say, and what its rules and devices show.
#include <unistd.h>

#include <linux/netfilter/nf_tables.h>

#include <algorithm>

#include "cmd/diag/model/host_look.hpp"
#include "cmd/edge/ask_running.hpp"
#include "core/check/judge.hpp"
#include "core/error.hpp"
#include "net/packet/ruleset_socket.hpp"

namespace cmd {
namespace {

// Those that are in nf_tables.
std::vector<std::string> smartnat_chains(const net::Namespace& where) {
  std::vector<std::string> found;
  where.run([&] {
    net::RulesetSocket socket;
    static_cast<void>(socket.dump(
        NFT_MSG_GETCHAIN, std::nullopt, [](net::NetlinkWriter&) {}, [&] { found.clear(); },
        [&](packet::TableFamily family, const net::Attributes& chain) {
          const std::string name(chain.text(NFTA_CHAIN_NAME));
          if (!core::check::is_smartnat_chain(name)) return;
          found.push_back(name + " of table " + std::string(to_string(family)) + " " +
                          std::string(chain.text(NFTA_CHAIN_TABLE)));
        }));
  });
  return found;
}

}  // namespace

void HostLook::ask_daemons() {
  const auto known = [&](model::Form form) {
    return std::ranges::any_of(evidence_.gateways, [&](const model::Gateway& one) {
      return one.form == form && one.by == "pona";
    });
  };
  try {
    if (const auto text = ask_edge(sources_.edge_socket, "/status")) {
      if (evidence_.where != model::Evidence::Where::node)
        evidence_.where = model::Evidence::Where::gateway;
      if (!known(model::Form::edge_nat)) take_edge(parse_status(*text));
    }
  } catch (const core::Error& error) {
    evidence_.gaps.push_back(
        {"what the edge at " + sources_.edge_socket + " maps", error.what(), ""});
  }
  std::string complaint;
  const auto agent = known(model::Form::egress_gateway)
                         ? std::nullopt
                         : ask_agent(sources_.agent_socket, complaint);
  if (!complaint.empty() && access(sources_.agent_socket.c_str(), F_OK) == 0) {
    evidence_.gaps.push_back(
        {"which Egresses the agent at " + sources_.agent_socket + " serves", complaint, ""});
  }
  if (!agent) return;
  for (const core::check::EgressState& egress : agent->egresses)
    reader_.add_gateway(model::Form::egress_gateway, "pona", false, "", "Egress " + egress.name);
}

void HostLook::take_edge(const EdgeStatus& status) {
  for (const MappingStatus& mapping : status.mappings) {
    const std::string name = mapping.kind + " " + mapping.ns + "/" + mapping.name;
    for (const PortStatus& port : mapping.ports) {
      const auto range = core::PortRange::parse(port.ports);
      const auto protocol = core::parse_protocol(port.protocol);
      const auto address = core::Address::parse(port.address);
      if (!port.active || !range || !protocol || !address) continue;
      mapped_.push_back({name + " at " + port.address + ", port " + port.ports + "/" +
                             std::string(to_string(*protocol)),
                         {model::Walk::Kind::to_vip, name, address, range->first,
                          static_cast<std::uint8_t>(*protocol)}});
    }
  }
}

void HostLook::look_at_rules() {
  packet::Ruleset& rules = network().ruleset();
  if (!rules.readable()) {
    evidence_.gaps.push_back({"what this host's rules do to packets",
                              "reading them needs root (CAP_NET_ADMIN)", "sudo pona diag model"});
    return;
  }
  for (const packet::Link& link : network().links()) {
    if (!core::check::is_old_device(link.device.name)) continue;
    reader_.add_gateway(model::Form::egress_gateway, "Coil or an older Pona, left over", false, "",
                        "device " + link.device.name);
  }
  for (const std::string& chain : smartnat_chains(world_.where(at_))) {
    reader_.add_gateway(model::Form::edge_nat, "SmartNat, left over", std::nullopt, "",
                        "chain " + chain);
  }
  if (!evidence_.cluster.empty()) return;  // objects say more
  using packet::TableFamily;
  for (const TableFamily family : {TableFamily::ip, TableFamily::ip6}) {
    const std::string name(to_string(family));
    const auto ports = [&](std::size_t number, const std::string& where) {
      if (number == 0) return;
      reader_.add_gateway(
          model::Form::node_port, "kube-proxy", std::nullopt, "the Services were not read",
          std::to_string(number) + (number == 1 ? " entry" : " entries") + " in " + where);
    };
    const auto* const chain = rules.rules({family, "nat", "KUBE-NODEPORTS"});
    if (chain != nullptr) ports(chain->size(), "chain KUBE-NODEPORTS of table " + name + " nat");
    ports(rules.elements({family, "kube-proxy", "service-nodeports"}, 10000).size(),
          "map service-nodeports of table " + name + " kube-proxy");
  }
}

}  // namespace cmd
