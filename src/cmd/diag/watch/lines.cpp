#include <array>
#include <ctime>
#include <iostream>

#include "cmd/diag/watch/output.hpp"
#include "cmd/print.hpp"
#include "cmd/serve/text_table.hpp"

namespace cmd {
namespace {

namespace watch_values = core::watch;

class WatchLines final : public WatchOutput {
 public:
  [[nodiscard]] std::uint64_t most_events() const override { return 20; }

  void start(const WatchStart& start) override {
    bytes_ = start.bytes;
    std::string places;
    for (const std::string& place : start.places) places += (places.empty() ? "" : ", ") + place;
    say("watching " + places);
    for (const std::string& note : start.notes) say("note  " + note);
    std::cout << std::flush;
  }
  void show(const watch_values::Flow& flow, const watch_values::Said& said) override {
    say(to_text(flow, said));
  }
  void show(const watch_values::Drop& drop, const watch_values::Said& said) override {
    say(to_text(drop, said));
  }

  void report(const WatchReport& report) override {
    if (report.skipped != 0) say("… and " + grouped(report.skipped) + " more that are not shown");
    if (report.lost != 0)
      say("lost  " + grouped(report.lost) + " events were lost: too many at once");
    for (std::size_t i = 0; i < report.drops.size(); ++i) {
      const auto& row = report.drops[i];
      // The first one of a row was shown when it came.
      const std::uint64_t more = row.new_ones - (row.count == row.new_ones ? 1 : 0);
      if (more == 0) continue;
      const std::string_view place = report.places.empty() ? std::string_view() : report.places[i];
      say(to_text(row.drop, {row.object, {}, place}) + "  … " + grouped(more) + " more like this");
    }
    if (report.other_drops != 0) say("drop  … " + grouped(report.other_drops) + " of other kinds");
    if (!report.hint.empty() && !hinted_) say("next  why it is dropped: " + report.hint);
    hinted_ = hinted_ || !report.hint.empty();
    for (const auto& row : report.rates) {
      say(watch_values::rate_line(row, report.seconds, bytes_));
    }
    std::cout << std::flush;
  }

  void end(const WatchTotals& totals) override {
    say("end of the watch: " + totals_text(totals));
    std::cout << std::flush;
  }

 private:
  static void say(const std::string& text) {
    const std::time_t now = std::time(nullptr);
    std::tm parts{};
    localtime_r(&now, &parts);
    std::array<char, 16> clock{};
    std::strftime(clock.data(), clock.size(), "%H:%M:%S  ", &parts);
    print_line(std::cout, clock.data() + text);
  }

  bool bytes_ = false;
  bool hinted_ = false;
};

}  // namespace

std::unique_ptr<WatchOutput> watch_lines() { return std::make_unique<WatchLines>(); }

std::string totals_text(const WatchTotals& totals) {
  std::string text = "connections: " + grouped(totals.begun) + " new, " + grouped(totals.ended) +
                     " ended; dropped packets: " + grouped(totals.drops);
  if (totals.skipped != 0) text += "; not shown: " + grouped(totals.skipped);
  if (totals.lost != 0) text += "; events lost: " + grouped(totals.lost);
  return text + "; in " + grouped(static_cast<std::uint64_t>(totals.seconds)) + " s";
}

}  // namespace cmd
