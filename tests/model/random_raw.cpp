#include "model/random_raw.hpp"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include <arpa/inet.h>
#include <algorithm>
#include <cerrno>
#include <functional>
#include <vector>

#include "net/netlink/netlink.hpp"

namespace model {
namespace {

using net::NetlinkWriter;
using sim::Chance;
using Bytes = std::vector<std::uint8_t>;

class RawBatch {
 public:
  explicit RawBatch(Chance& chance) : chance_(chance) {}

  const NetlinkWriter& write() {
    batch(NFNL_MSG_BATCH_BEGIN);
    const std::vector<std::uint8_t> families = {NFPROTO_IPV4, NFPROTO_IPV4, NFPROTO_IPV6,
                                                NFPROTO_INET};
    family_ = chance_.one_of(families);
    message(NFT_MSG_NEWTABLE, [&] { writer_.put_text(NFTA_TABLE_NAME, "raw"); });
    message(NFT_MSG_NEWCHAIN, [&] { base_chain(); });
    for (std::size_t i = 1 + chance_.below(5); i > 0; --i) {
      message(NFT_MSG_NEWRULE, [&] { rule(); });
    }
    batch(NFNL_MSG_BATCH_END);
    return writer_;
  }

 private:
  void batch(std::uint16_t type) {
    const std::size_t begin = writer_.begin_message(type, 0, ++sequence_);
    const nfgenmsg header{NFPROTO_UNSPEC, NFNETLINK_V0, htons(NFNL_SUBSYS_NFTABLES)};
    writer_.append({reinterpret_cast<const std::uint8_t*>(&header), sizeof header});
    writer_.close_message(begin);
  }

  void message(std::uint16_t type, const std::function<void()>& fill) {
    const std::size_t begin =
        writer_.begin_message(static_cast<std::uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | type),
                              NLM_F_CREATE | NLM_F_APPEND | NLM_F_ACK, ++sequence_);
    const nfgenmsg header{family_, NFNETLINK_V0, 0};
    writer_.append({reinterpret_cast<const std::uint8_t*>(&header), sizeof header});
    fill();
    writer_.close_message(begin);
  }

  void base_chain() {
    writer_.put_text(NFTA_CHAIN_TABLE, "raw");
    writer_.put_text(NFTA_CHAIN_NAME, "base");
    writer_.put_text(NFTA_CHAIN_TYPE, "filter");
    const std::size_t hook = writer_.nest(NFTA_CHAIN_HOOK);
    writer_.put_u32(NFTA_HOOK_HOOKNUM, static_cast<std::uint32_t>(chance_.below(5)));
    const std::vector<std::int32_t> priorities = {-300, -150, 0, 0, 0, 150};
    writer_.put_u32(NFTA_HOOK_PRIORITY, static_cast<std::uint32_t>(chance_.one_of(priorities)));
    writer_.close(hook);
  }

  void rule() {
    writer_.put_text(NFTA_RULE_TABLE, "raw");
    writer_.put_text(NFTA_RULE_CHAIN, "base");
    const std::size_t list = writer_.nest(NFTA_RULE_EXPRESSIONS);
    size_ = 0;
    load();
    for (std::size_t i = chance_.below(4); i > 0; --i) step();
    if (chance_.per_mille(250)) payload_write();
    // What comes out is seen by the mark.
    expression("meta", [&] {
      writer_.put_u32(NFTA_META_KEY, NFT_META_MARK);
      writer_.put_u32(NFTA_META_SREG, at_);
    });
    writer_.close(list);
  }

  void expression(const char* name, const std::function<void()>& fill) {
    const std::size_t element = writer_.nest(NFTA_LIST_ELEM);
    writer_.put_text(NFTA_EXPR_NAME, name);
    const std::size_t data = writer_.nest(NFTA_EXPR_DATA);
    fill();
    writer_.close(data);
    writer_.close(element);
  }

  void put_data(std::uint16_t attribute, const Bytes& bytes) {
    const std::size_t level = writer_.nest(attribute);
    writer_.put(NFTA_DATA_VALUE, bytes);
    writer_.close(level);
  }

  Bytes random_bytes(std::size_t size) {
    Bytes bytes(size);
    const std::vector<int> likely = {0, 0, 1, 10, 64, 80, 255};
    for (std::uint8_t& byte : bytes) {
      byte = static_cast<std::uint8_t>(
          chance_.per_mille(500) ? chance_.one_of(likely) : static_cast<int>(chance_.below(256)));
    }
    return bytes;
  }

  std::uint32_t random_register() {
    return chance_.per_mille(500) ? static_cast<std::uint32_t>(NFT_REG_1 + chance_.below(4))
                                  : static_cast<std::uint32_t>(NFT_REG32_00 + chance_.below(12));
  }

  // Something of `size_` bytes into the register `at_`; the whole words are written.
  void load() {
    at_ = random_register();
    switch (chance_.below(8)) {
      case 0:
      case 1:
      case 2:
        return load_payload();
      case 3:
        return load_meta();
      case 4:
        size_ = 4;
        return expression("ct", [&] {
          const std::vector<std::uint32_t> keys = {NFT_CT_STATE, NFT_CT_MARK, NFT_CT_STATUS};
          writer_.put_u32(NFTA_CT_DREG, at_);
          writer_.put_u32(NFTA_CT_KEY, chance_.one_of(keys));
        });
      case 5:
        return load_option();
      case 6: {
        size_ = 4 * (1 + chance_.below(4));
        return expression("immediate", [&] {
          writer_.put_u32(NFTA_IMMEDIATE_DREG, at_);
          put_data(NFTA_IMMEDIATE_DATA, random_bytes(size_));
        });
      }
      default:
        return load_hash();
    }
  }

  void load_payload() {
    size_ = 1 + chance_.below(16);
    const auto base = static_cast<std::uint32_t>(
        chance_.below(4) == 0 ? NFT_PAYLOAD_TRANSPORT_HEADER : NFT_PAYLOAD_NETWORK_HEADER);
    // Not what only the checksum of the whole tells, nor beyond the shortest packet.
    const std::size_t most = base == NFT_PAYLOAD_NETWORK_HEADER ? 30 : 6;
    expression("payload", [&] {
      writer_.put_u32(NFTA_PAYLOAD_DREG, at_);
      writer_.put_u32(NFTA_PAYLOAD_BASE, base);
      writer_.put_u32(NFTA_PAYLOAD_OFFSET, static_cast<std::uint32_t>(chance_.below(most)));
      writer_.put_u32(NFTA_PAYLOAD_LEN, static_cast<std::uint32_t>(size_));
    });
  }

  void load_meta() {
    struct Key {
      std::uint32_t number;
      std::size_t size;
    };
    const std::vector<Key> keys = {
        {NFT_META_LEN, 4},      {NFT_META_PROTOCOL, 2}, {NFT_META_MARK, 4},
        {NFT_META_IIF, 4},      {NFT_META_OIF, 4},      {NFT_META_IIFNAME, 16},
        {NFT_META_OIFNAME, 16}, {NFT_META_NFPROTO, 1},  {NFT_META_L4PROTO, 1},
        {NFT_META_IIFTYPE, 2},  {NFT_META_OIFTYPE, 2},  {NFT_META_PKTTYPE, 1},
        {NFT_META_IIFGROUP, 4}, {NFT_META_SKUID, 4},    {NFT_META_IIFKIND, 16},
        {NFT_META_PRIORITY, 4}};
    const Key key = chance_.one_of(keys);
    size_ = key.size;
    expression("meta", [&] {
      writer_.put_u32(NFTA_META_DREG, at_);
      writer_.put_u32(NFTA_META_KEY, key.number);
    });
  }

  void load_option() {
    size_ = 1 + chance_.below(4);
    const bool presence = chance_.per_mille(400);
    if (presence) size_ = 1;
    expression("exthdr", [&] {
      writer_.put_u32(NFTA_EXTHDR_DREG, at_);
      const std::uint8_t type = 2;  // the MSS
      writer_.put(NFTA_EXTHDR_TYPE, {&type, 1});
      writer_.put_u32(NFTA_EXTHDR_OFFSET, static_cast<std::uint32_t>(chance_.below(4)));
      writer_.put_u32(NFTA_EXTHDR_LEN, static_cast<std::uint32_t>(size_));
      writer_.put_u32(NFTA_EXTHDR_FLAGS, presence ? std::uint32_t{NFT_EXTHDR_F_PRESENT} : 0);
      writer_.put_u32(NFTA_EXTHDR_OP, NFT_EXTHDR_OP_TCPOPT);
    });
  }

  void load_hash() {
    load_payload();
    const std::uint32_t from = at_;
    const std::size_t length = size_;
    at_ = random_register();
    size_ = 4;
    expression("hash", [&] {
      writer_.put_u32(NFTA_HASH_SREG, from);
      writer_.put_u32(NFTA_HASH_DREG, at_);
      writer_.put_u32(NFTA_HASH_LEN, static_cast<std::uint32_t>(length));
      writer_.put_u32(NFTA_HASH_MODULUS, static_cast<std::uint32_t>(2 + chance_.below(1000)));
      writer_.put_u32(NFTA_HASH_SEED, static_cast<std::uint32_t>(chance_.below(1U << 31)));
      writer_.put_u32(NFTA_HASH_OFFSET, static_cast<std::uint32_t>(chance_.below(100)));
    });
  }

  // Computes with what is in the register, or asks for it.
  void step() {
    switch (chance_.below(6)) {
      case 0:
      case 1:
        return mask();
      case 2:
        return shift();
      case 3:
        return turn();
      case 4:
        return compare();
      default:
        return between();
    }
  }

  std::size_t padded() const { return (size_ + 3) / 4 * 4; }

  void mask() {
    const std::uint32_t to = chance_.per_mille(500) ? at_ : random_register();
    const std::size_t length = chance_.per_mille(500) ? padded() : size_;
    expression("bitwise", [&] {
      writer_.put_u32(NFTA_BITWISE_SREG, at_);
      writer_.put_u32(NFTA_BITWISE_DREG, to);
      writer_.put_u32(NFTA_BITWISE_LEN, static_cast<std::uint32_t>(length));
      put_data(NFTA_BITWISE_MASK, random_bytes(length));
      put_data(NFTA_BITWISE_XOR, random_bytes(length));
    });
    at_ = to;
  }

  void shift() {
    const std::uint32_t to = chance_.per_mille(500) ? at_ : random_register();
    expression("bitwise", [&] {
      writer_.put_u32(NFTA_BITWISE_SREG, at_);
      writer_.put_u32(NFTA_BITWISE_DREG, to);
      writer_.put_u32(NFTA_BITWISE_LEN, static_cast<std::uint32_t>(padded()));
      writer_.put_u32(NFTA_BITWISE_OP,
                      static_cast<std::uint32_t>(chance_.per_mille(500) ? NFT_BITWISE_LSHIFT
                                                                        : NFT_BITWISE_RSHIFT));
      const auto bits = static_cast<std::uint32_t>(1 + chance_.below(31));
      const auto* bytes = reinterpret_cast<const std::uint8_t*>(&bits);
      put_data(NFTA_BITWISE_DATA, Bytes(bytes, bytes + sizeof bits));
    });
    at_ = to;
  }

  void turn() {
    const std::vector<std::uint32_t> sizes = {2, 4, 8};
    const std::uint32_t size = chance_.one_of(sizes);
    const std::size_t length = std::max<std::size_t>(size_ / size, 1) * size;
    expression("byteorder", [&] {
      writer_.put_u32(NFTA_BYTEORDER_SREG, at_);
      writer_.put_u32(NFTA_BYTEORDER_DREG, at_);
      writer_.put_u32(NFTA_BYTEORDER_OP, static_cast<std::uint32_t>(chance_.below(2)));
      writer_.put_u32(NFTA_BYTEORDER_LEN, static_cast<std::uint32_t>(length));
      writer_.put_u32(NFTA_BYTEORDER_SIZE, size);
    });
  }

  void compare() {
    const std::vector<std::uint32_t> ops = {NFT_CMP_EQ,  NFT_CMP_NEQ, NFT_CMP_NEQ, NFT_CMP_LT,
                                            NFT_CMP_LTE, NFT_CMP_GT,  NFT_CMP_GTE};
    expression("cmp", [&] {
      writer_.put_u32(NFTA_CMP_SREG, at_);
      writer_.put_u32(NFTA_CMP_OP, chance_.one_of(ops));
      put_data(NFTA_CMP_DATA, random_bytes(1 + chance_.below(size_)));
    });
  }

  void between() {
    Bytes from = random_bytes(1 + chance_.below(size_));
    Bytes to = random_bytes(from.size());
    if (to < from) std::swap(from, to);
    expression("range", [&] {
      writer_.put_u32(NFTA_RANGE_SREG, at_);
      writer_.put_u32(NFTA_RANGE_OP, static_cast<std::uint32_t>(chance_.below(2)));
      put_data(NFTA_RANGE_FROM_DATA, from);
      put_data(NFTA_RANGE_TO_DATA, to);
    });
  }

  // The time to live. Not a byte at an odd place: the kernel then spoils the checksum.
  void payload_write() {
    const bool ipv6 = family_ == NFPROTO_IPV6;
    if (family_ == NFPROTO_INET) return;
    expression("payload", [&] {
      writer_.put_u32(NFTA_PAYLOAD_SREG, at_);
      writer_.put_u32(NFTA_PAYLOAD_BASE, NFT_PAYLOAD_NETWORK_HEADER);
      writer_.put_u32(NFTA_PAYLOAD_OFFSET, ipv6 ? 7 : 8);
      writer_.put_u32(NFTA_PAYLOAD_LEN, 1);
      if (ipv6) return;
      writer_.put_u32(NFTA_PAYLOAD_CSUM_TYPE, NFT_PAYLOAD_CSUM_INET);
      writer_.put_u32(NFTA_PAYLOAD_CSUM_OFFSET, 10);
    });
  }

  Chance& chance_;
  NetlinkWriter writer_{};
  std::uint8_t family_ = NFPROTO_IPV4;
  std::uint32_t sequence_ = 0;
  std::uint32_t at_ = NFT_REG_1;
  std::size_t size_ = 0;
};

}  // namespace

int load_random_raw(Chance& chance) {
  RawBatch batch(chance);
  const NetlinkWriter& writer = batch.write();
  net::NetlinkSocket socket(NETLINK_NETFILTER);
  if (const int error = socket.send(writer.bytes())) return error;
  int result = 0;
  for (;;) {
    // The kernel answers before it returns from sending.
    const auto received = socket.receive(false);
    if (received.error != 0) return received.error == EAGAIN ? result : received.error;
    net::for_each_message(received.bytes, [&](const net::NetlinkMessage& message) {
      const auto answer = net::read_answer(message);
      if (answer && answer->error != 0 && result == 0) result = answer->error;
    });
  }
}

}  // namespace model
