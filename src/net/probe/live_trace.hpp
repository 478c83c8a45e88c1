// One packet, sent or awaited, and all that is seen of it in some network namespaces of this host.
// Rule: nothing of it remains, whatever becomes of this process: tables, programs and sockets are
// the kernel's to remove.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/packet/observation.hpp"
#include "net/probe/drop_watch.hpp"
#include "net/probe/place_watch.hpp"

namespace net::probe {

class LiveTrace {
 public:
  struct Options {
    core::packet::Cookie cookie;
    // Instead of a probe with the cookie: the next packet of real traffic that fits one of these in
    // the first place, each as it looks before, between and behind translations. At most
    // most_flows.
    std::vector<WatchedFlow> flows;
    std::vector<Tunnel> tunnels;
    // Readable: who awaits a packet waits no longer; -1: none.
    int stop_fd = -1;
    std::uint32_t name = 0;   // random: the tables are named pona-diag-<8 hexadecimal digits>
    std::size_t most = 4096;  // observations; what comes behind is Lost::Stream::all
    bool drop_reasons = true;
  };

  // Opens and arms everything. Throws core::Error where nothing at all can be seen of the first
  // place.
  LiveTrace(const std::vector<Place>& places, const Options& options);
  LiveTrace(const LiveTrace&) = delete;
  LiveTrace& operator=(const LiveTrace&) = delete;
  ~LiveTrace();

  // What cannot be seen, and why: "node-a: no nft trace: …", "drop reason: not available (…)".
  [[nodiscard]] const std::vector<std::string>& left_out() const { return left_out_; }
  [[nodiscard]] const std::string& table() const { return target_.table; }

  enum class Judgement : std::uint8_t {
    wait,         // until the usual window ends
    wait_longer,  // as a neighbour does not answer: that takes the kernel 3 seconds
    enough,
  };
  using Judge = std::function<Judgement(const std::vector<core::packet::Observation>&)>;
  struct Window {
    std::chrono::milliseconds usual{400};
    std::chrono::milliseconds longest{3500};
    std::chrono::milliseconds settle{30};  // after `enough`, for what is told late
  };

  // Once. Calls `inject`, listens, and asks `judge` whenever there is news, and when the usual
  // window ends. What it returns is in the order of time (see ObservedAt); all is disarmed then.
  std::vector<core::packet::Observation> run(const std::function<void()>& inject,
                                             const Judge& judge, const Window& window);

  // Likewise, instead of a probe: waits for the first packet that fits and tells it from the
  // others; without flows for the cookie, which somebody else sends. Nothing came: the result is
  // empty.
  std::vector<core::packet::Observation> watch(std::chrono::milliseconds patience,
                                               const Judge& judge, const Window& window);

 private:
  bool await(std::chrono::milliseconds patience);
  void listen(const Judge& judge, const Window& window);
  std::vector<core::packet::Observation> finish();
  [[nodiscard]] std::vector<pollfd> polled() const;
  void drain();

  Target target_;
  std::vector<WatchedFlow> flows_;
  int stop_fd_;
  std::size_t most_;
  std::vector<std::string> left_out_;
  std::vector<std::unique_ptr<PlaceWatch>> watches_;
  std::unique_ptr<DropWatch> drops_;
  std::deque<DropRecord> records_;  // until the cookie is known
  std::vector<core::packet::Observation> observations_;
};

}  // namespace net::probe
