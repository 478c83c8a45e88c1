#include "core/packet/diagnosis/judge.hpp"

#include <algorithm>
#include <span>
#include <string>
#include <utility>

#include "core/packet/diagnosis/codes.hpp"
#include "core/packet/diagnosis/judge_rules.hpp"
#include "core/packet/walk/connections.hpp"

namespace core::packet {
namespace {

using Fix = Finding::Fix;

int code_of(Cause cause) {
  switch (cause) {
    case Cause::rule_drop:
      return code::rule_drop;
    case Cause::rule_reject:
      return code::rule_reject;
    case Cause::policy_drop:
      return code::policy_drop;
    case Cause::reverse_path:
      return code::reverse_path;
    case Cause::martian:
      return code::martian;
    case Cause::forwarding_off:
      return code::forwarding_off;
    case Cause::no_route:
      return code::no_route;
    case Cause::blackhole:
    case Cause::unreachable:
    case Cause::prohibited:
      return code::route_refuses;
    case Cause::neighbour_silent:
      return code::neighbour_silent;
    case Cause::link_down:
      return code::link_down;
    case Cause::too_big:
      return code::mtu;
    case Cause::ttl_exceeded:
      return code::ttl;
    case Cause::port_closed:
      return code::port_closed;
    case Cause::tunnel_closed:
      return code::tunnel_closed;
    case Cause::table_full:
      return code::table_full;
    case Cause::ipv6_disabled:
      return code::ipv6_disabled;
    case Cause::not_ours:
      return code::wrong_neighbour;
    case Cause::queue:
      return code::queued;
    case Cause::loop:
      return code::loop;
    case Cause::none:
      break;
  }
  return 0;
}

const char* ip_words(Family family) { return family == Family::ipv4 ? "ip" : "ip -6"; }

class Judgement {
 public:
  Judgement(Trace& trace, const Question& question, const Answer& answer, const Promise& promise,
            World& world)
      : trace_(trace), question_(question), answer_(answer), promise_(promise), world_(world) {}

  void run() {
    if (promise_.problem) trace_.findings.push_back(*promise_.problem);
    request();
    if (answer_.reply) reply(*answer_.reply);
    translations();
    stale();
    sizes();
    conclude();
  }

 private:
  [[nodiscard]] std::string place(const Step& step) const { return world_.name(step.place); }

  // What is said of a way that ends before its time.
  Finding dead_end(const Way& way, std::size_t step, bool reply) {
    Finding finding;
    const Step& last = trace_.steps[step];
    finding.code = code_of(way.cause);
    finding.step = step;
    finding.why = (reply ? "The answer is lost in " : "In ") + place(last) + ": " + last.text + ".";
    finding.fixes = fixes(way.cause, last);
    if (last.rule) {
      judge_rule(finding, last, promise_);
    } else if (reply && (way.cause == Cause::no_route || way.cause == Cause::neighbour_silent)) {
      finding.code = way.cause == Cause::no_route ? code::no_way_back : finding.code;
    }
    if (way.cause == Cause::port_closed && last.packet.protocol == udp) {
      finding.why += " The host answers with an ICMP error (port unreachable).";
    }
    return finding;
  }

  std::vector<Fix> fixes(Cause cause, const Step& step) {
    const Packet& packet = step.packet;
    const std::string in = place(step) + ": ";
    const std::string ip = ip_words(packet.family);
    const std::string conf = packet.family == Family::ipv4 ? "net.ipv4.conf." : "net.ipv6.conf.";
    switch (cause) {
      case Cause::reverse_path:
        return {{in + ip + " route add " + to_string(packet.source) + " dev " + step.where,
                 "gives the answer the way that the request came by"},
                {in + "sysctl -w " + conf + step.where + ".rp_filter=2 " + conf + "all.rp_filter=2",
                 "takes whatever some route leads back to"}};
      case Cause::martian:
        return {{in + ip + " address show", "find " + to_string(packet.source) +
                                                " and take it away where it does not belong"}};
      case Cause::forwarding_off:
        return {{in + (packet.family == Family::ipv4
                           ? "sysctl -w net.ipv4.conf." + step.where + ".forwarding=1"
                           : "sysctl -w net.ipv6.conf.all.forwarding=1"),
                 "lets this host forward; write it to /etc/sysctl.d, too"}};
      case Cause::no_route:
        return {{in + ip + " route add " + to_string(packet.destination) + " via GATEWAY",
                 "or a route to its subnet, or a default route"}};
      case Cause::blackhole:
      case Cause::unreachable:
      case Cause::prohibited:
        if (step.text.find(": ") == std::string::npos) {
          return {{in + ip + " route get " + to_string(packet.destination), "what the kernel says"}};
        }
        return {{in + ip + " route del " + step.text.substr(step.text.find(": ") + 2),
                 "if it is not meant to be there"}};
      case Cause::neighbour_silent:
        return {{in + ip + " neigh show", "what is known of the next hop"},
                {"arping -I " + step.where + " ADDRESS", "ask again; is the next hop's host up?"}};
      case Cause::not_ours:
        return {{in + ip + " neigh flush to " + to_string(packet.destination),
                 "lets it ask again for the next hop's MAC address"}};
      case Cause::link_down:
        return {{in + "ip link set " + step.where + " up", "and its other end"}};
      case Cause::ipv6_disabled:
        return {{in + "sysctl -w net.ipv6.conf." + (step.where == "route" ? "all" : step.where) +
                     ".disable_ipv6=0",
                 "lets IPv6 in"}};
      case Cause::table_full:
        return {{in + "sysctl -w net.netfilter.nf_conntrack_max=NUMBER", "makes room"},
                {"conntrack -L | awk '{ print $5 }' | sort | uniq -c | sort -n | tail",
                 "who makes so many"}};
      case Cause::port_closed:
        return {{in + "ss -lnp sport = :" + std::to_string(packet.destination_port),
                 "what listens there; start the server, or name its port (targetPort)"}};
      case Cause::tunnel_closed:
        return {{in + "ip -d link show", "is the tunnel's device there, and up?"},
                {"pona egress status", "what the node's agent and the NAT pods say"}};
      case Cause::too_big:
        return {{in + "ip link set " + step.where + " mtu MTU", "equal at both ends"}};
      default:
        return {};
    }
  }

  void request() {
    const Way& way = answer_.request;
    const std::size_t last = way.steps.empty() ? 0 : way.steps.size() - 1;
    if (way.end == Way::End::dropped || way.end == Way::End::answered || way.cause != Cause::none) {
      trace_.findings.push_back(dead_end(way, last, false));
      return;
    }
    not_translated_in(way);
  }

  // A packet for an address of this host that no object translated, and that a socket took or not.
  void not_translated_in(const Way& way) {
    if (promise_.kind != Promise::Kind::edge) return;
    const bool translated = std::ranges::any_of(
        way.steps, [](const Step& step) { return step.what == Step::What::dnat; });
    if (translated || way.end != Way::End::delivered) return;
    Finding finding;
    finding.code = code::not_mapped;
    finding.step = way.steps.size() - 1;
    finding.why = "It was not translated: no object maps " +
                  protocol_text(question_.probe.protocol) + " port " +
                  std::to_string(question_.probe.destination_port) + " of " +
                  to_string(question_.probe.destination) + ", and this host took it itself.";
    finding.fixes.push_back({"pona mapping list", "what is mapped"});
    trace_.findings.push_back(std::move(finding));
  }

  void reply(const Way& way) {
    const std::size_t first = answer_.request.steps.size();
    const std::size_t last = first + (way.steps.empty() ? 0 : way.steps.size() - 1);
    if (way.end == Way::End::dropped || way.cause != Cause::none) {
      Finding finding = dead_end(way, last, true);
      trace_.findings.push_back(std::move(finding));
      return;
    }
    home(way, first, last);
    if (!question_.from_wire || way.at == *question_.from_wire) symmetry(way, first);
  }

  // Whether the answer is what the client waits for.
  void home(const Way& way, std::size_t first, std::size_t last) {
    if (way.end == Way::End::unknown) return;
    const Packet& asked = answer_.request.steps.front().packet;
    if (question_.from_wire) {
      // Behind another interface somebody may still bring it to the client.
      if (way.at != *question_.from_wire) return by_another_link(first);
    } else if (way.end != Way::End::delivered || way.at.place != question_.place) {
      Finding finding;
      finding.code = code::no_way_back;
      finding.step = last;
      finding.why = "The answer to " + to_string(asked.source) + " ends in " +
                    place(trace_.steps[last]) + " and not where the request began.";
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
    finding.fixes.push_back({"let the translating host masquerade, or route the answers through it",
                             "a translation is undone only where it was made"});
    trace_.findings.push_back(std::move(finding));
  }

  // The answer to a client from outside leaves the host by another link than the client came by.
  void by_another_link(std::size_t first) {
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
    finding.why = "The answer leaves " + world_.name(here) + " " + out +
                  ", and the client came by " +
                  (in != nullptr ? in->device.name : "another interface") +
                  ": who is out there drops what comes from an address that is not behind it.";
    finding.fixes.push_back({"pona edge --external-interfaces REGEX",
                             "makes answers leave by the interface that the client came by"});
    trace_.findings.push_back(std::move(finding));
  }

  // The places of the way, each once in a row.
  static std::vector<std::size_t> places(std::span<const Step> steps) {
    std::vector<std::size_t> result;
    for (const Step& step : steps) {
      if (result.empty() || result.back() != step.place) result.push_back(step.place);
    }
    return result;
  }

  void symmetry(const Way& way, std::size_t first) {
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
    finding.why = "The answer passes " + list(back) + "; the request's way back would be " +
                  list(there) + ".";
    trace_.findings.push_back(std::move(finding));
  }

  // The source address that outside sees against the one that is promised.
  void translations() {
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
    finding.step = way.steps.size() - 1;
    if (!tunnelled) {
      finding.code = code::bypassed;
      finding.why = "It does not go through the tunnel of " + promise_.object + ", and leaves as " +
                    to_string(way.packet.source) + ".";
      finding.fixes.push_back({"pona egress status", "whether the agent serves this pod"});
    } else if (way.packet.source == way.steps.front().packet.source) {
      finding.code = code::not_translated;
      finding.why = "It leaves as " + to_string(way.packet.source) +
                    ", the pod's own address, where " + promise_.object + " promises " +
                    to_string(promise_.sources.front()) + ".";
      finding.fixes.push_back(
          {"nft list table ip pona-nat", "in the NAT pod: is pona's table there?"});
    } else {
      finding.code = code::wrong_source;
      finding.why = "Outside sees " + to_string(way.packet.source) + ", where " + promise_.object +
                    " promises " + to_string(promise_.sources.front()) + ".";
    }
    trace_.findings.push_back(std::move(finding));
  }

  // Entries of connection tracking that decide although rules say otherwise today.
  void stale() {
    for (std::size_t i = 0; i < answer_.request.steps.size(); ++i) {
      const Step& step = trace_.steps[i];
      if (step.what != Step::What::connection || !step.connection) continue;
      const Connection& entry = *step.connection;
      if (step.packet.protocol == udp && promise_.tunnel_port != 0 &&
          step.packet.destination_port == promise_.tunnel_port) {
        continue;
      }
      const bool ends_badly = std::ranges::any_of(
          trace_.findings, [](const Finding& finding) { return finding.fatal; });
      Finding finding;
      finding.code = code::stale_connection;
      finding.step = i;
      finding.fatal = ends_badly;
      finding.why = "An entry of connection tracking in " + place(step) +
                    " decides, not today's rules: " + to_text(entry.original) + ", answers " +
                    to_text(entry.reply) + ".";
      finding.fixes.push_back({place(step) + ": conntrack -D -p " +
                                   protocol_text(entry.original.protocol) + " --orig-src " +
                                   to_string(entry.original.source) + " --orig-dst " +
                                   to_string(entry.original.destination),
                               "the next packet is translated anew"});
      if (ends_badly) {
        trace_.findings.insert(trace_.findings.begin(), std::move(finding));
      } else {
        trace_.findings.push_back(std::move(finding));
      }
      return;
    }
  }

  // The largest packet that gets along both ways, against what the sender believes.
  void sizes() {
    const Way& way = answer_.request;
    if (way.largest == 0 || (way.end != Way::End::delivered && way.end != Way::End::left)) return;
    std::uint32_t believed = 0;
    for (const Step& step : way.steps) {
      if (step.mtu != 0) {
        believed = step.mtu;
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
    finding.why = "Packets of up to " + std::to_string(believed) +
                  " bytes are sent, and no more than " + std::to_string(way.largest) +
                  " get along: large ones are lost, or depend on ICMP errors that get back.";
    finding.fixes.push_back({"ip link set DEV mtu " + std::to_string(believed),
                             "on the narrow link, or make the sender's smaller"});
    finding.fixes.push_back(
        {"tcp option maxseg size set rt mtu", "a rule of nft(8) that clamps the MSS of TCP"});
    trace_.findings.push_back(std::move(finding));
  }

  void conclude() {
    // What stops it comes first.
    std::ranges::stable_partition(trace_.findings, [](const Finding& one) { return one.fatal; });
    const bool fails = !trace_.findings.empty() && trace_.findings.front().fatal;
    if (fails) {
      trace_.result = Trace::Result::fail;
    } else if (answer_.request.end == Way::End::unknown ||
               (answer_.reply && answer_.reply->end == Way::End::unknown)) {
      trace_.result = Trace::Result::inconclusive;
    } else if (answer_.request.end == Way::End::left && !trace_.answered) {
      trace_.result = Trace::Result::inconclusive;
    } else {
      trace_.result = Trace::Result::ok;
    }
  }

  Trace& trace_;
  const Question& question_;
  const Answer& answer_;
  const Promise& promise_;
  World& world_;
};

}  // namespace

void judge(Trace& trace, const Question& question, const Answer& answer, const Promise& promise,
           World& world) {
  Judgement(trace, question, answer, promise, world).run();
}

}  // namespace core::packet
