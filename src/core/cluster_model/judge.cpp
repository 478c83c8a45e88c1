#include <algorithm>
#include <utility>

#include "core/cluster_model/parts.hpp"

namespace core::cluster_model {
namespace {

using What = Setting::What;

// What becomes of packets in one direction, and whether that was seen in a kernel's rules and
// routes (`firm`) or only in what a configuration says.
enum class Out : std::uint8_t { unknown, kept, translated, refused, mixed };
enum class In : std::uint8_t { unknown, direct, none };

template <typename Word>
struct Sign {
  Word word{};
  bool firm = false;
  std::string why;
};

bool of_family(const Setting& setting, Family family) {
  return !setting.family || *setting.family == family;
}

const Setting* setting(const Evidence& evidence, Family family, What what) {
  const auto found = std::ranges::find_if(evidence.settings, [&](const Setting& one) {
    return one.what == what && of_family(one, family);
  });
  return found == evidence.settings.end() ? nullptr : &*found;
}

std::string quoted_setting(const Setting& one) { return one.source + " says " + one.text; }

// What pods send into the network around the nodes; what goes further says nothing about it, as
// what goes to the Internet is often translated in a flat network as well.
Sign<Out> way_out(const Evidence& evidence, Family family) {
  Sign<Out> sign;
  const auto follow = [&](Walk::Kind kind) {
    for (const Walk& walk : evidence.walks) {
      if (walk.kind != kind || walk.source.family() != family) continue;
      const Out now = walk.end == Walk::End::kept         ? Out::kept
                      : walk.end == Walk::End::translated ? Out::translated
                      : walk.end == Walk::End::refused    ? Out::refused
                                                          : Out::unknown;
      if (now == Out::unknown) continue;
      if (sign.word == Out::unknown) sign = {now, true, "A pod's packet from " + said(walk) + "."};
      if (sign.word != now) sign.word = Out::mixed;
    }
  };
  follow(Walk::Kind::pod_to_network);
  if (sign.word == Out::refused) {
    const Sign<Out> near = std::exchange(sign, {});
    follow(Walk::Kind::pod_to_internet);
    if (sign.word == Out::unknown || sign.word == Out::refused) sign = near;
  }
  if (sign.word == Out::mixed) {
    sign.why =
        "Pods' packets keep their addresses towards a part of the network, and not towards others.";
  }
  if (sign.word != Out::unknown) return sign;
  const Setting* const keeps = setting(evidence, family, What::keeps);
  const Setting* const native = setting(evidence, family, What::native);
  const Setting* const masks = setting(evidence, family, What::masquerades);
  if (native != nullptr) return {Out::kept, false, quoted_setting(*native) + "."};
  if (keeps != nullptr && masks != nullptr) return sign;  // which one counts is not known
  if (keeps != nullptr) return {Out::kept, false, quoted_setting(*keeps) + "."};
  if (masks != nullptr) return {Out::translated, false, quoted_setting(*masks) + "."};
  return sign;
}

Sign<In> way_in(const Evidence& evidence, Family family) {
  if (evidence.where == Evidence::Where::outside) {
    bool none = false, direct = false, open = false;
    std::string route;
    for (const Reach& reach : evidence.reaches) {
      if (!reach.cluster.empty() || reach.range.family() != family) continue;
      if (reach.how == Reach::How::none) none = true;
      if (reach.how == Reach::How::by_default) open = true;
      // Who is in pods' own subnet, or has a tunnel there, is no example for the network.
      if (reach.how != Reach::How::route) continue;
      direct = true;
      route = reach.text;
    }
    if (direct) {
      return {In::direct, true,
              "Outside the cluster, " + evidence.host + " has a route to pods (" + route + ")."};
    }
    if (none && !open) {
      return {In::none, true, "Outside the cluster, " + evidence.host + " has no route to pods."};
    }
  }
  for (const What what : {What::native, What::announces}) {
    if (const Setting* const one = setting(evidence, family, what)) {
      return {In::direct, false, quoted_setting(*one) + "."};
    }
  }
  return {};
}

Verdict decide(const Evidence& evidence, Family family) {
  const Sign<Out> out = way_out(evidence, family);
  const Sign<In> in = way_in(evidence, family);
  const bool gate_in = has_gateway(evidence, false), gate_out = has_gateway(evidence, true);
  // Each cluster has a Service: where there is none, not all objects were given.
  const bool objects = !evidence.cluster.empty() && evidence.services != 0;
  const bool closed = std::ranges::find(evidence.closed, family) != evidence.closed.end();
  Verdict verdict;
  const auto is = [&](Model model, Confidence confidence, std::string why,
                      std::string against = "") {
    verdict.model = model;
    verdict.confidence = confidence;
    verdict.why = std::move(why);
    verdict.against = std::move(against);
  };
  const auto both = [&](const std::string& end) {
    return out.why + (in.why.empty() || in.why == out.why ? "" : " " + in.why) + " " + end;
  };
  const auto isolated = [&](const std::string& why) {
    is(Model::isolated, objects ? Confidence::high : Confidence::low,
       why + " No gateway was found, neither in nor out.",
       objects ? "" : "no objects of the cluster were read, which might be gateways");
  };
  if (closed && !gate_in && !gate_out) {
    isolated(evidence.host + " has no route beyond its own subnets and pods.");
    return verdict;
  }
  switch (out.word) {
    case Out::kept:
      if (in.word == In::none) {
        is(Model::unknown, Confidence::none,
           both("The two do not fit together: something further on translates, or answers to "
                "pods get lost."));
      } else if (in.word == In::direct) {
        is(Model::flat, out.firm && in.firm ? Confidence::high : Confidence::medium,
           both("So both directions work with pods' own addresses."));
      } else {
        is(Model::flat, out.firm ? Confidence::medium : Confidence::low,
           both("So the network has to know pods' addresses for answers to come back."),
           "a router further on may translate, and that the network leads answers back was not "
           "seen");
      }
      break;
    case Out::mixed:
      is(Model::flat, Confidence::low, both("It is flat for that part."),
         "towards others there is translation, as on an island");
      break;
    case Out::translated:
      if (in.word == In::direct) {
        is(Model::flat, Confidence::low, both("So it is flat in one direction only."),
           "what pods send is translated, as on an island");
      } else {
        is(Model::island, out.firm ? Confidence::high : Confidence::medium,
           both("So pods' addresses count inside the cluster only."),
           out.firm ? "" : "that is a configuration; what a node does was not seen");
      }
      break;
    case Out::refused:
      if (gate_in || gate_out) {
        is(Model::island, Confidence::medium,
           both("Only gateways carry traffic over the cluster's edge."));
      } else {
        isolated(out.why);
      }
      break;
    case Out::unknown: {
      const Setting* const overlay = setting(evidence, family, What::overlay);
      if (in.word == In::direct) {
        is(Model::flat, Confidence::low, in.why, "what becomes of what pods send is not known");
      } else if (in.word == In::none && (gate_in || gate_out)) {
        is(Model::island, Confidence::medium, in.why + " Traffic passes gateways.",
           "what becomes of what pods send is not known");
      } else if (evidence.where == Evidence::Where::gateway && gate_in) {
        is(Model::island, Confidence::low,
           evidence.host + " is a gateway into the cluster: traffic gets in by what it maps.",
           "pods may be reached directly as well, and what becomes of what pods send was not seen");
      } else if (overlay != nullptr) {
        is(Model::island, Confidence::low,
           quoted_setting(*overlay) + ": the network between nodes does not see pods' addresses.",
           "tunnels between nodes do not rule out routes from outside to pods");
      } else {
        is(Model::unknown, Confidence::none,
           "Nothing that was seen tells whether pods' addresses count outside the cluster.");
      }
      break;
    }
  }
  return verdict;
}

// Islands that reach each other without translation are an archipelago. What is said of one range
// and of a route to it.
void join_islands(const Evidence& evidence, Family family, Verdict& verdict) {
  if (verdict.model != Model::island) return;
  // Who has an address that is used twice is the one here.
  const auto clashes = clashes_of(evidence);
  const auto used_twice = [&](const Address& address) {
    return std::ranges::any_of(clashes,
                               [&](const Clash& clash) { return clash.theirs.contains(address); });
  };
  for (const Walk& walk : evidence.walks) {
    if (walk.kind != Walk::Kind::pod_to_cluster || walk.source.family() != family ||
        used_twice(walk.destination) ||
        (walk.end != Walk::End::kept && walk.end != Walk::End::tunnelled)) {
      continue;
    }
    const bool routed = std::ranges::any_of(evidence.reaches, [&](const Reach& reach) {
      return !reach.cluster.empty() && reach.range.contains(walk.destination) &&
             reach.how <= Reach::How::tunnel;
    });
    verdict.model = Model::archipelago;
    verdict.why += " But a pod's packet to another cluster is not translated: from " + said(walk) +
                   ". So these clusters are one network, and an island together.";
    if (!routed) {
      verdict.confidence = Confidence::low;
      verdict.against = "only the default route leads there, and who gets it may not know the way";
    }
    return;
  }
  for (const Reach& reach : evidence.reaches) {
    if (reach.cluster.empty() || reach.range.family() != family || reach.how > Reach::How::tunnel ||
        used_twice(reach.range.first()) ||
        std::ranges::any_of(evidence.walks, [&](const Walk& walk) {
          return walk.kind == Walk::Kind::pod_to_cluster && reach.range.contains(walk.destination);
        })) {
      continue;
    }
    verdict.model = Model::archipelago;
    verdict.confidence = Confidence::low;
    verdict.why += " There is a route to pods of another cluster (" + reach.text + ").";
    verdict.against = "whether a pod's packets get there untranslated was not seen";
    return;
  }
}

// A configuration that says otherwise than the kernel.
void doubt_settings(const Evidence& evidence, Family family, Verdict& verdict) {
  const Sign<Out> out = way_out(evidence, family);
  const Setting* const other = out.word == Out::kept ? setting(evidence, family, What::masquerades)
                               : out.word == Out::translated
                                   ? setting(evidence, family, What::keeps)
                                   : nullptr;
  if (!out.firm || other == nullptr || verdict.model == Model::isolated) return;
  verdict.against += (verdict.against.empty() ? "" : "; ") + quoted_setting(*other) +
                     ", and the rules of " + evidence.host + " do not do so for this packet";
}

void weigh_clashes(const Evidence& evidence, Family family, Verdict& verdict) {
  for (const Clash& clash : clashes_of(evidence)) {
    if (clash.ours.family() != family) continue;
    const std::string text = to_string(clash.ours) + " here and " + to_string(clash.theirs) +
                             " of " + clash.cluster + " overlap";
    if (verdict.model == Model::unknown) {
      verdict = {{},
                 Model::island,
                 Confidence::low,
                 "Pod ranges are used twice: " + text + ". One network cannot hold both.",
                 "that is all that is known"};
    } else if (verdict.model == Model::flat || verdict.model == Model::archipelago) {
      verdict.confidence = Confidence::low;
      verdict.against = text + ": in one network without translation, one of them is not reached";
    } else {
      verdict.why += " Pod ranges are used twice (" + text + "), which only islands can bear.";
    }
    return;
  }
}

bool is_there(const Evidence& evidence, Family family) {
  return std::ranges::any_of(evidence.ranges,
                             [&](const PodRange& one) {
                               return one.cluster.empty() && one.range.family() == family;
                             }) ||
         std::ranges::any_of(evidence.walks,
                             [&](const Walk& one) { return one.source.family() == family; });
}

}  // namespace

bool has_gateway(const Evidence& evidence, bool out) {
  return std::ranges::any_of(evidence.gateways,
                             [&](const Gateway& one) { return leads_out(one.form) == out; });
}

std::vector<Clash> clashes_of(const Evidence& evidence) {
  std::vector<Clash> clashes;
  for (const PodRange& ours : evidence.ranges) {
    for (const PodRange& theirs : evidence.ranges) {
      if (ours.cluster.empty() && !theirs.cluster.empty() && overlap(ours.range, theirs.range)) {
        clashes.push_back({ours.range, theirs.range, theirs.cluster});
      }
    }
  }
  return clashes;
}

std::vector<Verdict> judge_models(const Evidence& evidence) {
  std::vector<Verdict> verdicts;
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    // Of a cluster of which nothing is known, one verdict does.
    if (!is_there(evidence, family) &&
        (family == Family::ipv6 || is_there(evidence, Family::ipv6))) {
      continue;
    }
    Verdict verdict = decide(evidence, family);
    doubt_settings(evidence, family, verdict);
    join_islands(evidence, family, verdict);
    weigh_clashes(evidence, family, verdict);
    verdict.family = family;
    verdicts.push_back(std::move(verdict));
  }
  if (verdicts.size() == 2 && verdicts[0].model == verdicts[1].model) {
    // What is said of both is as sure as the less sure one.
    if (verdicts[1].confidence < verdicts[0].confidence) std::swap(verdicts[0], verdicts[1]);
    verdicts.pop_back();
  }
  if (verdicts.size() == 1) verdicts[0].family.reset();
  return verdicts;
}

Report judge(const Evidence& evidence) {
  Report report;
  report.verdicts = judge_models(evidence);
  report.facts = facts_of(evidence);
  report.passages = passages_of(evidence);
  const Model model = report.verdicts.front().model;
  report.costs = costs_of(model, evidence, report.passages);
  report.unknown = gaps_of(model, evidence);
  return report;
}

}  // namespace core::cluster_model
