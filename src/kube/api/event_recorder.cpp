#include "kube/api/event_recorder.hpp"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

#include "kube/decode/decode.hpp"
#include "kube/decode/encoding.hpp"
#include "kube/decode/json_text.hpp"
#include "kube/decode/kinds.hpp"
#include "kube/decode/mapping_fields.hpp"

namespace kube {
namespace {

using Json = nlohmann::json;
using namespace std::chrono_literals;

constexpr std::size_t longest_note = 1024;  // of the API, in bytes
constexpr std::size_t most_waiting = 200;
constexpr std::size_t most_series = 2000;
constexpr os::Time::duration patience = 10s;
// As client-go: what happens again within six minutes is the same series.
constexpr os::Time::duration series_end = 6min;
constexpr os::Time::duration count_pause = 1min;
constexpr int most_failures = 5;

// Not in the middle of a character.
std::string cut(std::string text) {
  if (text.size() <= longest_note) return text;
  std::size_t end = longest_note - 3;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end) + "...";
}

std::string namespace_of(const EventNote& note) {
  return note.object.name.ns.empty() ? "default" : note.object.name.ns;
}

std::string path(const EventNote& note) {
  return "/apis/events.k8s.io/v1/namespaces/" + namespace_of(note) + "/events";
}

}  // namespace

EventRecorder::EventRecorder(std::string controller, std::string instance, Exchanges& exchanges,
                             os::Clock clock)
    : controller_(std::move(controller)),
      instance_(std::move(instance)),
      exchanges_(exchanges),
      clock_(std::move(clock)),
      limit_(1, 25) {}

void EventRecorder::record(EventNote note) {
  note.note = cut(std::move(note.note));
  const os::Time now = clock_.now();
  if (const auto found = series_.find(note); found != series_.end()) {
    Series& series = found->second;
    const bool untold = sending_ == note || std::ranges::find(waiting_, note) != waiting_.end();
    if (untold || now - series.last < series_end) {
      ++series.count;
      series.last = now;
      if (!untold) waiting_.push_back(note);
      return;
    }
    series_.erase(found);
  }
  if (waiting_.size() >= most_waiting) {
    ++dropped_;
    return;
  }
  if (series_.size() >= most_series) forget_old();
  Series series;
  series.first = micro_time(clock_.unix_seconds());
  series.last = now;
  series_.insert_or_assign(note, std::move(series));
  waiting_.push_back(std::move(note));
}

void EventRecorder::forget_old() {
  const os::Time now = clock_.now();
  std::erase_if(series_, [&](const auto& item) {
    return now - item.second.last >= series_end && item.second.told == item.second.count &&
           sending_ != item.first;
  });
}

os::Time EventRecorder::due() const {
  if (request_ != 0 || waiting_.empty()) return os::Time::max();
  os::Time next = os::Time::max();
  for (const EventNote& note : waiting_) next = std::min(next, series_.at(note).next);
  RateLimit limit = limit_;
  return std::max({next, not_before_, limit.due(clock_.now())});
}

void EventRecorder::step() {
  const os::Time now = clock_.now();
  if (request_ != 0 || now < not_before_) return;
  const auto found = std::ranges::find_if(
      waiting_, [&](const EventNote& note) { return series_.at(note).next <= now; });
  if (found == waiting_.end() || !limit_.take(now)) return;
  sending_ = std::move(*found);
  waiting_.erase(found);
  send(*sending_, series_.at(*sending_));
}

void EventRecorder::send(const EventNote& note, Series& series) {
  const std::string now = micro_time(clock_.unix_seconds());
  if (series.name.empty()) {
    char suffix[20];
    std::snprintf(suffix, sizeof suffix, ".%016llx",
                  static_cast<unsigned long long>(clock_.chance() * 0x1p62));
    std::string name = note.object.name.name.substr(0, 230);
    // What a cut may leave at the end is no end of a name.
    while (name.ends_with('.') || name.ends_with('-')) name.pop_back();
    name += suffix;
    Json body = {{"apiVersion", "events.k8s.io/v1"},
                 {"kind", "Event"},
                 {"metadata", {{"name", name}, {"namespace", namespace_of(note)}}},
                 {"eventTime", series.first},
                 {"reportingController", controller_},
                 {"reportingInstance", instance_.substr(0, 128)},
                 {"action", note.action},
                 {"reason", note.reason},
                 {"regarding",
                  {{"apiVersion", api_version_of(note.object.kind)},
                   {"kind", core::to_string(note.object.kind)},
                   {"name", note.object.name.name}}},
                 {"note", note.note},
                 {"type", note.warning ? "Warning" : "Normal"}};
    if (!note.object.name.ns.empty()) body["regarding"]["namespace"] = note.object.name.ns;
    if (!note.uid.empty()) body["regarding"]["uid"] = note.uid;
    series.name = name;
    series.told = 1;
    request_ = exchanges_.start({"POST", path(note), "application/json", dump_json(body), false},
                                patience);
    return;
  }
  series.told = series.count;
  const Json body = {{"series", {{"count", series.count}, {"lastObservedTime", now}}}};
  request_ = exchanges_.start({"PATCH", path(note) + "/" + series.name,
                               "application/merge-patch+json", dump_json(body), false},
                              patience);
}

bool EventRecorder::take(const Reply& reply) {
  if (request_ == 0 || reply.request != request_) return false;
  request_ = 0;
  const EventNote note = *std::exchange(sending_, std::nullopt);
  Series& series = series_.at(note);
  const os::Time now = clock_.now();
  if (reply.ok()) {
    failures_ = 0;
    series.next = now + count_pause;
    if (series.told < series.count && std::ranges::find(waiting_, note) == waiting_.end()) {
      waiting_.push_back(note);
    }
    return true;
  }
  const bool lasting = reply.error.empty() && reply.code != 429 && reply.code < 500;
  // An Event that expired, or a namespace that is going: the next one begins anew.
  if (lasting || ++failures_ > most_failures) {
    dropped_ += series.count;
    series_.erase(note);
    std::erase(waiting_, note);
    failures_ = 0;
  } else {
    // Nothing is known of the Event: another name, so that one that did come is not in the way.
    if (series.told == 1) series.name.clear();
    series.told = 0;
    if (std::ranges::find(waiting_, note) == waiting_.end()) waiting_.push_front(note);
  }
  not_before_ =
      now + std::max<os::Time::duration>(reply.retry_after, 1s * (1 << std::min(failures_, 5)));
  return true;
}

}  // namespace kube
