#include "core/packet/diagnosis/judge.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "core/constants.hpp"
#include "core/packet/diagnosis/codes.hpp"
#include "core/packet/diagnosis/judgement.hpp"

namespace core::packet {

void Judgement::run() {
  if (promise_.rival) trace_.findings.push_back(*promise_.rival);
  if (promise_.problem && not_served(*promise_.problem)) return conclude();
  request();
  if (answer_.reply) reply(*answer_.reply);
  translations();
  stale();
  draining();
  duplicates();
  sizes();
  conclude();
}

// What is wrong with the object. True: so the packet is not translated, and what becomes of it is
// no other reason; the step is where that shows.
bool Judgement::not_served(Finding problem) {
  const Way& way = answer_.request;
  const bool translated = std::ranges::any_of(
      way.steps, [](const Step& step) { return step.what == Step::What::dnat; });
  if (!translated && !way.steps.empty()) {
    const Step& last = way.steps.back();
    const bool refused = last.rule && last.rule->chain.table == constants::edge_table;
    const bool kept = way.end == Way::End::delivered || way.end == Way::End::answered;
    if (refused || (kept && problem.code != code::address_missing)) {
      problem.step = way.steps.size() - 1;
    }
  }
  trace_.findings.push_back(std::move(problem));
  return !translated;
}

void Judgement::request() {
  const Way& way = answer_.request;
  const std::size_t last = way.steps.empty() ? 0 : way.steps.size() - 1;
  if (promise_.kind == Promise::Kind::edge &&
      (untracked(way) || by_others(way) || not_mapped(way))) {
    return;
  }
  if (way.end == Way::End::dropped || way.end == Way::End::answered || way.cause != Cause::none) {
    trace_.findings.push_back(dead_end(way, last, false));
  }
}

// What a rule in front of connection tracking does not track is never translated.
bool Judgement::untracked(const Way& way) {
  if (promise_.object.empty()) return false;
  for (std::size_t i = 0; i < way.steps.size(); ++i) {
    const Step& step = way.steps[i];
    if (step.what == Step::What::dnat) return false;
    if (!step.untracked || step.encapsulation > 0) continue;
    Finding finding;
    finding.code = code::not_tracked;
    finding.step = i;
    finding.why = "A rule at " + place(step) +
                  " says that it is not tracked, and what is not tracked is not translated: " +
                  promise_.object + " has no effect on it.";
    if (step.rule && step.rule->handle != 0) {
      finding.fixes.push_back({inside(step) + "nft delete rule " + to_text(step.rule->chain) +
                                   " handle " + std::to_string(step.rule->handle),
                               "at " + place(step) + "; or make an exception for " +
                                   to_string(question_.probe.destination) + " in front of it"});
    }
    trace_.findings.push_back(std::move(finding));
    return true;
  }
  return false;
}

// The first translation of its destination is not by pona, which has an object for it.
bool Judgement::by_others(const Way& way) {
  if (promise_.object.empty()) return false;
  for (std::size_t i = 0; i < way.steps.size(); ++i) {
    const Step& step = way.steps[i];
    if (step.what != Step::What::dnat) continue;
    if (!step.rule || step.rule->chain.table == constants::edge_table) return false;
    Finding finding;
    finding.code = code::translated_by_others;
    finding.step = i;
    finding.why = "A rule of another program (chain " + to_text(step.rule->chain) +
                  ") sends it to " + to_string(step.packet.destination) + ", in front of " +
                  promise_.object + ": a connection is translated once, by the first rule.";
    finding.fixes.push_back({inside(step) + "nft delete rule " + to_text(step.rule->chain) +
                                 " handle " + std::to_string(step.rule->handle),
                             "at " + place(step) + "; or make an exception for " +
                                 to_string(question_.probe.destination) + " in front of it"});
    trace_.findings.push_back(std::move(finding));
    return true;
  }
  return false;
}

// A packet for an address of this host that no object translates, and that the host itself gets.
bool Judgement::not_mapped(const Way& way) {
  if (!promise_.object.empty() || !question_.from_wire || way.steps.empty()) return false;
  const bool translated = std::ranges::any_of(
      way.steps, [](const Step& step) { return step.what == Step::What::dnat; });
  const bool here = way.at.place == question_.place &&
                    (way.end == Way::End::delivered || way.end == Way::End::answered);
  if (translated || !here) return false;
  Finding finding;
  finding.code = code::not_mapped;
  finding.step = way.steps.size() - 1;
  finding.why = "No object maps " + protocol_text(question_.probe.protocol) + " port " +
                std::to_string(question_.probe.destination_port) + " of " +
                to_string(question_.probe.destination) + ", so this host keeps it for itself.";
  finding.fixes.push_back({"pona mapping list", "what is mapped"});
  trace_.findings.push_back(std::move(finding));
  return true;
}

// The source address that outside sees against the one that is promised.
void Judgement::translations() {
  const Way& way = answer_.request;
  if (way.end != Way::End::left && way.end != Way::End::delivered &&
      way.end != Way::End::answered) {
    return;
  }
  trace_.seen_source = way.packet.source;
  if (promise_.kind != Promise::Kind::egress || promise_.sources.empty()) return;
  if (std::ranges::find(promise_.sources, way.packet.source) != promise_.sources.end()) return;
  const bool tunnelled = std::ranges::any_of(
      way.steps, [](const Step& step) { return step.what == Step::What::encapsulate; });
  Finding finding;
  finding.answered = true;
  finding.step = way.steps.size() - 1;
  if (!tunnelled) {
    finding.code = code::bypassed;
    finding.why = "It does not go through the tunnel of " + promise_.object + ", and leaves as " +
                  to_string(way.packet.source) + ".";
    finding.fixes.push_back({"pona egress status", "whether the node's agent serves this pod"});
  } else if (way.packet.source == way.steps.front().packet.source) {
    finding.code = code::not_translated;
    finding.why = "Outside sees the pod's own address, " + to_string(way.packet.source) +
                  ", and not " + to_string(promise_.sources.front()) + ", which " +
                  promise_.object + " promises.";
    const auto taken_out = std::ranges::find(way.steps, Step::What::decapsulate, &Step::what);
    if (taken_out != way.steps.end()) {
      finding.fixes.push_back(
          {inside(*taken_out) + "nft list ruleset",
           "in the NAT pod: is table pona-nat there, and who translates first?"});
    }
  } else {
    finding.code = code::wrong_source;
    finding.why = "Outside sees " + to_string(way.packet.source) + ", and not " +
                  to_string(promise_.sources.front()) + ", which " + promise_.object +
                  " promises: another translation comes first, or behind it.";
  }
  trace_.findings.push_back(std::move(finding));
}

// Entries of connection tracking that decide although rules say otherwise today.
void Judgement::stale() {
  for (std::size_t i = 0; i < answer_.request.steps.size(); ++i) {
    const Step& step = trace_.steps[i];
    if (step.encapsulation > 0 && step.port_taken) {
      clash(i);
      continue;
    }
    if (step.what != Step::What::connection || !step.connection || question_.real) continue;
    const Connection& entry = *step.connection;
    if (step.encapsulation > 0) {
      // Tunnels last, and so do their entries; a client's own packets are no answers, though.
      if (step.backwards) clash(i);
      continue;
    }
    const bool ends_badly =
        std::ranges::any_of(trace_.findings, [](const Finding& finding) { return finding.fatal; });
    Finding finding;
    finding.code = code::stale_connection;
    finding.step = i;
    finding.fatal = ends_badly;
    finding.why =
        "Connection tracking at " + place(step) +
        " remembers this flow, and that decides, not today's rules: " + to_text(entry.original) +
        ", answers " + to_text(entry.reply) + ".";
    std::string command = inside(step) + "conntrack -D -p " +
                          protocol_text(entry.original.protocol) + " --orig-src " +
                          to_string(entry.original.source) + " --orig-dst " +
                          to_string(entry.original.destination);
    if (step.packet.has_ports()) {
      command += " --orig-port-src " + std::to_string(entry.original.source_port) +
                 " --orig-port-dst " + std::to_string(entry.original.destination_port);
    }
    finding.fixes.push_back(
        {command, "at " + place(step) + ": the next packet goes by today's rules"});
    if (ends_badly) {
      trace_.findings.insert(trace_.findings.begin(), std::move(finding));
    } else {
      trace_.findings.push_back(std::move(finding));
    }
    return;
  }
}

// The other side of the tunnel spoke first, or its entry was the one that was left.
void Judgement::clash(std::size_t i) {
  const Step& step = trace_.steps[i];
  const Packet& outer = step.before ? *step.before : step.packet;
  const std::string port = std::to_string(outer.destination_port);
  Finding finding;
  finding.code = code::tunnel_clash;
  finding.fatal = false;
  finding.step = i;
  finding.why = "Connection tracking in " + place(step) +
                " remembers the tunnel the other way round: " + to_string(step.packet.destination) +
                " spoke first. So the packets of " + to_string(outer.source) + " " +
                (step.port_taken ? "get another source port" : "are taken for answers") +
                ", and what comes back is not translated.";
  finding.fixes.push_back({world_.inside(step.place) + "conntrack -D -p udp --dport " + port,
                           "at " + place(step) + ": the next packet makes a right entry"});
  trace_.findings.push_back(std::move(finding));
}

// Somebody else has an address that the packet needs to arrive at.
void Judgement::duplicates() {
  for (std::size_t i = 0; i < trace_.places.size(); ++i) {
    for (const Link& link : world_.network(i).links()) {
      for (const LinkAddress& held : link.addresses) {
        if (!held.duplicate) continue;
        const Address& address = held.prefix.address;
        const auto goes_there = [&](const Step& step) {
          return step.packet.destination == address || step.packet.source == address;
        };
        const auto step = std::ranges::find_if(trace_.steps, goes_there);
        if (step == trace_.steps.end()) continue;
        Finding finding;
        finding.code = code::duplicate_address;
        finding.step = static_cast<std::size_t>(step - trace_.steps.begin());
        finding.why =
            to_string(address) + " is on " + link.device.name + " of " + trace_.places[i] +
            ", and not in use there: duplicate address detection found that somebody else " +
            "on that link has it.";
        finding.fixes.push_back(
            {"ip -6 address del " + to_string(held.prefix) + " dev " + link.device.name,
             "in " + trace_.places[i] + ", or at the other one that has it"});
        trace_.findings.insert(trace_.findings.begin(), std::move(finding));
        return;
      }
    }
  }
}

void Judgement::draining() {
  if (!promise_.draining) return;
  Finding finding;
  finding.code = code::nat_pod_draining;
  finding.fatal = false;
  finding.step = trace_.steps.size();
  finding.why = "Each NAT pod of " + promise_.object +
                " that this pod uses is about to end, and no other one is ready: what begins there "
                "now is cut off when it ends.";
  finding.fixes.push_back({"pona egress status", "which NAT pods there are, and how they are"});
  trace_.findings.push_back(std::move(finding));
}

// The largest packet that gets along both ways, against what the sender believes.
void Judgement::sizes() {
  const Way& way = answer_.request;
  if (way.largest == 0 || (way.end != Way::End::delivered && way.end != Way::End::left)) return;
  std::uint32_t believed = 0;
  const Step* sender = nullptr;
  for (const Step& step : way.steps) {
    if (step.mtu != 0) {
      believed = step.mtu;
      sender = &step;
      break;
    }
  }
  if (believed == 0) return;
  if (believed <= way.largest) {
    trace_.facts.push_back("mtu " + std::to_string(believed) + " fits");
    return;
  }
  Finding finding;
  finding.code = code::mtu;
  finding.fatal = false;
  finding.step = std::min(way.narrowest, way.steps.size() - 1);
  finding.why = "The sender sends packets of up to " + std::to_string(believed) +
                " bytes, and only " + std::to_string(way.largest) +
                " get through: small ones arrive, large ones are lost, so that connections open "
                "and then hang.";
  const Step& narrow = way.steps[finding.step];
  const auto is_link = [&](const Step& step) { return step.link != 0 && !step.where.empty(); };
  if (is_link(narrow)) {
    finding.fixes.push_back({inside(narrow) + "ip link set " + narrow.where + " mtu " +
                                 std::to_string(believed + narrow.overhead),
                             "at " + place(narrow) + ": widens the narrow link"});
  }
  if (sender != nullptr && is_link(*sender)) {
    finding.fixes.push_back(
        {inside(*sender) + "ip link set " + sender->where + " mtu " + std::to_string(way.largest),
         "at " + place(*sender) + ": or makes the sender's packets smaller"});
  }
  trace_.findings.push_back(std::move(finding));
}

void Judgement::conclude() {
  // What stops it comes first.
  std::stable_partition(trace_.findings.begin(), trace_.findings.end(),
                        [](const Finding& one) { return one.fatal; });
  const bool fails = !trace_.findings.empty() && trace_.findings.front().fatal;
  if (answer_.request.unread || (answer_.reply && answer_.reply->unread)) {
    trace_.result = Trace::Result::unprivileged;
  } else if (fails) {
    trace_.result = Trace::Result::fail;
  } else if (answer_.request.end == Way::End::unknown ||
             (answer_.reply && answer_.reply->end == Way::End::unknown) ||
             answer_.request.end == Way::End::left) {
    trace_.result = Trace::Result::inconclusive;
  } else {
    trace_.result = Trace::Result::ok;
  }
}

void judge(Trace& trace, const Question& question, const Answer& answer, const Promise& promise,
           World& world) {
  Judgement(trace, question, answer, promise, world).run();
}

}  // namespace core::packet
