// Who of several processes writes what only one may write: the holder of a Lease, as client-go's
// leader election has it. Clocks are never compared between machines: whether a holder is gone is
// judged by how long one's own clock has seen nothing new from it. No I/O of its own.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "kube/api/requests.hpp"
#include "os/clock.hpp"

namespace kube {

// coordination.k8s.io/v1 Lease, its times as they are written.
struct Lease {
  std::string version;  // metadata.resourceVersion
  std::string holder;   // empty: nobody
  std::uint32_t seconds = 0;
  std::string acquired;
  std::string renewed;
  std::uint32_t transitions = 0;

  friend bool operator==(const Lease&, const Lease&) = default;
};

struct ElectionOptions {
  std::string ns;
  std::string name;
  std::string identity;  // of this process alone: another one after a restart
  // Who has not renewed for `renew_limit` stops leading, before others may take over after
  // `length`.
  std::chrono::seconds length{15};
  std::chrono::seconds renew_limit{10};
  std::chrono::seconds retry{2};
};

class Election {
 public:
  // `exchanges` must outlive it.
  Election(ElectionOptions options, Exchanges& exchanges, os::Clock clock);

  void step();
  // False: it is not of one of its requests.
  bool take(const Reply& reply);
  [[nodiscard]] os::Time due() const;

  // What only the leader may do may be begun now.
  [[nodiscard]] bool leading() const;
  // When that ends, unless the lease is renewed before.
  [[nodiscard]] os::Time leading_until() const { return leading_until_; }
  // Why it does not take part; empty: it does.
  [[nodiscard]] const std::string& trouble() const { return trouble_; }

  // Stops leading at once and gives the lease back, so that nobody has to wait for its end.
  void resign();
  [[nodiscard]] bool resigning() const { return resigning_; }
  // Nothing more is to be done after resign().
  [[nodiscard]] bool resigned() const { return resigning_ && request_ == 0 && !held_; }

 private:
  enum class Phase : std::uint8_t { look, create, renew, release };

  [[nodiscard]] bool mine(const Lease& lease) const { return lease.holder == options_.identity; }
  [[nodiscard]] std::string path() const;
  [[nodiscard]] os::Time free_from() const;
  void look();
  void write(Phase phase);
  void observe(Lease lease);
  void missed(const std::string& why, std::chrono::seconds least = {});
  void rest();

  ElectionOptions options_;
  Exchanges& exchanges_;
  os::Clock clock_;
  Phase phase_ = Phase::look;
  std::uint64_t request_ = 0;  // 0: none
  os::Time begun_{};           // of the request
  bool known_ = false;         // lease_ is how it was seen last
  Lease lease_;
  os::Time observed_{};  // when it was seen to be another than before
  bool held_ = false;
  os::Time leading_until_{};
  os::Time not_before_{};
  bool resigning_ = false;
  std::string trouble_;
};

}  // namespace kube
