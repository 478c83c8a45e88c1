#include "net/nft/rules.hpp"

#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

extern "C" {
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
}

#include "net/nft/declarations.hpp"
#include "net/nft/elements.hpp"
#include "net/nft/lowering.hpp"
#include "net/nft/rule_shape.hpp"

namespace net {
namespace {

using core::Family;
using namespace core::nft;

struct FreeRule {
  void operator()(nftnl_rule* rule) const { nftnl_rule_free(rule); }
};
using RulePointer = std::unique_ptr<nftnl_rule, FreeRule>;
struct FreeIterator {
  void operator()(nftnl_expr_iter* iterator) const { nftnl_expr_iter_destroy(iterator); }
};

RulePointer empty_rule() {
  RulePointer rule(nftnl_rule_alloc());
  if (!rule) throw std::bad_alloc();
  return rule;
}

const Key* key_of(const Statement& statement) {
  if (const auto* in_set = std::get_if<InSet>(&statement)) return &in_set->key;
  if (const auto* map = std::get_if<VerdictMap>(&statement)) return &map->key;
  if (const auto* nat = std::get_if<Nat>(&statement)) return &nat->key;
  if (const auto* over = std::get_if<OverLimit>(&statement)) return &over->key;
  return nullptr;
}

// Says what `nft list` does not show, see Lowering::load_mapped.
std::string comment_of(const Rule& rule) {
  std::string comment = rule.comment;
  for (const Statement& statement : rule.statements) {
    const Key* key = key_of(statement);
    if (key == nullptr) continue;
    for (const Part& part : *key) {
      if (const auto* mapped = std::get_if<Mapped>(&part)) {
        comment +=
            (comment.empty() ? "" : "; ") + ("dport stands for its value in @" + mapped->map);
      }
    }
  }
  return comment;
}

std::string text_of(nftnl_expr* expression) {
  const std::string name = nftnl_expr_get_str(expression, NFTNL_EXPR_NAME);
  // The kernel dumps a timeout of 0 where it refuses one in the request.
  if (name == "dynset" && !nftnl_expr_is_set(expression, NFTNL_EXPR_DYNSET_TIMEOUT)) {
    nftnl_expr_set_u64(expression, NFTNL_EXPR_DYNSET_TIMEOUT, 0);
  }
  std::array<char, 512> buffer{};
  const int length =
      nftnl_expr_snprintf(buffer.data(), buffer.size(), expression, NFTNL_OUTPUT_DEFAULT, 0);
  // The text does not tell "meta load mark" from "ct load mark".
  return name + ' ' +
         std::string(buffer.data(),
                     std::min(static_cast<std::size_t>(std::max(length, 0)), buffer.size() - 1));
}

}  // namespace

void write_rule(NetlinkWriter& writer, std::uint32_t sequence, Family family,
                std::string_view table, std::string_view chain, const Rule& rule) {
  // libnftnl appends to a message without asking how much room there is: 16 statements of at most
  // five expressions of some 100 bytes stay far below this.
  constexpr std::size_t room = 32 << 10;
  NetlinkWriter message;
  const std::size_t begin =
      begin_nft_message(message, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, sequence, family);
  message.put_text(NFTA_RULE_TABLE, table);
  message.put_text(NFTA_RULE_CHAIN, chain);
  const std::string comment = comment_of(rule);
  if (!comment.empty()) put_comment(message, NFTA_RULE_USERDATA, comment);
  message.close_message(begin);

  std::vector<std::uint8_t> buffer(message.bytes().begin(), message.bytes().end());
  buffer.resize(room);
  auto* header = reinterpret_cast<nlmsghdr*>(buffer.data());
  const RulePointer lowered = empty_rule();
  lower(rule, family, *lowered);
  nftnl_rule_nlmsg_build_payload(header, lowered.get());
  writer.append(ByteView(buffer).first(header->nlmsg_len));
}

namespace {

// Another program's, by whatever libnftnl this one does not know. It is seen all the same: what is
// not seen stays where it is.
ReadRule foreign_rule(const NetlinkMessage& message) {
  ReadRule foreign;
  foreign.fingerprint = "a rule that is not pona's";
  if (const auto chain = nft_attributes(message).find(NFTA_RULE_CHAIN)) {
    foreign.chain = chain->text();
  }
  return foreign;
}

}  // namespace

std::optional<ReadRule> read_rule(const NetlinkMessage& message) {
  if (!is_known_rule(message)) return foreign_rule(message);
  // A copy, because parsing wants aligned and writable bytes.
  std::vector<std::uint8_t> bytes(message.bytes.begin(), message.bytes.end());
  const RulePointer rule = empty_rule();
  if (nftnl_rule_nlmsg_parse(reinterpret_cast<const nlmsghdr*>(bytes.data()), rule.get()) < 0) {
    return foreign_rule(message);
  }
  ReadRule result;
  if (const char* chain = nftnl_rule_get_str(rule.get(), NFTNL_RULE_CHAIN)) result.chain = chain;
  const std::unique_ptr<nftnl_expr_iter, FreeIterator> iterator(nftnl_expr_iter_create(rule.get()));
  while (nftnl_expr* expression = nftnl_expr_iter_next(iterator.get())) {
    result.fingerprint += (result.fingerprint.empty() ? "" : " ") + text_of(expression);
  }
  std::uint32_t size = 0;
  const void* comment = nftnl_rule_get_data(rule.get(), NFTNL_RULE_USERDATA, &size);
  if (comment != nullptr && size > 3) {
    const auto* text = static_cast<const char*>(comment) + 2;  // see put_comment
    result.fingerprint += " comment \"" + std::string(text, strnlen(text, size - 2)) + '"';
  }
  return result;
}

std::string fingerprint(const Rule& rule, Family family) {
  NetlinkWriter writer;
  write_rule(writer, 0, family, "", "", rule);
  std::string result;
  for_each_message(writer.bytes(), [&](const NetlinkMessage& message) {
    if (const auto read = read_rule(message)) result = read->fingerprint;
  });
  return result;
}

}  // namespace net
