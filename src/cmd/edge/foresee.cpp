#include "cmd/edge/foresee.hpp"

#include <algorithm>
#include <set>
#include <span>

#include "core/constants.hpp"
#include "core/edge/flow_sample.hpp"
#include "core/error.hpp"
#include "core/packet/diagnosis/foresee.hpp"
#include "net/view/live_world.hpp"

namespace cmd {
namespace {

namespace packet = core::packet;

// Somebody who may connect; of all the world an address of documentation (RFC 5737, RFC 3849).
core::Address client_of(const core::Forward& forward) {
  if (!forward.sources.empty()) {
    const core::Prefix& first = forward.sources.prefixes().front();
    const bool single = first.length == first.address.size() * 8;
    return single ? first.address : first.first().plus(1);
  }
  return *core::Address::parse(
      forward.key.address.family() == core::Family::ipv4 ? "198.51.100.77" : "2001:db8:c::77");
}

std::string fate(const packet::Foreseen& foreseen) {
  switch (foreseen.what) {
    case packet::Foreseen::What::drops:
      return "will be dropped by ";
    case packet::Foreseen::What::rejects:
      return "will be refused by ";
    case packet::Foreseen::What::diverts:
      return "will be translated to something else first, by ";
    case packet::Foreseen::What::untracks:
      break;
  }
  return "will not be tracked, and so not translated, by a rule of ";
}

}  // namespace

std::vector<std::string> foresee_rules(const core::EdgePlan& plan,
                                       const std::optional<core::ObjectId>& only) {
  std::vector<std::string> warnings;
  const auto forwards = only ? plan.forwards_of(*only) : plan.forwards();
  const auto samples = core::sample_flows(forwards, plan.host(), plan.external(),
                                          plan.settings().backend == core::BackendMode::cluster_ip);
  if (samples.empty()) return warnings;
  try {
    net::view::LiveWorld world;
    const std::size_t place = world.add(net::Namespace::open("/proc/thread-self/ns/net"));
    packet::Network& network = world.network(place);
    std::set<std::string> told;
    for (const core::SampledFlow& sample : samples) {
      const core::MappedFlow& flow = sample.flow;
      const auto forward = std::ranges::find_if(forwards, [&](const auto& one) {
        return one->key.address == flow.mapped && one->key.protocol == flow.protocol &&
               one->key.ports.contains(flow.mapped_port);
      });
      const packet::Link* const link = network.link_with(flow.mapped);
      if (forward == forwards.end() || link == nullptr || link->loopback) continue;
      packet::PlannedFlow planned;
      planned.first.family = flow.mapped.family();
      planned.first.protocol = static_cast<std::uint8_t>(flow.protocol);
      planned.first.source = client_of(**forward);
      planned.first.destination = flow.mapped;
      planned.first.source_port = 40000;
      planned.first.destination_port = flow.mapped_port;
      if (planned.first.protocol == packet::tcp) planned.first.tcp_flags = packet::syn;
      planned.in = link->device.index;
      planned.endpoint = flow.endpoint;
      planned.endpoint_port = flow.endpoint_port;
      const auto foreseen =
          packet::foresee(world, place, planned, std::string(core::constants::edge_table));
      if (!foreseen || !told.insert(foreseen->text).second) continue;
      warnings.push_back(
          "what comes from " + to_string(planned.first.source) + " for " + to_string(sample.owner) +
          ", " + to_string((*forward)->key) + " to " +
          to_string(core::Backend{flow.endpoint, {flow.endpoint_port, flow.endpoint_port}}) + ", " +
          fate(*foreseen) + foreseen->text +
          (foreseen->remedy.empty() ? "" : "; let it pass with: " + foreseen->remedy));
    }
  } catch (const core::Error& error) {
    warnings.push_back("whether rules of other programs stop it was not looked at: " +
                       std::string(error.what()));
  }
  return warnings;
}

}  // namespace cmd
