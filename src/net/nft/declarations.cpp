#include "net/nft/declarations.hpp"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace net {
namespace {

using core::Family;
using core::nft::Chain;
using core::nft::Hook;
using core::nft::Set;
using core::nft::Type;

// nft(8)'s numbers of data types (src/datatype.h there), for `nft list`; the kernel only keeps
// them.
struct TypeNumber {
  Type type;
  std::uint32_t ipv4;
  std::uint32_t ipv6;
};
constexpr std::array<TypeNumber, 6> type_numbers = {{
    {Type::address, 7, 8},
    {Type::inet_proto, 12, 12},
    {Type::inet_service, 13, 13},
    {Type::mark, 19, 19},
    {Type::ct_dir, 27, 27},
    {Type::ifname, 41, 41},
}};
constexpr std::uint32_t bits_per_type = 6;  // of a concatenation

std::uint32_t number_of(const std::vector<Type>& types, Family family) {
  std::uint32_t number = 0;
  for (const Type type : types) {
    for (const TypeNumber& known : type_numbers) {
      if (known.type == type) {
        number = number << bits_per_type | (family == Family::ipv4 ? known.ipv4 : known.ipv6);
      }
    }
  }
  return number;
}

// Empty when one of them is none that pona uses.
std::vector<Type> types_of(std::uint32_t number, Family family) {
  if (number == NFT_DATA_VERDICT) return {Type::verdict};
  std::vector<Type> types;
  for (; number != 0; number >>= bits_per_type) {
    const std::uint32_t low = number & ((1U << bits_per_type) - 1);
    const auto known =
        std::find_if(type_numbers.begin(), type_numbers.end(), [&](const TypeNumber& candidate) {
          return (family == Family::ipv4 ? candidate.ipv4 : candidate.ipv6) == low;
        });
    if (known == type_numbers.end()) return {};
    types.push_back(known->type);
  }
  std::reverse(types.begin(), types.end());
  return types;
}

bool is_verdict_map(const Set& set) {
  return set.data.size() == 1 && set.data.front() == Type::verdict;
}

// --- user data of sets: type, length, value; what nft(8) itself writes
// -----------------------------
enum UserData : std::uint8_t { key_byte_order = 0, data_byte_order = 1, set_comment = 7 };
constexpr std::size_t longest_comment = 127;

// nft's enum byteorder.
std::uint32_t byte_order(const std::vector<Type>& types) {
  if (types.size() != 1) return 0;
  switch (types.front()) {
    case Type::mark:
    case Type::ifname:
    case Type::ct_dir:
      return 1;
    default:
      return 2;
  }
}

void append_user_data(std::vector<std::uint8_t>& to, UserData type, ByteView value) {
  to.push_back(type);
  to.push_back(static_cast<std::uint8_t>(value.size()));
  to.insert(to.end(), value.begin(), value.end());
}

void append_user_data(std::vector<std::uint8_t>& to, UserData type, std::uint32_t value) {
  std::array<std::uint8_t, 4> bytes;
  std::memcpy(bytes.data(), &value, sizeof value);
  append_user_data(to, type, bytes);
}

std::vector<std::uint8_t> user_data(const Set& set) {
  std::vector<std::uint8_t> result;
  append_user_data(result, key_byte_order, byte_order(set.key));
  if (!set.data.empty() && !is_verdict_map(set)) {
    append_user_data(result, data_byte_order, byte_order(set.data));
  }
  if (!set.comment.empty()) {
    const std::string text = set.comment.substr(0, longest_comment);
    append_user_data(result, set_comment,
                     {reinterpret_cast<const std::uint8_t*>(text.c_str()), text.size() + 1});
  }
  return result;
}

std::string read_comment(ByteView bytes) {
  while (bytes.size() >= 2 && bytes[1] <= bytes.size() - 2) {
    const std::size_t length = bytes[1];
    if (bytes[0] == set_comment) {
      const auto* text = reinterpret_cast<const char*>(bytes.data() + 2);
      return {text, strnlen(text, length)};
    }
    bytes = bytes.subspan(2 + length);
  }
  return "";
}

// --- parts of a set's declaration
// ------------------------------------------------------------------
std::uint32_t flags_of(const Set& set) {
  std::uint32_t flags = 0;
  if (set.interval) flags |= NFT_SET_INTERVAL;
  if (set.interval && set.key.size() > 1) flags |= NFT_SET_CONCAT;
  if (!set.data.empty()) flags |= NFT_SET_MAP;
  if (set.dynamic) flags |= NFT_SET_EVAL;
  if (set.timeout != 0) flags |= NFT_SET_TIMEOUT;
  return flags;
}

// Interval look-ups compare field by field, so the kernel must know their lengths.
void put_field_lengths(NetlinkWriter& writer, Family family, const Set& set) {
  const std::size_t description = writer.nest(NFTA_SET_DESC);
  const std::size_t concatenation = writer.nest(NFTA_SET_DESC_CONCAT);
  for (const Type type : set.key) {
    const std::size_t field = writer.nest(NFTA_LIST_ELEM);
    writer.put_u32(NFTA_SET_FIELD_LEN,
                   static_cast<std::uint32_t>(core::nft::size_of(type, family)));
    writer.close(field);
  }
  writer.close(concatenation);
  writer.close(description);
}

void put_counter(NetlinkWriter& writer) {
  const std::size_t expression = writer.nest(NFTA_SET_EXPR);
  writer.put_text(NFTA_EXPR_NAME, "counter");
  writer.close(writer.nest(NFTA_EXPR_DATA));
  writer.close(expression);
}

// --- chains
// ----------------------------------------------------------------------------------------
constexpr std::array<std::string_view, 3> chain_types = {"filter", "nat", "route"};

std::optional<Hook> read_hook(AttributeList attributes, std::string_view type) {
  const auto known = std::find(chain_types.begin(), chain_types.end(), type);
  if (known == chain_types.end()) return std::nullopt;
  Hook hook;
  hook.type = static_cast<Hook::Type>(known - chain_types.begin());
  for (const NetlinkAttribute& attribute : attributes) {
    if (attribute.type == NFTA_HOOK_HOOKNUM) hook.at = static_cast<Hook::At>(attribute.u32());
    if (attribute.type == NFTA_HOOK_PRIORITY) hook.priority = static_cast<int>(attribute.u32());
  }
  return hook;
}

}  // namespace

std::uint8_t protocol_family(Family family) {
  return family == Family::ipv4 ? NFPROTO_IPV4 : NFPROTO_IPV6;
}

std::size_t begin_nft_message(NetlinkWriter& writer, std::uint16_t message, std::uint16_t flags,
                              std::uint32_t sequence, Family family) {
  const std::size_t begin = writer.begin_message(
      static_cast<std::uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | message), flags, sequence);
  writer.append(std::array<std::uint8_t, 4>{protocol_family(family), NFNETLINK_V0, 0, 0});
  return begin;
}

bool is_nft_message(const NetlinkMessage& message, std::uint16_t type) {
  return message.type == (NFNL_SUBSYS_NFTABLES << 8 | type);
}

std::optional<Family> family_of(const NetlinkMessage& message) {
  const ByteView payload = message.payload();
  if (payload.size() < sizeof(nfgenmsg)) return std::nullopt;
  if (payload[0] == NFPROTO_IPV4) return Family::ipv4;
  if (payload[0] == NFPROTO_IPV6) return Family::ipv6;
  return std::nullopt;
}

AttributeList nft_attributes(const NetlinkMessage& message) {
  return AttributeList(message.payload(sizeof(nfgenmsg)));
}

void put_set(NetlinkWriter& writer, Family family, const Set& set, std::uint32_t id) {
  writer.put_text(NFTA_SET_NAME, set.name);
  writer.put_u32(NFTA_SET_FLAGS, flags_of(set));
  writer.put_u32(NFTA_SET_KEY_TYPE, number_of(set.key, family));
  writer.put_u32(NFTA_SET_KEY_LEN,
                 static_cast<std::uint32_t>(core::nft::key_size(set.key, family)));
  if (is_verdict_map(set)) {
    writer.put_u32(NFTA_SET_DATA_TYPE, NFT_DATA_VERDICT);
    writer.put_u32(NFTA_SET_DATA_LEN, 0);
  } else if (!set.data.empty()) {
    writer.put_u32(NFTA_SET_DATA_TYPE, number_of(set.data, family));
    writer.put_u32(NFTA_SET_DATA_LEN,
                   static_cast<std::uint32_t>(core::nft::key_size(set.data, family)));
  }
  writer.put_u32(NFTA_SET_ID, id);
  if (set.interval && set.key.size() > 1) put_field_lengths(writer, family, set);
  if (set.timeout != 0) writer.put_u64(NFTA_SET_TIMEOUT, std::uint64_t{set.timeout} * 1000);
  writer.put(NFTA_SET_USERDATA, user_data(set));
  if (set.counter) put_counter(writer);
}

Set read_set(AttributeList attributes, Family family) {
  Set set;
  std::uint32_t flags = 0;
  for (const NetlinkAttribute& attribute : attributes) {
    switch (attribute.type) {
      case NFTA_SET_NAME:
        set.name = attribute.text();
        break;
      case NFTA_SET_FLAGS:
        flags = attribute.u32();
        break;
      case NFTA_SET_KEY_TYPE:
        set.key = types_of(attribute.u32(), family);
        break;
      case NFTA_SET_DATA_TYPE:
        set.data = types_of(attribute.u32(), family);
        break;
      case NFTA_SET_TIMEOUT:
        set.timeout = static_cast<std::uint32_t>(attribute.u64() / 1000);
        break;
      case NFTA_SET_USERDATA:
        set.comment = read_comment(attribute.value);
        break;
      case NFTA_SET_EXPR: {
        const auto name = AttributeList(attribute.value).find(NFTA_EXPR_NAME);
        set.counter = name && name->text() == "counter";
        break;
      }
      default:
        break;
    }
  }
  set.interval = (flags & NFT_SET_INTERVAL) != 0;
  set.dynamic = (flags & NFT_SET_EVAL) != 0;
  // A set that pona would have declared otherwise must not compare equal to one of its own.
  if (flags_of(set) != flags) set.key.clear();
  return set;
}

void put_chain(NetlinkWriter& writer, std::string_view name, const std::optional<Hook>& hook) {
  writer.put_text(NFTA_CHAIN_NAME, name);
  if (!hook) return;
  const std::size_t nest = writer.nest(NFTA_CHAIN_HOOK);
  writer.put_u32(NFTA_HOOK_HOOKNUM, static_cast<std::uint32_t>(hook->at));
  writer.put_u32(NFTA_HOOK_PRIORITY, static_cast<std::uint32_t>(hook->priority));
  writer.close(nest);
  writer.put_u32(NFTA_CHAIN_POLICY, NF_ACCEPT);
  writer.put_text(NFTA_CHAIN_TYPE, chain_types[static_cast<std::size_t>(hook->type)]);
}

Chain read_chain(AttributeList attributes) {
  Chain chain;
  std::optional<NetlinkAttribute> hook;
  std::string_view type;
  std::uint32_t policy = NF_ACCEPT;
  for (const NetlinkAttribute& attribute : attributes) {
    if (attribute.type == NFTA_CHAIN_NAME) chain.name = attribute.text();
    if (attribute.type == NFTA_CHAIN_HOOK) hook = attribute;
    if (attribute.type == NFTA_CHAIN_TYPE) type = attribute.text();
    if (attribute.type == NFTA_CHAIN_POLICY) policy = attribute.u32();
  }
  // With another policy the chain comes back without its hook, so that it is made anew.
  if (hook && policy == NF_ACCEPT) chain.hook = read_hook(AttributeList(hook->value), type);
  return chain;
}

ReadTable read_table(AttributeList attributes) {
  ReadTable table;
  for (const NetlinkAttribute& attribute : attributes) {
    if (attribute.type == NFTA_TABLE_FLAGS) table.flags = attribute.u32();
    if (attribute.type == NFTA_TABLE_OWNER) table.owner = attribute.u32();
  }
  return table;
}

}  // namespace net
