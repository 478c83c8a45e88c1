#include "net/packet/live_ruleset.hpp"

#include <linux/netfilter/nf_tables.h>

#include <algorithm>
#include <cerrno>

#include "net/packet/base_order.hpp"
#include "net/packet/decode_expression.hpp"
#include "net/packet/ruleset_messages.hpp"

namespace net {

using namespace core::packet;

namespace {

// Of all chains together. A rule takes about a kilobyte.
constexpr std::size_t most_live_rules = 300'000;
constexpr std::size_t most_elements_held = 300'000;
constexpr std::size_t most_base_chains = 10'000;

void put_set(NetlinkWriter& writer, const ChainId& set) {
  writer.put_text(NFTA_SET_ELEM_LIST_TABLE, set.table);
  writer.put_text(NFTA_SET_ELEM_LIST_SET, set.name);
}

Found found_in(const Element& element) {
  Found result;
  result.answer = Found::Answer::yes;
  result.data = element.data;
  result.verdict = element.verdict;
  result.expressions = element.expressions;
  result.object = element.object;
  return result;
}

Found not_there() {
  Found result;
  result.answer = Found::Answer::no;
  return result;
}

}  // namespace

LiveRuleset::LiveRuleset() : generation_(socket_.generation()), rules_left_(most_live_rules) {}

bool LiveRuleset::readable() {
  read_base_chains();
  return readable_;
}

bool LiveRuleset::changed() { return !generation_ || socket_.generation() != generation_; }

void LiveRuleset::read_base_chains() {
  if (read_) return;
  read_ = true;
  BaseOrder order;
  const auto restart = [&] { order = {}; };
  const int of_tables = socket_.dump(NFT_MSG_GETTABLE, std::nullopt, nullptr, restart,
                                     [&](TableFamily family, const Attributes& table) {
                                       if (is_dormant(table))
                                         order.leave_out(table_of(table, family));
                                     });
  const int of_chains = socket_.dump(
      NFT_MSG_GETCHAIN, std::nullopt, nullptr, [&] { order.forget_chains(); },
      [&](TableFamily family, const Attributes& chain) {
        // Most are none, and the texts of all of them take as long as the dump.
        if (!chain.has(NFTA_CHAIN_HOOK) || order.size() > most_base_chains) return;
        if (auto base = read_chain(chain, family).base) order.add(std::move(*base));
      });
  readable_ = of_tables == 0 && of_chains == 0 && order.size() <= most_base_chains;
  if (readable_) base_ = std::move(order).take();
}

const std::vector<BaseChain>& LiveRuleset::base_chains() {
  read_base_chains();
  return base_;
}

bool LiveRuleset::has_chain(const ChainId& chain) {
  const auto put_names = [&](NetlinkWriter& writer) {
    writer.put_text(NFTA_CHAIN_TABLE, chain.table);
    writer.put_text(NFTA_CHAIN_NAME, chain.name);
  };
  return socket_.get(NFT_MSG_GETCHAIN, chain.family, put_names,
                     [](TableFamily, const Attributes&) {}) == 0;
}

const std::vector<Rule>* LiveRuleset::rules(const ChainId& chain) {
  const auto [known, fresh] = rules_.try_emplace(chain);
  auto& rules = known->second;
  if (fresh) {
    std::size_t seen = 0;
    std::vector<Rule> read;
    const auto put_names = [&](NetlinkWriter& writer) {
      writer.put_text(NFTA_RULE_TABLE, chain.table);
      writer.put_text(NFTA_RULE_CHAIN, chain.name);
    };
    const auto restart = [&] {
      read.clear();
      seen = 0;
    };
    const auto visit = [&](TableFamily family, const Attributes& rule) {
      // Kernels before 4.15 give the whole table.
      if (++seen > rules_left_ || rule.text(NFTA_RULE_CHAIN) != chain.name ||
          rule.text(NFTA_RULE_TABLE) != chain.table) {
        return;
      }
      read.push_back(read_packet_rule(rule, family));
    };
    const int error = socket_.dump(NFT_MSG_GETRULE, chain.family, put_names, restart, visit);
    const bool complete = error == 0 && seen <= rules_left_;
    rules_left_ -= std::min(seen, rules_left_);
    if (complete && (!read.empty() || has_chain(chain))) rules = std::move(read);
  }
  return rules ? &*rules : nullptr;
}

const Set* LiveRuleset::set(const ChainId& id) {
  const auto [known, fresh] = sets_.try_emplace(id);
  auto& set = known->second;
  if (fresh) {
    const auto put_names = [&](NetlinkWriter& writer) {
      writer.put_text(NFTA_SET_TABLE, id.table);
      writer.put_text(NFTA_SET_NAME, id.name);
    };
    socket_.get(NFT_MSG_GETSET, id.family, put_names,
                [&](TableFamily, const Attributes& message) { set = read_packet_set(message); });
  }
  return set ? &*set : nullptr;
}

int LiveRuleset::get_element(const ChainId& set, std::optional<core::packet::ByteView> key,
                             std::vector<Element>& found) {
  const auto put_element = [&](NetlinkWriter& writer) {
    put_set(writer, set);
    const std::size_t list = writer.nest(NFTA_SET_ELEM_LIST_ELEMENTS);
    const std::size_t element = writer.nest(NFTA_LIST_ELEM);
    if (key) {
      const std::size_t data = writer.nest(NFTA_SET_ELEM_KEY);
      writer.put(NFTA_DATA_VALUE, *key);
      writer.close(data);
    } else {
      writer.put_u32(NFTA_SET_ELEM_FLAGS, NFT_SET_ELEM_CATCHALL);
    }
    writer.close(element);
    writer.close(list);
  };
  return socket_.get(NFT_MSG_GETSETELEM, set.family, put_element,
                     [&](TableFamily family, const Attributes& list) {
                       for (Element& one : read_packet_elements(list, family)) {
                         found.push_back(std::move(one));
                       }
                     });
}

Found LiveRuleset::find(const ChainId& id, core::packet::ByteView key) {
  const Set* declared = set(id);
  if (declared == nullptr || key.size() != declared->key_length) return {};
  if (dumped_.contains(id)) return find_in_dump(id, key);
  std::vector<Element> found;
  const int error = get_element(id, key, found);
  if (error != 0 && error != ENOENT) return find_in_dump(id, key);
  // Of what has a time-out, some kernels give also what is over.
  std::erase_if(found, [](const Element& one) { return one.expired || one.interval_end; });
  if (!found.empty()) return found_in(found.front());
  if (without_catch_all_.contains(id)) return not_there();
  const int error_of_other = get_element(id, std::nullopt, found);
  if (error_of_other == 0 && !found.empty() && found.front().catch_all && !found.front().expired) {
    return found_in(found.front());
  }
  // Kernels before 5.13 know none, and want a key.
  if (error_of_other == ENOENT || error_of_other == EINVAL) without_catch_all_.insert(id);
  return not_there();
}

Found LiveRuleset::find_in_dump(const ChainId& id, core::packet::ByteView key) {
  const auto [known, fresh] = dumped_.try_emplace(id, false);
  if (fresh) {
    std::vector<Element> all;
    known->second =
        read_elements(id, most_elements_held + 1, all) == 0 && all.size() <= most_elements_held;
    if (known->second) {
      held_.add_set(id, *set(id));
      for (Element& element : all) held_.add_element(id, std::move(element));
    }
  }
  return known->second ? held_.find(id, key) : Found{};
}

int LiveRuleset::read_elements(const ChainId& id, std::size_t most, std::vector<Element>& all) {
  const int error = socket_.dump(
      NFT_MSG_GETSETELEM, id.family, [&](NetlinkWriter& writer) { put_set(writer, id); },
      [&] { all.clear(); },
      [&](TableFamily family, const Attributes& list) {
        if (all.size() >= most) return;
        for (Element& one : read_packet_elements(list, family)) all.push_back(std::move(one));
      });
  if (all.size() > most) all.resize(most);
  return error;
}

std::vector<Element> LiveRuleset::elements(const ChainId& id, std::size_t most) {
  std::vector<Element> result;
  if (read_elements(id, most, result) != 0) return {};
  return result;
}

std::optional<Expression> LiveRuleset::object(const ChainId& id, std::uint32_t type) {
  const auto [known, fresh] = objects_.try_emplace({id, type});
  auto& object = known->second;
  if (fresh) {
    const auto put_names = [&](NetlinkWriter& writer) {
      writer.put_text(NFTA_OBJ_TABLE, id.table);
      writer.put_text(NFTA_OBJ_NAME, id.name);
      writer.put_u32(NFTA_OBJ_TYPE, type);
    };
    socket_.get(NFT_MSG_GETOBJ, id.family, put_names, [&](TableFamily, const Attributes& message) {
      object = decode_object(type, message[NFTA_OBJ_DATA]);
    });
  }
  return object;
}

}  // namespace net
