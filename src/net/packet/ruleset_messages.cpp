#include "net/packet/ruleset_messages.hpp"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter_arp.h>
#include <linux/netfilter_bridge.h>

#include <array>
#include <cstring>

#include "net/packet/decode_expression.hpp"

namespace net {

using namespace core::packet;

namespace {

// libnftnl's NFTNL_UDATA_RULE_COMMENT and NFTNL_UDATA_SET_ELEM_COMMENT.
constexpr std::uint8_t comment_type = 0;
// Since Linux 6.17, and so not in all kernel headers: all devices whose names begin so.
constexpr std::uint16_t device_prefix = 2;  // NFTA_DEVICE_PREFIX
constexpr std::size_t most_fields = 16;     // NFT_REG32_COUNT

// User data of nft(8): type, length, value.
std::string comment_in(ByteView bytes) {
  while (bytes.size() >= 2 && bytes[1] <= bytes.size() - 2) {
    const std::size_t length = bytes[1];
    if (bytes[0] == comment_type && length > 0) {
      const auto* text = reinterpret_cast<const char*>(bytes.data() + 2);
      return {text, strnlen(text, length)};
    }
    bytes = bytes.subspan(2 + length);
  }
  return "";
}

std::optional<Hook> hook_of(TableFamily family, std::uint32_t number) {
  constexpr std::array inet = {Hook::prerouting,  Hook::input,   Hook::forward, Hook::output,
                               Hook::postrouting, Hook::ingress, Hook::egress};
  constexpr std::array netdev = {Hook::ingress, Hook::egress};
  constexpr std::array arp = {Hook::input, Hook::output, Hook::forward};
  const auto in = [&](std::span<const Hook> hooks) -> std::optional<Hook> {
    if (number >= hooks.size()) return std::nullopt;
    return hooks[number];
  };
  switch (family) {
    case TableFamily::netdev:
      return in(netdev);
    case TableFamily::arp:
      return in(arp);
    default:
      return in(inet);  // bridges number theirs alike
  }
}

std::optional<BaseChain::Type> chain_type(std::string_view name) {
  if (name == "filter") return BaseChain::Type::filter;
  if (name == "nat") return BaseChain::Type::nat;
  if (name == "route") return BaseChain::Type::route;
  return std::nullopt;
}

std::vector<std::string> devices_of(const Attributes& hook) {
  std::vector<std::string> result;
  if (hook.has(NFTA_HOOK_DEV)) result.emplace_back(hook.text(NFTA_HOOK_DEV));
  for (const NetlinkAttribute& device : AttributeList(hook[NFTA_HOOK_DEVS])) {
    std::string name(device.text());
    if (device.type == device_prefix) name += '*';
    if (device.type == NFTA_DEVICE_NAME && !result.empty() && result.front() == name) continue;
    result.push_back(std::move(name));
  }
  return result;
}

Bytes value_in(ByteView level) {
  const auto value = AttributeList(level).find(NFTA_DATA_VALUE);
  if (!value || value->value.size() > NFT_DATA_VALUE_MAXLEN) return {};
  return {value->value.begin(), value->value.end()};
}

ChainId named(const Attributes& attributes, TableFamily family, std::size_t table,
              std::size_t name) {
  return {family, std::string(attributes.text(table)), std::string(attributes.text(name))};
}

std::optional<Element> read_element(ByteView level, TableFamily family) {
  const Attributes attributes(level);
  const std::uint32_t flags = attributes.be32(NFTA_SET_ELEM_FLAGS).value_or(0);
  Element result;
  result.key = value_in(attributes[NFTA_SET_ELEM_KEY]);
  if (attributes.has(NFTA_SET_ELEM_KEY_END)) {
    result.key_end = value_in(attributes[NFTA_SET_ELEM_KEY_END]);
  }
  result.interval_end = (flags & NFT_SET_ELEM_INTERVAL_END) != 0;
  result.catch_all = (flags & NFT_SET_ELEM_CATCHALL) != 0;
  if (result.key.empty() && !result.catch_all) return std::nullopt;
  const ByteView data = attributes[NFTA_SET_ELEM_DATA];
  result.data = value_in(data);
  if (const auto verdict = AttributeList(data).find(NFTA_DATA_VERDICT)) {
    result.verdict = decode_verdict(verdict->value);
  }
  // Since Linux 6.11 one with a time-out of 0 has none.
  result.expired = attributes.has(NFTA_SET_ELEM_EXPIRATION) &&
                   attributes.be64(NFTA_SET_ELEM_EXPIRATION).value_or(0) == 0 &&
                   attributes.be64(NFTA_SET_ELEM_TIMEOUT).value_or(1) != 0;
  result.object = attributes.text(NFTA_SET_ELEM_OBJREF);
  result.comment = comment_in(attributes[NFTA_SET_ELEM_USERDATA]);
  if (attributes.has(NFTA_SET_ELEM_EXPR)) {
    result.expressions.push_back(decode_expression(attributes[NFTA_SET_ELEM_EXPR], family));
  }
  if (attributes.has(NFTA_SET_ELEM_EXPRESSIONS)) {
    result.expressions = decode_expressions(attributes[NFTA_SET_ELEM_EXPRESSIONS], family);
  }
  return result;
}

}  // namespace

std::optional<TableFamily> table_family_of(const NetlinkMessage& message) {
  const auto header = header_in<nfgenmsg>(message);
  if (!header) return std::nullopt;
  switch (header->nfgen_family) {
    case NFPROTO_INET:
    case NFPROTO_IPV4:
    case NFPROTO_ARP:
    case NFPROTO_NETDEV:
    case NFPROTO_BRIDGE:
    case NFPROTO_IPV6:
      return static_cast<TableFamily>(header->nfgen_family);
    default:
      return std::nullopt;
  }
}

ChainId table_of(const Attributes& table, TableFamily family) {
  return {family, std::string(table.text(NFTA_TABLE_NAME)), ""};
}

bool is_dormant(const Attributes& table) {
  return (table.be32(NFTA_TABLE_FLAGS).value_or(0) & NFT_TABLE_F_DORMANT) != 0;
}

ReadChain read_chain(const Attributes& chain, TableFamily family) {
  ReadChain result;
  result.id = named(chain, family, NFTA_CHAIN_TABLE, NFTA_CHAIN_NAME);
  if (!chain.has(NFTA_CHAIN_HOOK)) return result;
  const Attributes level(chain[NFTA_CHAIN_HOOK]);
  const auto number = level.be32(NFTA_HOOK_HOOKNUM);
  const auto priority = level.be32(NFTA_HOOK_PRIORITY);
  const auto hook = number ? hook_of(family, *number) : std::nullopt;
  const auto type = chain_type(chain.text(NFTA_CHAIN_TYPE));
  if (!hook || !priority || !type) return result;
  BaseChain base;
  base.id = result.id;
  base.type = *type;
  base.hook = *hook;
  base.priority = static_cast<std::int32_t>(*priority);
  base.drops = chain.be32(NFTA_CHAIN_POLICY) == std::uint32_t{NF_DROP};
  base.devices = devices_of(level);
  result.base = std::move(base);
  return result;
}

ChainId chain_of(const Attributes& rule, TableFamily family) {
  return named(rule, family, NFTA_RULE_TABLE, NFTA_RULE_CHAIN);
}

Rule read_packet_rule(const Attributes& rule, TableFamily family) {
  Rule result;
  result.handle = rule.be64(NFTA_RULE_HANDLE).value_or(0);
  result.expressions = decode_expressions(rule[NFTA_RULE_EXPRESSIONS], family);
  result.comment = comment_in(rule[NFTA_RULE_USERDATA]);
  return result;
}

ChainId set_id_of(const Attributes& set, TableFamily family) {
  return named(set, family, NFTA_SET_TABLE, NFTA_SET_NAME);
}

Set read_packet_set(const Attributes& set) {
  Set result;
  result.flags = set.be32(NFTA_SET_FLAGS).value_or(0);
  result.key_type = set.be32(NFTA_SET_KEY_TYPE).value_or(0);
  result.key_length = set.be32(NFTA_SET_KEY_LEN).value_or(0);
  result.data_type = set.be32(NFTA_SET_DATA_TYPE).value_or(0);
  result.data_length = set.be32(NFTA_SET_DATA_LEN).value_or(0);
  result.object_type = set.be32(NFTA_SET_OBJ_TYPE).value_or(0);
  const auto concatenation = AttributeList(set[NFTA_SET_DESC]).find(NFTA_SET_DESC_CONCAT);
  if (!concatenation) return result;
  for (const NetlinkAttribute& field : AttributeList(concatenation->value)) {
    const auto length = AttributeList(field.value).find(NFTA_SET_FIELD_LEN);
    if (!length || result.field_lengths.size() == most_fields) break;
    result.field_lengths.push_back(length->u32());
  }
  return result;
}

std::vector<Element> read_packet_elements(const Attributes& list, TableFamily family) {
  std::vector<Element> result;
  for (const NetlinkAttribute& one : AttributeList(list[NFTA_SET_ELEM_LIST_ELEMENTS])) {
    if (auto element = read_element(one.value, family)) result.push_back(std::move(*element));
  }
  return result;
}

ChainId object_id_of(const Attributes& object, TableFamily family) {
  return named(object, family, NFTA_OBJ_TABLE, NFTA_OBJ_NAME);
}

}  // namespace net
