// How `pona diag watch` shows what it sees: a screen, lines, or JSON. Not here: what is shown, and
// how much of it (loop).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/watch/tally.hpp"
#include "core/watch/text.hpp"

namespace cmd {

struct WatchStart {
  std::vector<std::string> places;
  bool bytes = false;  // connections have bytes
  bool drops = false;  // they are seen
  std::vector<std::string> notes;
};

// Since the beginning.
struct WatchTotals {
  std::uint64_t begun = 0;
  std::uint64_t ended = 0;
  std::uint64_t drops = 0;
  std::uint64_t skipped = 0;  // events that were seen and not shown
  std::uint64_t lost = 0;     // events that the kernel had no room for
  double seconds = 0;
};

// Since the last one.
struct WatchReport {
  double seconds = 0;
  std::vector<core::watch::Rates::Row> rates;
  std::vector<core::watch::Drops::Row> drops;
  std::vector<std::string> places;  // of the drops, in their order; empty: there is but one
  std::uint64_t other_drops = 0;
  std::uint64_t skipped = 0;
  std::uint64_t lost = 0;
  WatchTotals totals;
  std::string hint;  // a command that says more of the first drop
};

class WatchOutput {
 public:
  virtual ~WatchOutput() = default;
  // In a second; more is skipped.
  [[nodiscard]] virtual std::uint64_t most_events() const = 0;
  virtual void start(const WatchStart& start) = 0;
  virtual void show(const core::watch::Flow& flow, const core::watch::Said& said) = 0;
  virtual void show(const core::watch::Drop& drop, const core::watch::Said& said) = 0;
  virtual void report(const WatchReport& report) = 0;
  // Of a terminal: it has another size, it is needed by others, it is ours again.
  virtual void redraw() {}
  virtual void suspend() {}
  virtual void resume() {}
  virtual void end(const WatchTotals& totals) = 0;
};

std::unique_ptr<WatchOutput> watch_lines();
std::unique_ptr<WatchOutput> watch_json();
std::unique_ptr<WatchOutput> watch_screen();

// "connections: 12 new, 11 ended; dropped packets: 3; events lost: 4; in 35 s"
std::string totals_text(const WatchTotals& totals);

}  // namespace cmd
