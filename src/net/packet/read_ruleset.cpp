#include "net/packet/read_ruleset.hpp"

#include <linux/netfilter/nf_tables.h>

#include <algorithm>
#include <map>
#include <ranges>
#include <utility>

#include "net/packet/base_order.hpp"
#include "net/packet/decode_expression.hpp"
#include "net/packet/ruleset_messages.hpp"
#include "net/packet/ruleset_socket.hpp"

namespace net {

using namespace core::packet;

namespace {

// One reading of it all: what is read twice because somebody changed it is the last reading.
class WholeRuleset {
 public:
  explicit WholeRuleset(const RulesetLimits& limits) : limits_(limits) {}

  void read() {
    const auto before = socket_.generation();
    read_chains();
    read_rules();
    read_sets();
    read_objects();
    if (!before || socket_.generation() != before) {
      gaps_.emplace_back(
          "the ruleset changed while it was read: parts of it may be of another state");
    }
  }

  void give(HeldRuleset& into, std::vector<std::string>& gaps) && {
    auto base = std::move(order_).take();
    for (const BaseChain& chain : base) into.add_last(chain);
    for (const ChainId& chain : chains_) into.add_chain(chain);
    for (auto& [chain, rule] : rules_) into.add_rule(chain, std::move(rule));
    for (auto& [id, set] : sets_) into.add_set(id, std::move(set));
    for (auto& [id, element] : elements_) into.add_element(id, std::move(element));
    for (auto& [id, type, what] : objects_) into.add_object(id, type, std::move(what));
    std::ranges::move(gaps_, std::back_inserter(gaps));
  }

 private:
  template <typename List>
  bool room(const List& list, std::size_t limit) {
    full_ = full_ || list.size() >= limit;
    return !full_;
  }

  void close(const char* what, int error) {
    if (error != 0) gaps_.push_back(std::string(what) + ": " + error_text(error));
    if (full_) gaps_.push_back(std::string(what) + ": there are more than are read");
    full_ = false;
  }

  void read_chains() {
    close("tables", socket_.dump(
                        NFT_MSG_GETTABLE, std::nullopt, nullptr, [] {},
                        [&](TableFamily family, const Attributes& table) {
                          if (is_dormant(table)) order_.leave_out(table_of(table, family));
                        }));
    const auto restart = [&] {
      order_.forget_chains();
      chains_.clear();
      full_ = false;
    };
    close("chains", socket_.dump(NFT_MSG_GETCHAIN, std::nullopt, nullptr, restart,
                                 [&](TableFamily family, const Attributes& chain) {
                                   ReadChain read = read_chain(chain, family);
                                   if (read.base) {
                                     order_.add(std::move(*read.base));
                                   } else if (room(chains_, limits_.chains)) {
                                     chains_.push_back(std::move(read.id));
                                   }
                                 }));
  }

  void read_rules() {
    const auto restart = [&] {
      rules_.clear();
      full_ = false;
    };
    close("rules", socket_.dump(NFT_MSG_GETRULE, std::nullopt, nullptr, restart,
                                [&](TableFamily family, const Attributes& rule) {
                                  if (!room(rules_, limits_.rules)) return;
                                  rules_.emplace_back(chain_of(rule, family),
                                                      read_packet_rule(rule, family));
                                }));
  }

  void read_sets() {
    const auto restart = [&] {
      sets_.clear();
      full_ = false;
    };
    close("sets", socket_.dump(NFT_MSG_GETSET, std::nullopt, nullptr, restart,
                               [&](TableFamily family, const Attributes& set) {
                                 if (!room(sets_, limits_.sets)) return;
                                 sets_.emplace_back(set_id_of(set, family), read_packet_set(set));
                               }));
    int worst = 0;
    for (const auto& entry : sets_) worst = std::max(worst, read_elements(entry.first));
    close("elements", worst);
  }

  int read_elements(const ChainId& id) {
    const std::size_t begin = elements_.size();
    const auto put_names = [&](NetlinkWriter& writer) {
      writer.put_text(NFTA_SET_ELEM_LIST_TABLE, id.table);
      writer.put_text(NFTA_SET_ELEM_LIST_SET, id.name);
    };
    return socket_.dump(
        NFT_MSG_GETSETELEM, id.family, put_names, [&] { elements_.resize(begin); },
        [&](TableFamily family, const Attributes& list) {
          for (Element& one : read_packet_elements(list, family)) {
            if (!room(elements_, limits_.elements)) return;
            elements_.emplace_back(id, std::move(one));
          }
        });
  }

  void read_objects() {
    close("objects", socket_.dump(
                         NFT_MSG_GETOBJ, std::nullopt, nullptr, [&] { objects_.clear(); },
                         [&](TableFamily family, const Attributes& object) {
                           const std::uint32_t type = object.be32(NFTA_OBJ_TYPE).value_or(0);
                           auto what = decode_object(type, object[NFTA_OBJ_DATA]);
                           if (!what || !room(objects_, limits_.sets)) return;
                           objects_.emplace_back(object_id_of(object, family), type,
                                                 std::move(*what));
                         }));
  }

  const RulesetLimits& limits_;
  RulesetSocket socket_;
  BaseOrder order_;
  std::vector<ChainId> chains_;
  std::vector<std::pair<ChainId, Rule>> rules_;
  std::vector<std::pair<ChainId, Set>> sets_;
  std::vector<std::pair<ChainId, Element>> elements_;
  std::vector<std::tuple<ChainId, std::uint32_t, Expression>> objects_;
  std::vector<std::string> gaps_;
  bool full_ = false;  // what is being read is more than may be
};

}  // namespace

void read_ruleset(HeldRuleset& into, std::vector<std::string>& gaps, const RulesetLimits& limits) {
  WholeRuleset whole(limits);
  whole.read();
  std::move(whole).give(into, gaps);
}

void read_ruleset(ReadRuleset& into, const RulesetLimits& limits) {
  read_ruleset(into.ruleset, into.gaps, limits);
}

}  // namespace net
