#include "cmd/mapping/status_words.hpp"

#include <algorithm>

namespace cmd {
namespace {

using core::Condition;
using Phase = MappingState::Phase;
using State = core::MappingReport::State;

const Condition* current(const kube::LiveObject& live, std::string_view type) {
  const Condition* const condition = live.status.condition(type);
  return condition != nullptr && condition->generation >= live.generation ? condition : nullptr;
}

std::string sentence(const Condition& condition) {
  return condition.message.empty() ? condition.reason : condition.message;
}

std::string age_since(std::int64_t time, std::int64_t now) {
  return time == 0 ? "?" : age_text(std::max<std::int64_t>(now - time, 0));
}

bool carries(State state) { return state == State::active || state == State::degraded; }

}  // namespace

MappingState state_of(const kube::LiveObject& live) {
  if (live.deleting) return {Phase::pending, "Deleting", "it is being removed"};
  const Condition* const accepted = current(live, "Accepted");
  const Condition* const programmed = current(live, "Programmed");
  if (accepted != nullptr && accepted->status == Condition::Status::no) {
    return {Phase::rejected, accepted->reason, sentence(*accepted)};
  }
  if (programmed != nullptr && programmed->status == Condition::Status::yes) {
    const bool partly = accepted != nullptr && accepted->reason == "PartlyAccepted";
    return {Phase::programmed, partly ? accepted->reason : "Programmed",
            sentence(*programmed) + (partly ? "; " + sentence(*accepted) : std::string())};
  }
  if (programmed != nullptr) return {Phase::pending, programmed->reason, sentence(*programmed)};
  const bool older = live.status.condition("Programmed") != nullptr;
  return {Phase::pending, "Pending",
          older ? "no edge has looked at the change yet" : "no edge has looked at it yet"};
}

std::string instances_text(const kube::LiveObject& live, std::int64_t now) {
  int known = 0;
  int carrying = 0;
  for (const core::MappingInstance& instance : live.status.instances) {
    if (core::is_expired(instance, now)) continue;
    ++known;
    if (carries(instance.state) && instance.generation >= live.generation) ++carrying;
  }
  return std::to_string(carrying) + "/" + std::to_string(known);
}

std::string instance_states(const kube::LiveObject& live, std::int64_t now) {
  std::string text;
  for (const core::MappingInstance& instance : live.status.instances) {
    text +=
        (text.empty() ? "" : ",") + instance.name + ":" +
        (core::is_expired(instance, now) ? "silent" : std::string(core::to_string(instance.state)));
  }
  return text.empty() ? "-" : text;
}

std::vector<std::string> condition_lines(const kube::LiveObject& live, std::int64_t now) {
  std::vector<std::string> lines;
  for (const Condition& condition : live.status.conditions) {
    std::string line = condition.type + "=" + std::string(core::to_string(condition.status));
    if (condition.reason != condition.type) line += " " + condition.reason;
    if (!condition.message.empty()) line += ": " + condition.message;
    line += " (since " + age_since(condition.since, now);
    if (condition.generation < live.generation) line += ", of an older version";
    lines.push_back(line + ")");
  }
  return lines;
}

std::vector<std::string> instance_lines(const kube::LiveObject& live, std::int64_t now) {
  std::vector<std::string> lines;
  for (const core::MappingInstance& instance : live.status.instances) {
    std::string line = instance.name + " " + std::string(core::to_string(instance.state));
    for (std::size_t i = 0; i < instance.addresses.size(); ++i) {
      line += (i == 0 ? " with " : ",") + core::to_string(instance.addresses[i]);
    }
    if (!instance.message.empty()) line += ": " + instance.message;
    // Whoever keeps its heartbeat elsewhere writes here when something changes.
    const bool leased = instance.heartbeat_period >= core::leased_heartbeat_period;
    line += (leased ? " (written " : " (heard ") + age_since(instance.heartbeat, now) + " ago";
    if (core::is_expired(instance, now)) line += ", silent for too long";
    if (instance.generation < live.generation) line += ", of an older version";
    lines.push_back(line + ")");
  }
  return lines;
}

std::string age_text(std::int64_t seconds) {
  constexpr std::int64_t minute = 60;
  constexpr std::int64_t hour = 60 * minute;
  constexpr std::int64_t day = 24 * hour;
  if (seconds < 2 * minute) return std::to_string(seconds) + "s";
  if (seconds < 3 * hour) return std::to_string(seconds / minute) + "m";
  if (seconds < 2 * day) return std::to_string(seconds / hour) + "h";
  return std::to_string(seconds / day) + "d";
}

}  // namespace cmd
