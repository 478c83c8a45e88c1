#include <algorithm>
#include <deque>
#include <iostream>
#include <optional>

#include "cmd/diag/watch/output.hpp"
#include "cmd/print.hpp"
#include "cmd/screen.hpp"
#include "cmd/serve/text_table.hpp"
#include "core/printable.hpp"

namespace cmd {
namespace {

namespace watch_values = core::watch;

constexpr std::size_t most_remembered = 256;  // more lines than most screens have

// The first ones, and a line that says how many there are besides.
void add_some(std::vector<std::string>& lines, const std::vector<std::string>& all,
              std::size_t most) {
  const std::size_t shown = all.size() <= most ? all.size() : std::max<std::size_t>(most, 1) - 1;
  lines.insert(lines.end(), all.begin(), all.begin() + static_cast<std::ptrdiff_t>(shown));
  if (shown < all.size()) lines.push_back("… and " + grouped(all.size() - shown) + " more");
}

class WatchScreen final : public WatchOutput {
 public:
  WatchScreen() { screen_.emplace(); }

  [[nodiscard]] std::uint64_t most_events() const override { return most_remembered; }

  void start(const WatchStart& start) override {
    start_ = start;
    redraw();
  }
  void show(const watch_values::Flow& flow, const watch_values::Said& said) override {
    remember(to_text(flow, said));
  }
  // Those have a part of the screen of their own.
  void show(const watch_values::Drop&, const watch_values::Said&) override {}

  void report(const WatchReport& report) override {
    report_ = report;
    // They stay for longer than till the next report, or nobody could read them.
    for (std::size_t i = report.drops.size(); i-- > 0;) {
      const auto& row = report.drops[i];
      const std::string_view place = report.places.empty() ? std::string_view() : report.places[i];
      remember_drop(to_text(row.drop, {row.object, {}, place}).substr(sizeof "drop  " - 1),
                    row.new_ones);
    }
    if (!report.hint.empty()) hint_ = report.hint;
    redraw();
  }

  void redraw() override {
    if (!screen_) return;
    const TerminalSize size = terminal_size().value_or(TerminalSize{24, 80});
    std::vector<std::string> lines = text(size.rows);
    lines.resize(std::min(lines.size(), size.rows));
    for (std::string& line : lines) line = shortened(core::printable(line), size.columns);
    screen_->draw(lines);
  }
  void suspend() override { screen_.reset(); }
  void resume() override {
    screen_.emplace();
    redraw();
  }

  void end(const WatchTotals& totals) override {
    screen_.reset();
    print_line(std::cout, totals_text(totals));
  }

 private:
  struct Dropped {
    std::string text;
    std::uint64_t count = 0;
  };

  void remember(std::string text) {
    recent_.push_front(std::move(text));
    if (recent_.size() > most_remembered) recent_.pop_back();
  }

  [[nodiscard]] std::string heading() const {
    std::string places;
    for (const std::string& place : start_.places) places += (places.empty() ? "" : ", ") + place;
    return "pona diag watch  " + places + "  " + totals_text(report_.totals) + "  (Ctrl-C ends)";
  }

  void remember_drop(std::string text, std::uint64_t count) {
    const auto same = std::ranges::find(dropped_, text, &Dropped::text);
    if (same != dropped_.end()) {
      count += same->count;
      dropped_.erase(same);
    }
    dropped_.push_front({std::move(text), count});
    if (dropped_.size() > most_remembered) dropped_.pop_back();
  }

  [[nodiscard]] std::vector<std::string> drop_lines() const {
    std::vector<std::string> lines;
    for (const Dropped& one : dropped_) lines.push_back(grouped(one.count) + " × " + one.text);
    return lines;
  }

  // Each part has what it needs, at most a third of the rows; connections have the rest.
  [[nodiscard]] std::vector<std::string> text(std::size_t rows) const {
    const std::size_t third = rows / 3;
    std::vector<std::string> lines = {heading()};
    for (const std::string& note : start_.notes) lines.push_back("note: " + note);
    lines.emplace_back();
    add_some(lines, watch_values::rate_lines(report_.rates, report_.seconds, start_.bytes), third);
    if (start_.drops) {
      lines.emplace_back();
      lines.emplace_back(dropped_.empty() ? "DROPS  none" : "DROPS  the newest first");
      add_some(lines, drop_lines(), third);
      if (!hint_.empty()) lines.push_back("why: " + hint_);
    }
    lines.emplace_back();
    lines.emplace_back("CONNECTIONS  the newest first" +
                       (report_.skipped == 0
                            ? ""
                            : ", without " + grouped(report_.skipped) + " that came too fast"));
    lines.insert(lines.end(), recent_.begin(), recent_.end());
    return lines;
  }

  std::optional<Screen> screen_;
  WatchStart start_;
  WatchReport report_;
  std::deque<std::string> recent_;
  std::deque<Dropped> dropped_;
  std::string hint_;
};

}  // namespace

std::unique_ptr<WatchOutput> watch_screen() { return std::make_unique<WatchScreen>(); }

}  // namespace cmd
