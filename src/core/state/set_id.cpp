#include "core/state/set_id.hpp"

namespace core {

// The table of catalogues, defined by their planners: in the order of catalogue_of. Each is made at
// its first use and stays.
const std::vector<nft::Set>& edge_sets();
const std::vector<nft::Set>& nat_sets();
const std::vector<nft::Set>& client_sets();

namespace {

constexpr const std::vector<nft::Set>& (*catalogues[])() = {edge_sets, nat_sets, client_sets};

}  // namespace

const nft::Set& declaration_of(SetId set) {
  return catalogues[set.number() / SetId::catalogue_size]().at(set.number() %
                                                               SetId::catalogue_size);
}

std::string_view to_string(SetId set) { return declaration_of(set).name; }

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
  for (const SetId set : all_sets()) {
    if (to_string(set) == name) return set;
  }
  return std::nullopt;
}

}  // namespace core
