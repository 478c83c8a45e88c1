// What a packet met in the kernel: the events of nf_tables' trace, armed by a table of our own.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/packet/ruleset.hpp"
#include "net/netlink/netlink.hpp"

namespace model {

// A rule that matched, or the policy of a base chain.
struct Met {
  core::packet::ChainId chain;
  std::uint64_t rule = 0;  // 0: the policy
  core::packet::Verdict verdict;

  friend bool operator==(const Met&, const Met&) = default;
};
std::string to_text(const Met& met);

struct Ended {  // what came through
  std::uint32_t mark = 0;
  core::packet::Bytes network;    // the header, as it was then
  core::packet::Bytes transport;  // at most 20 bytes
};

struct Observation {
  std::vector<Met> met;
  std::optional<Ended> ended;  // it went out, or was delivered
};

// Of the namespace of the calling thread.
class Observer {
 public:
  Observer();
  // Where each trial's rules are put up beside it.
  static std::string arming_rules();
  static constexpr const char* table = "model_observer";

  void forget();
  // Of the one packet that was sent before. Waits for what is `expected`, and a little for what is
  // not.
  Observation collect(const std::function<bool(const Observation&)>& expected);

 private:
  net::NetlinkSocket socket_;
};

}  // namespace model
