#include "cmd/diag/check/survey.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "cmd/edge/ask_running.hpp"
#include "core/error.hpp"

namespace cmd {
namespace {

using core::check::Role;

constexpr std::array<Role, 6> all_roles = {Role::pre, Role::edge,    Role::node,
                                           Role::nat, Role::cluster, Role::pod};

[[noreturn]] void misused(const std::string& what) {
  throw core::Error(core::Error::Kind::usage, what);
}

core::ObjectName pod_name(std::string text) {
  if (text.starts_with("pod/")) text.erase(0, 4);
  const std::size_t slash = text.find('/');
  if (slash == std::string::npos || slash == 0 || slash + 1 == text.size()) {
    misused("\"" + text + "\" is no pod: say NAMESPACE/NAME");
  }
  return {text.substr(0, slash), text.substr(slash + 1)};
}

bool is_there(const std::string& path) {
  struct stat found {};
  return ::stat(path.c_str(), &found) == 0;
}

}  // namespace

Survey::Survey(const CheckOptions& given)
    : options(given),
      places(given.sandboxes),
      world([this](const net::view::NamespaceId& id) { return places.label(id); }),
      root(geteuid() == 0),
      here_(net::view::id_of(Places::open(""))) {
  look_at_daemons();
  choose_role();
  std::array<char, 256> host{};
  gethostname(host.data(), host.size() - 1);
  subject = std::string("this host (") + host.data() + ")";
  if (pod) {
    const Sandbox& sandbox = places.pod(*pod);
    at = world.add(net::Namespace::open(sandbox.netns));
    place = {"pod " + to_string(*pod), sandbox.netns};
    place = place_of(at);
    subject = "pod " + to_string(*pod);
  } else {
    at = world.add(Places::open(""));
    place = {"this host", ""};
  }
}

void Survey::look_at_daemons() {
  edge_there = is_there(options.edge_socket);
  agent_there = is_there(options.agent_socket);
  if (edge_there) {
    try {
      if (const auto text = ask_edge(options.edge_socket, "/status")) edge = parse_status(*text);
    } catch (const core::Error& error) {
      edge_complaint = error.what();
    }
  }
  if (agent_there) agent = ask_agent(options.agent_socket, agent_complaint);
}

void Survey::choose_role() {
  if (options.words.empty()) {
    role = edge ? Role::edge : agent ? Role::node : Role::pre;
    return;
  }
  const std::string& word = options.words.front();
  const auto* const found =
      std::ranges::find_if(all_roles, [&](Role one) { return to_string(one) == word; });
  if (found == all_roles.end()) {
    misused("\"" + word +
            "\" is nothing to check: say pre, edge, node, nat, cluster or pod NAMESPACE/NAME");
  }
  role = *found;
  const std::size_t wanted = role == Role::pod ? 2 : 1;
  if (options.words.size() != wanted) {
    misused(role == Role::pod ? "which pod? Say: pona diag check pod NAMESPACE/NAME"
                              : "\"" + options.words.back() + "\" is one word too many");
  }
  if (role == Role::pod) pod = pod_name(options.words[1]);
}

core::check::Place Survey::place_of(std::size_t number) {
  // Commands are typed where this process is.
  if (net::view::id_of(world.where(number)) == here_) return {"this host", ""};
  if (number == at) return place;
  return {world.name(number), world.where(number).path()};
}

std::vector<core::check::MappedPort> Survey::mapped() const {
  std::vector<core::check::MappedPort> all;
  if (!edge || role != Role::edge) return all;
  for (const MappingStatus& mapping : edge->mappings) {
    for (const PortStatus& port : mapping.ports) {
      const auto address = core::Address::parse(port.address);
      const auto protocol = core::parse_protocol(port.protocol);
      const auto range = core::PortRange::parse(port.ports);
      if (!address || !protocol || !range) continue;
      all.push_back({mapping.kind + " " + mapping.ns + "/" + mapping.name, *address, *protocol,
                     *range, port.active});
    }
  }
  return all;
}

bool Survey::uses_ipv6() {
  const auto of_ipv6 = [](const core::Address& address) {
    return address.family() == core::Family::ipv6;
  };
  if (role == Role::edge && edge) {
    return std::ranges::any_of(mapped(), [&](const auto& port) { return of_ipv6(port.address); });
  }
  if (pod) return std::ranges::any_of(places.pod(*pod).addresses, of_ipv6);
  // What is not link-local.
  for (const core::packet::Link& link : network().links()) {
    for (const core::packet::LinkAddress& one : link.addresses) {
      const auto bytes = one.prefix.address.bytes();
      if (!link.loopback && of_ipv6(one.prefix.address) &&
          !(bytes[0] == 0xfe && bytes[1] >> 6 == 2)) {
        return true;
      }
    }
  }
  return false;
}

}  // namespace cmd
