// Changes -> the state after them.
#include <algorithm>

#include "core/state/diff.hpp"

namespace core {
namespace {

template <typename Named>
bool has_name(const std::vector<Named>& all, const std::string& name) {
  return std::ranges::find(all, name, &Named::name) != all.end();
}

class Application {
 public:
  explicit Application(State& state) : state_(state) {}

  void operator()(const AddTable& change) const {
    state_.tables.try_emplace(change.family, nft::Table{change.family, change.name, {}, {}});
  }
  void operator()(const DeleteTable& change) const {
    const auto found = state_.tables.find(change.family);
    if (found == state_.tables.end() || found->second.name != change.name) return;
    state_.tables.erase(found);
    std::erase_if(state_.elements,
                  [&](const auto& element) { return element.first.family == change.family; });
  }
  void operator()(const AddSet& change) const {
    nft::Table* const table = table_of(change.family);
    if (table != nullptr && !has_name(table->sets, change.set.name)) {
      table->sets.push_back(change.set);
    }
  }
  void operator()(const DeleteSet& change) const {
    nft::Table* const table = table_of(change.family);
    if (table == nullptr) return;
    std::erase_if(table->sets, [&](const nft::Set& set) { return set.name == change.name; });
    const auto id = parse_set(change.name);
    if (!id) return;
    std::erase_if(state_.elements, [&](const auto& element) {
      return element.first.family == change.family && element.first.set == *id;
    });
  }
  void operator()(const AddChain& change) const {
    nft::Table* const table = table_of(change.family);
    if (table != nullptr && !has_name(table->chains, change.name)) {
      table->chains.push_back({change.name, change.hook, {}});
    }
  }
  void operator()(const ReplaceRules& change) const {
    nft::Table* const table = table_of(change.family);
    if (table == nullptr) return;
    const auto chain = std::ranges::find(table->chains, change.chain.name, &nft::Chain::name);
    if (chain != table->chains.end()) chain->rules = change.chain.rules;
  }
  void operator()(const DeleteChain& change) const {
    nft::Table* const table = table_of(change.family);
    if (table == nullptr) return;
    std::erase_if(table->chains,
                  [&](const nft::Chain& chain) { return chain.name == change.name; });
  }
  void operator()(const AddElement& change) const {
    state_.elements.try_emplace(change.element.key, change.element.value);
  }
  void operator()(const DeleteElement& change) const { state_.elements.erase(change.key); }

  template <typename T>
  void operator()(const Add<T>& change) const {
    KindOf<T>::put(all<T>(state_), change.what);
  }
  template <typename T>
  void operator()(const Replace<T>& change) const {
    KindOf<T>::drop(all<T>(state_), change.was);
    KindOf<T>::put(all<T>(state_), change.what);
  }
  template <typename T>
  void operator()(const Delete<T>& change) const {
    KindOf<T>::drop(all<T>(state_), change.what);
  }

 private:
  [[nodiscard]] nft::Table* table_of(Family family) const {
    const auto found = state_.tables.find(family);
    return found == state_.tables.end() ? nullptr : &found->second;
  }

  State& state_;
};

}  // namespace

State apply(const Changes& changes, State state) {
  const Application application(state);
  for (const Change& change : changes) std::visit(application, change);
  return state;
}

}  // namespace core
