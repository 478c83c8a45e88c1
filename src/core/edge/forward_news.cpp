#include "core/edge/forward_news.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <utility>

namespace core {
namespace {

constexpr std::size_t most_named = 3;

std::string ports_text(std::size_t number) {
  return number == 1 ? "1 port" : std::to_string(number) + " ports";
}

// "a, b, c and 7 more".
std::string some_of(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), most_named); ++i) {
    text += (i == 0 ? "" : ", ") + names[i];
  }
  if (names.size() > most_named) {
    text += " and " + std::to_string(names.size() - most_named) + " more";
  }
  return text;
}

enum class Step : std::uint8_t { added, draining, removed };

// What became of one endpoint, in how many ports.
struct EndpointNews {
  std::size_t ports = 0;
  Backend backend;  // of the last of these
};

struct OwnerNews {
  std::vector<std::string> added, removed;  // keys of forwards
  std::map<std::pair<Step, Address>, EndpointNews> endpoints;
  std::set<std::size_t> left;  // how many endpoints ports have whose endpoints changed
  std::size_t others = 0;
};

bool has(const SharedVector<Backend>& backends, const Backend& backend) {
  return std::ranges::binary_search(backends, backend);
}

void note_endpoints(OwnerNews& news, const Forward& before, const Forward& after) {
  const auto note = [&](Step step, const Backend& backend) {
    EndpointNews& endpoint = news.endpoints[{step, backend.address}];
    ++endpoint.ports;
    endpoint.backend = backend;
  };
  for (const Backend& backend : before.backends) {
    if (has(after.backends, backend)) continue;
    note(has(after.draining, backend) ? Step::draining : Step::removed, backend);
  }
  for (const Backend& backend : before.draining) {
    if (!has(after.draining, backend) && !has(after.backends, backend)) {
      note(Step::removed, backend);
    }
  }
  for (const Backend& backend : after.backends) {
    if (!has(before.backends, backend)) note(Step::added, backend);
  }
  news.left.insert(after.backends.size());
}

std::string endpoint_text(Step step, const std::vector<const EndpointNews*>& all) {
  const bool same = std::ranges::all_of(
      all, [&](const EndpointNews* news) { return news->ports == all.front()->ports; });
  const std::size_t ports = all.front()->ports;
  std::vector<std::string> names;
  for (const EndpointNews* const news : all) {
    const bool one = same && ports == 1;
    names.push_back(one ? to_string(news->backend) : to_string(news->backend.address));
  }
  std::string text = (all.size() == 1 ? "endpoint " : "endpoints ") + some_of(names);
  const std::string of_ports = same && ports > 1 ? ports_text(ports) : "";
  switch (step) {
    case Step::added:
      return text + " added" + (of_ports.empty() ? "" : " to " + of_ports);
    case Step::draining:
      return text + " draining" + (of_ports.empty() ? "" : " in " + of_ports);
    case Step::removed:
      return text + " removed" + (of_ports.empty() ? "" : " from " + of_ports);
  }
  return text;
}

std::string text_of(const OwnerNews& news) {
  std::string text;
  const auto add = [&](const std::string& part) { text += (text.empty() ? "" : "; ") + part; };
  if (!news.removed.empty()) {
    add(ports_text(news.removed.size()) + " removed: " + some_of(news.removed));
  }
  if (!news.added.empty()) {
    add(ports_text(news.added.size()) + " added: " + some_of(news.added));
  }
  for (const Step step : {Step::added, Step::draining, Step::removed}) {
    std::vector<const EndpointNews*> all;
    for (const auto& [key, endpoint] : news.endpoints) {
      if (key.first == step) all.push_back(&endpoint);
    }
    if (!all.empty()) add(endpoint_text(step, all));
  }
  if (!news.endpoints.empty() && news.left.size() == 1) {
    const std::size_t left = *news.left.begin();
    const bool more = std::ranges::all_of(
        news.endpoints, [](const auto& entry) { return entry.first.first == Step::added; });
    text += ", " + (left == 0 ? "none" : std::to_string(left)) + (more ? " now" : " left");
  }
  if (news.others != 0) add("settings of " + ports_text(news.others) + " changed");
  return text;
}

// All forwards of an address that came to this host, or left it.
using AddressNews = std::map<std::pair<Address, bool>, std::pair<std::size_t, std::set<ObjectId>>>;

std::string text_of(const AddressNews::value_type& news) {
  const auto& [address, active] = news.first;
  const auto& [ports, owners] = news.second;
  return "address " + to_string(address) + (active ? " is" : " is not") +
         " on this host now: " + ports_text(ports) +
         (owners.size() == 1 ? " of " + to_string(*owners.begin())
                             : " of " + std::to_string(owners.size()) + " Mappings and Services") +
         (active ? " in effect" : " no longer in effect");
}

// Only whether its address is here.
bool moved(const Forward& before, const Forward& after) {
  return before.active != after.active && before.backends == after.backends &&
         before.draining == after.draining;
}

}  // namespace

std::vector<std::string> forward_news(const std::vector<ForwardChange>& changes) {
  std::map<ObjectId, OwnerNews> owners;
  AddressNews addresses;
  for (const ForwardChange& change : changes) {
    if (!change.before && !change.after) continue;
    if (!change.before || !change.after || change.before->owner != change.after->owner) {
      if (change.before)
        owners[change.before->owner].removed.push_back(to_string(change.before->key));
      if (change.after) owners[change.after->owner].added.push_back(to_string(change.after->key));
      continue;
    }
    const Forward& before = *change.before;
    const Forward& after = *change.after;
    if (moved(before, after)) {
      auto& [ports, who] = addresses[{after.key.address, after.active}];
      ++ports;
      who.insert(after.owner);
    } else if (before.backends == after.backends && before.draining == after.draining) {
      ++owners[after.owner].others;
    } else {
      note_endpoints(owners[after.owner], before, after);
    }
  }

  std::map<std::string, std::vector<std::string>> same;  // owners by what happened to them
  for (const auto& [owner, news] : owners) same[text_of(news)].push_back(to_string(owner));
  std::vector<std::string> lines;
  for (const auto& entry : addresses) lines.push_back(text_of(entry));
  for (const auto& [text, names] : same) lines.push_back(some_of(names) + ": " + text);
  return lines;
}

}  // namespace core
