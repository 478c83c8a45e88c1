#include "core/state/set_id.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <system_error>

namespace core {

// The table of catalogues, defined by their planners: in the order of catalogue_of. Each is made at
// its first use and stays.
const std::vector<nft::Set>& edge_sets();
const std::vector<nft::Set>& nat_sets();
const std::vector<nft::Set>& client_sets();

namespace {

constexpr const std::vector<nft::Set>& (*catalogues[])() = {edge_sets, nat_sets, client_sets};

constexpr std::size_t instance_digits = 6;

std::string instance_text(std::uint32_t instance) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text(instance_digits, '0');
  for (std::size_t i = instance_digits; i-- > 0; instance >>= 4) text[i] = digits[instance & 0xf];
  return text;
}

}  // namespace

const nft::Set& declaration_of(SetId set) {
  return catalogues[set.number() / SetId::catalogue_size]().at(set.number() %
                                                               SetId::catalogue_size);
}

std::string to_string(SetId set) {
  std::string name = declaration_of(set).name;
  if (set.instance() != 0) name += '-' + instance_text(set.instance());
  return name;
}

std::vector<SetId> all_sets() {
  std::vector<SetId> all;
  int first = 0;
  for (const auto& catalogue : catalogues) {
    for (std::size_t i = 0; i < catalogue().size(); ++i) {
      all.emplace_back(static_cast<std::uint8_t>(static_cast<std::size_t>(first) + i));
    }
    first += SetId::catalogue_size;
  }
  return all;
}

std::optional<SetId> parse_set(std::string_view name) {
  const auto find = [](std::string_view declared) -> std::optional<SetId> {
    for (std::size_t catalogue = 0; catalogue < std::size(catalogues); ++catalogue) {
      const std::vector<nft::Set>& sets = catalogues[catalogue]();
      const auto found = std::ranges::find(sets, declared, &nft::Set::name);
      if (found == sets.end()) continue;
      const auto place = static_cast<std::size_t>(found - sets.begin());
      return SetId(static_cast<std::uint8_t>(catalogue * SetId::catalogue_size + place));
    }
    return std::nullopt;
  };
  if (const auto set = find(name)) return set;
  if (name.size() <= instance_digits + 1) return std::nullopt;
  const std::string_view digits = name.substr(name.size() - instance_digits);
  std::uint32_t instance = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), instance, 16);
  // One name for one set: what to_string writes, and nothing else.
  if (error != std::errc() || end != digits.data() + digits.size() || instance == 0 ||
      instance_text(instance) != digits || name[name.size() - instance_digits - 1] != '-') {
    return std::nullopt;
  }
  const auto set = find(name.substr(0, name.size() - instance_digits - 1));
  return set ? std::optional(set->instance(instance)) : std::nullopt;
}

}  // namespace core
