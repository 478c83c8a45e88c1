#include <algorithm>
#include <map>

#include "core/cluster_model/parts.hpp"

namespace core::cluster_model {
namespace {

constexpr std::size_t most_seen = 6;

std::string list_of(const std::vector<std::string>& texts, std::size_t most) {
  std::string text;
  for (std::size_t i = 0; i < texts.size() && i < most; ++i) {
    text += (i == 0 ? "" : ", ") + texts[i];
  }
  if (texts.size() > most) text += " and " + std::to_string(texts.size() - most) + " more";
  return text;
}

Fact ranges_fact(const Evidence& evidence, bool of_others) {
  Fact fact;
  std::vector<std::string> texts;
  for (const PodRange& one : evidence.ranges) {
    if (one.cluster.empty() == of_others) continue;
    std::string text = to_string(one.range);
    if (of_others) text += " (" + one.cluster + ")";
    if (std::ranges::find(texts, text) == texts.end()) texts.push_back(text);
    if (!of_others) fact.seen.push_back(to_string(one.range) + ": " + one.source);
  }
  fact.question = of_others ? "other clusters" : "pod ranges";
  fact.answer = texts.empty() ? (of_others ? "none known" : "not known") : list_of(texts, 4);
  for (const Clash& clash : clashes_of(evidence)) {
    if (of_others) {
      fact.seen.push_back(to_string(clash.theirs) + " of " + clash.cluster + " overlaps " +
                          to_string(clash.ours) + " of this cluster");
    }
  }
  return fact;
}

std::string word_for(const Walk& walk) {
  const bool in = walk.kind == Walk::Kind::network_to_pod;
  switch (walk.end) {
    case Walk::End::kept:
      return in ? "let in by the node" : "own address";
    case Walk::End::translated:
      return "translated";
    case Walk::End::tunnelled:
      return "own address, in a tunnel";
    case Walk::End::refused:
      return "refused";
    case Walk::End::unknown:
      break;
  }
  return "not known";
}

void add_walks(const Evidence& evidence, Walk::Kind kind, const std::string& question,
               std::vector<Fact>& facts) {
  Fact fact;
  fact.question = question;
  for (const Walk& walk : evidence.walks) {
    if (walk.kind != kind) continue;
    const std::string word = word_for(walk);
    if (fact.answer.find(word) == std::string::npos) {
      fact.answer += (fact.answer.empty() ? "" : "; ") + word;
    }
    std::string text = said(walk);
    text += by_what(walk);
    if (!walk.note.empty()) text += ": " + walk.note;
    fact.seen.push_back(std::move(text));
  }
  if (!fact.seen.empty()) facts.push_back(std::move(fact));
}

Fact routes_fact(const Evidence& evidence) {
  Fact fact;
  std::map<std::string, std::vector<std::string>> by_text;
  bool route = false, open = false;
  for (const Reach& reach : evidence.reaches) {
    if (!reach.cluster.empty()) continue;
    route = route || reach.how <= Reach::How::tunnel;
    open = open || reach.how == Reach::How::by_default;
    const std::string how = reach.how == Reach::How::none         ? "no route"
                            : reach.how == Reach::How::by_default ? "only the default route"
                            : reach.how == Reach::How::tunnel     ? reach.text + ", a tunnel"
                                                                  : reach.text;
    by_text[how].push_back(to_string(reach.range));
  }
  for (const auto& [text, ranges] : by_text) {
    fact.seen.push_back(list_of(ranges, 3) + ": " + text);
  }
  const std::string who = evidence.where == Evidence::Where::outside   ? " (outside the cluster)"
                          : evidence.where == Evidence::Where::node    ? " (a node)"
                          : evidence.where == Evidence::Where::gateway ? " (the edge)"
                                                                       : "";
  fact.question = "routes to pods";
  fact.answer = (route  ? "known to "
                 : open ? "none but the default route at "
                        : "none at ") +
                evidence.host + who;
  return fact;
}

}  // namespace

std::string by_what(const Walk& walk) {
  if (walk.lost == 0 || walk.lost > walk.steps.size()) return "";
  const WalkStep& step = walk.steps[walk.lost - 1];
  return (step.rule.empty() ? "" : ", by " + step.rule) + " (" + step.where + ", step " +
         std::to_string(walk.lost) + " of " + std::to_string(walk.steps.size()) + ")";
}

std::string counted(std::uint64_t number, std::string_view one) {
  return std::to_string(number) + " " + std::string(one) + (number == 1 ? "" : "s");
}

std::string said(const Walk& walk) {
  std::string text = to_string(walk.source) + " to " + to_string(walk.destination);
  if (!walk.target.empty()) text += " (" + walk.target + ")";
  text += (walk.kind >= Walk::Kind::network_to_pod ? " passes " : " leaves ") + walk.host;
  switch (walk.end) {
    case Walk::End::kept:
      return text + " with its own source";
    case Walk::End::translated:
      return text + " with the source " + to_string(walk.seen);
    case Walk::End::tunnelled:
      return text + " with its own source, in a tunnel";
    case Walk::End::refused:
    case Walk::End::unknown:
      break;
  }
  text = to_string(walk.source) + " to " + to_string(walk.destination) +
         (walk.target.empty() ? "" : " (" + walk.target + ")");
  return text + (walk.end == Walk::End::refused ? " is refused at " + walk.host : ": not known");
}

std::vector<Fact> facts_of(const Evidence& evidence) {
  std::vector<Fact> facts;
  facts.push_back(ranges_fact(evidence, false));
  using Kind = Walk::Kind;
  add_walks(evidence, Kind::pod_to_network, "pods to network", facts);
  add_walks(evidence, Kind::pod_to_internet, "pods to Internet", facts);
  add_walks(evidence, Kind::pod_to_node, "pods to nodes", facts);
  add_walks(evidence, Kind::network_to_pod, "network to pods", facts);
  const bool routes = std::ranges::any_of(evidence.reaches,
                                          [](const Reach& reach) { return reach.cluster.empty(); });
  if (routes) facts.push_back(routes_fact(evidence));
  facts.push_back(ranges_fact(evidence, true));
  add_walks(evidence, Kind::pod_to_cluster, "pods to clusters", facts);
  if (!evidence.settings.empty()) {
    Fact fact{"configuration", "", {}};
    for (const Setting& one : evidence.settings) {
      const std::string word(to_string(one.what));
      if (fact.answer.find(word) == std::string::npos) {
        fact.answer += (fact.answer.empty() ? "" : ", ") + word;
      }
      fact.seen.push_back(one.source + ": " + one.text);
    }
    facts.push_back(std::move(fact));
  }
  for (Fact& fact : facts) {
    if (fact.seen.size() <= most_seen) continue;
    const std::size_t more = fact.seen.size() - most_seen + 1;
    fact.seen.resize(most_seen - 1);
    fact.seen.push_back("and " + std::to_string(more) + " more");
  }
  return facts;
}

}  // namespace core::cluster_model
