#include "core/egress/icmp_errors.hpp"

#include <utility>

#include "core/state/rule_words.hpp"

namespace core {

using namespace nft;

namespace {

constexpr std::uint32_t icmp = 1;  // IPPROTO_ICMP
// ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED and ICMP_TIME_EXCEEDED
constexpr std::uint32_t unreachable = 3, fragmentation_needed = 4, time_exceeded = 11;

}  // namespace

std::vector<Rule> drop_icmp_errors(Family family, std::uint16_t port, SetId set,
                                   std::size_t fields) {
  if (family == Family::ipv6) return {};
  const auto error = [&](std::vector<Statement> statements) {
    statements.insert(statements.begin(), equal(Field::l4proto, icmp));
    statements.insert(statements.end(),
                      {equal(Field::icmp_protocol, udp), equal(Field::icmp_dport, port),
                       InSet{Key(fields, Field::icmp_daddr), name_of(set), true}, drop()});
    return rule(std::move(statements), "the tunnel would tell others");
  };
  return {error({equal(Field::icmp_type, unreachable),
                 differs(Field::icmp_code, fragmentation_needed)}),
          error({equal(Field::icmp_type, time_exceeded)})};
}

}  // namespace core
