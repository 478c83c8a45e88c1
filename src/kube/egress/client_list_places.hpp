// Which client list holds which client: at most 100 clients of one Egress and one address family
// each, and a client stays in its list while it lives, so that who comes or goes costs one write.
// Values only.
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/objects.hpp"

namespace kube {

// The clients on this node of each Egress that any asks for.
using ClientLists = std::map<core::ObjectName, std::vector<core::EgressClients::Client>>;

class ClientPlaces {
 public:
  using Client = core::EgressClients::Client;

  struct List {
    core::ObjectName egress;
    core::Family family = core::Family::ipv4;
    std::set<Client> clients;  // that it is to hold; none: it is not to be there
  };

  static constexpr std::size_t most_clients = 100;

  explicit ClientPlaces(std::string node) : node_(std::move(node)) {}

  // A list that is there already: its clients stay in it. True: it was not known.
  bool adopt(const core::EgressClients& found);
  // What all lists together are to hold. Returns those that change by it.
  std::set<core::ObjectName> place(const ClientLists& wanted);
  // An empty list that is not there: its name is free again.
  void forget(const core::ObjectName& list) { lists_.erase(list); }

  // Null: there is no such list.
  [[nodiscard]] const List* find(const core::ObjectName& list) const;
  [[nodiscard]] const std::map<core::ObjectName, List>& lists() const { return lists_; }

 private:
  [[nodiscard]] core::ObjectName name_of(const core::ObjectName& egress, core::Family family,
                                         std::size_t number) const;

  std::string node_;
  std::map<core::ObjectName, List> lists_;
};

}  // namespace kube
