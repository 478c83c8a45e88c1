#include "net/nft/batch.hpp"

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include <algorithm>
#include <array>
#include <map>
#include <tuple>
#include <utility>

#include "core/constants.hpp"
#include "core/state/text.hpp"
#include "net/nft/declarations.hpp"
#include "net/nft/elements.hpp"
#include "net/nft/rules.hpp"

namespace net {
namespace {

constexpr std::uint32_t first_sequence = 1;  // of the frame; messages follow
constexpr std::size_t usual_element_size = 160;
constexpr std::size_t usual_frame_size = 64 << 10;

// NFNL_MSG_BATCH_BEGIN or _END.
void write_frame(NetlinkWriter& writer, std::uint16_t type, std::uint32_t sequence) {
  const std::size_t begin = writer.begin_message(type, 0, sequence);
  // nfgenmsg: the subsystem is its big-endian resource id.
  writer.append(std::array<std::uint8_t, 4>{0, NFNETLINK_V0, 0, NFNL_SUBSYS_NFTABLES});
  writer.close_message(begin);
}

const core::ElementKey* element_key(const core::Change& change) {
  if (const auto* add = std::get_if<core::AddElement>(&change)) return &add->element.key;
  if (const auto* remove = std::get_if<core::DeleteElement>(&change)) return &remove->key;
  return nullptr;
}

template <typename Change>
concept OfElement =
    std::is_same_v<Change, core::AddElement> || std::is_same_v<Change, core::DeleteElement>;

}  // namespace

NftBatch::NftBatch(const core::Changes& changes, std::string_view table, std::uint32_t table_flags)
    : changes_(changes), table_(table), table_flags_(table_flags) {
  // Address space only: the pages are taken as they are written.
  writer_.reserve(changes.size() * usual_element_size + usual_frame_size);
  write_frame(writer_, NFNL_MSG_BATCH_BEGIN, first_sequence);
  for (std::size_t i = 0; i < changes.size();) {
    std::size_t next = i + 1;
    if (element_key(changes[i]) != nullptr) {
      while (next < changes.size() && changes[next].index() == changes[i].index()) ++next;
      write_elements(i, next);
    } else {
      order_.push_back(static_cast<std::uint32_t>(i));
      std::visit(
          [this]<typename Change>(const Change& change) {
            if constexpr (core::NftablesChange<Change> && !OfElement<Change>) write(change);
          },
          changes[i]);
    }
    i = next;
  }
  if (empty()) return;
  // Not the frame's end: kernels before 6.10 do not acknowledge that.
  writer_.add_flags(messages_.back().begin, NLM_F_ACK);
  write_frame(writer_, NFNL_MSG_BATCH_END, last_sequence() + 1);
}

std::uint32_t NftBatch::last_sequence() const {
  return first_sequence + static_cast<std::uint32_t>(messages_.size());
}

std::size_t NftBatch::begin(std::uint16_t type, std::uint16_t flags, core::Family family) {
  const auto newest = static_cast<std::uint32_t>(order_.size()) - 1;
  messages_.push_back({writer_.size(), newest, 1, 0});
  const std::size_t begin = begin_nft_message(writer_, type, flags, last_sequence(), family);
  writer_.put_text(1, table_);  // NFTA_*_TABLE, NFTA_TABLE_NAME: always the first
  return begin;
}

void NftBatch::end(std::size_t begin) { writer_.close_message(begin); }

void NftBatch::write(const core::AddTable& change) {
  const std::size_t message = begin(NFT_MSG_NEWTABLE, NLM_F_CREATE, change.family);
  writer_.put_u32(NFTA_TABLE_FLAGS, table_flags_);
  end(message);
}

void NftBatch::write(const core::DeleteTable& change) {
  end(begin(NFT_MSG_DELTABLE, 0, change.family));
}

void NftBatch::write(const core::AddSet& change) {
  const std::size_t message = begin(NFT_MSG_NEWSET, NLM_F_CREATE, change.family);
  put_set(writer_, change.family, change.set, ++sets_);
  end(message);
}

void NftBatch::write(const core::DeleteSet& change) {
  const std::size_t message = begin(NFT_MSG_DELSET, 0, change.family);
  writer_.put_text(NFTA_SET_NAME, change.name);
  end(message);
}

void NftBatch::write(const core::AddChain& change) {
  const std::size_t message = begin(NFT_MSG_NEWCHAIN, NLM_F_CREATE, change.family);
  put_chain(writer_, change.name, change.hook);
  end(message);
}

void NftBatch::write(const core::ReplaceRules& change) {
  const std::size_t message = begin(NFT_MSG_DELRULE, 0, change.family);
  writer_.put_text(NFTA_RULE_CHAIN, change.chain.name);
  end(message);
  for (const core::nft::Rule& rule : change.chain.rules) {
    Message next = messages_.back();
    next.begin = writer_.size();
    ++next.rule;
    messages_.push_back(next);
    write_rule(writer_, last_sequence(), change.family, table_, change.chain.name, rule);
  }
}

void NftBatch::write(const core::DeleteChain& change) {
  const std::size_t message = begin(NFT_MSG_DELCHAIN, 0, change.family);
  writer_.put_text(NFTA_CHAIN_NAME, change.name);
  end(message);
}

// A run of additions, or of deletions, in which the order between sets does not matter: as few
// messages as possible, whatever the order that the planner met the sets in.
void NftBatch::write_elements(std::size_t first, std::size_t last) {
  const bool adds = std::holds_alternative<core::AddElement>(changes_[first]);
  const auto set_of = [this](std::uint32_t index) {
    const core::ElementKey& key = *element_key(changes_[index]);
    return std::tuple(key.family, key.set);
  };
  const std::size_t begin_of_run = order_.size();
  // Sorting by counting: there are few sets and many elements.
  std::map<std::tuple<core::Family, core::SetId>, std::size_t> place;
  for (std::size_t index = first; index < last; ++index) {
    ++place[set_of(static_cast<std::uint32_t>(index))];
  }
  std::size_t from = begin_of_run;
  for (auto& [set, count] : place) from += std::exchange(count, from);
  order_.resize(begin_of_run + (last - first));
  for (std::size_t index = first; index < last; ++index) {
    const auto element = static_cast<std::uint32_t>(index);
    order_[place[set_of(element)]++] = element;
  }

  for (std::size_t next = begin_of_run; next < order_.size();) {
    const auto set = set_of(order_[next]);
    const std::size_t message = begin(adds ? NFT_MSG_NEWSETELEM : NFT_MSG_DELSETELEM,
                                      adds ? NLM_F_CREATE : 0, std::get<0>(set));
    messages_.back().first = static_cast<std::uint32_t>(next);
    writer_.put_text(NFTA_SET_ELEM_LIST_SET, core::to_string(std::get<1>(set)));
    const std::size_t list = writer_.nest(NFTA_SET_ELEM_LIST_ELEMENTS);
    for (; next < order_.size() && set_of(order_[next]) == set &&
           writer_.size() - list < longest_element_list;
         ++next) {
      const core::Change& change = changes_[order_[next]];
      if (const auto* add = std::get_if<core::AddElement>(&change)) {
        write_element(writer_, add->element.key, &add->element.value);
      } else {
        write_element(writer_, std::get<core::DeleteElement>(change).key, nullptr);
      }
    }
    writer_.close(list);
    end(message);
    messages_.back().count = static_cast<std::uint32_t>(next) - messages_.back().first;
  }
}

// The kernel names the offset of the bad element in the message.
std::size_t NftBatch::element_at(const Message& message, std::uint32_t offset) const {
  const std::uint8_t* start = writer_.bytes().data() + message.begin;
  std::size_t member = 0;
  for_each_message(writer_.bytes().subspan(message.begin), [&](const NetlinkMessage& found) {
    if (found.bytes.data() != start) return;
    const auto list = nft_attributes(found).find(NFTA_SET_ELEM_LIST_ELEMENTS);
    if (!list) return;
    for (const NetlinkAttribute& element : AttributeList(list->value)) {
      const auto end =
          static_cast<std::size_t>(element.value.data() + element.value.size() - start);
      if (end <= offset) ++member;
    }
  });
  std::size_t number = 0;
  for (; number + 1 < message.count; ++number) {
    const std::size_t written =
        written_count(*element_key(changes_[order_[message.first + number]]));
    if (member < written) break;
    member -= written;
  }
  return number;
}

std::string NftBatch::text_of(const NetlinkAnswer& answer) const {
  if (answer.sequence <= first_sequence || answer.sequence > last_sequence()) {
    return "commit " + std::to_string(messages_.size()) + " nftables messages";
  }
  const Message& message = messages_[answer.sequence - first_sequence - 1];
  std::size_t position = message.first;
  if (message.count > 1) position += element_at(message, answer.offset);
  const core::Change& change = changes_[order_[position]];
  if (const auto* rules = std::get_if<core::ReplaceRules>(&change); rules && message.rule > 0) {
    return "add rule " + std::string(core::to_string(rules->family)) + ' ' + std::string(table_) +
           ' ' + rules->chain.name + ' ' +
           core::to_text(rules->chain.rules[message.rule - 1], rules->family);
  }
  std::string text;
  for (const std::string& line : core::to_text(core::Changes{change}, 8, table_)) {
    text += (text.empty() ? "" : "; ") + line;
  }
  return text;
}

NetlinkWriter NftBatch::table_message(core::Family family, std::string_view name,
                                      std::uint32_t flags, bool commit) {
  NetlinkWriter writer;
  write_frame(writer, NFNL_MSG_BATCH_BEGIN, first_sequence);
  const std::size_t message = begin_nft_message(writer, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_ACK,
                                                first_sequence + 1, family);
  writer.put_text(NFTA_TABLE_NAME, name);
  writer.put_u32(NFTA_TABLE_FLAGS, flags);
  writer.close_message(message);
  if (commit) write_frame(writer, NFNL_MSG_BATCH_END, first_sequence + 2);
  return writer;
}

}  // namespace net
