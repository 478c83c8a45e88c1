#include "net/foreign/nft_filters.hpp"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace net::foreign {
namespace {

constexpr int dump_attempts = 5;
// Rules, and chains: of these, kube-proxy has five for a Service.
constexpr std::size_t most_messages = 20'000;
constexpr std::size_t most_chains = 300'000;
// Of all packets together: some 50 ms.
constexpr std::size_t most_judged = 50'000;

bool is_filtered_family(std::uint8_t family) {
  return family == NFPROTO_INET || family == NFPROTO_IPV4 || family == NFPROTO_IPV6;
}

bool concerns(std::uint8_t family, const Packet& packet) {
  const bool ipv4 = packet.family == core::Family::ipv4;
  return family == NFPROTO_INET || family == (ipv4 ? NFPROTO_IPV4 : NFPROTO_IPV6);
}

std::string text(AttributeList attributes, std::uint16_t type) {
  const auto found = attributes.find(type);
  return std::string(found ? found->text() : "");
}

}  // namespace

NftFilters::NftFilters() : socket_(NETLINK_NETFILTER) {}

NetlinkWriter NftFilters::request(std::uint16_t type, std::uint16_t flags, std::uint8_t family,
                                  const std::function<void(NetlinkWriter&)>& fill) {
  NetlinkWriter writer;
  const std::size_t begin = writer.begin_message(
      static_cast<std::uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | type), flags, ++sequence_);
  const nfgenmsg header{family, NFNETLINK_V0, 0};
  writer.append({reinterpret_cast<const std::uint8_t*>(&header), sizeof header});
  if (fill) fill(writer);
  writer.close_message(begin);
  return writer;
}

int NftFilters::query(
    const NetlinkWriter& request,
    const std::function<void(std::uint8_t family, AttributeList attributes)>& visit) {
  return socket_.query(request.bytes(), [&](const NetlinkMessage& message) {
    const ByteView payload = message.payload();
    if (payload.size() < sizeof(nfgenmsg)) return;
    visit(payload[0], AttributeList(message.payload(sizeof(nfgenmsg))));
  });
}

std::optional<std::uint32_t> NftFilters::generation() {
  std::optional<std::uint32_t> result;
  const int error =
      query(request(NFT_MSG_GETGEN, NLM_F_ACK, 0), [&](std::uint8_t, AttributeList attributes) {
        if (const auto id = attributes.find(NFTA_GEN_ID)) result = id->u32();
      });
  return error == 0 ? result : std::nullopt;
}

bool NftFilters::read(const std::string& own) {
  rules_.clear();
  key_lengths_.clear();
  messages_left_ = most_messages;
  rules_left_ = most_judged;
  int error = EINTR;
  for (int attempt = 0; attempt < dump_attempts && error == EINTR; ++attempt) {
    base_.clear();
    chains_.clear();
    error = query(request(NFT_MSG_GETCHAIN, NLM_F_DUMP, NFPROTO_UNSPEC), [&](std::uint8_t family,
                                                                             AttributeList
                                                                                 attributes) {
      if (!is_filtered_family(family) || chains_.size() >= most_chains) return;
      NftBaseChain chain;
      chain.id = {family, text(attributes, NFTA_CHAIN_TABLE), text(attributes, NFTA_CHAIN_NAME)};
      if (chain.id.table == own) return;
      chains_.emplace(chain.id, true);
      const auto hook = attributes.find(NFTA_CHAIN_HOOK);
      const std::string type = text(attributes, NFTA_CHAIN_TYPE);
      chain.nat = type == "nat";
      if (!hook || (type != "filter" && !chain.nat)) return;
      const AttributeList level(hook->value);
      const auto number = level.find(NFTA_HOOK_HOOKNUM);
      const auto priority = level.find(NFTA_HOOK_PRIORITY);
      if (!number || !priority) return;
      chain.hook = number->u32();
      chain.priority = static_cast<std::int32_t>(priority->u32());
      const auto policy = attributes.find(NFTA_CHAIN_POLICY);
      chain.drops = policy && policy->u32() == NF_DROP;
      base_.push_back(std::move(chain));
    });
  }
  if (error == 0) return true;
  base_.clear();
  chains_.clear();
  return false;
}

const NftFilters::Rules& NftFilters::rules_of(const NftChainId& chain) {
  const auto known = rules_.find(chain);
  if (known != rules_.end()) return known->second;
  Rules& rules = rules_[chain];
  int error = EINTR;
  for (int attempt = 0; attempt < dump_attempts && error == EINTR && messages_left_ > 0;
       ++attempt) {
    rules = {};
    const NetlinkWriter dump =
        request(NFT_MSG_GETRULE, NLM_F_DUMP, chain.family, [&](NetlinkWriter& writer) {
          writer.put_text(NFTA_RULE_TABLE, chain.table);
          writer.put_text(NFTA_RULE_CHAIN, chain.chain);
        });
    error = query(dump, [&](std::uint8_t, AttributeList attributes) {
      // Old kernels give the whole table; that is read once for each chain then.
      if (messages_left_ == 0) return;
      --messages_left_;
      if (text(attributes, NFTA_RULE_TABLE) != chain.table ||
          text(attributes, NFTA_RULE_CHAIN) != chain.chain) {
        return;
      }
      const auto expressions = attributes.find(NFTA_RULE_EXPRESSIONS);
      const ByteView bytes = expressions ? expressions->value : ByteView();
      rules.expressions.emplace_back(bytes.begin(), bytes.end());
    });
  }
  if (error != 0 || messages_left_ == 0) rules.complete = false;
  return rules;
}

Outcome NftFilters::pass(const NftChainId& chain, const Packet& packet) {
  // It does not come there, whatever the policy is.
  if (!concerns(chain.family, packet)) return anything;
  Memory memory;
  return walk(chain, packet, memory, 0);
}

Outcome NftFilters::walk(const NftChainId& chain, const Packet& packet, Memory& memory, int depth) {
  if (depth > deepest_chain) return anything;
  const auto known = memory.find(chain);
  if (known != memory.end()) return known->second;
  const Rules& rules = rules_of(chain);
  if (!rules.complete) return anything;
  // Until it is known: a chain that leads to itself, as it may look when rules change meanwhile.
  memory.emplace(chain, anything);
  const FindInSet find_in_table = [&](std::string_view set, const PartlyKnown& key) {
    return find({chain.family, chain.table, std::string(set)}, key);
  };
  Outcome outcome;
  bool ended = false;
  for (const auto& expressions : rules.expressions) {
    if (rules_left_ == 0) return anything;
    --rules_left_;
    const NftEffect effect = judge_rule(expressions, packet, find_in_table);
    if (effect.match == Tri::no) continue;
    const Outcome after = follow(effect, chain, packet, memory, depth);
    outcome.accept |= after.accept;
    outcome.drop |= after.drop;
    const bool returns = effect.verdict.code == NftVerdict::Code::ret ||
                         effect.verdict.code == NftVerdict::Code::go_to ||
                         effect.verdict.code == NftVerdict::Code::unknown;
    if (returns) outcome.fall |= after.fall;
    const bool goes_on = after.fall && !returns;
    if (effect.match == Tri::yes && !goes_on) {
      ended = true;
      break;
    }
  }
  if (!ended) outcome.fall = true;
  memory[chain] = outcome;
  return outcome;
}

// `fall`: with the next rule, or, for verdicts that leave the chain, behind it.
Outcome NftFilters::follow(const NftEffect& effect, const NftChainId& chain, const Packet& packet,
                           Memory& memory, int depth) {
  using Code = NftVerdict::Code;
  switch (effect.verdict.code) {
    case Code::none:
    case Code::ret:
      return {.fall = true};
    case Code::accept:
      return {.accept = true};
    case Code::drop:
      return {.drop = true};
    case Code::jump:
    case Code::go_to:
      return walk({chain.family, chain.table, effect.verdict.chain}, packet, memory, depth + 1);
    case Code::unknown:
      break;
  }
  return anything;
}

std::size_t NftFilters::key_length(const NftChainId& set) {
  const auto known = key_lengths_.find(set);
  if (known != key_lengths_.end()) return known->second;
  std::size_t length = 0;
  query(request(NFT_MSG_GETSET, NLM_F_ACK, set.family,
                [&](NetlinkWriter& writer) {
                  writer.put_text(NFTA_SET_TABLE, set.table);
                  writer.put_text(NFTA_SET_NAME, set.chain);
                }),
        [&](std::uint8_t, AttributeList attributes) {
          if (const auto key = attributes.find(NFTA_SET_KEY_LEN)) length = key->u32();
        });
  return key_lengths_[set] = length;
}

FoundInSet NftFilters::find(const NftChainId& set, const PartlyKnown& key) {
  const std::size_t length = key_length(set);
  if (length == 0 || length > key.value.size() || messages_left_ == 0) return {};
  const auto known = key.known.first(length);
  if (std::ranges::any_of(known, [](std::uint8_t bits) { return bits != 0xff; })) return {};
  --messages_left_;
  FoundInSet result;
  const NetlinkWriter get =
      request(NFT_MSG_GETSETELEM, NLM_F_ACK, set.family, [&](NetlinkWriter& writer) {
        writer.put_text(NFTA_SET_ELEM_LIST_TABLE, set.table);
        writer.put_text(NFTA_SET_ELEM_LIST_SET, set.chain);
        const std::size_t list = writer.nest(NFTA_SET_ELEM_LIST_ELEMENTS);
        const std::size_t element = writer.nest(NFTA_LIST_ELEM);
        const std::size_t data = writer.nest(NFTA_SET_ELEM_KEY);
        writer.put(NFTA_DATA_VALUE, key.value.first(length));
        writer.close(data);
        writer.close(element);
        writer.close(list);
      });
  const int error = query(get, [&](std::uint8_t, AttributeList attributes) {
    const auto list = attributes.find(NFTA_SET_ELEM_LIST_ELEMENTS);
    if (!list) return;
    for (const NetlinkAttribute& element : AttributeList(list->value)) {
      result.found = Tri::yes;
      const auto data = AttributeList(element.value).find(NFTA_SET_ELEM_DATA);
      const auto verdict = data ? AttributeList(data->value).find(NFTA_DATA_VERDICT) : std::nullopt;
      if (verdict) result.verdict = read_verdict(verdict->value);
    }
  });
  if (error == ENOENT) result.found = Tri::no;
  if (error != 0 && error != ENOENT) result = {};
  return result;
}

}  // namespace net::foreign
