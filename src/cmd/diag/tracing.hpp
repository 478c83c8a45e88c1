// One `pona diag trace`, while it is under way. For trace*.cpp only.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cmd/diag/bundle/read_bundle.hpp"
#include "cmd/diag/places.hpp"
#include "cmd/diag/planned_promise.hpp"
#include "cmd/diag/question.hpp"
#include "cmd/diag/trace.hpp"
#include "core/packet/cookie.hpp"
#include "core/packet/diagnosis/judge.hpp"
#include "core/packet/diagnosis/model.hpp"
#include "core/packet/diagnosis/stitch.hpp"
#include "core/packet/diagnosis/trace.hpp"
#include "core/packet/observation.hpp"
#include "net/probe/arm.hpp"
#include "net/probe/watched_flow.hpp"
#include "net/view/live_world.hpp"

namespace cmd {

namespace packet = core::packet;

double milliseconds_since(std::chrono::steady_clock::time_point start);

class Tracing {
 public:
  explicit Tracing(const TraceOptions& options)
      : options_(options),
        words_(observes() ? TraceWords()
                          : parse_trace_words(options.words, options.protocol == packet::tcp ||
                                                                 options.protocol == packet::udp ||
                                                                 options.protocol == packet::sctp)),
        bundle_(options.bundle.empty() ? nullptr : open_bundle(options.bundle)),
        places_(bundle_ ? "" : options.sandboxes),
        live_([this](const net::view::NamespaceId& id) { return places_.label(id); }),
        world_(bundle_ ? static_cast<packet::World&>(*bundle_->world) : live_) {}

  int run();

 private:
  // Somebody else sends the packet, and wherever it comes by it is looked at.
  [[nodiscard]] bool observes() const {
    return options_.watch && !options_.cookie.empty() && options_.words.empty();
  }
  void choose_cookie();
  void begin();
  void make_probe();
  void begin_here();
  void begin_in(const core::ObjectName& name);
  void begin_in_bundle();
  packet::Attachment wire(packet::Network& network);
  void promise_of_objects();
  void ask();
  packet::Trace judged(const packet::Answer& answer);
  packet::Trace laid_out(const packet::Answer& answer);
  void print(const std::vector<packet::Trace>& traces);
  [[nodiscard]] std::string why_not_live() const;

  packet::Trace observed();  // trace_observe.cpp

  // one real packet (trace_live.cpp)
  packet::Trace live();
  std::vector<std::size_t> places_to_watch();
  void know_answers();
  [[nodiscard]] std::chrono::milliseconds timeout() const;
  [[nodiscard]] std::chrono::milliseconds patience() const;
  std::vector<net::probe::WatchedFlow> flows();
  void become(const std::vector<packet::Observation>& observations);
  static std::string summary(const packet::Trace& trace, const packet::Witness& seen);
  void simulate(const core::packet::Packet& probe);
  std::string inject();
  std::vector<net::probe::Tunnel> tunnels();

  const TraceOptions& options_;
  static constexpr std::array<std::uint8_t, 16> unspecified_{};
  TraceWords words_;
  std::unique_ptr<Bundle> bundle_;  // null: this machine is asked
  Places places_;
  net::view::LiveWorld live_;
  packet::World& world_;  // one of the two
  packet::Question question_;
  std::optional<PlannedPromise> planned_;  // of --manifests
  packet::Promise promise_;
  std::string complaint_;
  packet::Cookie cookie_;
  std::vector<packet::Answer> answers_;
  const packet::Answer* shown_ = nullptr;  // the one that a real packet took, else the first
  double model_ms_ = 0;
};

}  // namespace cmd
