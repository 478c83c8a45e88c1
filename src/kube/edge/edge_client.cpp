#include "kube/edge/edge_client.hpp"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "kube/edge/edge_roster.hpp"
#include "kube/edge/mapping_status_writer.hpp"
#include "kube/edge/service_address_writer.hpp"

namespace kube {
namespace {

// As resources() has them.
constexpr std::array kinds_in_order = {core::Kind::mapping, core::Kind::service,
                                       core::Kind::endpoint_slice, core::Kind::address_pool};

std::vector<Resource> resources() {
  return {
      {"smartnat.aureacentral.com", "v1alpha1", "mappings", "", "", "", false},
      {"", "v1", "services", "", "", "", false},
      // Slices that belong to no Service lead nowhere.
      {"discovery.k8s.io", "v1", "endpointslices", "kubernetes.io/service-name", "", "", false},
      {"pona.dev", "v1alpha1", "addresspools", "", "", "", true},
  };
}

FrameOptions frame_of(const ClusterClientOptions& options) {
  FrameOptions frame{.context = options.context, .trust = options.trust};
  if (options.instance.empty()) return frame;
  frame.author = "pona.dev/edge";
  frame.instance = options.instance;
  frame.ns = options.ns;
  frame.lease = "pona-edge";
  frame.identity = options.identity;
  return frame;
}

}  // namespace

struct ClusterClient::Writers {
  Writers(Exchanges& exchanges, EventRecorder& events, const os::Clock& clock,
          const ClusterClientOptions& options, Reflector& mappings, Reflector& services)
      : roster({options.ns, options.instance, options.identity}, exchanges, clock),
        reporter({options.instance,
                  [&services](const core::ObjectName& name) {
                    return services.cache().find({core::Kind::service, name});
                  },
                  [&mappings](const core::ObjectName& name, std::shared_ptr<const Seen> seen) {
                    mappings.cache().see({core::Kind::mapping, name}, std::move(seen));
                  }},
                 roster, exchanges, events, clock),
        addresses(exchanges, events, clock, options.max_addresses_per_service) {}

  EdgeRoster roster;
  MappingReporter reporter;
  AddressWriter addresses;
};

ClusterClient::ClusterClient(Transport& transport, const os::Clock& clock,
                             const ClusterClientOptions& options)
    : ClientFrame(transport, clock, frame_of(options)) {
  const DecodeOptions decoding{options.max_ports_per_mapping, true, options.node, edge_kinds,
                               false};
  const auto reduce = [decoding](const Node& node) { return decode(node, decoding); };
  std::vector<Reflector*> reflectors;
  for (Resource& resource : resources()) {
    reflectors.push_back(&watches().add(std::move(resource), reduce));
  }
  for (const auto& object : options.known) {
    const core::ObjectId id{core::kind_of(*object), core::name_of(*object)};
    const auto kind = std::ranges::find(kinds_in_order, id.kind);
    if (kind == kinds_in_order.end()) continue;
    reflectors[static_cast<std::size_t>(kind - kinds_in_order.begin())]->cache().seed(id, object);
  }
  if (options.instance.empty()) return;
  writers_ = std::make_unique<Writers>(exchanges(), events(), clock, options, *reflectors[0],
                                       *reflectors[1]);
  add(writers_->roster);
  add(writers_->reporter);
  add(writers_->addresses);
}

ClusterClient::~ClusterClient() = default;

ApiServer ClusterClient::api_server() const {
  ApiServer server = ClientFrame::api_server();
  // Before statuses are read, nobody knows whether edges without a Lease are there.
  if (writers_ && writers_->roster.tried() && synced()) {
    server.slot_layout = writers_->reporter.meets_older_edges() ? core::SlotLayout::first
                                                                : writers_->roster.slot_layout();
  }
  return server;
}

void ClusterClient::lead(bool leading) {
  writers_->roster.lead(leading);
  writers_->reporter.lead(leading);
  // Before all is known, what is in use would be given away.
  writers_->addresses.lead(leading && synced());
}

void ClusterClient::pass_on() {
  core::ObjectChanges changes = watches().take_changes();
  if (writers_ && !changes.empty()) writers_->addresses.update(changes);
  keep(std::move(changes));
  const ObjectCache::SeenChanges news = watches().take_seen();
  if (!writers_) return;
  for (const auto& [id, seen] : news) {
    if (id.kind == core::Kind::mapping) {
      writers_->reporter.seen(id.name, seen);
    } else {
      writers_->addresses.seen(id.name, seen);
    }
  }
}

void ClusterClient::report(const core::PlannedMappings& planned) {
  if (!writers_) return;
  for (const auto& [name, status] : planned) writers_->reporter.planned(name, status);
}

}  // namespace kube
