// The live phase of a trace by itself, for tests: sends one probe and prints what was seen of it, a
// line each: the place's label (or "-") and the observation.
//
//   probe --place LABEL=PATH… (--from LABEL | --wire LABEL:DEVICE) tcp|udp|icmp SOURCE[:PORT]
//   TO[:PORT]
//     --tunnel fou|vxlan|vxlan-gpe:PORT  --mark N  --uid N  --window MS  --longest MS  --ttl N
//   probe --place LABEL=PATH… --watch MS tcp|udp|icmp ANY TO[:PORT] [TO[:PORT]…]
//     the first real packet to one of these, seen in the first place, instead of one of its own
//     --hold    prints "armed" and the table's name, then waits for a line before it sends
#include <charconv>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "net/probe/inject.hpp"
#include "net/probe/live_trace.hpp"
#include "os/random.hpp"

namespace {

using core::packet::Captured;
using core::packet::Observation;
using core::packet::Packet;
using net::probe::LiveTrace;

[[noreturn]] void usage(const std::string& what) {
  throw core::Error(core::Error::Kind::usage, what);
}

std::uint32_t number(const std::string& text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) usage("no number: " + text);
  return value;
}

std::pair<std::string, std::string> halves(const std::string& text, char at) {
  const std::size_t place = text.rfind(at);
  if (place == std::string::npos) usage("missing '" + std::string(1, at) + "': " + text);
  return {text.substr(0, place), text.substr(place + 1)};
}

// "10.0.0.1:80", "[fd00::1]:80", either without the port
std::pair<core::Address, std::uint16_t> end_point(std::string text) {
  std::uint16_t port = 0;
  const bool bracket = text.starts_with('[');
  const bool four = text.find('.') != std::string::npos && text.find(':') != std::string::npos;
  if ((bracket && !text.ends_with(']')) || four) {
    const auto [address, behind] = halves(text, ':');
    text = address;
    port = static_cast<std::uint16_t>(number(behind));
  }
  if (bracket) text = text.substr(1, text.size() - 2);
  const auto address = core::Address::parse(text);
  if (!address) usage("no address: " + text);
  return {*address, port};
}

struct Task {
  std::vector<std::pair<std::string, net::Namespace>> places;
  std::string from;
  std::string wire;
  net::probe::Sender sender;
  LiveTrace::Options options;
  LiveTrace::Window window{.longest = {}};
  Packet packet;
  bool hold = false;
  std::optional<std::chrono::milliseconds> watch;

  const net::Namespace& network(const std::string& label) const {
    for (const auto& [name, network] : places) {
      if (name == label) return network;
    }
    usage("no such place: " + label);
  }
};

net::probe::Tunnel tunnel(const std::string& text) {
  using Kind = net::probe::Tunnel::Kind;
  const std::map<std::string, Kind> kinds = {
      {"fou", Kind::fou}, {"vxlan", Kind::vxlan}, {"vxlan-gpe", Kind::vxlan_gpe}};
  const auto [kind, port] = halves(text, ':');
  if (!kinds.contains(kind)) usage("no tunnel: " + text);
  return {kinds.at(kind), static_cast<std::uint16_t>(number(port))};
}

void make_packet(Task& task, const std::string& protocol, const std::string& from,
                 const std::string& to) {
  Packet& packet = task.packet;
  const auto [source, source_port] = end_point(from);
  const auto [destination, destination_port] = end_point(to);
  packet.family = source.family();
  packet.source = source;
  packet.destination = destination;
  const bool ipv4 = packet.family == core::Family::ipv4;
  if (protocol == "icmp") {
    packet.protocol = ipv4 ? core::packet::icmp : core::packet::icmpv6;
    packet.icmp_type = ipv4 ? 8 : 128;
    packet.icmp_sequence = 1;
  } else {
    packet.protocol = protocol == "udp" ? core::packet::udp : core::packet::tcp;
    packet.source_port = source_port;
    packet.destination_port = destination_port;
  }
  if (packet.protocol == core::packet::tcp) {
    packet.tcp_flags = core::packet::syn;
    packet.mss = 1400;
  }
  task.options.cookie =
      core::packet::make_cookie(packet.protocol, os::unguessable(), os::unguessable());
  core::packet::put_cookie(packet, task.options.cookie);
}

Task read_arguments(const std::vector<std::string>& arguments) {
  Task task;
  std::vector<std::string> words;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& option = arguments[i];
    const auto value = [&]() -> const std::string& {
      if (i + 1 == arguments.size()) usage("missing value: " + option);
      return arguments[++i];
    };
    if (option == "--place") {
      const auto [label, path] = halves(value(), '=');
      task.places.emplace_back(label, net::Namespace::open(path));
    } else if (option == "--from") {
      task.from = value();
    } else if (option == "--wire") {
      task.wire = value();
    } else if (option == "--tunnel") {
      task.options.tunnels.push_back(tunnel(value()));
    } else if (option == "--mark") {
      task.sender.mark = number(value());
    } else if (option == "--uid") {
      task.sender.uid = number(value());
    } else if (option == "--ttl") {
      task.packet.ttl = static_cast<std::uint8_t>(number(value()));
    } else if (option == "--window") {
      task.window.usual = std::chrono::milliseconds(number(value()));
    } else if (option == "--longest") {
      task.window.longest = std::chrono::milliseconds(number(value()));
    } else if (option == "--watch") {
      task.watch = std::chrono::milliseconds(number(value()));
    } else if (option == "--hold") {
      task.hold = true;
    } else {
      words.push_back(option);
    }
  }
  if (task.watch && words.size() > 2) {
    for (std::size_t i = 2; i < words.size(); ++i) {
      make_packet(task, words[0], words[i], words[i]);
      task.options.flows.push_back({task.packet.protocol, task.packet.destination,
                                    task.packet.destination_port, std::nullopt, std::nullopt});
    }
    task.options.name = static_cast<std::uint32_t>(os::unguessable());
    return task;
  }
  if (words.size() != 3) usage("expected: PROTOCOL SOURCE DESTINATION");
  make_packet(task, words[0], words[1], words[2]);
  task.options.name = static_cast<std::uint32_t>(os::unguessable());
  return task;
}

// Enough: the answer is back where the probe came from. Of what is not answered at once, a
// neighbour may be the reason.
LiveTrace::Judgement judge(const std::vector<Observation>& observations) {
  for (const Observation& one : observations) {
    const auto* seen = std::get_if<Captured>(&one);
    if (seen != nullptr && seen->place == 0 && seen->direction == Captured::Direction::in &&
        (seen->relation == core::packet::Relation::reply ||
         seen->relation == core::packet::Relation::error)) {
      return LiveTrace::Judgement::enough;
    }
  }
  return LiveTrace::Judgement::wait;
}

void inject(const Task& task) {
  if (task.hold) {
    std::string line;
    std::getline(std::cin, line);
  }
  if (!task.wire.empty()) {
    const auto [label, device] = halves(task.wire, ':');
    net::probe::receive_at(task.network(label), device, task.packet);
    return;
  }
  int refused = 0;
  net::probe::send_from(task.network(task.from), task.packet, task.sender, &refused);
  if (refused != 0) std::printf("- refused: %s\n", std::strerror(refused));
}

int run(const Task& task) {
  std::vector<net::probe::Place> places;
  for (const auto& [label, network] : task.places) {
    places.push_back({places.size(), label, &network});
  }
  LiveTrace trace(places, task.options);
  for (const std::string& text : trace.left_out()) std::printf("- without %s\n", text.c_str());
  if (task.hold || task.watch) std::printf("armed %s\n", trace.table().c_str());
  std::fflush(stdout);
  const LiveTrace::Window window = task.window;
  const auto patient = [&](const std::vector<Observation>& observations) {
    const auto judgement = judge(observations);
    const bool longer = window.longest > window.usual;
    return longer && judgement == LiveTrace::Judgement::wait ? LiveTrace::Judgement::wait_longer
                                                             : judgement;
  };
  const auto observations = task.watch ? trace.watch(*task.watch, patient, window)
                                       : trace.run([&] { inject(task); }, patient, window);
  for (const Observation& one : observations) {
    const auto place = core::packet::place_of(one);
    std::printf("%s %s\n", place ? task.places[*place].first.c_str() : "-",
                core::packet::to_text(one).c_str());
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(read_arguments({argv + 1, argv + argc}));
  } catch (const core::Error& error) {
    std::fprintf(stderr, "probe: %s\n", error.what());
    return error.kind() == core::Error::Kind::usage ? 2 : 1;
  }
}
