#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "core/packet/diagnosis/codes.hpp"
#include "core/packet/diagnosis/judgement.hpp"

namespace core::packet {

void Judgement::reply(const Way& way) {
  const std::size_t first = answer_.request.steps.size();
  const std::size_t last = first + (way.steps.empty() ? 0 : way.steps.size() - 1);
  if (question_.from_wire && left_elsewhere(first)) return by_another_link(first);
  if (const Step* const translation = passed_over(way)) {
    return past_the_translation(way, *translation, first);
  }
  if (way.end == Way::End::dropped || way.cause != Cause::none) {
    Finding finding = dead_end(way, last, true);
    trace_.findings.push_back(std::move(finding));
    return;
  }
  home(way, last);
  if (!question_.from_wire || way.at == *question_.from_wire) symmetry(way, first);
}

// Whether the answer is what the client waits for.
void Judgement::home(const Way& way, std::size_t last) {
  if (way.end == Way::End::unknown) return;
  const Packet& asked = answer_.request.steps.front().packet;
  if (question_.from_wire) {
    if (way.at != *question_.from_wire) return;
  } else if (way.end != Way::End::delivered || way.at.place != question_.place) {
    Finding finding;
    finding.code = code::no_way_back;
    finding.step = last;
    finding.why = "The answer to " + to_string(asked.source) + " ends at " +
                  place(trace_.steps[last]) +
                  ", and not where the request began: " + to_string(way.packet.destination) +
                  " is an address there, too.";
    trace_.findings.push_back(std::move(finding));
    return;
  }
  const bool ports = way.packet.has_ports() && asked.has_ports();
  if (way.packet.source == asked.destination &&
      (!ports || way.packet.source_port == asked.destination_port)) {
    return;
  }
  Finding finding;
  finding.code = code::no_way_back;
  finding.step = last;
  finding.why = "The answer comes from " + to_string(way.packet.source) +
                (ports ? " port " + std::to_string(way.packet.source_port) : "") +
                ", and the client waits for one from " + to_string(asked.destination) +
                (ports ? " port " + std::to_string(asked.destination_port) : "") +
                ": it does not pass the host that translated the request.";
  finding.fixes.push_back({"let the host that translates masquerade, or lead answers through it",
                           "a translation is undone only where it was made"});
  trace_.findings.push_back(std::move(finding));
}

// Whether the answer gets out of the host by another link than the client came by.
bool Judgement::left_elsewhere(std::size_t first) const {
  const std::size_t here = question_.from_wire->place;
  const Step* out = nullptr;
  for (std::size_t i = first; i < trace_.steps.size(); ++i) {
    const Step& step = trace_.steps[i];
    if (step.place == here && step.what == Step::What::route) out = &step;
    // Only what goes on from here has left.
    if (out != nullptr && (step.place != here || step.what == Step::What::leave)) {
      return out->place == here && out->link != question_.from_wire->link &&
             step.packet.destination == question_.probe.source;
    }
  }
  return false;
}

// The answer to a client from outside leaves the host by another link than the client came by.
void Judgement::by_another_link(std::size_t first) {
  const std::size_t here = question_.from_wire->place;
  const Link* const in = world_.network(here).link(question_.from_wire->link);
  Finding finding;
  finding.code = code::asymmetric;
  finding.step = first;
  std::string out = "elsewhere";
  for (std::size_t i = first; i < trace_.steps.size(); ++i) {
    const Step& step = trace_.steps[i];
    if (step.place != here || step.what != Step::What::route) continue;
    finding.step = i;
    out = "by " + step.where;
  }
  const std::string came_by = in != nullptr ? in->device.name : "another interface";
  finding.why = "The answer leaves " + world_.name(here) + " " + out + ", and the client came by " +
                came_by +
                ": routers and firewalls out there drop answers that come by another way.";
  finding.fixes.push_back({"start pona edge with --external-interfaces that fit " + came_by,
                           "answers then leave by the interface that the client came by"});
  trace_.findings.push_back(std::move(finding));
}

// What translated the request where the answer does not come by, as it goes by a host that the
// request has not seen. Null: nothing, or it is not certain. A reverse path filter is what such an
// answer meets: nobody expects its source there.
const Step* Judgement::passed_over(const Way& way) const {
  if (way.end == Way::End::unknown) return nullptr;
  if (way.end == Way::End::dropped && way.cause != Cause::reverse_path) return nullptr;
  const auto& request = answer_.request.steps;
  const auto passes = [](const std::vector<Step>& steps, std::size_t where) {
    return std::ranges::find(steps, where, &Step::place) != steps.end();
  };
  const bool elsewhere = std::ranges::any_of(
      way.steps, [&](const Step& step) { return !passes(request, step.place); });
  if (!elsewhere) return nullptr;
  for (std::size_t i = request.size(); i-- > 0;) {
    const Step& step = request[i];
    const bool translates = step.what == Step::What::dnat || step.what == Step::What::snat;
    if (translates && step.before && !passes(way.steps, step.place)) return &step;
  }
  return nullptr;
}

void Judgement::past_the_translation(const Way& way, const Step& translation, std::size_t first) {
  const auto& request = answer_.request.steps;
  std::size_t turn = first;  // where it was still on its way back
  std::size_t next = first;
  for (std::size_t i = first; i < first + way.steps.size(); ++i) {
    next = i;
    const std::size_t at = trace_.steps[i].place;
    if (std::ranges::find(request, at, &Step::place) == request.end()) break;
    if (trace_.steps[i].what == Step::What::route) turn = i;
  }
  const Step& step = trace_.steps[turn];
  const std::string there = world_.name(translation.place);
  Finding finding;
  finding.code = code::asymmetric;
  finding.step = turn;
  finding.why = "The answer leaves " + place(step) + " for " + place(trace_.steps[next]) + " (" +
                step.text + "), and does not pass " + there + ", which translated the request. " +
                "Only there the answer would become one from " +
                to_string(request.front().packet.destination) +
                " again; as it is, it is lost on its way, or refused by the client.";
  finding.fixes.push_back({inside(step) + "ip route replace " + to_string(step.packet.destination) +
                               " via " + way_to(translation, step),
                           "leads answers to this client through " + there +
                               "; a default route by it does so for all clients"});
  if (promise_.kind == Promise::Kind::edge && promise_.object.starts_with("Mapping ")) {
    const std::string name = promise_.object.substr(sizeof "Mapping " - 1);
    finding.fixes.push_back(
        {"pona mapping set " + name + " --preserve-client-ip=false",
         "or lets the edge masquerade: answers then go to it by themselves, and "
         "pods do not see the client's address"});
  }
  trace_.findings.push_back(std::move(finding));
}

// The address of the host that translated by which its neighbour `from` reaches it.
std::string Judgement::way_to(const Step& translation, const Step& from) const {
  const auto& request = answer_.request.steps;
  const Step* out = nullptr;
  for (std::size_t i = 0; i < request.size(); ++i) {
    if (request[i].place == translation.place && request[i].what == Step::What::route) {
      out = &request[i];
    }
    if (out == nullptr || request[i].place == translation.place) continue;
    if (request[i].place != from.place) break;
    const Link* const link = world_.network(translation.place).link(out->link);
    if (link == nullptr) break;
    for (const LinkAddress& one : link->addresses) {
      if (one.prefix.family() == from.packet.family && !one.tentative)
        return to_string(one.prefix.address);
    }
  }
  return "GATEWAY (which leads to " + world_.name(translation.place) + ")";
}

// The places of the way, each once in a row.
std::vector<std::size_t> Judgement::places(std::span<const Step> steps) {
  std::vector<std::size_t> result;
  for (const Step& step : steps) {
    if (result.empty() || result.back() != step.place) result.push_back(step.place);
  }
  return result;
}

void Judgement::symmetry(const Way& way, std::size_t first) {
  std::vector<std::size_t> there = places(answer_.request.steps);
  std::ranges::reverse(there);
  const std::vector<std::size_t> back = places(way.steps);
  trace_.symmetric = there == back;
  if (*trace_.symmetric) return;
  const auto differs = std::ranges::mismatch(there, back);
  Finding finding;
  finding.code = code::asymmetric;
  finding.fatal = false;
  finding.step = first;
  for (std::size_t i = first; i < trace_.steps.size(); ++i) {
    if (differs.in2 != back.end() && trace_.steps[i].place == *differs.in2) {
      finding.step = i;
      break;
    }
  }
  const auto list = [&](const std::vector<std::size_t>& all) {
    std::string text;
    for (const std::size_t one : all) text += (text.empty() ? "" : ", ") + world_.name(one);
    return text;
  };
  finding.why = "The answer passes " + list(back) + ", and not " + list(there) +
                ": hosts that are passed in one direction only see half of the connection.";
  trace_.findings.push_back(std::move(finding));
}

}  // namespace core::packet
