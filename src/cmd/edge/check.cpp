// The commands that look before a start: --check-config and --dry-run.
#include <algorithm>
#include <iostream>

#include "cmd/edge/claim_memory.hpp"
#include "cmd/edge/foresee.hpp"
#include "cmd/edge/host_listeners.hpp"
#include "cmd/edge/kept_elements.hpp"
#include "cmd/edge/read_elements.hpp"
#include "cmd/edge/run.hpp"
#include "cmd/edge/source.hpp"
#include "cmd/edge/status.hpp"
#include "cmd/print.hpp"
#include "core/edge/plan_edge.hpp"
#include "core/edge/tables/static_state.hpp"
#include "core/state/diff.hpp"
#include "core/state/text.hpp"
#include "net/kernel.hpp"
#include "net/listeners.hpp"
#include "os/clock.hpp"

namespace cmd {
namespace {

std::unique_ptr<kube::Source> open(const EdgeOptions& options) {
  return open_source(options, Purpose::look,
                     [](const std::string& text) { print_line(std::cout, "warning: " + text); });
}

void print_staleness(const kube::Source& source) {
  const auto saved = source.stale_since();
  if (!saved) return;
  print_line(std::cout, "note: the API server cannot be read: these are the objects saved at " +
                            rfc3339(*saved));
}

// Returns how many there are.
std::size_t print_problems(const kube::Source& source) {
  const std::vector<kube::Problem> problems = source.problems();
  for (const kube::Problem& problem : problems) {
    print_line(std::cout, "problem: " + problem.where + ": " + problem.reason);
  }
  return problems.size();
}

std::size_t print_rejections(const core::EdgePlan& plan) {
  for (const core::Rejection& rejection : plan.rejections()) {
    print_line(std::cout, "rejected: " + to_string(rejection.object) + ": " + rejection.reason);
  }
  return plan.rejections().size();
}

}  // namespace

int check_edge(const ResolvedOptions& resolved) {
  std::size_t name_width = 0;
  std::size_t text_width = 0;
  for (const EffectiveOption& option : resolved.effective) {
    name_width = std::max(name_width, option.name.size());
    text_width = std::max(text_width, option.text.size());
  }
  for (const EffectiveOption& option : resolved.effective) {
    const std::string text = '"' + option.text + '"';
    print_line(std::cout,
               std::string(option.name) + std::string(name_width - option.name.size() + 2, ' ') +
                   text + std::string(text_width - option.text.size() + 2, ' ') + option.origin);
  }
  for (const std::string& note : resolved.notes) print_line(std::cout, "note: " + note);

  const auto source = open(resolved.options);
  core::EdgePlan plan(resolved.options.settings);
  plan.remember(recall_claims(claims_file(resolved.options)));
  plan.update(take_all(*source, resolved.options));
  print_staleness(*source);
  std::size_t wrong = print_problems(*source) + print_rejections(plan);
  if (!source->synced() && wrong == 0) {
    print_line(std::cout,
               "problem: " + describe_source(resolved.options) + " cannot be read as a whole");
    ++wrong;
  }
  std::string counts = describe_source(resolved.options) + ':';
  for (const auto& [kind, number] : plan.object_counts()) {
    counts += ' ' + std::to_string(number) + ' ' + std::string(to_string(kind)) + ',';
  }
  print_line(std::cout, counts + ' ' + std::to_string(source->ignored()) + " of other kinds");
  return wrong == 0 ? 0 : 1;
}

int preview_edge(const ResolvedOptions& resolved) {
  for (const std::string& note : resolved.notes) print_line(std::cout, "note: " + note);
  const auto kernel = net::open_kernel(core::edge_scope(), false);
  const auto source = open(resolved.options);
  core::EdgePlan plan(resolved.options.settings);
  kernel->follow_routes(core::external_names(resolved.options.settings));
  plan.remember(recall_claims(claims_file(resolved.options)));
  plan.update(kernel->host());
  if (resolved.options.settings.host_ports != core::HostPortPolicy::take) {
    HostListeners listeners(net::read_listeners, os::system_clock());
    if (auto there = listeners.look()) plan.update(*std::move(there));
    if (!listeners.warning().empty()) print_line(std::cout, "warning: " + listeners.warning());
  }
  plan.update(take_all(*source, resolved.options));
  if (!plan.host_ports().refused().empty()) {
    plan.hold(carried_by(kernel->observe(plan.frame())));
  }
  for (const std::string& warning : plan.warnings()) print_line(std::cout, "warning: " + warning);
  for (const std::string& warning : foresee_rules(plan)) {
    print_line(std::cout, "warning: " + warning);
  }
  print_staleness(*source);
  const bool wrong = print_problems(*source) + print_rejections(plan) != 0;
  const bool partial = source->partial();
  if (!source->synced() && !partial) {
    print_line(std::cout, describe_source(resolved.options) +
                              " cannot be read as a whole: nothing would be changed before it can");
    return 1;
  }
  core::State observed = kernel->observe(plan.frame());
  if (core::liberal_is_off(observed)) plan.note_liberal_was_off();
  if (const auto carried = core::slot_layout_of(observed);
      carried && plan.settings().agree_on_slots && plan.settings().cluster) {
    plan.use(*carried);
    observed = kernel->observe(plan.frame());
  }
  Kept kept{plan.frame(), {}};
  if (partial) {
    kept = keep_unplanned(observed.elements, plan.frame(), plan.forwards());
    observed = kernel->observe(kept.frame);
  }
  const core::Changes changes = core::diff(observed, kept.frame, [&](const auto& visit) {
    plan.each_element(visit);
    std::ranges::for_each(kept.elements, visit);
  });
  if (partial) std::cout << "note: what cannot be read may ask for more: nothing is taken away\n";
  for (const std::string& line : core::to_text(changes)) print_line(std::cout, line);
  if (changes.empty()) std::cout << "no change: the kernel is as planned\n";
  return wrong ? 1 : 0;
}

}  // namespace cmd
