// Which cluster answers: the UID of its namespace kube-system, which nobody can give to another
// one. It is asked before a list or a watch begins, because a connection that was broken may have
// been the last one to the cluster that was known. No I/O, no clock and no chance of its own.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

#include "kube/api/requests.hpp"
#include "kube/api/transport.hpp"
#include "kube/api/trust.hpp"
#include "os/clock.hpp"

namespace kube {

class ClusterIdentity {
 public:
  // `transport` must outlive it.
  ClusterIdentity(const Trust& trust, Transport& transport, os::Clock clock);

  // Lists and watches may begin now. Where not, ask() and step() lead there.
  [[nodiscard]] bool fresh() const;
  // What was answered, and what is being answered, tells no more who answers next.
  void doubt();
  // Asks, unless it is being asked already, or too soon.
  void ask();
  // False: it is of a request of somebody else.
  bool take(const Arrival& arrival) { return exchanges_.take(arrival); }
  void step();
  // When step() has something to do, or ask() would ask; the latter matters to who waits for it.
  [[nodiscard]] os::Time due() const { return exchanges_.due(); }
  [[nodiscard]] os::Time may_ask() const;

  // Another cluster answers than the one that was known: nothing it says counts, and nothing may be
  // written to it.
  [[nodiscard]] bool foreign() const { return verdict_ == Verdict::foreign; }
  // It was answered once who it is, or that this cannot be told.
  [[nodiscard]] bool settled() const { return verdict_ != Verdict::unknown; }
  // True once after the server was out of reach and has answered.
  bool take_back() { return std::exchange(back_, false); }
  // The last question got no answer at all.
  [[nodiscard]] bool unreachable() const { return unreachable_; }
  // Of the cluster whose objects are taken; empty: not known.
  [[nodiscard]] const std::string& uid() const { return known_; }
  // Empty: nothing is wrong.
  [[nodiscard]] const std::string& trouble() const { return trouble_; }

 private:
  enum class Verdict : std::uint8_t { unknown, same, foreign, untold };

  void judge(const Reply& reply);
  void identify(const std::string& uid);
  void refused(const Reply& reply);
  void again(const std::string& why);

  bool enabled_;
  std::string accepted_;  // empty: the known one
  std::string known_;
  os::Clock clock_;
  Exchanges exchanges_;
  std::uint64_t request_ = 0;  // 0: none
  Verdict verdict_ = Verdict::unknown;
  bool current_ = false;  // the verdict is from the last question
  bool doubted_ = false;  // while it was asked
  os::Time answered_{};
  os::Time not_before_{};
  std::chrono::milliseconds delay_{};
  int refusals_ = 0;  // in a row
  bool unreachable_ = false;
  bool back_ = false;
  std::string trouble_;
};

}  // namespace kube
