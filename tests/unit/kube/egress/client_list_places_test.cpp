#include "kube/egress/client_list_places.hpp"

#include <algorithm>
#include <random>

#include "support/catch.hpp"

namespace unit::client_list_places_test {

namespace {

using kube::ClientLists;
using kube::ClientPlaces;
using Client = ClientPlaces::Client;

const core::ObjectName nat{"net", "nat"};

Client client(int number) {
  const std::string name = std::to_string(number);
  const std::string address =
      "10.0." + std::to_string(number / 250) + "." + std::to_string(number % 250 + 1);
  return {core::Address::parse(address).value(), {"shop", "p" + name}, "uid-" + name};
}

Client client6(int number) {
  Client one = client(number);
  one.address = core::Address::parse("fd00::" + std::to_string(number)).value();
  return one;
}

std::vector<Client> clients(int first, int end) {
  std::vector<Client> all;
  for (int number = first; number < end; ++number) all.push_back(client(number));
  return all;
}

core::EgressClients found(const std::string& name, std::vector<Client> holds) {
  return {{"net", name}, "nat", "node-1", std::move(holds)};
}

// What all lists hold; who is in two of them is there twice.
ClientLists held(const ClientPlaces& places) {
  ClientLists all;
  bool right = true;
  for (const auto& [name, list] : places.lists()) {
    right = right && list.clients.size() <= ClientPlaces::most_clients;
    for (const Client& one : list.clients) {
      right = right && one.address.family() == list.family;
      all[list.egress].push_back(one);
    }
  }
  CHECK(right);
  for (auto& [egress, list] : all) std::ranges::sort(list);
  return all;
}

}  // namespace

TEST_CASE("client places: names are the node's own, and short") {
  const auto name_at = [](const std::string& node, const std::string& egress) {
    ClientPlaces places(node);
    places.place({{{"net", egress}, {client(1)}}});
    return places.lists().begin()->first.name;
  };
  const std::string name = name_at("node-1", "nat");
  CHECK_THAT(name, Catch::StartsWith("nat-clients-") && Catch::EndsWith("-v4-0"));
  CHECK(name == name_at("node-1", "nat"));
  CHECK(name != name_at("node-2", "nat"));
  const std::string longest(63, 'a');
  CHECK(name_at("node-1", longest).size() == 63);
  CHECK(name_at("node-1", longest) != name_at("node-1", longest.substr(1)));
}

TEST_CASE("client places: families and Egresses have lists of their own") {
  ClientPlaces places("node-1");
  const ClientLists wanted = {{nat, {client(1), client6(1)}}, {{"net", "other"}, {client(1)}}};
  CHECK(places.place(wanted).size() == 3);
  CHECK(held(places) == wanted);
}

TEST_CASE("client places: who comes or goes changes one list") {
  ClientPlaces places("node-1");
  std::vector<Client> all = clients(0, 250);
  CHECK(places.place({{nat, all}}).size() == 3);
  CHECK(places.place({{nat, all}}).empty());
  const auto before = places.lists();
  std::erase(all, client(42));
  CHECK(places.place({{nat, all}}).size() == 1);
  all.push_back(client(300));
  const auto changed = places.place({{nat, all}});
  REQUIRE(changed.size() == 1);
  for (const auto& [name, list] : places.lists()) {
    if (!changed.contains(name)) CHECK(list.clients == before.at(name).clients);
  }
  // In one go, who comes takes the place of who went.
  std::erase(all, client(300));
  all.push_back(client(301));
  CHECK(places.place({{nat, all}}) == changed);
}

TEST_CASE("client places: lists that are there keep whom they have") {
  ClientPlaces places("node-1");
  CHECK(places.adopt(found("a", clients(0, 3))));
  CHECK_FALSE(places.adopt(found("a", {})));
  places.adopt(found("b", {client(2), client(7), client6(8)}));
  places.adopt(found("c", {}));
  const auto changed = places.place({{nat, {client(0), client(1), client(2), client(7)}}});
  CHECK(changed.empty());
  CHECK(places.find({"net", "a"})->clients.size() == 3);
  CHECK(places.find({"net", "b"})->clients == std::set{client(7)});
  CHECK(places.find({"net", "c"})->clients.empty());
}

TEST_CASE("client places: a list of too many gives some away") {
  ClientPlaces places("node-1");
  const std::vector<Client> all = clients(0, 130);
  places.adopt(found("a", all));
  places.place({{nat, all}});
  CHECK(places.lists().size() == 2);
  CHECK(held(places)[nat].size() == 130);
}

TEST_CASE("client places: after any changes lists hold what is wanted") {
  std::mt19937 random(GENERATE(1U, 2U, 3U));
  const auto chance = [&](int of) {
    return static_cast<int>(random() % static_cast<unsigned>(of));
  };
  ClientPlaces places("node-1");
  ClientLists wanted;
  for (int round = 0; round < 300; ++round) {
    const auto before = places.lists();
    const int changes = chance(8) == 0 ? 150 : chance(4);
    for (int i = 0; i < changes; ++i) {
      std::vector<Client>& list = wanted[{"net", chance(3) == 0 ? "nat" : "other"}];
      const Client one = chance(2) == 0 ? client(chance(400)) : client6(chance(400));
      if (std::erase(list, one) == 0) list.push_back(one);
      std::ranges::sort(list);
    }
    std::erase_if(wanted, [](const auto& item) { return item.second.empty(); });
    const auto changed = places.place(wanted);
    CHECK(changed.size() <= static_cast<std::size_t>(changes));
    CHECK(held(places) == wanted);
    for (const auto& [name, list] : before) {
      const bool same = places.find(name)->clients == list.clients;
      CHECK(same != changed.contains(name));
      if (chance(2) == 0 && places.find(name)->clients.empty()) places.forget(name);
    }
  }
}

}  // namespace unit::client_list_places_test
