#include "sim/world.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

namespace sim {
namespace {

using namespace std::chrono_literals;
using support::apiserver::Fault;

// By then all is as the objects say, whatever happened before: the longest silence, the longest
// pauses between attempts, and a resync.
constexpr Time rest_within = 20min;

std::vector<std::string> addresses() { return {"203.0.113.11", "203.0.113.12", "203.0.113.13"}; }

}  // namespace

World::World(const Options& options)
    : options_(options),
      chance_(options.seed),
      trace_(options.trace),
      api_(now_, options.seed,
           {chance_.below(3) != 0, chance_.below(2) == 0, chance_.below(3) != 0}, trace_),
      network_(api_, now_, chance_, trace_),
      user_(api_, chance_, addresses()) {
  user_.create_untouched();
  for (int i = 0; i < 6; ++i) user_.act();
  choose_faults();
  for (const std::string& address : addresses()) {
    const Skew skew{std::chrono::hours(chance_.below(1000)),
                    static_cast<std::int64_t>(980 + chance_.below(41)),
                    static_cast<std::int64_t>(1'700'000'000 + chance_.below(7200)) - 3600};
    edges_.push_back(std::make_unique<Edge>(surroundings(), "edge-" + address.substr(10), address,
                                            skew, untouched_elements(address)));
    edges_.back()->start();
  }
  user_due_ = trouble_due_ = chance_.between(0s, 1s);
}

// What the kernel of this address holds when there is nothing else.
core::Elements World::untouched_elements(const std::string& address) const {
  // The same in every world.
  static std::map<std::string, core::Elements> known;
  const auto found = known.find(address);
  if (found != known.end()) return found->second;
  core::ObjectChanges objects;
  for (const auto& [id, object] : api_.objects()) {
    if (id.name.name.starts_with("untouched")) objects.emplace(id, object);
  }
  support::FakeKernel kernel;
  Edge::set_up(kernel, address);
  core::EdgePlan plan(Edge::settings());
  plan.update(kernel.host(), false);
  plan.update(objects, false);
  return known[address] = plan.state().elements;
}

void World::run() {
  while (steps_ < options_.steps) step();
  make_peace();
  come_to_rest();
}

void World::step() {
  ++steps_;
  Time due = std::min({network_.due(), user_due_, trouble_due_});
  for (const auto& edge : edges_) due = std::min(due, edge->due());
  now_ = std::max(now_, due);
  if (user_due_ <= now_) {
    act_user();
  } else if (trouble_due_ <= now_) {
    make_trouble();
  } else {
    // Whoever is due; in no order.
    std::vector<Edge*> ready;
    for (const auto& edge : edges_) {
      if (edge->due() <= now_) ready.push_back(edge.get());
    }
    const bool message = network_.due() <= now_;
    const std::size_t chosen = chance_.below(ready.size() + (message ? 1 : 0));
    chosen < ready.size() ? ready[chosen]->step() : network_.step();
  }
  network_.notice();
  check_leaders();
}

void World::check_leaders() const {
  const Edge* leader = nullptr;
  for (const auto& edge : edges_) {
    if (!edge->leading()) continue;
    if (leader != nullptr) {
      throw Violation("leader", leader->name() + " and " + edge->name() + " lead at once");
    }
    leader = edge.get();
  }
}

void World::act_user() {
  user_.act();
  // Often at once, sometimes not for minutes.
  user_due_ =
      now_ + (chance_.below(12) == 0 ? chance_.between(1s, 400s) : chance_.between(0ms, 300ms));
}

void World::choose_faults() {
  // Some worlds have a good network, some a very bad one.
  const std::size_t worst = chance_.below(3) * 25;
  const auto some = [&](std::size_t most) { return chance_.below(most * worst / 25 + 1); };
  network_.faults = {some(60), some(20), some(30), some(60),
                     some(15), some(10), some(10), some(30)};
}

void World::make_trouble() {
  trouble_due_ =
      now_ + (chance_.below(4) == 0 ? chance_.between(0ms, 50ms) : chance_.between(50ms, 4s));
  switch (chance_.below(9)) {
    case 0:
    case 1:
      trouble_server();
      break;
    case 2:
      choose_faults();
      break;
    case 3:
    case 4: {
      static const std::vector<Fault::Kind> kinds = {
          Fault::Kind::busy,     Fault::Kind::error,     Fault::Kind::unauthorized,
          Fault::Kind::truncate, Fault::Kind::duplicate, Fault::Kind::garbage,
          Fault::Kind::drop};
      Fault fault;
      fault.kind = chance_.one_of(kinds);
      fault.after = chance_.below(3);
      trace_.say(now_, "trouble",
                 "the next request meets fault " + std::to_string(static_cast<int>(fault.kind)));
      api_.add_fault(fault);
      break;
    }
    default:
      trouble_edge();
  }
}

void World::trouble_server() {
  if (chance_.below(3) != 0) {
    trace_.say(now_, "trouble", "the server compacts");
    api_.server().compact();
    return;
  }
  trace_.say(now_, "trouble", "the server restarts");
  network_.stop_server(now_ + chance_.between(0s, 10s));
  // What the watch cache of the old one knew.
  if (chance_.below(2) == 0) api_.server().compact();
}

void World::trouble_edge() {
  Edge& edge = *chance_.one_of(edges_);
  if (!edge.running()) {
    edge.start();
    return;
  }
  switch (chance_.below(7)) {
    case 0:
      edge.kill("is killed");
      break;
    case 1:
    case 2:
      edge.kernel().trouble_at(1 + chance_.below(12), chance_.below(2) == 0);
      break;
    case 3:
      edge.disturb_host();
      break;
    case 4:
      edge.set_clock(static_cast<std::int64_t>(1'700'000'000 + chance_.below(7200)) - 3600);
      break;
    default:
      trace_.say(now_, "trouble", edge.name() + " is cut off");
      network_.hold(edge.name(), now_ + chance_.between(0s, 100s));
  }
}

void World::make_peace() {
  trace_.say(now_, "world", "no more faults");
  network_.calm();
  api_.clear_faults();
  for (const auto& edge : edges_) edge->kernel().let_live();
  user_due_ = trouble_due_ = never;
}

void World::come_to_rest() {
  const Time until = now_ + rest_within;
  Time restart_due = now_;
  Time look_due = now_;
  std::size_t writes = 0;
  std::vector<std::unique_ptr<Rest>> wanted;
  const auto is_reached = [&] {
    for (std::size_t i = 0; i < edges_.size(); ++i) {
      if (!edges_[i]->is_content() || !wanted[i]->is_reached(edges_[i]->kernel())) return false;
    }
    return true;
  };
  for (;; step()) {
    // What an edge sent before may still change objects.
    if (wanted.empty() || std::exchange(writes, api_.writes().size()) != api_.writes().size()) {
      wanted.clear();
      for (const auto& edge : edges_) {
        wanted.push_back(
            std::make_unique<Rest>(Edge::settings(), edge->kernel().host(), api_.objects()));
      }
    }
    // Comparing costs more than a step.
    if (now_ < look_due) continue;
    look_due = now_ + 50ms;
    if (is_reached()) return;
    if (now_ >= restart_due) {
      restart_due = now_ + 1s;
      for (const auto& edge : edges_) {
        if (!edge->running()) edge->start();
      }
    }
    if (now_ < until) continue;
    for (std::size_t i = 0; i < edges_.size(); ++i) {
      edges_[i]->check_content();
      wanted[i]->check(edges_[i]->name(), edges_[i]->kernel());
    }
  }
}

}  // namespace sim
