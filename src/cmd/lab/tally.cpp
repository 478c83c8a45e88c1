#include "cmd/lab/tally.hpp"

#include "cmd/lab/network.hpp"

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

Origin from(Lab& lab, const std::string& host, std::string_view source) {
  // Long: it is what a busy machine may take for an answer. Who expects none waits less.
  Origin origin{lab.home.at(host), lab.waiting, {}, Milliseconds(5000)};
  if (!source.empty()) origin.source = address(source);
  return origin;
}

Tally get_many(const Origin& origin, const Peer& to, int times) {
  Tally tally;
  while (tally.asked < times && !tally.hopeless()) tally.add(http_get(origin, to, "/name"));
  return tally;
}

void OpenStreams::open(const Origin& origin, const Peer& to,
                       const std::function<std::string(const std::string& greeting)>& who) {
  Stream stream(origin, to);
  const Answer greeting = stream.line();
  if (greeting.ok()) {
    streams.push_back({std::move(stream), who(greeting.text)});
  } else {
    errors.push_back(greeting.error);
  }
}

OpenStreams OpenStreams::take(std::string_view who) {
  OpenStreams taken;
  std::vector<One> left;
  for (One& each : streams) {
    (each.who == who ? taken.streams : left).push_back(std::move(each));
  }
  streams = std::move(left);
  return taken;
}

OpenStreams::Check OpenStreams::check(const std::string& line, Milliseconds patience) {
  Check result;
  const auto begin = Clock::now();
  for (One& each : streams) each.stream.send(line + '\n');
  for (One& each : streams) {
    const Answer answer = each.stream.line(begin + patience);
    if (answer.text == line) {
      ++result.alive;
      result.slowest = Clock::now() - begin;
    } else {
      errors.push_back(answer.error);
    }
  }
  return result;
}

Tally tally_of(const OpenStreams& open) {
  Tally tally;
  for (const OpenStreams::One& each : open.streams) ++tally.answers[each.who];
  tally.asked = static_cast<int>(open.streams.size() + open.errors.size());
  tally.errors = open.errors;
  return tally;
}

}  // namespace cmd
