#include "net/nft/rule_shape.hpp"

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "net/nft/declarations.hpp"

namespace net {
namespace {

enum class Shape : std::uint8_t {
  u8,
  u32,
  u64,
  text,
  bytes,
  value,
  data,
  verdict,
  compat,
  expression,
  expressions
};

struct Known {
  std::uint16_t type;
  Shape shape;
};
using Level = std::span<const Known>;

constexpr Known in_rule[] = {
    {NFTA_RULE_TABLE, Shape::text},      {NFTA_RULE_CHAIN, Shape::text},
    {NFTA_RULE_HANDLE, Shape::u64},      {NFTA_RULE_EXPRESSIONS, Shape::expressions},
    {NFTA_RULE_POSITION, Shape::u64},    {NFTA_RULE_USERDATA, Shape::bytes},
    {NFTA_RULE_ID, Shape::u32},          {NFTA_RULE_COMPAT, Shape::compat},
    {NFTA_RULE_POSITION_ID, Shape::u32}, {NFTA_RULE_CHAIN_ID, Shape::u32},
};
constexpr Known in_data[] = {{NFTA_DATA_VALUE, Shape::value}, {NFTA_DATA_VERDICT, Shape::verdict}};
constexpr Known in_verdict[] = {{NFTA_VERDICT_CODE, Shape::u32},
                                {NFTA_VERDICT_CHAIN, Shape::text},
                                {NFTA_VERDICT_CHAIN_ID, Shape::u32}};
constexpr Known in_compat[] = {{NFTA_RULE_COMPAT_PROTO, Shape::u32},
                               {NFTA_RULE_COMPAT_FLAGS, Shape::u32}};

constexpr Known in_bitwise[] = {{NFTA_BITWISE_SREG, Shape::u32}, {NFTA_BITWISE_DREG, Shape::u32},
                                {NFTA_BITWISE_LEN, Shape::u32},  {NFTA_BITWISE_MASK, Shape::data},
                                {NFTA_BITWISE_XOR, Shape::data}, {NFTA_BITWISE_OP, Shape::u32},
                                {NFTA_BITWISE_DATA, Shape::data}};
constexpr Known in_byteorder[] = {{NFTA_BYTEORDER_SREG, Shape::u32},
                                  {NFTA_BYTEORDER_DREG, Shape::u32},
                                  {NFTA_BYTEORDER_OP, Shape::u32},
                                  {NFTA_BYTEORDER_LEN, Shape::u32},
                                  {NFTA_BYTEORDER_SIZE, Shape::u32}};
constexpr Known in_cmp[] = {
    {NFTA_CMP_SREG, Shape::u32}, {NFTA_CMP_OP, Shape::u32}, {NFTA_CMP_DATA, Shape::data}};
constexpr Known in_connlimit[] = {{NFTA_CONNLIMIT_COUNT, Shape::u32},
                                  {NFTA_CONNLIMIT_FLAGS, Shape::u32}};
constexpr Known in_counter[] = {{NFTA_COUNTER_BYTES, Shape::u64},
                                {NFTA_COUNTER_PACKETS, Shape::u64}};
constexpr Known in_ct[] = {{NFTA_CT_DREG, Shape::u32},
                           {NFTA_CT_KEY, Shape::u32},
                           {NFTA_CT_DIRECTION, Shape::u8},
                           {NFTA_CT_SREG, Shape::u32}};
constexpr Known in_dynset[] = {{NFTA_DYNSET_SET_NAME, Shape::text},
                               {NFTA_DYNSET_SET_ID, Shape::u32},
                               {NFTA_DYNSET_OP, Shape::u32},
                               {NFTA_DYNSET_SREG_KEY, Shape::u32},
                               {NFTA_DYNSET_SREG_DATA, Shape::u32},
                               {NFTA_DYNSET_TIMEOUT, Shape::u64},
                               {NFTA_DYNSET_EXPR, Shape::expression},
                               {NFTA_DYNSET_FLAGS, Shape::u32},
                               {NFTA_DYNSET_EXPRESSIONS, Shape::expressions}};
constexpr Known in_exthdr[] = {{NFTA_EXTHDR_DREG, Shape::u32},   {NFTA_EXTHDR_TYPE, Shape::u8},
                               {NFTA_EXTHDR_OFFSET, Shape::u32}, {NFTA_EXTHDR_LEN, Shape::u32},
                               {NFTA_EXTHDR_FLAGS, Shape::u32},  {NFTA_EXTHDR_OP, Shape::u32},
                               {NFTA_EXTHDR_SREG, Shape::u32}};
constexpr Known in_fib[] = {
    {NFTA_FIB_DREG, Shape::u32}, {NFTA_FIB_RESULT, Shape::u32}, {NFTA_FIB_FLAGS, Shape::u32}};
constexpr Known in_hash[] = {{NFTA_HASH_SREG, Shape::u32},  {NFTA_HASH_DREG, Shape::u32},
                             {NFTA_HASH_LEN, Shape::u32},   {NFTA_HASH_MODULUS, Shape::u32},
                             {NFTA_HASH_SEED, Shape::u32},  {NFTA_HASH_OFFSET, Shape::u32},
                             {NFTA_HASH_TYPE, Shape::u32},  {NFTA_HASH_SET_NAME, Shape::text},
                             {NFTA_HASH_SET_ID, Shape::u32}};
constexpr Known in_immediate[] = {{NFTA_IMMEDIATE_DREG, Shape::u32},
                                  {NFTA_IMMEDIATE_DATA, Shape::data}};
constexpr Known in_limit[] = {{NFTA_LIMIT_RATE, Shape::u64},
                              {NFTA_LIMIT_UNIT, Shape::u64},
                              {NFTA_LIMIT_BURST, Shape::u32},
                              {NFTA_LIMIT_TYPE, Shape::u32},
                              {NFTA_LIMIT_FLAGS, Shape::u32}};
constexpr Known in_lookup[] = {{NFTA_LOOKUP_SET, Shape::text},
                               {NFTA_LOOKUP_SREG, Shape::u32},
                               {NFTA_LOOKUP_DREG, Shape::u32},
                               {NFTA_LOOKUP_SET_ID, Shape::u32},
                               {NFTA_LOOKUP_FLAGS, Shape::u32}};
constexpr Known in_masq[] = {{NFTA_MASQ_FLAGS, Shape::u32},
                             {NFTA_MASQ_REG_PROTO_MIN, Shape::u32},
                             {NFTA_MASQ_REG_PROTO_MAX, Shape::u32}};
constexpr Known in_meta[] = {
    {NFTA_META_DREG, Shape::u32}, {NFTA_META_KEY, Shape::u32}, {NFTA_META_SREG, Shape::u32}};
constexpr Known in_nat[] = {
    {NFTA_NAT_TYPE, Shape::u32},          {NFTA_NAT_FAMILY, Shape::u32},
    {NFTA_NAT_REG_ADDR_MIN, Shape::u32},  {NFTA_NAT_REG_ADDR_MAX, Shape::u32},
    {NFTA_NAT_REG_PROTO_MIN, Shape::u32}, {NFTA_NAT_REG_PROTO_MAX, Shape::u32},
    {NFTA_NAT_FLAGS, Shape::u32}};
constexpr Known in_payload[] = {
    {NFTA_PAYLOAD_DREG, Shape::u32},        {NFTA_PAYLOAD_BASE, Shape::u32},
    {NFTA_PAYLOAD_OFFSET, Shape::u32},      {NFTA_PAYLOAD_LEN, Shape::u32},
    {NFTA_PAYLOAD_SREG, Shape::u32},        {NFTA_PAYLOAD_CSUM_TYPE, Shape::u32},
    {NFTA_PAYLOAD_CSUM_OFFSET, Shape::u32}, {NFTA_PAYLOAD_CSUM_FLAGS, Shape::u32}};
constexpr Known in_redir[] = {{NFTA_REDIR_REG_PROTO_MIN, Shape::u32},
                              {NFTA_REDIR_REG_PROTO_MAX, Shape::u32},
                              {NFTA_REDIR_FLAGS, Shape::u32}};
constexpr Known in_reject[] = {{NFTA_REJECT_TYPE, Shape::u32}, {NFTA_REJECT_ICMP_CODE, Shape::u8}};
constexpr Known in_rt[] = {{NFTA_RT_DREG, Shape::u32}, {NFTA_RT_KEY, Shape::u32}};

struct Expression {
  std::string_view name;
  Level attributes;
};
constexpr Expression expressions[] = {
    {"bitwise", in_bitwise},
    {"byteorder", in_byteorder},
    {"cmp", in_cmp},
    {"connlimit", in_connlimit},
    {"counter", in_counter},
    {"ct", in_ct},
    {"dynset", in_dynset},
    {"exthdr", in_exthdr},
    {"fib", in_fib},
    {"hash", in_hash},
    {"immediate", in_immediate},
    {"limit", in_limit},
    {"lookup", in_lookup},
    {"masq", in_masq},
    {"meta", in_meta},
    {"nat", in_nat},
    {"notrack", {}},
    {"payload", in_payload},
    {"redir", in_redir},
    {"reject", in_reject},
    {"rt", in_rt},
};

// An expression may hold some, which hold none: deeper is not known.
constexpr int deepest = 8;

class Judge {
 public:
  // All bytes of a level are attributes that fit.
  bool level(ByteView bytes, Level known) {
    const Nest nest(*this);
    if (!nest.allowed()) return false;
    while (!bytes.empty()) {
      nlattr header{};
      if (bytes.size() < sizeof header) return false;
      std::memcpy(&header, bytes.data(), sizeof header);
      if (header.nla_len < sizeof header || header.nla_len > bytes.size()) return false;
      const auto type = static_cast<std::uint16_t>(header.nla_type & NLA_TYPE_MASK);
      const ByteView value = bytes.subspan(sizeof header, header.nla_len - sizeof header);
      const auto found = std::ranges::find(known, type, &Known::type);
      // What a newer kernel adds, libnftnl passes over.
      if (found != known.end() && !fits(value, found->shape)) return false;
      bytes = bytes.subspan(
          std::min(bytes.size(), static_cast<std::size_t>(NLA_ALIGN(header.nla_len))));
    }
    return true;
  }

 private:
  class Nest {
   public:
    explicit Nest(Judge& judge) : judge_(judge) { ++judge_.depth_; }
    Nest(const Nest&) = delete;
    Nest& operator=(const Nest&) = delete;
    ~Nest() { --judge_.depth_; }
    [[nodiscard]] bool allowed() const { return judge_.depth_ <= deepest; }

   private:
    Judge& judge_;
  };

  bool fits(ByteView value, Shape shape) {
    switch (shape) {
      case Shape::u8:
        return value.size() == 1;
      case Shape::u32:
        return value.size() == 4;
      case Shape::u64:
        return value.size() == 8;
      case Shape::text:
        return !value.empty() && value.back() == 0;
      case Shape::bytes:
        return value.size() <= NFT_USERDATA_MAXLEN;
      case Shape::value:
        return value.size() <= NFT_DATA_VALUE_MAXLEN;  // libnftnl has room for so much
      case Shape::data:
        return level(value, in_data);
      case Shape::verdict:
        return level(value, in_verdict);
      case Shape::compat:
        return level(value, in_compat);
      case Shape::expression:
        return expression(value);
      case Shape::expressions:
        break;
    }
    bool good = level(value, {});
    for (const NetlinkAttribute& one : AttributeList(value)) good = good && expression(one.value);
    return good;
  }

  bool expression(ByteView bytes) {
    if (!level(bytes, {})) return false;
    const auto name = AttributeList(bytes).find(NFTA_EXPR_NAME);
    if (!name || !fits(name->value, Shape::text)) return false;
    const auto known = std::ranges::find(expressions, name->text(), &Expression::name);
    if (known == std::end(expressions)) return false;
    const auto data = AttributeList(bytes).find(NFTA_EXPR_DATA);
    return !data || level(data->value, known->attributes);
  }

  int depth_ = 0;
};

}  // namespace

bool is_known_rule(const NetlinkMessage& message) {
  if (!is_nft_message(message, NFT_MSG_NEWRULE)) return false;
  const ByteView attributes = message.payload(sizeof(nfgenmsg));
  return message.payload().size() >= sizeof(nfgenmsg) && Judge().level(attributes, in_rule);
}

}  // namespace net
