#include "core/egress/client_rules.hpp"

#include <string>

#include "core/constants.hpp"
#include "core/state/state.hpp"

namespace core {

using namespace nft;

const std::vector<nft::Set>& client_sets() {
  static const std::vector<nft::Set> sets = [] {
    Set gateways;
    gateways.name = "gateways";
    gateways.key = {Type::address};
    return std::vector{gateways};
  }();
  return sets;
}

nft::Table client_table(Family family, std::uint16_t port) {
  constexpr std::uint32_t udp = 17;
  const Match is_udp{Field::l4proto, 0xffffffff, true, udp};
  const Match to_port{Field::dport, 0xffffffff, true, port};
  const InSet from_others{{Field::saddr}, std::string(to_string(ClientSet::gateways)), false};
  Chain input{"input",
              Hook{Hook::Type::filter, Hook::At::input, constants::priority_filter},
              {{{is_udp, to_port, from_others, Verdict{Verdict::Code::drop, ""}},
                "nobody but NAT pods",
                ""}}};
  return {family, std::string(constants::client_table), client_sets(), {std::move(input)}};
}

}  // namespace core
