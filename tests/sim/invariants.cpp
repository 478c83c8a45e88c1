#include "sim/invariants.hpp"

#include <algorithm>

#include "core/build.hpp"
#include "core/diff.hpp"
#include "core/text.hpp"
#include "sim/options.hpp"

namespace sim {
namespace {

// The first lines of what would lead from one state to another.
std::string difference(const core::State& from, const core::State& to) {
  std::string text;
  for (const std::string& line : core::to_text(core::diff(from, to), 10)) text += "\n    " + line;
  return text;
}

bool same_tables(const core::State& a, const core::State& b) {
  return a.tables == b.tables && a.elements == b.elements;
}

bool same(const core::State& a, const core::State& b) {
  return same_tables(a, b) && a.routes == b.routes && a.rules == b.rules;
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

void Untouched::check(const core::State& kernel) {
  const auto there = [&](const auto& element) {
    const auto found = kernel.elements.find(element.first);
    return found != kernel.elements.end() && found->second == element.second;
  };
  const bool all = !core::inert(kernel) && std::all_of(elements_.begin(), elements_.end(), there);
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

void check_batch(const std::string& edge, const core::State& kernel, const core::State& plan) {
  if (core::inert(kernel) || same_tables(kernel, plan)) return;
  throw Violation("half state", edge + ": the tables are not as planned after a batch; that needs" +
                                    difference(kernel, plan));
}

void check_refused(const std::string& edge, const core::State& kernel, const core::State& before) {
  if (same_tables(kernel, before)) return;
  throw Violation("half state", edge + ": a refused batch left something behind; before, without" +
                                    difference(before, kernel));
}

void check_content(const std::string& edge, const core::State& kernel, const core::State& plan) {
  if (same(kernel, plan)) return;
  throw Violation("content", edge + " says that all is well, but as planned would need" +
                                 difference(kernel, plan));
}

void check_rest(const std::string& edge, const core::State& kernel,
                const core::EdgeSettings& settings, const core::Host& host,
                const core::ObjectChanges& objects) {
  core::EdgePlan plan(settings);
  plan.update(host, false);
  plan.update(objects, false);
  const core::State wanted = plan.state();
  if (same(kernel, wanted)) return;
  throw Violation("rest", edge + " does not come to what the objects say; that needs" +
                              difference(kernel, wanted));
}

}  // namespace sim
