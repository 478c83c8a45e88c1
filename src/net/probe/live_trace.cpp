#include "net/probe/live_trace.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <utility>

#include "core/error.hpp"

namespace net::probe {
namespace {

using core::packet::Lost;
using core::packet::Observation;
using std::chrono::steady_clock;

constexpr std::size_t most_records = 1024;

std::string table_name(std::uint32_t number) {
  std::array<char, 24> text{};
  std::snprintf(text.data(), text.size(), "pona-diag-%08x", number);
  return text.data();
}

}  // namespace

LiveTrace::LiveTrace(const std::vector<Place>& places, const Options& options)
    : flows_(options.flows), stop_fd_(options.stop_fd), most_(options.most) {
  target_.table = table_name(options.name);
  target_.tunnels = options.tunnels;
  if (flows_.empty()) {
    target_.cookie = options.cookie;
    target_.patterns = patterns_of(options.cookie, options.tunnels);
    target_.needles = needles_of(options.cookie);
  } else {
    flows_.resize(std::min(flows_.size(), most_flows));
    target_.patterns = patterns_of(flows_, options.tunnels);
    target_.needles = needles_of(flows_);
  }
  for (const Place& place : places) {
    watches_.push_back(std::make_unique<PlaceWatch>(place, target_));
    for (const std::string& text : watches_.back()->left_out()) {
      left_out_.push_back(place.label + ": " + text);
    }
  }
  if (watches_.empty() || !watches_.front()->sees_something()) {
    throw core::Error(core::Error::Kind::permanent,
                      "cannot trace: " + (left_out_.empty() ? "no place" : left_out_.front()));
  }
  if (!options.drop_reasons) return;
  std::map<std::uint32_t, std::size_t> inodes;
  for (std::size_t i = 0; i < watches_.size(); ++i) {
    inodes.emplace(watches_[i]->inode(), places[i].number);
  }
  try {
    drops_ = std::make_unique<DropWatch>(target_.needles, std::move(inodes));
  } catch (const core::Error& error) {
    left_out_.push_back(std::string("drop reason: not available (") + error.what() + ')');
  }
}

LiveTrace::~LiveTrace() = default;

std::vector<pollfd> LiveTrace::polled() const {
  std::vector<pollfd> polled;
  for (const auto& watch : watches_) watch->add_to(polled);
  if (drops_) polled.push_back({drops_->fd(), POLLIN, 0});
  return polled;
}

void LiveTrace::drain() {
  for (const auto& watch : watches_) watch->drain(observations_);
  if (!drops_) return;
  drops_->drain([this](const DropRecord& record) {
    records_.push_back(record);
    if (records_.size() > most_records) records_.pop_front();
  });
  if (!target_.cookie) return;
  for (const DropRecord& record : std::exchange(records_, {})) {
    if (auto event = drops_->read(record, *target_.cookie)) {
      observations_.emplace_back(std::move(*event));
    }
  }
}

bool LiveTrace::await(std::chrono::milliseconds patience) {
  std::vector<pollfd> descriptors = polled();
  descriptors.push_back({stop_fd_, POLLIN, 0});
  const steady_clock::time_point end = steady_clock::now() + patience;
  const auto is_lost = [](const Observation& one) { return std::holds_alternative<Lost>(one); };
  for (;;) {
    auto left = std::chrono::ceil<std::chrono::milliseconds>(end - steady_clock::now());
    if (left.count() > 0)
      poll(descriptors.data(), descriptors.size(), static_cast<int>(left.count()));
    if (descriptors.back().revents != 0) left = {};
    drain();
    if (flows_.empty() && !std::ranges::all_of(observations_, is_lost)) return true;
    observations_.clear();  // what was lost before it came does not matter
    if (flows_.empty() && left.count() > 0) continue;
    if (flows_.empty()) return false;
    if (const auto cookie = watches_.front()->first_fit(flows_)) {
      for (const auto& watch : watches_) watch->learn(*cookie);
      target_.cookie = cookie;
      return true;
    }
    if (left.count() <= 0) return false;
  }
}

void LiveTrace::listen(const Judge& judge, const Window& window) {
  std::vector<pollfd> descriptors = polled();
  const steady_clock::time_point begin = steady_clock::now();
  steady_clock::time_point end = begin + window.usual;
  bool open = true;  // the judge has not said that it is enough
  bool longer = false;
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - steady_clock::now());
    const bool over = left.count() <= 0;
    if (!over) poll(descriptors.data(), descriptors.size(), static_cast<int>(left.count()));
    const std::size_t before = observations_.size();
    drain();
    if (observations_.size() > most_) {
      observations_.resize(most_);
      observations_.emplace_back(
          Lost{0, Lost::Stream::all, core::packet::time_of(observations_.back())});
      return;
    }
    if (open && (over || observations_.size() != before)) {
      const Judgement judgement = judge(observations_);
      if (judgement == Judgement::enough) {
        open = false;
        end = std::min(end, steady_clock::now() + window.settle);
        if (!over) continue;
      }
      if (judgement == Judgement::wait_longer && !longer) {
        longer = true;
        end = begin + window.longest;
        continue;
      }
    }
    if (over) return;
  }
}

std::vector<Observation> LiveTrace::finish() {
  for (const auto& watch : watches_) watch->read_connections(observations_);
  watches_.clear();
  drops_.reset();
  std::stable_sort(observations_.begin(), observations_.end(),
                   [](const Observation& one, const Observation& other) {
                     return core::packet::time_of(one) < core::packet::time_of(other);
                   });
  return std::move(observations_);
}

std::vector<Observation> LiveTrace::run(const std::function<void()>& inject, const Judge& judge,
                                        const Window& window) {
  inject();
  listen(judge, window);
  return finish();
}

std::vector<Observation> LiveTrace::watch(std::chrono::milliseconds patience, const Judge& judge,
                                          const Window& window) {
  if (await(patience)) listen(judge, window);
  return finish();
}

}  // namespace net::probe
