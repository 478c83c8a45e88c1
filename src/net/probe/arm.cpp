#include "net/probe/arm.hpp"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include <array>
#include <cerrno>
#include <optional>
#include <set>
#include <utility>

#include "core/error.hpp"

namespace net::probe {
namespace {

// In front of raw at -300 and behind defragmentation at -400; behind everything that translates
// (srcnat at 100), and of bridges too (300).
constexpr std::int32_t arm_priority = -350;
constexpr std::int32_t see_priority = 350;
constexpr std::string_view arm_prefix = "arm-";

constexpr std::uint32_t first_sequence = 1;

// Bridges number their hooks as IP does.
struct HookName {
  std::uint32_t hook;
  std::string_view name;
};
constexpr std::array<HookName, 5> hooks = {{{NF_INET_PRE_ROUTING, "prerouting"},
                                            {NF_INET_LOCAL_IN, "input"},
                                            {NF_INET_FORWARD, "forward"},
                                            {NF_INET_LOCAL_OUT, "output"},
                                            {NF_INET_POST_ROUTING, "postrouting"}}};

bool arms(std::uint32_t hook) { return hook == NF_INET_PRE_ROUTING || hook == NF_INET_LOCAL_OUT; }

class Batch {
 public:
  Batch(std::uint8_t family, std::string_view table) : family_(family), table_(table) {
    frame(NFNL_MSG_BATCH_BEGIN);
  }

  void table(std::uint16_t message, std::uint32_t flags) {
    const auto add = static_cast<std::uint16_t>(message == NFT_MSG_NEWTABLE ? NLM_F_CREATE : 0);
    const std::size_t begin = open(message, add);
    writer.put_text(NFTA_TABLE_NAME, table_);
    if (message == NFT_MSG_NEWTABLE) writer.put_u32(NFTA_TABLE_FLAGS, flags);
    writer.close_message(begin);
  }

  void chain(const std::string& name) { writer.close_message(open_chain(name)); }

  void chain(const std::string& name, std::uint32_t hook, std::int32_t priority) {
    const std::size_t begin = open_chain(name);
    const std::size_t level = writer.nest(NFTA_CHAIN_HOOK);
    writer.put_u32(NFTA_HOOK_HOOKNUM, hook);
    writer.put_u32(NFTA_HOOK_PRIORITY, static_cast<std::uint32_t>(priority));
    writer.close(level);
    writer.put_text(NFTA_CHAIN_TYPE, "filter");
    writer.close_message(begin);
  }

  // "meta l4proto … goto …"
  void branch(const std::string& chain, std::uint8_t protocol, const std::string& to) {
    const auto [begin, list] = open_rule(chain);
    expression("meta", [this] {
      writer.put_u32(NFTA_META_DREG, NFT_REG_1);
      writer.put_u32(NFTA_META_KEY, NFT_META_L4PROTO);
    });
    compare(std::array{protocol});
    expression("immediate", [&] {
      writer.put_u32(NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
      const std::size_t level = writer.nest(NFTA_IMMEDIATE_DATA);
      const std::size_t verdict = writer.nest(NFTA_DATA_VERDICT);
      writer.put_u32(NFTA_VERDICT_CODE, static_cast<std::uint32_t>(NFT_GOTO));
      writer.put_text(NFTA_VERDICT_CHAIN, to);
      writer.close(verdict);
      writer.close(level);
    });
    writer.close(list);
    writer.close_message(begin);
  }

  // "@th,… … meta nftrace set 1"
  void rule(const std::string& chain, const Pattern& pattern) {
    const auto [begin, list] = open_rule(chain);
    for (const Part& part : pattern.parts) {
      expression("payload", [&] {
        writer.put_u32(NFTA_PAYLOAD_DREG, NFT_REG_1);
        writer.put_u32(NFTA_PAYLOAD_BASE,
                       part.network ? NFT_PAYLOAD_NETWORK_HEADER : NFT_PAYLOAD_TRANSPORT_HEADER);
        writer.put_u32(NFTA_PAYLOAD_OFFSET, part.offset);
        writer.put_u32(NFTA_PAYLOAD_LEN, static_cast<std::uint32_t>(part.value.size()));
      });
      compare(part.value);
    }
    if (pattern.most != 0) {
      expression("limit", [&] {
        writer.put_u64(NFTA_LIMIT_RATE, pattern.most);
        writer.put_u64(NFTA_LIMIT_UNIT, 1);
        writer.put_u32(NFTA_LIMIT_BURST, pattern.most);
        writer.put_u32(NFTA_LIMIT_TYPE, NFT_LIMIT_PKTS);
      });
    }
    expression("immediate", [this] {
      writer.put_u32(NFTA_IMMEDIATE_DREG, NFT_REG_1);
      data(NFTA_IMMEDIATE_DATA, std::array<std::uint8_t, 1>{1});
    });
    expression("meta", [this] {
      writer.put_u32(NFTA_META_KEY, NFT_META_NFTRACE);
      writer.put_u32(NFTA_META_SREG, NFT_REG_1);
    });
    writer.close(list);
    writer.close_message(begin);
  }

  // Returns the sequence of the last message, whose acknowledgement says that all is done.
  std::uint32_t end() {
    writer.add_flags(last_, NLM_F_ACK);
    const std::uint32_t sequence = sequence_ - 1;
    frame(NFNL_MSG_BATCH_END);
    return sequence;
  }

  NetlinkWriter writer;

 private:
  void frame(std::uint16_t type) {
    const std::size_t begin = writer.begin_message(type, 0, sequence_++);
    writer.append(std::array<std::uint8_t, 4>{0, NFNETLINK_V0, 0, NFNL_SUBSYS_NFTABLES});
    writer.close_message(begin);
  }
  std::size_t open(std::uint16_t message, std::uint16_t flags) {
    last_ = writer.begin_message(static_cast<std::uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | message),
                                 flags, sequence_++);
    writer.append(std::array<std::uint8_t, 4>{family_, NFNETLINK_V0, 0, 0});
    return last_;
  }
  std::size_t open_chain(const std::string& name) {
    const std::size_t begin = open(NFT_MSG_NEWCHAIN, NLM_F_CREATE);
    writer.put_text(NFTA_CHAIN_TABLE, table_);
    writer.put_text(NFTA_CHAIN_NAME, name);
    return begin;
  }
  // The message, and its list of expressions.
  std::pair<std::size_t, std::size_t> open_rule(const std::string& chain) {
    const std::size_t begin = open(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
    writer.put_text(NFTA_RULE_TABLE, table_);
    writer.put_text(NFTA_RULE_CHAIN, chain);
    return {begin, writer.nest(NFTA_RULE_EXPRESSIONS)};
  }
  template <typename Put>
  void expression(std::string_view name, Put put) {
    const std::size_t element = writer.nest(NFTA_LIST_ELEM);
    writer.put_text(NFTA_EXPR_NAME, name);
    const std::size_t level = writer.nest(NFTA_EXPR_DATA);
    put();
    writer.close(level);
    writer.close(element);
  }
  void data(std::uint16_t attribute, ByteView value) {
    const std::size_t level = writer.nest(attribute);
    writer.put(NFTA_DATA_VALUE, value);
    writer.close(level);
  }
  void compare(ByteView value) {
    expression("cmp", [&] {
      writer.put_u32(NFTA_CMP_SREG, NFT_REG_1);
      writer.put_u32(NFTA_CMP_OP, NFT_CMP_EQ);
      data(NFTA_CMP_DATA, value);
    });
  }

  std::uint8_t family_;
  std::string_view table_;
  std::uint32_t sequence_ = first_sequence;
  std::size_t last_ = 0;
};

// A chain for each protocol: packets of others pass a handful of comparisons, not all rules.
void arm(Batch& batch, const std::string& base, const std::vector<Pattern>& patterns) {
  std::set<std::uint8_t> protocols;
  for (const Pattern& pattern : patterns) {
    const std::string chain = base + '-' + core::packet::protocol_text(pattern.protocol);
    if (protocols.insert(pattern.protocol).second) {
      batch.chain(chain);
      batch.branch(base, pattern.protocol, chain);
    }
    batch.rule(chain, pattern);
  }
}

// Sends a transaction; the answer to its last message, or what refused it before.
NetlinkAnswer transact(NetlinkSocket& socket, const NetlinkWriter& writer, std::uint32_t last) {
  NetlinkAnswer failed;
  if (const int error = socket.send(writer.bytes())) {
    failed.error = error;
    return failed;
  }
  for (;;) {
    const NetlinkSocket::Received received = socket.receive(true);
    if (received.error != 0) {
      failed.error = received.error;
      return failed;
    }
    std::optional<NetlinkAnswer> end;
    for_each_message(received.bytes, [&](const NetlinkMessage& message) {
      const auto answer = read_answer(message);
      if (!answer || end || answer->sequence > last) return;
      if (answer->error != 0 || answer->sequence == last) end = answer;
    });
    if (end) return *end;
  }
}

}  // namespace

bool is_arming_chain(std::string_view name) { return name.starts_with(arm_prefix); }

NetlinkWriter arming_batch(std::uint8_t family, std::string_view table, std::uint32_t flags,
                           const std::vector<Pattern>& patterns, std::uint32_t& last_sequence) {
  Batch batch(family, table);
  batch.table(NFT_MSG_NEWTABLE, flags);
  for (const HookName& hook : hooks) {
    batch.chain("see-" + std::string(hook.name), hook.hook, see_priority);
    if (!arms(hook.hook)) continue;
    const std::string chain = std::string(arm_prefix) + std::string(hook.name);
    batch.chain(chain, hook.hook, arm_priority);
    arm(batch, chain, patterns);
  }
  last_sequence = batch.end();
  return std::move(batch.writer);
}

ArmedTable::ArmedTable(std::string name, const std::vector<Pattern>& patterns, bool bridges)
    : name_(std::move(name)), socket_(NETLINK_NETFILTER) {
  std::string words;
  if (const int error = make(NFPROTO_INET, patterns, words)) {
    throw core::Error(core::Error::Kind::permanent,
                      "cannot make the nftables table " + name_ + ": " + error_text(error) + words);
  }
  if (!bridges) return;
  if (const int error = make(NFPROTO_BRIDGE, patterns, words)) {
    without_bridges_ = error_text(error) + words;
  }
}

int ArmedTable::make(std::uint8_t family, const std::vector<Pattern>& patterns,
                     std::string& words) {
  NetlinkAnswer answer;
  for (const std::uint32_t flags : {std::uint32_t{NFT_TABLE_F_OWNER}, std::uint32_t{0}}) {
    std::uint32_t last = 0;
    const NetlinkWriter batch = arming_batch(family, name_, flags, patterns, last);
    answer = transact(socket_, batch, last);
    if (answer.error == 0 && flags == 0) unowned_.push_back(family);
    // Flags that a kernel does not know are refused in one of these ways.
    if (answer.error != EINVAL && answer.error != EOPNOTSUPP) break;
  }
  words = answer.text.empty() ? "" : " (" + answer.text + ')';
  return answer.error;
}

ArmedTable::~ArmedTable() {
  for (const std::uint8_t family : unowned_) {
    Batch batch(family, name_);
    batch.table(NFT_MSG_DELTABLE, 0);
    const std::uint32_t last = batch.end();
    transact(socket_, batch.writer, last);
  }
}

}  // namespace net::probe
