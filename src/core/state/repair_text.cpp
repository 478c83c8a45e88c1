#include "core/state/repair_text.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <type_traits>
#include <utility>

#include "core/state/text.hpp"
#include "core/state/text_words.hpp"

namespace core {
namespace {

// Whose they are goes without saying.
std::string without_owner(const std::string& text, const char* word) {
  const std::string owner = owner_text(word);
  return text.ends_with(owner) ? text.substr(0, text.size() - owner.size()) : text;
}

std::string named_kind(const Route& route) {
  return "route " + without_owner(to_text(route), "proto");
}
std::string named_kind(const PolicyRule& rule) {
  return (rule.family == Family::ipv6 ? "IPv6 rule " : "rule ") +
         without_owner(to_text(rule), "protocol");
}
std::string named_kind(const Sysctl& sysctl) { return "sysctl " + sysctl.key; }
std::string named_kind(const Link& link) { return "link " + link.name; }
std::string named_kind(const Nexthop& nexthop) { return "next hop " + std::to_string(nexthop.id); }
std::string named_kind(const FouPort& port) { return "FoU port " + std::to_string(port.port); }

class RepairText {
 public:
  RepairText(const Meddlers& meddlers, std::string_view table, std::set<Family>& remade)
      : meddlers_(meddlers), table_(table), remade_(remade) {}

  void add(const Change& change) { std::visit(*this, change); }

  std::vector<std::string> lines() {
    for (const auto& [family, found] : tables_) {
      if (remade_.contains(family)) continue;
      tell(family, found);
      if (found.made) remade_.insert(family);
    }
    return std::move(lines_);
  }

  void operator()(const AddTable& change) { tables_[change.family].made = true; }
  void operator()(const DeleteTable& change) { tables_[change.family].removed = true; }
  void operator()(const AddSet& change) {
    tables_[change.family].sets[change.set.name].made = true;
  }
  void operator()(const DeleteSet& change) {
    tables_[change.family].sets[change.name].removed = true;
  }
  void operator()(const AddChain& change) {
    tables_[change.family].chains[change.name].made = true;
  }
  void operator()(const ReplaceRules& change) {
    tables_[change.family].chains[change.chain.name].filled = true;
  }
  void operator()(const DeleteChain& change) {
    tables_[change.family].chains[change.name].removed = true;
  }
  void operator()(const AddElement& change) {
    Found& found = tables_[change.element.key.family];
    if (!found.made && !remade_.contains(change.element.key.family))
      found.elements[change.element.key].made = true;
  }
  void operator()(const DeleteElement& change) {
    tables_[change.key.family].elements[change.key].removed = true;
  }
  template <typename T>
  void operator()(const Add<T>& change) {
    if constexpr (KindOf<T>::setting) {
      lines_.push_back(named_kind(change.what) + " was changed" + by(meddlers_.routing) +
                       ": set to " + change.what.value + " again");
    } else {
      lines_.push_back(named_kind(change.what) + was("removed", meddlers_.routing) + ": put back");
    }
  }
  template <typename T>
  void operator()(const Replace<T>& change) {
    if constexpr (KindOf<T>::setting) {
      lines_.push_back(named_kind(change.what) + " was changed to " + change.was.value +
                       by(meddlers_.routing) + ": set to " + change.what.value + " again");
    } else {
      lines_.push_back(named_kind(change.what) + was("changed", meddlers_.routing) + ": put back");
    }
  }
  template <typename T>
  void operator()(const Delete<T>& change) {
    lines_.push_back(named_kind(change.what) + was("added", meddlers_.routing) + ": removed");
  }

 private:
  struct Seen {
    bool made = false;
    bool removed = false;
    bool filled = false;  // a chain: its rules are written again
  };
  struct Found : Seen {
    std::map<std::string, Seen> sets;
    std::map<std::string, Seen> chains;
    std::map<ElementKey, Seen> elements;
  };

  static std::string by(const std::optional<Meddler>& meddler) {
    return meddler ? " by " + to_string(*meddler) : "";
  }
  // " was removed by …"; the kernel removes routes by itself, so nobody is blamed for these.
  static std::string was(const std::string& verb, const std::optional<Meddler>& meddler) {
    if (!meddler && verb == "removed") return " was missing";
    return " was " + verb + by(meddler);
  }
  [[nodiscard]] std::string by_somebody() const {
    return by(meddlers_.tables ? meddlers_.tables : Meddler());
  }

  void tell(Family family, const Found& found) {
    const std::string name = "table " + std::string(to_string(family)) + ' ' + std::string(table_);
    // With the table goes all that is in it.
    if (found.made) {
      lines_.push_back(name + " was " + (found.removed ? "changed" : "deleted") + by_somebody() +
                       ": put back");
      return;
    }
    if (found.removed) {
      lines_.push_back(name + " was added" + by_somebody() + ": removed");
      return;
    }
    for (const auto& [set, seen] : found.sets) tell("set " + set + " of " + name, seen);
    for (const auto& [chain, seen] : found.chains) tell("chain " + chain + " of " + name, seen);
    count(name, found.elements);
  }

  void tell(const std::string& what, const Seen& seen) {
    const bool added = seen.removed && !seen.made && !seen.filled;
    const bool gone = seen.made && !seen.removed;
    lines_.push_back(what + " was " +
                     (added  ? "added"
                      : gone ? "removed"
                             : "changed") +
                     by_somebody() + ": " + (added ? "removed" : "put back"));
  }

  void count(const std::string& name, const std::map<ElementKey, Seen>& elements) {
    if (elements.empty()) return;
    const auto all = [&](const auto& judge) {
      return std::ranges::all_of(elements, [&](const auto& entry) { return judge(entry.second); });
    };
    const bool gone = all([](const Seen& seen) { return !seen.removed; });
    const bool added = all([](const Seen& seen) { return !seen.made; });
    const std::string number = elements.size() == 1
                                   ? "1 element was "
                                   : std::to_string(elements.size()) + " elements were ";
    lines_.push_back(name + ": " + number +
                     (gone    ? "removed"
                      : added ? "added"
                              : "changed") +
                     by_somebody() + ": " + (added ? "removed" : "put back"));
  }

  const Meddlers& meddlers_;
  std::string_view table_;
  std::set<Family>& remade_;
  std::vector<std::string> lines_;
  std::map<Family, Found> tables_;
};

// Whether a change leads back to the state.
class LeadsBack {
 public:
  explicit LeadsBack(const Intact& before)
      : state_(before.frame), elements_too_(before.elements), remade_(before.remade) {}

  bool operator()(const AddTable& change) const { return state_.tables.contains(change.family); }
  bool operator()(const DeleteTable& change) const {
    const auto table = state_.tables.find(change.family);
    return table == state_.tables.end() || table->second.name == change.name;
  }
  bool operator()(const AddSet& change) const { return has_set(change.family, change.set.name); }
  bool operator()(const DeleteSet&) const { return elements_too_; }
  bool operator()(const AddChain& change) const { return chain(change.family, change.name); }
  bool operator()(const ReplaceRules& change) const {
    const nft::Chain* const was = chain(change.family, change.chain.name);
    return was != nullptr && *was == change.chain;
  }
  bool operator()(const DeleteChain& change) const { return !chain(change.family, change.name); }
  bool operator()(const AddElement& change) const {
    return elements_too_ || remade_.contains(change.element.key.family);
  }
  bool operator()(const DeleteElement&) const { return elements_too_; }
  template <typename T>
  bool operator()(const Add<T>& change) const {
    return KindOf<T>::holds(all<T>(state_), change.what);
  }
  template <typename T>
  bool operator()(const Replace<T>& change) const {
    return KindOf<T>::holds(all<T>(state_), change.what);
  }
  template <typename T>
  bool operator()(const Delete<T>& change) const {
    return !KindOf<T>::holds(all<T>(state_), change.what);
  }

 private:
  [[nodiscard]] const nft::Table* table(Family family) const {
    const auto found = state_.tables.find(family);
    return found == state_.tables.end() ? nullptr : &found->second;
  }
  [[nodiscard]] bool has_set(Family family, const std::string& name) const {
    const nft::Table* const found = table(family);
    return found != nullptr &&
           std::ranges::find(found->sets, name, &nft::Set::name) != found->sets.end();
  }
  [[nodiscard]] const nft::Chain* chain(Family family, const std::string& name) const {
    const nft::Table* const found = table(family);
    if (found == nullptr) return nullptr;
    const auto chain = std::ranges::find(found->chains, name, &nft::Chain::name);
    return chain == found->chains.end() ? nullptr : &*chain;
  }

  const State& state_;
  bool elements_too_;
  const std::set<Family>& remade_;
};

}  // namespace

Repairs repairs_in(const Changes& changes, Intact& before, const Meddlers& meddlers,
                   std::string_view table) {
  const LeadsBack leads_back(before);
  RepairText text(meddlers, table, before.remade);
  Repairs repairs;
  for (const Change& change : changes) {
    if (std::visit(leads_back, change)) {
      text.add(change);
    } else {
      repairs.others.push_back(change);
    }
  }
  repairs.lines = text.lines();
  return repairs;
}

}  // namespace core
