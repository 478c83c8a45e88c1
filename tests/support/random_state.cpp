#include "support/random_state.hpp"

#include <algorithm>
#include <array>

#include "core/constants.hpp"

namespace support {
namespace {

using namespace core;

class Dice {
 public:
  explicit Dice(std::mt19937& chance) : chance_(chance) {}
  std::uint32_t below(std::uint32_t limit) {
    return std::uniform_int_distribution<std::uint32_t>(0, limit - 1)(chance_);
  }
  bool once_in(std::uint32_t times) { return below(times) == 0; }

 private:
  std::mt19937& chance_;
};

bool leads_to_chains(const nft::Set& set) {
  return !set.data.empty() && set.data.front() == nft::Type::verdict;
}

class StateMaker {
 public:
  explicit StateMaker(std::mt19937& chance) : dice_(chance) {}

  State state() {
    for (const Family family : {Family::ipv4, Family::ipv6}) {
      if (!dice_.once_in(6)) table(family);
    }
    routing();
    return std::move(state_);
  }

 private:
  void table(Family family) {
    nft::Table& table = state_.tables[family];
    table.family = family;
    table.name = constants::edge_table;
    for (const SetId id : all_sets()) {
      if (dice_.once_in(4)) continue;
      table.sets.push_back(declaration_of(id));
      table.sets.back().counter = dice_.once_in(400);
    }
    std::vector<std::string> leaves;
    for (std::uint32_t i = 0; i < 8; ++i) {
      if (dice_.once_in(3)) continue;
      leaves.push_back("leaf-" + std::to_string(i));
      table.chains.push_back({leaves.back(), {}, leaf_rules()});
    }
    // Others lead to leaves, so that there are no circles.
    for (std::uint32_t i = 0; i < 6; ++i) {
      if (dice_.once_in(4)) continue;
      nft::Chain chain{"hub-" + std::to_string(i), {}, hub_rules(table, leaves)};
      if (i < 3) {
        chain.hook = nft::Hook{nft::Hook::Type::filter, nft::Hook::At::forward,
                               dice_.once_in(30) ? 5 : static_cast<int>(i)};
      }
      table.chains.push_back(std::move(chain));
    }
    std::shuffle(table.chains.begin(), table.chains.end(), std::minstd_rand(dice_.below(1000)));
    for (const nft::Set& set : table.sets) elements(family, set, leaves);
  }

  std::vector<nft::Rule> leaf_rules() {
    std::vector<nft::Rule> rules(dice_.below(3));
    for (nft::Rule& rule : rules) {
      rule.statements = {nft::SetMark{nft::SetMark::Of::packet, 0xffffffff, dice_.below(3)}};
    }
    return rules;
  }

  std::vector<nft::Rule> hub_rules(const nft::Table& table,
                                   const std::vector<std::string>& leaves) {
    std::vector<nft::Rule> rules(dice_.below(4));
    for (nft::Rule& rule : rules) {
      if (!leaves.empty() && dice_.once_in(2)) {
        rule.statements = {nft::Verdict{nft::Verdict::Code::jump, any_of(leaves)}};
      } else if (!table.sets.empty()) {
        const nft::Set& set = any_of(table.sets);
        const nft::Key key = {nft::Field::daddr, nft::Field::l4proto, nft::Field::dport};
        if (leads_to_chains(set)) {
          rule.statements = {nft::VerdictMap{key, set.name}};
        } else {
          rule.statements = {nft::InSet{key, set.name, true}};
        }
      }
    }
    return rules;
  }

  template <typename T>
  const T& any_of(const std::vector<T>& all) {
    return all[dice_.below(static_cast<std::uint32_t>(all.size()))];
  }

  void elements(Family family, const nft::Set& set, const std::vector<std::string>& leaves) {
    if (leads_to_chains(set) && leaves.empty()) return;
    std::vector<std::uint32_t> numbers = {1, 2, 3, 4, 5, 6};
    std::erase_if(numbers, [&](std::uint32_t) { return dice_.once_in(2); });
    for (const std::uint32_t number : numbers) {
      Element element;
      element.key.family = family;
      element.key.set = parse_set(set.name).value();
      const bool concatenated = set.key.size() > 1;
      for (std::size_t i = 0; i < set.key.size(); ++i) {
        const bool last = i + 1 == set.key.size();
        // Steps of 16 leave room for intervals that do not meet.
        append(element.key.key, set.key[i], family, last ? number * 16 : 1, concatenated);
        if (last && set.interval) {
          append(element.key.end, set.key[i], family, number * 16 + dice_.below(3) * 7, false);
        }
      }
      if (leads_to_chains(set)) {
        const std::string& chain = any_of(leaves);
        element.value.chain.append(
            {reinterpret_cast<const std::uint8_t*>(chain.data()), chain.size()});
        element.value.jump = dice_.once_in(2);
      } else {
        for (const nft::Type type : set.data) {
          append(element.value.data, type, family, dice_.below(3), set.data.size() > 1);
        }
      }
      state_.elements.emplace(element.key, element.value);
    }
  }

  template <std::size_t N>
  static void append(Bytes<N>& to, nft::Type type, Family family, std::uint32_t number,
                     bool padded) {
    std::array<std::uint8_t, 16> bytes{};
    const std::size_t size = nft::size_of(type, family);
    bytes[size - 1] = static_cast<std::uint8_t>(number);
    to.append(std::span(bytes).first(padded ? nft::padded_size_of(type, family) : size));
  }

  void routing() {
    for (const std::uint32_t table : {11201U, 11202U}) {
      for (const char* const destination : {"0.0.0.0/0", "192.0.2.0/24", "::/0"}) {
        if (dice_.once_in(3)) continue;
        Route route;
        route.table = table;
        route.destination = Prefix::parse(destination).value();
        route.device = random_links[dice_.below(2)];
        if (route.destination.length == 0 && dice_.once_in(2)) {
          const bool ipv4 = route.destination.family() == Family::ipv4;
          const Address base = Address::parse(ipv4 ? "192.0.2.0" : "2001:db8::").value();
          route.gateway = base.plus(dice_.below(3));
        }
        state_.routes.insert(route);
      }
    }
    for (std::uint32_t i = 0; i < 4; ++i) {
      if (dice_.once_in(2)) continue;
      state_.rules.insert({dice_.once_in(2) ? Family::ipv4 : Family::ipv6, 1121 + i, dice_.below(2),
                           0xff, 11201 + dice_.below(2), dice_.once_in(4)});
    }
    // What must be held is never let go, so both states of a pair hold the same keys.
    for (const char* const link : random_links) {
      state_.sysctls["net/ipv4/conf/" + std::string(link) + "/rp_filter"] =
          std::to_string(dice_.below(3));
    }
  }

  Dice dice_;
  State state_;
};

}  // namespace

State random_state(std::mt19937& chance) { return StateMaker(chance).state(); }

State in_order(State state) {
  const auto by_name = [](const auto& a, const auto& b) { return a.name < b.name; };
  for (auto& [family, table] : state.tables) {
    std::ranges::sort(table.sets, by_name);
    std::ranges::sort(table.chains, by_name);
  }
  return state;
}

}  // namespace support
