#include <array>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <iostream>
#include <nlohmann/json.hpp>

#include "cmd/diag/watch/output.hpp"
#include "cmd/print.hpp"
#include "kube/decode/json_text.hpp"

namespace cmd {
namespace {

namespace watch_values = core::watch;
using EventJson = nlohmann::ordered_json;

// RFC 3339, to the millisecond.
std::string time_now() {
  const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
                       std::chrono::system_clock::now().time_since_epoch())
                       .count();
  const auto seconds = static_cast<std::time_t>(now / 1000);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(text.data() + size, text.size() - size, ".%03dZ", static_cast<int>(now % 1000));
  return text.data();
}

EventJson packet_json(const core::packet::FlowTuple& tuple) {
  return {{"protocol", core::packet::protocol_text(tuple.protocol)},
          {"source", watch_values::source_text(tuple)},
          {"destination", watch_values::destination_text(tuple)}};
}

EventJson traffic_json(const watch_values::Traffic& traffic) {
  return {{"received", traffic.received}, {"sent", traffic.sent}};
}

EventJson totals_json(const WatchTotals& totals) {
  return {{"new", totals.begun},       {"ended", totals.ended}, {"drops", totals.drops},
          {"skipped", totals.skipped}, {"lost", totals.lost},   {"seconds", totals.seconds}};
}

class WatchJson final : public WatchOutput {
 public:
  [[nodiscard]] std::uint64_t most_events() const override { return 2000; }

  void start(const WatchStart& start) override {
    EventJson json = event("start");
    json["schema"] = "pona.diag.watch/v1";
    json["places"] = start.places;
    json["countsBytes"] = start.bytes;
    json["seesDrops"] = start.drops;
    json["notes"] = start.notes;
    print(json);
    std::cout << std::flush;
  }

  void show(const watch_values::Flow& flow, const watch_values::Said& said) override {
    EventJson json = event(flow.ended ? "ended" : "new");
    json["packet"] = packet_json(flow.before);
    json["translated"] = flow.after == flow.before ? EventJson() : packet_json(flow.after);
    if (flow.ended && flow.traffic) json["bytes"] = traffic_json(*flow.traffic);
    add(json, said);
    print(json);
  }
  void show(const watch_values::Drop& drop, const watch_values::Said& said) override {
    print(drop_json(drop, said));
  }

  void report(const WatchReport& report) override {
    for (std::size_t i = 0; i < report.drops.size(); ++i) {
      const auto& row = report.drops[i];
      const std::uint64_t more = row.new_ones - (row.count == row.new_ones ? 1 : 0);
      if (more == 0) continue;
      const std::string_view place = report.places.empty() ? std::string_view() : report.places[i];
      EventJson json = drop_json(row.drop, {row.object, {}, place});
      json["more"] = more;
      print(json);
    }
    EventJson json = event("rates");
    json["seconds"] = report.seconds;
    json["skipped"] = report.skipped;
    json["lost"] = report.lost;
    json["otherDrops"] = report.other_drops;
    json["objects"] = EventJson::array();
    for (const auto& row : report.rates) {
      json["objects"].push_back({{"object", row.object},
                                 {"new", row.begun},
                                 {"ended", row.ended},
                                 {"drops", row.drops},
                                 {"bytes", traffic_json(row.traffic)}});
    }
    print(json);
    std::cout << std::flush;
  }

  void end(const WatchTotals& totals) override {
    EventJson json = event("end");
    json.update(totals_json(totals));
    print(json);
    std::cout << std::flush;
  }

 private:
  static EventJson event(const char* type) { return {{"type", type}, {"time", time_now()}}; }
  static void print(const EventJson& json) { print_line(std::cout, kube::dump_json(json)); }
  static void add(EventJson& json, const watch_values::Said& said) {
    if (!said.object.empty()) json["object"] = said.object;
    if (!said.pod.empty()) json["pod"] = said.pod;
    if (!said.place.empty()) json["place"] = said.place;
  }
  static EventJson drop_json(const watch_values::Drop& drop, const watch_values::Said& said) {
    EventJson json = event("drop");
    json["reason"] = drop.reason;
    json["meaning"] = watch_values::reason_text(drop.reason);
    json["packet"] = packet_json(drop.packet);
    if (!drop.interface.empty()) json["interface"] = drop.interface;
    add(json, said);
    return json;
  }
};

}  // namespace

std::unique_ptr<WatchOutput> watch_json() { return std::make_unique<WatchJson>(); }

}  // namespace cmd
