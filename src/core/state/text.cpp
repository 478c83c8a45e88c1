#include "core/state/text.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "core/state/text_table.hpp"

namespace core {
namespace {

class ChangeText {
 public:
  ChangeText(std::size_t elements_per_line, std::string_view table)
      : elements_per_line_(elements_per_line), table_(table) {}

  std::vector<std::string> print(const Changes& changes) {
    for (const Change& change : changes) std::visit(*this, change);
    flush();
    return std::move(lines_);
  }

  void operator()(const AddElement& change) {
    collect(true, change.element.key, change.element.value);
  }
  void operator()(const DeleteElement& change) { collect(false, change.key, change.was); }

  void operator()(const AddTable& change) {
    line("add table " + named(change.family, change.name));
  }
  void operator()(const DeleteTable& change) {
    line("delete table " + named(change.family, change.name));
  }
  void operator()(const AddSet& change) {
    std::string body;
    for (const std::string& part : body_of(change.set, change.family)) body += part + "; ";
    line("add " + std::string(word_of(change.set)) + " " + table_text(change.family) + " " +
         change.set.name + " { " + body + "}");
  }
  void operator()(const DeleteSet& change) {
    const auto id = parse_set(change.name);
    const bool map = id && !declaration_of(*id).data.empty();
    line((map ? "delete map " : "delete set ") + table_text(change.family) + " " + change.name);
  }
  void operator()(const AddChain& change) {
    line("add chain " + table_text(change.family) + " " + change.name +
         (change.hook ? " { " + hook_text(*change.hook) + " }" : ""));
  }
  void operator()(const ReplaceRules& change) {
    const std::string chain = table_text(change.family) + " " + change.chain.name;
    line("flush chain " + chain);
    for (const nft::Rule& rule : change.chain.rules) {
      line("add rule " + chain + " " + to_text(rule, change.family));
    }
  }
  void operator()(const DeleteChain& change) {
    line("delete chain " + table_text(change.family) + " " + change.name);
  }
  template <typename T>
  void operator()(const Add<T>& change) {
    line(KindOf<T>::make(change.what));
  }
  template <typename T>
  void operator()(const Replace<T>& change) {
    line(KindOf<T>::replace(change.what, change.was));
  }
  template <typename T>
  void operator()(const Delete<T>& change) {
    line(KindOf<T>::remove(change.what));
  }

 private:
  // Tables are named by those changes that make them; a change of an element says only its family.
  [[nodiscard]] std::string table_text(Family family) const {
    return std::string(to_string(family)) + " " + std::string(table_);
  }
  static std::string named(Family family, const std::string& name) {
    return std::string(to_string(family)) + " " + name;
  }
  void line(std::string text) {
    flush();
    lines_.push_back(std::move(text));
  }

  // Elements may be told in another order than they are changed in, as long as additions and
  // deletions keep theirs.
  void collect(bool add, const ElementKey& key, const ElementValue& value) {
    if (add != adding_) flush();
    adding_ = add;
    Run& run = runs_[{key.family, key.set}];
    ++run.size;
    if (elements_per_line_ == 0) return;
    // The key alone says what is deleted, and nft would not take more of a set.
    run.elements.push_back(add ? to_text(Element{key, value}) : to_text(Element{key, {}}));
  }
  void flush() {
    const std::string verb = adding_ ? "add" : "delete";
    for (const auto& [which, run] : runs_) {
      const std::string set = table_text(which.first) + " " + std::string(to_string(which.second));
      if (elements_per_line_ == 0) {
        lines_.push_back(verb + " " + std::to_string(run.size) +
                         (run.size == 1 ? " element" : " elements") +
                         (adding_ ? " to " : " from ") + set);
        continue;
      }
      for (std::size_t i = 0; i < run.elements.size(); i += elements_per_line_) {
        std::string elements;
        for (std::size_t k = i; k < std::min(run.elements.size(), i + elements_per_line_); ++k) {
          elements.append(elements.empty() ? "" : ", ").append(run.elements[k]);
        }
        lines_.push_back(verb + " element " + set + " { " + elements + " }");
      }
    }
    runs_.clear();
  }

  struct Run {
    std::size_t size = 0;
    std::vector<std::string> elements;
  };

  std::size_t elements_per_line_;
  std::string_view table_;
  std::vector<std::string> lines_;
  bool adding_ = true;
  std::map<std::pair<Family, SetId>, Run> runs_;
};

}  // namespace

std::vector<std::string> to_text(const Changes& changes, std::size_t elements_per_line,
                                 std::string_view table) {
  return ChangeText(elements_per_line, table).print(changes);
}

std::string to_text(const State& state) {
  const auto by_name = [](const auto& a, const auto& b) { return a.name < b.name; };
  std::string text;
  for (const auto& [family, table] : state.tables) {
    nft::Table sorted = table;
    std::ranges::sort(sorted.sets, by_name);
    std::ranges::sort(sorted.chains, by_name);
    text += to_text(sorted);
  }
  std::vector<const Elements::value_type*> elements;
  elements.reserve(state.elements.size());
  for (const auto& element : state.elements) elements.push_back(&element);
  std::ranges::sort(elements, [](const auto* a, const auto* b) { return a->first < b->first; });
  Changes rest;
  for (const auto* const element : elements) {
    rest.push_back(AddElement{{element->first, element->second}});
  }
  for (const bool setting : {false, true}) {
    each_kind([&]<typename T>() {
      if (KindOf<T>::setting != setting) return;
      for (const auto& entry : all<T>(state)) rest.push_back(Add<T>{KindOf<T>::value(entry)});
    });
  }
  const std::string_view table = state.tables.empty() ? std::string_view(constants::edge_table)
                                                      : state.tables.begin()->second.name;
  for (const std::string& line : to_text(rest, 1, table)) text += line + "\n";
  return text;
}

}  // namespace core
