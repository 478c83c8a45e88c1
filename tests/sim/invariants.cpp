#include "sim/invariants.hpp"

#include <algorithm>
#include <map>
#include <unordered_set>

#include "core/state/diff.hpp"
#include "core/state/text.hpp"
#include "sim/options.hpp"

namespace sim {
namespace {

// The first lines of what would lead from one state to another.
std::string difference(const core::State& from, const core::State& to) {
  std::string text;
  for (const std::string& line : core::to_text(core::diff(from, to), 10)) text += "\n    " + line;
  return text;
}

// What comes later stands at the end, wherever a table made anew would have it: a set of sources,
// the note that tracking was strict.
using Tables = std::map<core::Family, core::nft::Table>;
bool same_but_for_order(Tables left, Tables right) {
  for (Tables* const tables : {&left, &right}) {
    for (auto& [family, table] : *tables) {
      std::ranges::sort(table.sets, {}, &core::nft::Set::name);
      std::ranges::sort(table.chains, {}, &core::nft::Chain::name);
    }
  }
  return left == right;
}

// Compares in place: copies of elements would cost more than all that the edges do.
bool same_tables(const support::FakeTables& kernel, const core::EdgePlan& plan) {
  if (kernel.tables() != plan.frame().tables &&
      !same_but_for_order(kernel.tables(), plan.frame().tables)) {
    return false;
  }
  const core::Elements& elements = kernel.elements();
  bool all = true;
  // Several Mappings may ask for the same element.
  std::unordered_set<core::ElementKey, core::ElementKeyHash> planned;
  plan.each_element([&](const core::Element& element) {
    const auto found = elements.find(element.key);
    all = all && found != elements.end() && found->second == element.value;
    planned.insert(element.key);
  });
  return all && planned.size() == elements.size();
}

bool same(const support::FakeKernel& kernel, const core::EdgePlan& plan) {
  return kernel.routes() == plan.frame().routes && kernel.rules() == plan.frame().rules &&
         same_tables(kernel.tables(), plan);
}

bool has_no_hooks(const support::FakeKernel& kernel) {
  return std::ranges::none_of(kernel.tables().tables(), [](const auto& table) {
    return std::ranges::any_of(table.second.chains,
                               [](const auto& chain) { return chain.hook.has_value(); });
  });
}

}  // namespace

void ToldObjects::check(const core::ObjectChanges& changes) {
  for (const auto& [id, object] : changes) {
    const Api::Versions& versions = api_.versions(id);
    std::size_t& at = at_[id];
    const auto is_told = [&told = object](const auto& version) {
      return told == nullptr ? version == nullptr : version != nullptr && *version == *told;
    };
    const auto found =
        std::find_if(versions.begin() + static_cast<std::ptrdiff_t>(at), versions.end(), is_told);
    if (found != versions.end()) {
      at = static_cast<std::size_t>(found - versions.begin());
      continue;
    }
    const bool older = std::any_of(versions.begin(), versions.end(), is_told);
    const std::string who = edge_ + ": " + core::to_string(id);
    if (object == nullptr) throw Violation("deletions", who + " was taken out, nobody deleted it");
    throw Violation("versions", who + (older ? " went back to an older version"
                                             : " was never what the edge was told"));
  }
}

void Untouched::check(const support::FakeKernel& kernel) {
  const core::Elements& elements = kernel.tables().elements();
  const auto there = [&](const auto& element) {
    const auto found = elements.find(element.first);
    return found != elements.end() && found->second == element.second;
  };
  const bool all = !has_no_hooks(kernel) && std::all_of(elements_.begin(), elements_.end(), there);
  if (carried_ && !all) {
    const auto lost = std::find_if_not(elements_.begin(), elements_.end(), there);
    throw Violation("untouched",
                    edge_ + ": a Mapping that nobody touched is interrupted" +
                        (lost == elements_.end() ? ": the tables have no hooks"
                                                 : ", without " + core::to_text(core::Element{
                                                                      lost->first, lost->second})));
  }
  carried_ = all;
}

void check_batch(const std::string& edge, const support::FakeKernel& kernel,
                 const core::EdgePlan& plan) {
  if (same_tables(kernel.tables(), plan) || has_no_hooks(kernel)) return;
  throw Violation("half state", edge + ": the tables are not as planned after a batch; that needs" +
                                    difference(kernel.state(), plan.state()));
}

void check_refused(const std::string& edge, const support::FakeKernel& kernel,
                   const support::FakeTables& before) {
  if (kernel.tables().tables() == before.tables() &&
      kernel.tables().elements() == before.elements()) {
    return;
  }
  throw Violation("half state", edge + ": a refused batch left something in the tables");
}

void check_content(const std::string& edge, const support::FakeKernel& kernel,
                   const core::EdgePlan& plan) {
  if (same(kernel, plan)) return;
  throw Violation("content", edge + " says that all is well, but as planned would need" +
                                 difference(kernel.state(), plan.state()));
}

void check_sender(const std::string& edge, bool leading, const kube::Request& request) {
  static const std::string key = "fieldManager=";
  const std::size_t at = request.target.find(key);
  if (leading || at == std::string::npos) return;
  const std::size_t begin = at + key.size();
  const std::string manager = request.target.substr(begin, request.target.find('&', begin) - begin);
  if (manager == "pona-edge-" + edge) return;
  throw Violation("leader", edge + " writes as " + manager + " and does not lead");
}

Rest::Rest(const core::EdgeSettings& settings, const core::Host& host,
           const core::ObjectChanges& objects)
    : plan_(settings) {
  plan_.update(host, false);
  plan_.update(objects, false);
  plan_.note_liberal_was_off();  // as in each kernel of a simulation
}

bool Rest::is_reached(const support::FakeKernel& kernel) const { return same(kernel, plan_); }

void Rest::check(const std::string& edge, const support::FakeKernel& kernel) const {
  if (same(kernel, plan_)) return;
  throw Violation("rest", edge + " does not come to what the objects say; that needs" +
                              difference(kernel.state(), plan_.state()));
}

}  // namespace sim
