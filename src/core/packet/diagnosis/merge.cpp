#include "core/packet/diagnosis/merge.hpp"

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/packet/diagnosis/codes.hpp"

namespace core::packet {
namespace {

// What of a cookie a packet of its protocol really carries; IPv6 has no identification.
bool same_packet(const Trace& one, const Trace& other) {
  if (one.cookie.protocol != other.cookie.protocol) return false;
  const bool ids = one.probe.family == Family::ipv6 || one.cookie.id == other.cookie.id;
  return ids && (one.cookie.protocol == tcp || one.cookie.protocol == sctp
                     ? one.cookie.sequence == other.cookie.sequence
                     : one.cookie.payload == other.cookie.payload);
}

bool was_seen(const Trace& trace) { return trace.live && !trace.steps.empty(); }

// Where a host sees no further.
bool out_of_view(const Finding& finding) {
  return finding.code == code::lost || finding.code == code::no_answer ||
         finding.code == code::answer_lost || finding.code == code::not_seen;
}

// What leaves one host comes in at the next one: the packet of its last step.
const Step* last_request(const Trace& trace) {
  const Step* last = nullptr;
  for (const Step& step : trace.steps) {
    if (!step.reply) last = &step;
  }
  return last;
}

bool continues(const Trace& before, const Trace& after) {
  const Step* const out = last_request(before);
  const Step& in = after.steps.front();
  return out != nullptr && out->packet.source == in.packet.source &&
         out->packet.destination == in.packet.destination &&
         out->packet.protocol == in.packet.protocol &&
         out->packet.destination_port == in.packet.destination_port;
}

// The sender first, then whoever goes on where the one before ends; where that does not tell, by
// the time to live, which routers count down.
void put_in_order(std::vector<Trace>& traces) {
  const auto first = std::ranges::find_if(
      traces, [](const Trace& trace) { return trace.steps.front().what == Step::What::send; });
  if (first != traces.end()) std::iter_swap(traces.begin(), first);
  for (std::size_t i = 1; i < traces.size(); ++i) {
    const auto begin = traces.begin() + static_cast<std::ptrdiff_t>(i);
    auto next = std::find_if(begin, traces.end(),
                             [&](const Trace& trace) { return continues(traces[i - 1], trace); });
    if (next == traces.end()) {
      next = std::max_element(begin, traces.end(), [](const Trace& one, const Trace& other) {
        return one.steps.front().packet.ttl < other.steps.front().packet.ttl;
      });
    }
    std::iter_swap(begin, next);
  }
}

// Each once in a row.
std::vector<std::size_t> places_of(const std::vector<Step>& steps, bool reply) {
  std::vector<std::size_t> places;
  for (const Step& step : steps) {
    if (step.reply == reply && (places.empty() || places.back() != step.place)) {
      places.push_back(step.place);
    }
  }
  return places;
}

constexpr std::string_view here = "this host";

// "this host" in the words of one host, in those of all.
std::string named(std::string text, const std::string& host) {
  if (host.empty()) return text;
  for (std::size_t at = text.find(here); at != std::string::npos;
       at = text.find(here, at + host.size())) {
    text.replace(at, here.size(), host);
  }
  return text;
}

class Merged {
 public:
  void add(const Trace& trace, bool reply) {
    for (std::size_t i = 0; i < trace.steps.size(); ++i) {
      if (trace.steps[i].reply != reply) continue;
      Step step = trace.steps[i];
      step.place = place(trace, step.place);
      moved_.push_back({&trace, i, whole_.steps.size()});
      whole_.steps.push_back(std::move(step));
    }
  }
  void add_findings(const Trace& trace) {
    for (Finding finding : trace.findings) {
      if (out_of_view(finding)) continue;
      if (unanswered_ && finding.step < trace.steps.size() && trace.steps[finding.step].reply) {
        continue;
      }
      const auto moved = std::ranges::find_if(moved_, [&](const Moved& one) {
        return one.trace == &trace && one.from == finding.step;
      });
      finding.step = moved == moved_.end() ? whole_.steps.size() : moved->to;
      finding.why = named(std::move(finding.why), trace.host);
      for (Finding::Fix& fix : finding.fixes) fix.effect = named(std::move(fix.effect), trace.host);
      whole_.findings.push_back(std::move(finding));
    }
    whole_.assumptions.insert(whole_.assumptions.end(), trace.assumptions.begin(),
                              trace.assumptions.end());
  }
  // The request does not get to who would answer: no more of what answers would do.
  void leave_out_answers() { unanswered_ = true; }
  [[nodiscard]] bool unanswered() const { return unanswered_; }
  Trace& whole() { return whole_; }

 private:
  struct Moved {
    const Trace* trace;
    std::size_t from;
    std::size_t to;
  };

  std::size_t place(const Trace& trace, std::size_t number) {
    const std::string& own = trace.places[number];
    const std::string name = trace.host.empty() ? own
                             : own == here      ? trace.host
                                                : trace.host + ": " + own;
    const auto found = std::ranges::find(whole_.places, name);
    if (found != whole_.places.end())
      return static_cast<std::size_t>(found - whole_.places.begin());
    whole_.places.push_back(name);
    return whole_.places.size() - 1;
  }

  Trace whole_;
  std::vector<Moved> moved_;
  bool unanswered_ = false;
};

}  // namespace

Trace merge(std::vector<Trace> traces, std::string& complaint) {
  for (const Trace& trace : traces) {
    if (!was_seen(trace)) {
      complaint = "one has seen no real packet: it takes what was printed without --no-live";
      return {};
    }
    if (!same_packet(trace, traces.front())) {
      complaint =
          "they are about different packets: let the other hosts wait for the probe "
          "(--watch) before it is sent";
      return {};
    }
  }
  put_in_order(traces);
  Merged merged;
  for (const Trace& trace : traces) merged.add(trace, false);
  if (traces.back().request_end == Way::End::dropped && !traces.front().answered) {
    merged.leave_out_answers();
  }
  for (auto trace = traces.rbegin(); trace != traces.rend() && !merged.unanswered(); ++trace) {
    merged.add(*trace, true);
  }
  for (const Trace& trace : traces) merged.add_findings(trace);
  Trace& whole = merged.whole();
  const Trace& first = traces.front();
  whole.probe = first.probe;
  whole.cookie = first.cookie;
  whole.live = true;
  whole.answered = first.answered;
  whole.live_note = first.live_note;
  if (std::vector<std::size_t> back = places_of(whole.steps, true); !back.empty()) {
    std::ranges::reverse(back);
    whole.symmetric = back == places_of(whole.steps, false);
  }
  for (const Trace& trace : traces) {
    if (whole.object.empty()) {
      whole.object = trace.object;
      whole.kind = trace.kind;
    }
  }
  whole.request_end = traces.back().request_end;
  if (!merged.unanswered()) whole.reply_end = first.reply_end;
  std::stable_partition(whole.findings.begin(), whole.findings.end(),
                        [](const Finding& one) { return one.fatal; });
  if (!whole.findings.empty() && whole.findings.front().fatal) {
    whole.result = Trace::Result::fail;
  } else {
    whole.result = first.answered ? Trace::Result::ok : Trace::Result::inconclusive;
  }
  return whole;
}

}  // namespace core::packet
