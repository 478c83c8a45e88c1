#include "core/watch/tally.hpp"

#include <algorithm>
#include <utility>

namespace core::watch {
namespace {

constexpr int looks_until_forgotten = 2;

Traffic between(const Traffic& old, const Traffic& now) {
  // An entry that was replaced by one with its number begins anew.
  if (now.received < old.received || now.sent < old.sent) return now;
  return {now.received - old.received, now.sent - old.sent};
}

}  // namespace

Rates::Row& Rates::row(const std::string* owner) {
  static const std::string nobody;
  static const std::string others = "others";
  const std::string& name = owner == nullptr ? nobody : *owner;
  auto found = rows_.find(name);
  if (found == rows_.end()) {
    found = rows_.try_emplace(rows_.size() < most_objects ? name : others).first;
    found->second.object = found->first;
  }
  return found->second;
}

void Rates::add(const Flow& flow, const std::string* owner) {
  Row& one = row(owner);
  ++(flow.ended ? one.ended : one.begun);
}

void Rates::add(const Traffic& traffic, const std::string* owner) {
  if (traffic == Traffic()) return;
  Row& one = row(owner);
  one.traffic.received += traffic.received;
  one.traffic.sent += traffic.sent;
}

std::vector<Rates::Row> Rates::take() {
  std::vector<Row> rows;
  for (auto& [name, row] : rows_) rows.push_back(std::move(row));
  rows_.clear();
  std::stable_sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
    const auto weight = [](const Row& row) {
      return std::tuple(row.object.empty(), ~(row.begun + row.drops),
                        ~(row.traffic.received + row.traffic.sent));
    };
    return weight(a) < weight(b);
  });
  return rows;
}

bool Drops::add(const Drop& drop, const std::string* owner) {
  const Key key{drop.place,
                drop.reason,
                drop.packet.protocol,
                drop.packet.source,
                drop.packet.destination,
                drop.packet.destination_port};
  auto found = rows_.find(key);
  const bool fresh = found == rows_.end();
  if (fresh) {
    if (rows_.size() >= most_drop_kinds) {
      ++others_;
      return false;
    }
    found = rows_.try_emplace(key).first;
    found->second.row.drop = drop;
    if (owner != nullptr) found->second.row.object = *owner;
  }
  ++found->second.row.count;
  ++found->second.row.new_ones;
  return fresh;
}

std::vector<Drops::Row> Drops::look() {
  std::vector<Row> rows;
  for (auto& [key, kept] : rows_) {
    kept.quiet = kept.row.new_ones == 0 ? kept.quiet + 1 : 0;
    if (kept.row.new_ones != 0) rows.push_back(kept.row);
    kept.row.new_ones = 0;
  }
  std::erase_if(rows_, [](const auto& one) { return one.second.quiet >= looks_until_forgotten; });
  others_ = 0;
  std::stable_sort(rows.begin(), rows.end(),
                   [](const Row& a, const Row& b) { return a.new_ones > b.new_ones; });
  return rows;
}

void Meter::begin(const Flow& flow) {
  const Key key{flow.place, flow.id};
  if (last_.size() >= most_metered && !last_.contains(key)) {
    full_ = true;
    return;
  }
  last_[key] = {flow.traffic.value_or(Traffic()), pass_};
}

Traffic Meter::read(const Flow& flow) {
  if (!flow.traffic) return {};
  const auto found = last_.find({flow.place, flow.id});
  if (found == last_.end()) {
    begin(flow);
    return {};
  }
  const Last old = std::exchange(found->second, Last{*flow.traffic, pass_});
  return between(old.traffic, *flow.traffic);
}

Traffic Meter::end(const Flow& flow) {
  const auto found = last_.find({flow.place, flow.id});
  if (found == last_.end()) return full_ ? flow.traffic.value_or(Traffic()) : Traffic();
  const Traffic old = found->second.traffic;
  last_.erase(found);
  return flow.traffic ? between(old, *flow.traffic) : Traffic();
}

void Meter::finish_pass() {
  // One that ended while all were read is told of by an event that is still to come.
  std::erase_if(last_, [this](const auto& one) { return one.second.pass + 1 < pass_; });
  ++pass_;
  full_ = last_.size() >= most_metered;
}

bool Budget::take(std::int64_t second) {
  if (second != second_) {
    second_ = second;
    used_ = 0;
  }
  if (used_ < most_) {
    ++used_;
    return true;
  }
  ++skipped_;
  return false;
}

std::uint64_t Budget::take_skipped() { return std::exchange(skipped_, 0); }

}  // namespace core::watch
