#include "cmd/diag/watch/loop.hpp"

#include <net/if.h>
#include <poll.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <iostream>

#include "core/error.hpp"
#include "net/view/live_world.hpp"
#include "os/signals.hpp"

namespace cmd {
namespace {

namespace watch_values = core::watch;
using std::chrono::milliseconds;

// So that many events cost one turn, not one each.
constexpr milliseconds nap{20};
constexpr std::size_t most_interfaces = 4096;

os::Time after(os::Time begin, std::chrono::duration<double> time) {
  return begin + std::chrono::duration_cast<os::Time::duration>(time);
}

}  // namespace

WatchLoop::WatchLoop(const std::vector<WatchPlace>& places, watch_values::Filter filter,
                     WatchObjects& objects, WatchOutput& output, WatchBounds bounds)
    : places_(places),
      filter_(std::move(filter)),
      objects_(objects),
      output_(output),
      bounds_(bounds),
      budget_(output.most_events()) {
  net::probe::DropWatch::Places inodes;
  for (std::size_t i = 0; i < places_.size(); ++i) {
    flows_.push_back(std::make_unique<net::probe::FlowWatch>(places_[i].network, i));
    counts_bytes_ = counts_bytes_ || flows_.back()->counts_bytes();
    inodes.emplace(static_cast<std::uint32_t>(net::view::id_of(places_[i].network).second), i);
  }
  try {
    drop_watch_ = std::make_unique<net::probe::DropWatch>(inodes);
  } catch (const core::Error& error) {
    no_drops_ = error.what();
  }
}

int WatchLoop::run(const os::Fd& signals, std::vector<std::string> notes) {
  begun_ = last_report_ = now();
  objects_.look(begun_, false);
  for (std::size_t i = 0; i < flows_.size(); ++i) {
    const std::string& obstacle = flows_[i]->obstacle();
    if (!obstacle.empty()) notes.push_back(places_[i].label + ": " + obstacle);
  }
  if (!drop_watch_) notes.push_back("dropped packets are not shown: " + no_drops_);
  if (!counts_bytes_) {
    notes.emplace_back(
        "bytes are not shown: net.netfilter.nf_conntrack_acct is 0 (with 1, the kernel counts "
        "those of connections that begin from then on)");
  }
  notes.insert(notes.end(), objects_.notes().begin(), objects_.notes().end());
  std::vector<std::string> labels;
  for (const WatchPlace& one : places_) labels.push_back(one.label);
  output_.start({std::move(labels), counts_bytes_, drop_watch_ != nullptr, std::move(notes)});
  if (counts_bytes_) meter();  // what is there already counts from here on

  while (!over()) {
    os::Time due = after(last_report_, bounds_.interval);
    if (bounds_.duration.count() > 0) due = std::min(due, after(begun_, bounds_.duration));
    wait(signals, due, true);
    if (heed(signals)) break;
    if (drain()) {
      std::cout << std::flush;
      wait(signals, now() + nap, false);
      if (heed(signals)) break;
    }
    if (now() >= after(last_report_, bounds_.interval)) report();
  }
  if (!stopped_ || now() - last_report_ > nap) report();
  // What came since the last report counts in the end.
  totals_.skipped += budget_.take_skipped();
  totals_.lost = lost_so_far();
  totals_.seconds = std::chrono::duration<double>(now() - begun_).count();
  output_.end(totals_);
  return bounds_.count != 0 && shown_ < bounds_.count ? 3 : 0;
}

bool WatchLoop::over() const {
  return stopped_ || !std::cout || (bounds_.count != 0 && shown_ >= bounds_.count) ||
         (bounds_.duration.count() > 0 && now() >= after(begun_, bounds_.duration));
}

// True: it is to end.
bool WatchLoop::heed(const os::Fd& signals) {
  for (int signal = os::take_signal(signals); signal != 0; signal = os::take_signal(signals)) {
    if (signal == SIGWINCH) {
      output_.redraw();
    } else if (signal == SIGTSTP) {
      output_.suspend();
      raise(SIGSTOP);
      output_.resume();
    } else {
      stopped_ = true;
    }
  }
  return stopped_;
}

void WatchLoop::wait(const os::Fd& signals, os::Time until, bool events) {
  std::vector<pollfd> polled = {{signals.get(), POLLIN, 0}};
  if (events) {
    for (const auto& flows : flows_) polled.push_back({flows->fd(), POLLIN, 0});
    if (drop_watch_) polled.push_back({drop_watch_->fd(), POLLIN, 0});
  }
  const auto left = std::chrono::ceil<milliseconds>(until - now());
  constexpr milliseconds longest{60'000};
  if (left.count() > 0) {
    poll(polled.data(), polled.size(), static_cast<int>(std::min(left, longest).count()));
  }
}

// Whether there was something.
bool WatchLoop::drain() {
  bool any = false;
  for (const auto& flows : flows_) {
    flows->drain([&](const watch_values::Flow& flow) {
      any = true;
      take(flow);
    });
  }
  if (drop_watch_) {
    drop_watch_->drain([&](const net::probe::DropRecord& record) {
      any = true;
      if (const auto event = drop_watch_->read(record)) take(*event);
    });
  }
  return any;
}

void WatchLoop::take(const watch_values::Flow& flow) {
  const bool enough = over();
  const std::string* const owner = objects_.owners().of(flow);
  // What an edge carries has another destination behind it.
  if (owner == nullptr && flow.after.destination != flow.before.destination) stranger_ = true;
  if (!filter_.fits(flow, owner)) return;
  ++(flow.ended ? totals_.ended : totals_.begun);
  rates_.add(flow, owner);
  if (counts_bytes_) {
    if (flow.ended) {
      rates_.add(meter_.end(flow), owner);
    } else {
      meter_.begin(flow);
    }
  }
  if (enough || !budget_.take(now().time_since_epoch() / std::chrono::seconds(1))) return;
  ++shown_;
  output_.show(flow, said_of(owner, flow.before, flow.place));
}

void WatchLoop::take(const core::packet::DropEvent& event) {
  const bool enough = over();
  watch_values::Drop drop;
  drop.place = event.place;
  drop.reason =
      event.reason_name.empty() ? "reason " + std::to_string(event.reason) : event.reason_name;
  drop.packet = core::packet::tuple_of(*event.packet);
  // Most hosts have asked for nothing of what is sent to many.
  if (!filter_.address && watch_values::is_for_many(drop.packet.destination)) return;
  const std::string* const owner = objects_.owners().of(drop);
  if (!filter_.fits(drop, owner)) return;
  if (event.place) drop.interface = interface_name(*event.place, event.interface);
  ++totals_.drops;
  rates_.add_drop(owner);
  if (!drops_.add(drop, owner)) return;
  if (enough || !budget_.take(now().time_since_epoch() / std::chrono::seconds(1))) return;
  ++shown_;
  output_.show(drop, said_of(owner, drop.packet, drop.place));
}

void WatchLoop::meter() {
  bool all = true;
  for (const auto& flows : flows_) {
    if (!flows->counts_bytes()) continue;
    try {
      const auto read = [this](const watch_values::Flow& flow) {
        const std::string* const owner = objects_.owners().of(flow);
        if (filter_.fits(flow, owner)) rates_.add(meter_.read(flow), owner);
      };
      all = flows->read_all(watch_values::most_metered, read) && all;
    } catch (const core::Error&) {
      all = false;  // what is new is counted when connections end
    }
  }
  if (all) meter_.finish_pass();
}

void WatchLoop::report() {
  if (counts_bytes_) meter();
  objects_.look(now(), std::exchange(stranger_, false));
  WatchReport report;
  report.seconds = std::chrono::duration<double>(now() - last_report_).count();
  last_report_ = now();
  report.rates = rates_.take();
  report.other_drops = drops_.others();
  report.drops = drops_.look();
  if (places_.size() > 1) {
    for (const auto& row : report.drops) report.places.emplace_back(place(row.drop.place));
  }
  report.hint = next_step(report.drops);
  report.skipped = budget_.take_skipped();
  const std::uint64_t lost = lost_so_far();
  report.lost = lost - std::exchange(totals_.lost, lost);
  totals_.skipped += report.skipped;
  totals_.seconds = std::chrono::duration<double>(now() - begun_).count();
  report.totals = totals_;
  output_.report(report);
}

std::string_view WatchLoop::place(std::optional<std::size_t> number) const {
  return places_.size() > 1 && number ? std::string_view(places_[*number].label)
                                      : std::string_view();
}

watch_values::Said WatchLoop::said_of(const std::string* owner,
                                      const core::packet::FlowTuple& tuple,
                                      std::optional<std::size_t> number) const {
  std::string_view pod = objects_.owners().pod(tuple.source);
  if (pod.empty()) pod = objects_.owners().pod(tuple.destination);
  return {owner == nullptr ? std::string_view() : std::string_view(*owner), pod, place(number)};
}

std::string WatchLoop::interface_name(std::size_t place, std::uint32_t index) {
  if (index == 0) return "";
  const auto found = interfaces_.find({place, index});
  if (found != interfaces_.end()) return found->second;
  std::array<char, IF_NAMESIZE> name{};
  try {
    places_[place].network.run([&] { if_indextoname(index, name.data()); });
  } catch (const core::Error&) {
    return "";
  }
  if (interfaces_.size() >= most_interfaces) interfaces_.clear();
  return interfaces_[{place, index}] = name.data();
}

std::uint64_t WatchLoop::lost_so_far() const {
  std::uint64_t lost = drop_watch_ ? drop_watch_->lost() : 0;
  for (const auto& flows : flows_) lost += flows->lost();
  return lost;
}

std::string WatchLoop::next_step(const std::vector<watch_values::Drops::Row>& drops) const {
  for (const auto& row : drops) {
    const std::string netns = row.drop.place ? places_[*row.drop.place].netns : "";
    if (std::string text = next_command(row.drop, netns); !text.empty()) return text;
  }
  return "";
}

}  // namespace cmd
