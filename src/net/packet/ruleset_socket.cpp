#include "net/packet/ruleset_socket.hpp"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include <cerrno>

#include "net/packet/ruleset_messages.hpp"

namespace net {
namespace {

constexpr int attempts_at_dump = 5;

}  // namespace

RulesetSocket::RulesetSocket() : socket_(NETLINK_NETFILTER) {}

int RulesetSocket::query(std::uint16_t type, std::uint16_t flags, std::uint8_t family,
                         const Fill& fill, const Visit& visit) {
  NetlinkWriter writer;
  const std::size_t begin = writer.begin_message(
      static_cast<std::uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | type), flags, ++sequence_);
  const nfgenmsg header{family, NFNETLINK_V0, 0};
  writer.append({reinterpret_cast<const std::uint8_t*>(&header), sizeof header});
  if (fill) fill(writer);
  writer.close_message(begin);
  return socket_.query(writer.bytes(), [&](const NetlinkMessage& message) {
    const auto of = table_family_of(message);
    if (of) visit(*of, Attributes(message, sizeof(nfgenmsg)));
  });
}

int RulesetSocket::get(std::uint16_t type, Family family, const Fill& fill, const Visit& visit) {
  return query(type, NLM_F_ACK, static_cast<std::uint8_t>(family), fill, visit);
}

int RulesetSocket::dump(std::uint16_t type, std::optional<Family> family, const Fill& fill,
                        const std::function<void()>& restart, const Visit& visit) {
  const auto number = family ? static_cast<std::uint8_t>(*family) : std::uint8_t{NFPROTO_UNSPEC};
  int error = EINTR;
  for (int attempt = 0; attempt < attempts_at_dump && error == EINTR; ++attempt) {
    restart();
    error = query(type, NLM_F_DUMP, number, fill, visit);
  }
  return error;
}

std::optional<std::uint32_t> RulesetSocket::generation() {
  NetlinkWriter writer;
  const std::size_t begin =
      writer.begin_message(static_cast<std::uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETGEN),
                           NLM_F_ACK, ++sequence_);
  const nfgenmsg header{NFPROTO_UNSPEC, NFNETLINK_V0, 0};
  writer.append({reinterpret_cast<const std::uint8_t*>(&header), sizeof header});
  writer.close_message(begin);
  std::optional<std::uint32_t> result;
  // Its answer is of no family.
  const int error = socket_.query(writer.bytes(), [&](const NetlinkMessage& message) {
    result = Attributes(message, sizeof(nfgenmsg)).be32(NFTA_GEN_ID);
  });
  return error == 0 ? result : std::nullopt;
}

}  // namespace net
