#include "kube/egress/client_list_places.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>
#include "core/fnv1a.hpp"

namespace kube {
namespace {

using Group = std::pair<core::ObjectName, core::Family>;

constexpr std::size_t longest_name = 63;

// FNV-1a, in letters and digits that make no words.
std::string short_hash(const std::string& text) {
  constexpr std::string_view letters = "bcdfghjklmnpqrstvwxz2456789";
  std::uint64_t hash = core::fnv1a(text);
  std::string short_text;
  for (int i = 0; i < 10; ++i, hash /= letters.size()) short_text += letters[hash % letters.size()];
  return short_text;
}

}  // namespace

bool ClientPlaces::adopt(const core::EgressClients& found) {
  const auto [at, fresh] = lists_.try_emplace(found.name);
  if (!fresh) return false;
  List& list = at->second;
  list.egress = {found.name.ns, found.egress};
  if (!found.clients.empty()) list.family = found.clients.front().address.family();
  for (const Client& client : found.clients) {
    // Of two lists with one client, the first that was known keeps it.
    const bool taken = std::ranges::any_of(lists_, [&](const auto& other) {
      return other.second.egress == list.egress && other.second.clients.contains(client);
    });
    if (taken || client.address.family() != list.family) continue;
    if (list.clients.size() < most_clients) list.clients.insert(client);
  }
  return true;
}

std::set<core::ObjectName> ClientPlaces::place(const ClientLists& wanted) {
  std::map<Group, std::set<Client>> homeless;
  for (const auto& [egress, clients] : wanted) {
    for (const Client& client : clients) homeless[{egress, client.address.family()}].insert(client);
  }
  std::set<core::ObjectName> changed;
  for (auto& [name, list] : lists_) {
    const auto group = homeless.find({list.egress, list.family});
    const std::size_t before = list.clients.size();
    std::erase_if(list.clients, [&](const Client& client) {
      return group == homeless.end() || group->second.erase(client) == 0;
    });
    if (list.clients.size() != before) changed.insert(name);
  }
  const auto fill = [&](const core::ObjectName& name, List& list, std::set<Client>& clients) {
    while (!clients.empty() && list.clients.size() < most_clients) {
      list.clients.insert(clients.extract(clients.begin()));
      changed.insert(name);
    }
  };
  for (auto& [name, list] : lists_) {
    const auto group = homeless.find({list.egress, list.family});
    if (group != homeless.end()) fill(name, list, group->second);
  }
  for (auto& [group, clients] : homeless) {
    for (std::size_t number = 0; !clients.empty(); ++number) {
      const auto [at, fresh] = lists_.try_emplace(name_of(group.first, group.second, number));
      if (!fresh) continue;
      at->second.egress = group.first;
      at->second.family = group.second;
      fill(at->first, at->second, clients);
    }
  }
  return changed;
}

const ClientPlaces::List* ClientPlaces::find(const core::ObjectName& list) const {
  const auto found = lists_.find(list);
  return found == lists_.end() ? nullptr : &found->second;
}

// The hash makes the name the node's own. The Egress's name is in it as well, as it may be cut.
core::ObjectName ClientPlaces::name_of(const core::ObjectName& egress, core::Family family,
                                       std::size_t number) const {
  const std::string end = "-clients-" + short_hash(node_ + "/" + egress.name) +
                          (family == core::Family::ipv4 ? "-v4-" : "-v6-") + std::to_string(number);
  return {egress.ns, egress.name.substr(0, longest_name - end.size()) + end};
}

}  // namespace kube
