#include "core/edge/claims/host_ports.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace core {
namespace {

// More say nothing that these do not.
constexpr std::size_t most_port_warnings = 20;

bool is_wildcard(const Address& address) {
  return std::ranges::all_of(address.bytes(), [](std::uint8_t byte) { return byte == 0; });
}

// Whether a socket for all addresses is meant to answer at this one.
bool is_host_address(const Interface& interface, const Prefix& own,
                     const std::vector<ExternalInterface>& external) {
  if (own.family() == Family::ipv4 ? interface.default4 : interface.default6) return true;
  const bool subnet = own.length < own.address.size() * 8;
  return !external.empty() && subnet && interface.name != "lo" &&
         std::ranges::find(external, interface.name, &ExternalInterface::name) == external.end();
}

bool meets(const Listener& listener, const ForwardKey& key, const Host& host,
           const std::vector<ExternalInterface>& external) {
  if (listener.protocol != key.protocol || listener.address.family() != key.address.family()) {
    return false;
  }
  if (listener.address == key.address) return true;
  if (!is_wildcard(listener.address)) return false;
  return std::ranges::any_of(host.interfaces, [&](const auto& entry) {
    const Interface& interface = entry.second;
    if (listener.device != 0 && listener.device != interface.index) return false;
    return std::ranges::any_of(interface.addresses, [&](const Prefix& own) {
      return own.address == key.address && is_host_address(interface, own, external);
    });
  });
}

// As ss(8) writes it.
std::string text_of(const Listener& listener) {
  std::string address = to_string(listener.address);
  if (listener.address.family() == Family::ipv6) address = '[' + address + ']';
  return address + ':' + std::to_string(listener.port);
}

}  // namespace

const Listener* listener_at(const Listeners& listeners, const ForwardKey& key, const Host& host,
                            const std::vector<ExternalInterface>& external) {
  // By port: few listen, and a range is looked for once.
  for (auto place = listeners.lower_bound(lowest(key.ports.first));
       place != listeners.end() && place->port <= key.ports.last; ++place) {
    if (meets(*place, key, host, external)) return &*place;
  }
  return nullptr;
}

Listeners HostPorts::set(Listeners listeners) {
  Listeners changed;
  came_.clear();
  std::ranges::set_difference(listeners, listeners_, std::inserter(came_, came_.end()));
  std::ranges::set_symmetric_difference(listeners_, listeners,
                                        std::inserter(changed, changed.end()));
  listeners_ = std::move(listeners);
  return changed;
}

bool HostPorts::refuses(const Claim& claim) const {
  switch (settings_.host_ports) {
    case HostPortPolicy::refuse:
      return true;
    case HostPortPolicy::warn:
    case HostPortPolicy::take:
      return false;
    case HostPortPolicy::by_source:
      break;
  }
  return claim.of_cluster;
}

// On this host. What waits for its address here is in effect as against a socket that came later.
bool HostPorts::in_effect(const Claim& claim, const ForwardKey& key, const Listener& listener,
                          const std::set<ForwardKey>& standing) const {
  if (standing.contains(key) || held_.contains(key)) return true;
  const auto before = claim.before.find(key);
  return before != claim.before.end() && (before->second->active || came_.contains(listener));
}

std::vector<std::string> HostPorts::judge(const Claim& claim, const Host& host,
                                          const std::vector<ExternalInterface>& external,
                                          std::vector<Forward>& forwards) {
  std::set<ForwardKey> standing;
  if (const auto stood = standing_.find(claim.owner); stood != standing_.end()) {
    for (const auto& [key, text] : stood->second) standing.insert(key);
  }
  forget(claim.owner);
  std::vector<std::string> reasons;
  if (settings_.host_ports == HostPortPolicy::take || listeners_.empty()) return reasons;
  std::erase_if(forwards, [&](const Forward& forward) {
    const ForwardKey& key = forward.key;
    const Listener* const listener = listener_at(listeners_, key, host, external);
    if (listener == nullptr) return false;
    const std::string there = "this host itself listens at " + text_of(*listener);
    if (refuses(claim) && !in_effect(claim, key, *listener, standing)) {
      refused_[claim.owner].insert(key);
      ++refusals_;
      reasons.push_back(to_string(key) + " is in use: " + there +
                        "; take another address or port, stop what listens there, or set "
                        "--host-ports take");
      return true;
    }
    standing_[claim.owner].emplace(key, to_string(claim.owner) + " takes " + to_string(key) +
                                            ", where " + there +
                                            ": clients reach the Mapping's endpoints instead");
    return false;
  });
  return reasons;
}

void HostPorts::forget(const ObjectId& owner) {
  refused_.erase(owner);
  standing_.erase(owner);
}

std::vector<std::string> HostPorts::warnings() const {
  std::vector<std::string> all;
  std::size_t more = 0;
  for (const auto& [owner, texts] : standing_) {
    for (const auto& [key, text] : texts) {
      if (all.size() < most_port_warnings) {
        all.push_back(text);
      } else {
        ++more;
      }
    }
  }
  if (more != 0) {
    all.push_back(std::to_string(more) +
                  " more claims take ports at which this host itself listens");
  }
  return all;
}

}  // namespace core
