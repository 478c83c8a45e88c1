// Events for the authors of objects (events.k8s.io/v1): what happened to an object and why, where
// `kubectl describe` shows it. What repeats itself becomes one Event with a count, and there are
// never many at a time: who waits for them must look at the status. No I/O of its own.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>

#include "core/objects.hpp"
#include "kube/api/rate_limit.hpp"
#include "kube/api/requests.hpp"
#include "os/clock.hpp"

namespace kube {

struct EventNote {
  core::ObjectId object;
  std::string uid;  // of the object
  bool warning = false;
  std::string reason;  // CamelCase, one word
  std::string action;  // likewise: what was being done
  std::string note;    // for people; cut to what the API takes

  friend auto operator<=>(const EventNote&, const EventNote&) = default;
};

class EventRecorder {
 public:
  // `controller` is what kind of process speaks ("pona.dev/edge"), `instance` is which one.
  // `exchanges` must outlive it.
  EventRecorder(std::string controller, std::string instance, Exchanges& exchanges,
                os::Clock clock);

  void record(EventNote note);

  void step();
  // False: it is not of one of its requests.
  bool take(const Reply& reply);
  [[nodiscard]] os::Time due() const;

  // Notes that were never sent: too many at a time, or the server would not have them.
  [[nodiscard]] std::uint64_t dropped() const { return dropped_; }

 private:
  struct Series {
    std::string name;   // of the Event; empty: it is not created yet
    std::string first;  // eventTime
    std::uint64_t count = 1;
    std::uint64_t told = 0;  // of count
    os::Time last{};         // seen
    os::Time next{};         // of the next count to be told
  };

  void send(const EventNote& note, Series& series);
  void forget_old();

  std::string controller_, instance_;
  Exchanges& exchanges_;
  os::Clock clock_;
  RateLimit limit_;
  std::map<EventNote, Series> series_;
  std::deque<EventNote> waiting_;
  std::optional<EventNote> sending_;
  std::uint64_t request_ = 0;
  os::Time not_before_{};
  int failures_ = 0;
  std::uint64_t dropped_ = 0;
};

}  // namespace kube
