// Keeps a cache equal to one resource of an API server: lists it, watches it, and comes back from
// everything that can happen to either, as client-go's reflector does. No I/O, no clock and no
// chance of its own. Whatever goes wrong, nothing is taken out of the cache for it; nor by a list
// that lacks too much to be believed, before a second one agrees.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "kube/api/object_cache.hpp"
#include "kube/api/transport.hpp"
#include "kube/api/trust.hpp"
#include "kube/api/watch_event.hpp"
#include "os/clock.hpp"

namespace kube {

struct Resource {
  std::string group;           // "discovery.k8s.io"; empty: the core group
  std::string version;         // "v1"
  std::string plural;          // "endpointslices"
  std::string label_selector;  // empty: all
  std::string field_selector;  // empty: all
  std::string ns;              // empty: all namespaces
  // Who has none of it, or may not read it, goes on without; else it is waited for.
  bool optional = false;
  // Who reads it makes again what is missing, so that nothing is lost by believing a list.
  bool own = false;

  [[nodiscard]] std::string path() const;
  [[nodiscard]] std::string name() const;  // "endpointslices.discovery.k8s.io"
};

class Reflector {
 public:
  // `transport` must outlive it.
  Reflector(Resource resource, Transport& transport, os::Clock clock, Reduce reduce,
            const Trust& trust = {});

  // Starts what is due, gives up what is silent for too long. Call it when due() has come.
  void step();
  // False: it is of a request that is not, or no longer, its own.
  bool take(const Arrival& arrival);
  [[nodiscard]] os::Time due() const;
  // Of several for one server, one asks often whether it is there again, for all of them.
  void keep_asking() { longest_delay_ = std::chrono::seconds(4); }
  // True once after the server was out of reach and has answered, whatever it said.
  bool take_back() { return std::exchange(back_, false); }
  // True once after a watch has ended, or a request has failed: who answers next may be another.
  bool take_ended() { return std::exchange(ended_, false); }
  // The last request got no answer at all.
  [[nodiscard]] bool unreachable() const { return unreachable_; }
  // The server is there again: the next request is due within a second.
  void ask_soon();
  // No request is open: step() begins one when it is due.
  [[nodiscard]] bool idle() const { return request_ == 0; }
  // Gives up what is open, and knows what it knew.
  void pause();

  // A list was whole once.
  [[nodiscard]] bool synced() const { return synced_; }
  // Nothing is to be waited for: a list was whole, or there is none to be had.
  [[nodiscard]] bool settled() const { return synced_ || refused_; }
  // Why the cache may not be up to date; empty: nothing is known to be wrong.
  [[nodiscard]] const std::string& trouble() const { return trouble_; }
  // What the last list lacks that is not believed yet; empty: nothing.
  [[nodiscard]] const std::string& doubt() const { return doubt_; }
  [[nodiscard]] const Resource& resource() const { return resource_; }
  [[nodiscard]] ObjectCache& cache() { return cache_; }

 private:
  // What the current request is, or the last one was.
  enum class Phase : std::uint8_t {
    paging,     // a page of a list
    streaming,  // a watch that begins with all there is
    watching,
  };

  void begin();
  void begin_page();
  void begin_watch(Phase phase);
  [[nodiscard]] std::string selectors() const;
  void take_head(const Arrival& arrival);
  void take_body(const std::string& bytes);
  void take_end(const std::string& error);
  void take_line(std::string_view line);
  void take_event(WatchEvent& event);
  void take_page();
  void finish_list(const std::string& version);
  void end_list(bool older);
  [[nodiscard]] bool doubts(bool older) const;

  void take_answer();
  void leave();
  void refused(const Status& status);
  void gone(const std::string& why);
  void disordered();
  void fail(const std::string& why, os::Time::duration least = {});
  void calm();
  [[nodiscard]] std::string verb() const;

  Resource resource_;
  Transport& transport_;
  os::Clock clock_;
  os::Time::duration confirm_after_;
  int loss_percent_;
  EventDecoder decoder_;
  ObjectCache cache_;

  Phase phase_ = Phase::streaming;
  std::uint64_t request_ = 0;  // 0: none
  int status_ = 0;             // HTTP's; 0: no head yet
  os::Time::duration retry_after_{};
  std::string body_;  // of a page or of a refusal
  LineCutter lines_;
  os::Time opened_{};
  os::Time heard_{};

  std::string version_;      // to watch from; empty: a list is needed
  std::string newest_;       // that was told, also when a list is needed
  std::string next_;         // continue token of the list's next page
  bool pages_only_ = false;  // the server has no streaming lists
  bool pages_next_ = false;  // the last streaming list did not come to its end
  bool unlimited_ = false;   // continue tokens expire too soon: all in one page
  bool unreadable_ = false;  // what the last watch brought
  bool fresh_ = false;       // the last connection is not to be trusted

  bool synced_ = false;
  bool refused_ = false;  // it is optional, and not there or not allowed
  std::string trouble_;
  std::string doubt_;
  std::optional<os::Time> confirm_at_;  // a list from then on confirms what is in doubt
  os::Time not_before_{};
  os::Time disordered_{os::Time::min()};
  os::Time gone_{os::Time::min()};
  std::chrono::milliseconds delay_{};
  std::chrono::milliseconds longest_delay_{std::chrono::seconds(30)};
  bool unreachable_ = false;  // the last request got no answer at all
  bool ended_ = false;        // as take_ended() has it
  bool back_ = false;         // the server answers again, and nobody has asked for it yet
  os::Time back_since_{os::Time::min()};
  int refusals_ = 0;  // of watches, in a row
};

}  // namespace kube
