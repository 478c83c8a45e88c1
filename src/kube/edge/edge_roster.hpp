// Which edges there are, and what each of them can do: each renews a Lease of its own, and looks at
// all. Clocks are never compared between machines: an edge whose Lease one's own clock has not seen
// renewed for a while is gone. Where the permissions of an older version forbid that, nobody knows,
// and the entries in the status of Mappings tell. No I/O of its own.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "core/edge/endpoint_slots.hpp"
#include "kube/api/client_part.hpp"
#include "kube/api/requests.hpp"
#include "os/clock.hpp"

namespace kube {

struct RosterOptions {
  std::string ns;        // of the Leases
  std::string instance;  // this edge's name
  std::string identity;  // of this process alone
  std::chrono::seconds period{20};
  std::chrono::seconds silence{100};   // after which an edge is gone
  std::chrono::seconds keeping{3600};  // of a Lease whose edge is gone; then the leader deletes it
};

class EdgeRoster : public ClientPart {
 public:
  // `exchanges` must outlive it.
  EdgeRoster(RosterOptions options, Exchanges& exchanges, os::Clock clock);

  void step() override;
  bool take(const Reply& reply) override;
  [[nodiscard]] os::Time due() const override;
  [[nodiscard]] std::string trouble() const override { return trouble_; }

  // Who leads deletes what edges left behind that are gone for long.
  void lead(bool leading) { leading_ = leading; }

  // This edge's Lease is renewed and others can be seen: heartbeats need no other place.
  [[nodiscard]] bool works() const { return works_; }
  // It was tried: who does not know by now will not for a while.
  [[nodiscard]] bool tried() const { return tried_; }
  // Nothing: it has no Lease, or nobody knows.
  [[nodiscard]] std::optional<bool> alive(const std::string& instance) const;
  // So long, at least, all Leases have been looked at.
  [[nodiscard]] bool watched_for(std::chrono::seconds time) const;
  // The last layout that all edges with a Lease know.
  [[nodiscard]] core::SlotLayout slot_layout() const;

 private:
  enum class Phase : std::uint8_t { list, create, renew, remove };
  struct Known {
    std::string name;     // of the Lease
    std::string version;  // metadata.resourceVersion
    std::string renewed;
    core::SlotLayout layout = core::SlotLayout::first;
    os::Time observed{};  // when it was seen to be renewed
    bool listed = false;  // in the last list
  };

  void ask(Phase phase, Request request);
  void list();
  void write();
  bool remove_one();
  void take_list(const std::string& body);
  void note(const std::string& instance, Known now);
  void rest();
  void fail(const Reply& reply);
  [[nodiscard]] std::string path() const;
  [[nodiscard]] std::string lease_name() const;
  [[nodiscard]] bool is_gone(const Known& known) const;

  RosterOptions options_;
  Exchanges& exchanges_;
  os::Clock clock_;
  Phase phase_ = Phase::list;
  std::uint64_t request_ = 0;  // 0: none
  std::map<std::string, Known> edges_;
  std::optional<os::Time> watched_since_;
  std::string removed_;  // the edge whose Lease is being deleted
  bool works_ = false;
  bool tried_ = false;
  bool leading_ = false;
  os::Time not_before_{};
  std::string trouble_;
};

}  // namespace kube
