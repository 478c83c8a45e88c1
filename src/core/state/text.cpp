#include "core/state/text.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "core/state/set_shape.hpp"
#include "core/state/text_words.hpp"

namespace core {
namespace {

std::string_view type_text(nft::Type type, Family family) {
  switch (type) {
    case nft::Type::address:
      return family == Family::ipv4 ? "ipv4_addr" : "ipv6_addr";
    case nft::Type::inet_proto:
      return "inet_proto";
    case nft::Type::inet_service:
      return "inet_service";
    case nft::Type::mark:
      return "mark";
    case nft::Type::ifname:
      return "ifname";
    case nft::Type::ct_dir:
      return "ct_dir";
    case nft::Type::verdict:
      return "verdict";
  }
  return "?";
}

std::string types_text(const std::vector<nft::Type>& types, Family family) {
  std::string text;
  for (const nft::Type type : types) {
    text.append(text.empty() ? "" : " . ").append(type_text(type, family));
  }
  return text;
}

std::string duration_text(std::uint32_t seconds) {
  std::string text;
  for (const auto& [unit, name] : {std::pair{86400U, "d"}, {3600U, "h"}, {60U, "m"}, {1U, "s"}}) {
    if (seconds >= unit) text += std::to_string(seconds / unit) + name;
    seconds %= unit;
  }
  return text;
}

std::string_view word_of(const nft::Set& set) { return set.data.empty() ? "set" : "map"; }

// What stands between the braces of a declaration, a line each.
std::vector<std::string> body_of(const nft::Set& set, Family family) {
  std::vector<std::string> lines;
  lines.push_back("type " + types_text(set.key, family) +
                  (set.data.empty() ? "" : " : " + types_text(set.data, family)));
  std::string flags;
  const auto flag = [&](bool on, const char* name) {
    if (on) flags.append(flags.empty() ? "flags " : ",").append(name);
  };
  flag(set.interval, "interval");
  flag(set.dynamic, "dynamic");
  flag(set.timeout != 0, "timeout");
  if (!flags.empty()) lines.push_back(flags);
  if (set.timeout != 0) lines.push_back("timeout " + duration_text(set.timeout));
  if (set.counter) lines.emplace_back("counter");
  if (!set.comment.empty()) lines.push_back("comment \"" + set.comment + "\"");
  return lines;
}

std::string priority_text(const nft::Hook& hook) {
  using At = nft::Hook::At;
  struct Named {
    std::string_view name;
    int value;
  };
  std::vector<Named> names = {{"raw", -300}, {"mangle", -150}, {"filter", 0}, {"security", 50}};
  if (hook.at == At::prerouting) names.push_back({"dstnat", -100});
  if (hook.at == At::postrouting) names.push_back({"srcnat", 100});
  for (const Named& named : names) {
    const int offset = hook.priority - named.value;
    if (offset < -10 || offset > 10) continue;
    std::string text(named.name);
    if (offset != 0) text += (offset < 0 ? " - " : " + ") + std::to_string(std::abs(offset));
    return text;
  }
  return std::to_string(hook.priority);
}

std::string hook_text(const nft::Hook& hook) {
  constexpr std::string_view types[] = {"filter", "nat", "route"};
  constexpr std::string_view points[] = {"prerouting", "input", "forward", "output", "postrouting"};
  return "type " + std::string(types[static_cast<std::size_t>(hook.type)]) + " hook " +
         std::string(points[static_cast<std::size_t>(hook.at)]) + " priority " +
         priority_text(hook) + "; policy accept;";
}

constexpr std::uint32_t main_table = 254;  // RT_TABLE_MAIN

std::string table_name(std::uint32_t table) {
  return table == main_table ? "main" : std::to_string(table);
}

std::string ip_command(Family family) { return family == Family::ipv4 ? "ip " : "ip -6 "; }

std::string owner_text(const char* word) {
  return std::string(" ") + word + " " + std::to_string(constants::edge_protocol);
}

std::string encapsulation_text(const Encapsulation& encapsulation) {
  return std::string(encapsulation.remote.family() == Family::ipv4 ? " encap ip" : " encap ip6") +
         " id " + std::to_string(encapsulation.id) + " dst " + to_string(encapsulation.remote) +
         " csum";
}

class ChangeText {
 public:
  ChangeText(std::size_t elements_per_line, std::string_view table)
      : elements_per_line_(elements_per_line), table_(table) {}

  std::vector<std::string> print(const Changes& changes) {
    for (const Change& change : changes) std::visit(*this, change);
    flush();
    return std::move(lines_);
  }

  void operator()(const AddElement& change) {
    collect(true, change.element.key, change.element.value);
  }
  void operator()(const DeleteElement& change) { collect(false, change.key, change.was); }

  void operator()(const AddTable& change) {
    line("add table " + named(change.family, change.name));
  }
  void operator()(const DeleteTable& change) {
    line("delete table " + named(change.family, change.name));
  }
  void operator()(const AddSet& change) {
    std::string body;
    for (const std::string& part : body_of(change.set, change.family)) body += part + "; ";
    line("add " + std::string(word_of(change.set)) + " " + table_text(change.family) + " " +
         change.set.name + " { " + body + "}");
  }
  void operator()(const DeleteSet& change) {
    const auto id = parse_set(change.name);
    const bool map = id && !shape_of(*id).data.empty();
    line((map ? "delete map " : "delete set ") + table_text(change.family) + " " + change.name);
  }
  void operator()(const AddChain& change) {
    line("add chain " + table_text(change.family) + " " + change.name +
         (change.hook ? " { " + hook_text(*change.hook) + " }" : ""));
  }
  void operator()(const ReplaceRules& change) {
    const std::string chain = table_text(change.family) + " " + change.chain.name;
    line("flush chain " + chain);
    for (const nft::Rule& rule : change.chain.rules) {
      line("add rule " + chain + " " + to_text(rule, change.family));
    }
  }
  void operator()(const DeleteChain& change) {
    line("delete chain " + table_text(change.family) + " " + change.name);
  }
  void operator()(const AddRoute& change) { line(route("add", change.route)); }
  void operator()(const ReplaceRoute& change) { line(route("replace", change.route)); }
  void operator()(const DeleteRoute& change) { line(route("del", change.route)); }
  void operator()(const AddRule& change) { line(rule("add", change.rule)); }
  void operator()(const DeleteRule& change) { line(rule("del", change.rule)); }
  void operator()(const SetSysctl& change) {
    line("sysctl -w " + change.sysctl.key + "=" + change.sysctl.value +
         (change.was.empty() ? "" : " (was " + change.was + ")"));
  }
  void operator()(const AddTunnel& change) { line("ip link add " + to_text(change.tunnel)); }
  void operator()(const ChangeTunnel& change) { line("ip link set " + to_text(change.tunnel)); }
  void operator()(const DeleteTunnel& change) { line("ip link del " + change.tunnel.name); }
  void operator()(const AddFouPort& change) { line("ip fou add " + to_text(change.port)); }
  void operator()(const DeleteFouPort& change) { line("ip fou del " + to_text(change.port)); }
  void operator()(const AddNexthop& change) { line("ip nexthop add " + to_text(change.nexthop)); }
  void operator()(const ReplaceNexthop& change) {
    line("ip nexthop replace " + to_text(change.nexthop));
  }
  void operator()(const DeleteNexthop& change) {
    line("ip nexthop del id " + std::to_string(change.nexthop.id));
  }

 private:
  // Tables are named by those changes that make them; a change of an element says only its family.
  [[nodiscard]] std::string table_text(Family family) const {
    return std::string(to_string(family)) + " " + std::string(table_);
  }
  static std::string named(Family family, const std::string& name) {
    return std::string(to_string(family)) + " " + name;
  }
  static std::string route(const char* verb, const Route& route) {
    return ip_command(route.destination.family()) + "route " + verb + " " + to_text(route);
  }
  static std::string rule(const char* verb, const PolicyRule& rule) {
    return ip_command(rule.family) + "rule " + verb + " " + to_text(rule);
  }

  void line(std::string text) {
    flush();
    lines_.push_back(std::move(text));
  }

  // Elements may be told in another order than they are changed in, as long as additions and
  // deletions keep theirs.
  void collect(bool add, const ElementKey& key, const ElementValue& value) {
    if (add != adding_) flush();
    adding_ = add;
    Run& run = runs_[{key.family, key.set}];
    ++run.size;
    if (elements_per_line_ == 0) return;
    // The key alone says what is deleted, and nft would not take more of a set.
    run.elements.push_back(add ? to_text(Element{key, value}) : to_text(Element{key, {}}));
  }
  void flush() {
    const std::string verb = adding_ ? "add" : "delete";
    for (const auto& [which, run] : runs_) {
      const std::string set = table_text(which.first) + " " + std::string(to_string(which.second));
      if (elements_per_line_ == 0) {
        lines_.push_back(verb + " " + std::to_string(run.size) +
                         (run.size == 1 ? " element" : " elements") +
                         (adding_ ? " to " : " from ") + set);
        continue;
      }
      for (std::size_t i = 0; i < run.elements.size(); i += elements_per_line_) {
        std::string elements;
        for (std::size_t k = i; k < std::min(run.elements.size(), i + elements_per_line_); ++k) {
          elements.append(elements.empty() ? "" : ", ").append(run.elements[k]);
        }
        lines_.push_back(verb + " element " + set + " { " + elements + " }");
      }
    }
    runs_.clear();
  }

  struct Run {
    std::size_t size = 0;
    std::vector<std::string> elements;
  };

  std::size_t elements_per_line_;
  std::string_view table_;
  std::vector<std::string> lines_;
  bool adding_ = true;
  std::map<std::pair<Family, SetId>, Run> runs_;
};

}  // namespace

std::string to_text(const Route& route) {
  const bool all = route.destination.length == 0;
  std::string text = route.type == Route::Type::unreachable ? "unreachable "
                     : route.type == Route::Type::throw_    ? "throw "
                                                            : "";
  text += all ? "default" : to_string(route.destination);
  if (route.encapsulation) text += encapsulation_text(*route.encapsulation);
  if (route.gateway) text += " via " + to_string(*route.gateway);
  if (route.nexthop != 0) text += " nhid " + std::to_string(route.nexthop);
  if (!route.device.empty()) text += " dev " + route.device;
  text += " table " + table_name(route.table);
  if (route.metric != 0) text += " metric " + std::to_string(route.metric);
  return text + owner_text("proto");
}

std::string to_text(const PolicyRule& rule) {
  std::string text = "pref " + std::to_string(rule.priority);
  if (!rule.iif.empty()) text += " iif " + rule.iif;
  if (rule.mask != 0) text += " fwmark " + mark_text(rule.mark);
  if (rule.mask != 0 && rule.mask != 0xffffffff) text += "/" + mark_text(rule.mask);
  if (rule.udp_port != 0) text += " ipproto udp dport " + std::to_string(rule.udp_port);
  text += " table " + table_name(rule.table);
  if (rule.suppress_default) text += " suppress_prefixlength 0";
  return text + owner_text("protocol");
}

std::string to_text(const Tunnel& tunnel) {
  const bool ipv4 = tunnel.family == Family::ipv4;
  std::string text = tunnel.name + " group " + std::to_string(constants::tunnel_group) + " mtu " +
                     std::to_string(tunnel.mtu);
  const std::string port = std::to_string(tunnel.port);
  const std::string ttl =
      (ipv4 ? " ttl " : " hoplimit ") + (tunnel.ttl == 0 ? "inherit" : std::to_string(tunnel.ttl));
  switch (tunnel.kind) {
    case Tunnel::Kind::gpe:
      text += " type vxlan external gpe nolearning dstport " + port;
      break;
    case Tunnel::Kind::sink:
      text += ipv4 ? " type ipip external" : " type ip6tnl external";
      break;
    case Tunnel::Kind::fou:
      text += std::string(ipv4 ? " type ipip" : " type ip6tnl mode ip6ip6") + " local " +
              to_string(tunnel.local) + " remote " + to_string(tunnel.remote) + ttl +
              (ipv4 ? "" : " encaplimit none") + " encap fou encap-sport auto encap-dport " + port +
              (!tunnel.checksum ? ""
               : ipv4           ? " encap-csum"
                                : " encap-udp6-csum");
      break;
  }
  return text;
}

std::string to_text(const FouPort& port) {
  return "port " + std::to_string(port.port) +
         (port.family == Family::ipv4 ? " ipproto 4" : " ipproto 41 -6");
}

std::string to_text(const Nexthop& nexthop) {
  std::string text = "id " + std::to_string(nexthop.id);
  if (!nexthop.group()) {
    if (nexthop.gateway) text += " via " + to_string(*nexthop.gateway);
    if (nexthop.encapsulation) text += encapsulation_text(*nexthop.encapsulation);
    return text + " dev " + nexthop.device + owner_text("proto");
  }
  std::string members;
  for (const Nexthop::Member& member : nexthop.members) {
    members += (members.empty() ? "" : "/") + std::to_string(member.id);
    if (member.weight != 1) members += "," + std::to_string(member.weight);
  }
  return text + " group " + members + " type resilient buckets " + std::to_string(nexthop.buckets) +
         " idle_timer " + std::to_string(nexthop.idle_seconds) + owner_text("proto");
}

std::string to_text(const nft::Table& table) {
  std::string text = "table " + std::string(to_string(table.family)) + " " + table.name + " {\n";
  auto block = [&, first = true](const std::string& head,
                                 const std::vector<std::string>& lines) mutable {
    text += (first ? "\t" : "\n\t") + head + " {\n";
    for (const std::string& line : lines) text += "\t\t" + line + "\n";
    text += "\t}\n";
    first = false;
  };
  for (const nft::Set& set : table.sets) {
    block(std::string(word_of(set)) + " " + set.name, body_of(set, table.family));
  }
  for (const nft::Chain& chain : table.chains) {
    std::vector<std::string> lines;
    if (chain.hook) lines.push_back(hook_text(*chain.hook));
    for (const nft::Rule& rule : chain.rules) lines.push_back(to_text(rule, table.family));
    block("chain " + chain.name, lines);
  }
  return text + "}\n";
}

std::vector<std::string> to_text(const Changes& changes, std::size_t elements_per_line,
                                 std::string_view table) {
  return ChangeText(elements_per_line, table).print(changes);
}

std::string to_text(const State& state) {
  const auto by_name = [](const auto& a, const auto& b) { return a.name < b.name; };
  std::string text;
  for (const auto& [family, table] : state.tables) {
    nft::Table sorted = table;
    std::ranges::sort(sorted.sets, by_name);
    std::ranges::sort(sorted.chains, by_name);
    text += to_text(sorted);
  }
  std::vector<const Elements::value_type*> elements;
  elements.reserve(state.elements.size());
  for (const auto& element : state.elements) elements.push_back(&element);
  std::ranges::sort(elements, [](const auto* a, const auto* b) { return a->first < b->first; });
  Changes rest;
  for (const auto* const element : elements) {
    rest.push_back(AddElement{{element->first, element->second}});
  }
  for (const FouPort& port : state.fou_ports) rest.push_back(AddFouPort{port});
  for (const auto& [name, tunnel] : state.tunnels) rest.push_back(AddTunnel{tunnel});
  for (const auto& [id, nexthop] : state.nexthops) rest.push_back(AddNexthop{nexthop});
  for (const Route& route : state.routes) rest.push_back(AddRoute{route});
  for (const PolicyRule& rule : state.rules) rest.push_back(AddRule{rule});
  for (const auto& [key, value] : state.sysctls) rest.push_back(SetSysctl{{key, value}, ""});
  const std::string_view table = state.tables.empty() ? std::string_view(constants::edge_table)
                                                      : state.tables.begin()->second.name;
  for (const std::string& line : to_text(rest, 1, table)) text += line + "\n";
  return text;
}

}  // namespace core
