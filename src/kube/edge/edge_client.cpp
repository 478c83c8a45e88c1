#include "kube/edge/edge_client.hpp"

#include <algorithm>
#include <utility>

#include "kube/api/event_recorder.hpp"
#include "kube/api/leader_election.hpp"
#include "kube/api/requests.hpp"
#include "kube/edge/mapping_status_writer.hpp"
#include "kube/edge/service_address_writer.hpp"

namespace kube {
namespace {

std::vector<Resource> resources() {
  return {
      {"smartnat.aureacentral.com", "v1alpha1", "mappings", "", "", "", false},
      {"", "v1", "services", "", "", "", false},
      // Slices that belong to no Service lead nowhere.
      {"discovery.k8s.io", "v1", "endpointslices", "kubernetes.io/service-name", "", "", false},
      {"pona.dev", "v1alpha1", "addresspools", "", "", "", true},
  };
}

}  // namespace

struct ClusterClient::Writers {
  Writers(Transport& transport, const os::Clock& clock, const ClusterClientOptions& options,
          Reflector& mappings_of, Reflector& services_of)
      : mappings(mappings_of),
        services(services_of),
        exchanges(transport, clock),
        election({options.ns, "pona-edge", options.identity}, exchanges, clock),
        events("pona.dev/edge", options.instance, exchanges, clock),
        reporter({options.instance,
                  [this](const core::ObjectName& name) {
                    return services.cache().find({core::Kind::service, name});
                  },
                  [this](const core::ObjectName& name, std::shared_ptr<const Seen> seen) {
                    mappings.cache().see({core::Kind::mapping, name}, std::move(seen));
                  }},
                 exchanges, events, clock),
        addresses(exchanges, events, clock) {}

  Reflector& mappings;
  Reflector& services;
  Exchanges exchanges;
  Election election;
  EventRecorder events;
  MappingReporter reporter;
  AddressWriter addresses;
};

ClusterClient::ClusterClient(Transport& transport, const os::Clock& clock,
                             const ClusterClientOptions& options)
    : transport_(transport), watches_(options.context, transport, clock) {
  const DecodeOptions decoding{options.max_ports_per_mapping, true, options.node, edge_kinds,
                               false};
  const auto reduce = [decoding](const Node& node) { return decode(node, decoding); };
  std::vector<Reflector*> reflectors;
  for (Resource& resource : resources()) {
    reflectors.push_back(&watches_.add(std::move(resource), reduce));
  }
  if (!options.instance.empty()) {
    writers_ =
        std::make_unique<Writers>(transport_, clock, options, *reflectors[0], *reflectors[1]);
  }
}

ClusterClient::~ClusterClient() = default;

void ClusterClient::step() {
  for (const Arrival& arrival : transport_.take()) {
    if (writers_ && writers_->exchanges.take(arrival)) continue;
    static_cast<void>(watches_.take(arrival));
  }
  watches_.step();
  pass_on();
  if (!writers_) return;
  Writers& all = *writers_;
  for (const Reply& reply : all.exchanges.replies()) {
    if (all.election.take(reply) || all.events.take(reply) || all.reporter.take(reply)) continue;
    all.addresses.take(reply);
  }
  pass_on();  // what answers told
  all.election.step();
  const bool leads = all.election.leading();
  all.reporter.lead(leads);
  // Before all is known, what is in use would be given away.
  all.addresses.lead(leads && synced());
  if (!all.election.resigning()) {
    all.reporter.step();
    all.addresses.step();
  }
  all.events.step();
}

// To the owner and to the writers, what reflectors brought.
void ClusterClient::pass_on() {
  core::ObjectChanges changes = watches_.take_changes();
  if (writers_ && !changes.empty()) writers_->addresses.update(changes);
  for (auto& [id, object] : changes) changes_.insert_or_assign(id, std::move(object));
  const ObjectCache::SeenChanges news = watches_.take_seen();
  if (!writers_) return;
  for (const auto& [id, seen] : news) {
    if (id.kind == core::Kind::mapping) {
      writers_->reporter.seen(id.name, seen);
    } else {
      writers_->addresses.seen(id.name, seen);
    }
  }
}

os::Time ClusterClient::due() const {
  os::Time due = watches_.due();
  if (!writers_) return due;
  due =
      std::min({due, writers_->exchanges.due(), writers_->election.due(), writers_->events.due()});
  // Leading ends by itself.
  if (writers_->election.leading()) due = std::min(due, writers_->election.leading_until());
  if (writers_->election.resigning()) return due;
  return std::min({due, writers_->reporter.due(), writers_->addresses.due()});
}

void ClusterClient::report(const core::PlannedMappings& planned) {
  if (!writers_) return;
  for (const auto& [name, status] : planned) writers_->reporter.planned(name, status);
}

bool ClusterClient::leading() const { return writers_ && writers_->election.leading(); }

void ClusterClient::resign() {
  if (writers_) writers_->election.resign();
}

bool ClusterClient::resigned() const { return !writers_ || writers_->election.resigned(); }

bool ClusterClient::move_changes(core::ObjectChanges& into) {
  const bool any = !changes_.empty();
  for (auto& [id, object] : std::exchange(changes_, {})) {
    into.insert_or_assign(id, std::move(object));
  }
  return any;
}

std::optional<std::vector<Problem>> ClusterClient::new_problems(
    const std::vector<std::string>& credentials) {
  std::vector<std::string> writing;
  if (writers_) {
    for (const std::string& trouble : {writers_->election.trouble(), writers_->reporter.trouble(),
                                       writers_->addresses.trouble()}) {
      if (!trouble.empty()) writing.push_back(trouble);
    }
  }
  return watches_.new_problems(credentials, writing);
}

}  // namespace kube
