// The nftables of one network namespace, whoever wrote them, as the interpreter asks for them. Not
// here: pona's own rules, as its planners say them (core/state/ruleset). Rule: what cannot be read
// is said to be so, and is not "nothing there".
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/packet/expression.hpp"

namespace core::packet {

// NFPROTO_*
enum class TableFamily : std::uint8_t {
  inet = 1,
  ip = 2,
  arp = 3,
  netdev = 5,
  bridge = 7,
  ip6 = 10
};
std::string_view to_string(TableFamily family);

// NF_INET_*, and those of the family netdev behind them.
enum class Hook : std::uint8_t { prerouting, input, forward, output, postrouting, ingress, egress };
std::string_view to_string(Hook hook);

struct ChainId {  // also of a set: of whatever lies in a table under a name
  TableFamily family{};
  std::string table;
  std::string name;

  friend auto operator<=>(const ChainId&, const ChainId&) = default;
};
std::string to_text(const ChainId& chain);  // "ip filter FORWARD"

struct BaseChain {
  enum class Type : std::uint8_t { filter, nat, route };
  ChainId id;
  Type type{};
  Hook hook{};
  std::int32_t priority = 0;
  bool drops = false;                // its policy
  std::vector<std::string> devices;  // of the family netdev, and of the hook ingress of inet

  friend bool operator==(const BaseChain&, const BaseChain&) = default;
};

// The priority at which packets meet it. All chains of type nat of a hook are met at one place,
// that of nf_nat's own hook, in the order of their own priorities.
inline std::int32_t met_at(const BaseChain& chain) {
  if (chain.type != BaseChain::Type::nat) return chain.priority;
  constexpr std::int32_t destination = -100;  // NF_IP_PRI_NAT_DST
  constexpr std::int32_t source = 100;        // NF_IP_PRI_NAT_SRC
  return chain.hook == Hook::prerouting || chain.hook == Hook::output ? destination : source;
}

struct Rule {
  std::uint64_t handle = 0;
  std::vector<Expression> expressions;
  std::string comment;

  friend bool operator==(const Rule&, const Rule&) = default;
};

struct Set {
  std::uint32_t flags = 0;     // NFT_SET_*
  std::uint32_t key_type = 0;  // as nft(8) numbers its types, six bits for each of a concatenation
  std::uint32_t key_length = 0;  // bytes
  std::uint32_t data_type = 0;   // likewise; 0xffffff00 (NFT_DATA_VERDICT): verdicts
  std::uint32_t data_length = 0;
  std::vector<std::uint32_t> field_lengths;  // of a concatenation with ranges; bytes, unpadded
  std::uint32_t object_type = 0;             // NFT_OBJECT_*, of maps of stateful objects

  friend bool operator==(const Set&, const Set&) = default;
};

struct Element {
  Bytes key;
  std::optional<Bytes> key_end;  // of a range; inclusive
  bool interval_end = false;     // a range ends in front of it; of sets of the kind without key_end
  bool catch_all = false;
  Bytes data;
  std::optional<Verdict> verdict;
  bool expired = false;
  std::string comment;
  std::vector<Expression> expressions;  // a counter, a limit
  std::string object;                   // the name of a stateful one, of maps of these

  friend bool operator==(const Element&, const Element&) = default;
};

struct Found {
  enum class Answer : std::uint8_t { no, yes, unknown };
  Answer answer = Answer::unknown;
  Bytes data{};
  std::optional<Verdict> verdict{};
  std::vector<Expression> expressions{};  // of the element, as a limit
  std::string object{};                   // the name of a stateful one, of maps of these

  friend bool operator==(const Found&, const Found&) = default;
};

class Ruleset {
 public:
  Ruleset() = default;
  Ruleset(const Ruleset&) = delete;
  Ruleset& operator=(const Ruleset&) = delete;
  virtual ~Ruleset() = default;

  // Whether it is known at all. Where not, there seem to be no chains.
  virtual bool readable() { return true; }
  // In the order in which packets meet them: by hook, then by met_at(); the kernel puts a new one
  // in front of others of the same priority.
  virtual const std::vector<BaseChain>& base_chains() = 0;
  // Null: there is no such chain, or it cannot be read. Valid as long as the ruleset is.
  virtual const std::vector<Rule>* rules(const ChainId& chain) = 0;
  virtual const Set* set(const ChainId& id) = 0;
  // `key` has the set's key length.
  virtual Found find(const ChainId& set, ByteView key) = 0;
  // All of a set, for its text: those of anonymous sets; at most `most`.
  virtual std::vector<Element> elements(const ChainId& set, std::size_t most) = 0;
  // What a stateful object is: a counter, limit, quota; empty where it is not known.
  virtual std::optional<Expression> object(const ChainId& id, std::uint32_t type) = 0;
};

// A ruleset that is all here: of a bundle, of a plan that is not applied yet, of a test.
class HeldRuleset final : public Ruleset {
 public:
  struct HeldSet {
    Set set;
    std::vector<Element> elements;
  };
  // Adding keeps the order of calls among equal priorities.
  void add(const BaseChain& chain);
  void add_last(const BaseChain& chain);  // they come in the order in which packets meet them
  void add_chain(const ChainId& id);      // one that is no base chain
  void add_rule(const ChainId& chain, Rule rule);
  void add_set(const ChainId& id, Set set);
  void add_element(const ChainId& set, Element element);
  void add_object(const ChainId& id, std::uint32_t type, Expression what);
  void make_unreadable() { readable_ = false; }

  // All of it, for who writes it down.
  [[nodiscard]] const std::map<ChainId, std::vector<Rule>>& all_rules() const { return rules_; }
  [[nodiscard]] std::vector<std::pair<ChainId, const HeldSet*>> all_sets() const;
  [[nodiscard]] const auto& all_objects() const { return objects_; }

  bool readable() override { return readable_; }
  const std::vector<BaseChain>& base_chains() override { return base_; }
  const std::vector<Rule>* rules(const ChainId& chain) override;
  const Set* set(const ChainId& id) override;
  Found find(const ChainId& set, ByteView key) override;
  std::vector<Element> elements(const ChainId& set, std::size_t most) override;
  std::optional<Expression> object(const ChainId& id, std::uint32_t type) override;

 private:
  std::vector<BaseChain> base_;
  std::map<ChainId, std::vector<Rule>> rules_;
  struct Indexed : HeldSet {
    // Places in `elements`, made when they are first asked for.
    bool sorted = false;
    bool open_intervals = false;
    std::vector<std::uint32_t> by_key;  // those without key_end
    std::vector<std::uint32_t> ranges;
    std::vector<std::uint32_t> catch_all;

    void sort();
    const Element* find(ByteView key);
  };
  std::map<ChainId, Indexed> sets_;
  std::map<std::pair<ChainId, std::uint32_t>, Expression> objects_;
  bool readable_ = true;
};

}  // namespace core::packet
