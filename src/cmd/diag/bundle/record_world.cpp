#include "cmd/diag/bundle/record_world.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <utility>

#include "cmd/diag/places.hpp"
#include "core/error.hpp"
#include "net/view/live_world.hpp"

namespace cmd {
namespace {

using core::packet::Attachment;
using core::packet::HeldWorld;

// Of a bundle: a node has a few hundred.
constexpr std::size_t most_namespaces = 1000;
constexpr std::chrono::seconds longest_recording{60};
// Of all namespaces together.
constexpr std::size_t most_rules = 200'000;
constexpr std::size_t most_elements = 400'000;
constexpr std::size_t most_connections = 50'000;

std::size_t left_of(std::size_t all, std::size_t used) { return all - std::min(all, used); }

class Recording {
 public:
  explicit Recording(const std::string& sandboxes)
      : places_(sandboxes),
        live_([this](const net::view::NamespaceId& id) { return places_.label(id); }) {}

  RecordedWorld run(const std::string& here,
                    const std::function<void(std::string_view)>& progress) {
    result_.here = live_.add(Places::open(here));
    add_others();
    for (std::size_t place = 0; place < live_.size(); ++place) {
      progress("network namespace " + live_.name(place));
      add(place);
    }
    for (std::size_t place = 0; place < result_.world->places.size(); ++place) add_cables(place);
    return std::move(result_);
  }

 private:
  void add_others() {
    for (const auto& candidate : live_.candidates()) {
      if (live_.size() >= most_namespaces) {
        gap("there are more than " + std::to_string(most_namespaces) + " network namespaces");
        return;
      }
      try {
        if (auto where = net::Namespace::find(candidate.path)) live_.add(std::move(*where));
      } catch (const core::Error& error) {
        gap("network namespace " + candidate.name + ": " + error.what());
      }
    }
  }

  void add(std::size_t number) {
    HeldWorld::Place place;
    place.name = live_.name(number);
    place.inside = live_.inside(number);
    const auto id = net::view::id_of(live_.where(number));
    const auto& all = live_.candidates();
    const auto found = std::ranges::find(all, id, &net::view::LiveWorld::Candidate::id);
    place.path = found != all.end() ? found->path : live_.where(number).path();
    if (const Sandbox* const pod = places_.at(id)) {
      place.pod_namespace = pod->pod.ns;
      place.pod = pod->pod.name;
      place.pod_addresses = pod->addresses;
    }
    std::vector<std::string> gaps;
    if (std::chrono::steady_clock::now() - begun_ > longest_recording) {
      gaps.emplace_back("it was not looked at: the time was up");
    } else {
      net::view::RecordLimits limits;
      limits.rules = left_of(most_rules, rules_);
      limits.elements = left_of(most_elements, elements_);
      limits.connections = left_of(most_connections, connections_);
      auto& network = static_cast<net::view::LiveNetwork&>(live_.network(number));
      network.record(*place.network, limits, gaps);
      for (const auto& [chain, of_chain] : place.network->rules.all_rules()) {
        rules_ += of_chain.size();
      }
      for (const auto& [set, held] : place.network->rules.all_sets()) {
        elements_ += held->elements.size();
      }
      connections_ += place.network->tracked.size();
    }
    for (const std::string& one : gaps) gap(place.name + ": " + one);
    result_.world->places.push_back(std::move(place));
  }

  void add_cables(std::size_t place) {
    for (const auto& link : result_.world->places[place].network->interfaces) {
      const Attachment end{place, link.device.index};
      const auto other = live_.peer(end);
      // One that was found only now is not in the record.
      if (other && other->place < result_.world->places.size()) {
        result_.world->peers.emplace(end, *other);
      }
    }
  }

  void gap(std::string text) { result_.gaps.push_back(std::move(text)); }

  Places places_;
  net::view::LiveWorld live_;
  RecordedWorld result_;
  std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
  std::size_t rules_ = 0, elements_ = 0, connections_ = 0;
};

}  // namespace

RecordedWorld record_world(const std::string& sandboxes, const std::string& here,
                           const std::function<void(std::string_view)>& progress) {
  return Recording(sandboxes).run(here, progress);
}

}  // namespace cmd
