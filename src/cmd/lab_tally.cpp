#include "cmd/lab_tally.hpp"

#include "cmd/lab_topology.hpp"

namespace cmd {

using std::to_string;

void Tally::add(const Answer& answer) {
  ++asked;
  if (answer.ok()) {
    ++answers[answer.text];
  } else {
    errors.push_back(answer.error);
  }
}

std::string to_string(const Tally& tally) {
  std::string text;
  for (const auto& [who, times] : tally.answers) {
    text += (text.empty() ? "" : ", ") + who + ' ' + to_string(times);
  }
  if (tally.errors.empty()) return text;
  return text + (text.empty() ? "" : ", ") + to_string(tally.errors.size()) + " failed (" +
         tally.errors.front() + ")";
}

Origin from_client(EdgeLab& lab, std::string_view source) {
  Origin origin{lab.home.at("client"), lab.waiting, {}, Milliseconds(1000)};
  if (!source.empty()) origin.source = address(source);
  return origin;
}

Tally get_many(const Origin& origin, const Peer& to, int times) {
  Tally tally;
  while (tally.asked < times && !tally.hopeless()) tally.add(http_get(origin, to, "/name"));
  return tally;
}

void expect_spread(StepReport& report, const std::string& what, const Tally& tally, int asked) {
  report.seen.push_back(what + ": " + to_string(tally));
  report.expect(tally.errors.empty() && tally.asked == asked,
                "an answer to each of " + to_string(asked) + " requests", to_string(tally));
  report.expect(tally.answers.size() == pods.size(), "answers of all three pods", to_string(tally));
}

}  // namespace cmd
