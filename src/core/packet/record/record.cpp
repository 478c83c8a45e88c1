#include "core/packet/record/record.hpp"

#include <string>
#include <utility>

#include "core/packet/record/fields_of.hpp"

namespace core::packet {
namespace {

struct RuleLine {
  static constexpr std::string_view kind = "nftRule";
  ChainId chain;
  Rule rule;
};
struct SetLine {
  static constexpr std::string_view kind = "nftSet";
  ChainId id;
  Set set;
};
struct ElementLine {
  static constexpr std::string_view kind = "nftElement";
  ChainId set;
  Element element;
};
struct ObjectLine {
  static constexpr std::string_view kind = "nftObject";
  ChainId id;
  std::uint32_t type = 0;
  Expression what;
};
struct BaseChainLine {
  static constexpr std::string_view kind = "nftBaseChain";
  BaseChain chain;
};
struct ChainLine {
  static constexpr std::string_view kind = "nftChain";
  ChainId id;
};
struct LinkLine {
  static constexpr std::string_view kind = "link";
  Link link;
};
struct RouteLine {
  static constexpr std::string_view kind = "route";
  ListedRoute route;
};
struct IpRuleLine {
  static constexpr std::string_view kind = "rule";
  ListedRule rule;
};
struct NeighbourLine {
  static constexpr std::string_view kind = "neighbour";
  std::uint32_t link = 0;
  Address address;
  Neighbour neighbour;
};
struct SysctlLine {
  static constexpr std::string_view kind = "sysctl";
  std::string before, interface, behind;  // "net/ipv4/conf/", "eth0", "/forwarding"
  std::int64_t value = 0;
};
struct ConnectionLine {
  static constexpr std::string_view kind = "connection";
  Connection connection;
};
struct ListenerLine {
  static constexpr std::string_view kind = "listener";
  Listener listener;
};
struct FouLine {
  static constexpr std::string_view kind = "fou";
  Network::FouPort port;
};
struct IpsecLine {
  static constexpr std::string_view kind = "ipsec";
  IpsecPolicy policy;
};
struct OpaqueLine {
  static constexpr std::string_view kind = "notRead";
  Hook hook{};
  Opaque what;
};
struct StateLine {  // of the namespace as a whole
  static constexpr std::string_view kind = "state";
  Network::Fill fill;
  bool no_rules = false;      // they cannot be read
  bool no_listeners = false;  // likewise
};

void of(Fields& f, RuleLine& line) {
  fields_of(f, line.chain);
  fields_of(f, line.rule);
}
void of(Fields& f, SetLine& line) {
  fields_of(f, line.id);
  fields_of(f, line.set);
}
void of(Fields& f, ElementLine& line) {
  fields_of(f, line.set);
  fields_of(f, line.element);
}
void of(Fields& f, ObjectLine& line) {
  fields_of(f, line.id);
  number(f, "type", line.type);
  fields_of(f, line.what);
}
void of(Fields& f, BaseChainLine& line) { fields_of(f, line.chain); }
void of(Fields& f, ChainLine& line) { fields_of(f, line.id); }
void of(Fields& f, LinkLine& line) { fields_of(f, line.link); }
void of(Fields& f, RouteLine& line) { fields_of(f, line.route); }
void of(Fields& f, IpRuleLine& line) { fields_of(f, line.rule); }
void of(Fields& f, NeighbourLine& line) {
  number(f, "link", line.link);
  address(f, "address", line.address);
  fields_of(f, line.neighbour);
}
void of(Fields& f, SysctlLine& line) {
  f.text("name", line.before, Meaning::plain);
  f.text("interface", line.interface, Meaning::interface);
  f.text("setting", line.behind, Meaning::plain);
  number(f, "value", line.value);
}
void of(Fields& f, ConnectionLine& line) { fields_of(f, line.connection); }
void of(Fields& f, ListenerLine& line) { fields_of(f, line.listener); }
void of(Fields& f, FouLine& line) {
  number(f, "port", line.port.port);
  number(f, "protocol", line.port.protocol);
}
void of(Fields& f, IpsecLine& line) { fields_of(f, line.policy); }
void of(Fields& f, OpaqueLine& line) {
  number_of(f, line.hook);
  fields_of(f, line.what);
}
void of(Fields& f, StateLine& line) {
  number(f, "connections", line.fill.entries);
  number(f, "connectionLimit", line.fill.limit);
  number(f, "noRules", line.no_rules);
  number(f, "noListeners", line.no_listeners);
}

void add(HeldNetwork& n, RuleLine&& line) { n.rules.add_rule(line.chain, std::move(line.rule)); }
void add(HeldNetwork& n, SetLine&& line) { n.rules.add_set(line.id, std::move(line.set)); }
void add(HeldNetwork& n, ElementLine&& line) {
  n.rules.add_element(line.set, std::move(line.element));
}
void add(HeldNetwork& n, ObjectLine&& line) {
  n.rules.add_object(line.id, line.type, std::move(line.what));
}
void add(HeldNetwork& n, BaseChainLine&& line) { n.rules.add_last(line.chain); }
void add(HeldNetwork& n, ChainLine&& line) { n.rules.add_chain(line.id); }
void add(HeldNetwork& n, LinkLine&& line) { n.interfaces.push_back(std::move(line.link)); }
void add(HeldNetwork& n, RouteLine&& line) { n.tables.routes.push_back(std::move(line.route)); }
void add(HeldNetwork& n, IpRuleLine&& line) { n.tables.rules.push_back(std::move(line.rule)); }
void add(HeldNetwork& n, NeighbourLine&& line) {
  n.neighbours.insert_or_assign({line.link, line.address}, std::move(line.neighbour));
}
void add(HeldNetwork& n, SysctlLine&& line) {
  n.sysctls.insert_or_assign(line.before + line.interface + line.behind, line.value);
}
void add(HeldNetwork& n, ConnectionLine&& line) { n.tracked.push_back(line.connection); }
void add(HeldNetwork& n, ListenerLine&& line) { n.listeners.insert(line.listener); }
void add(HeldNetwork& n, FouLine&& line) { n.fou.push_back(line.port); }
void add(HeldNetwork& n, IpsecLine&& line) { n.policies.push_back(std::move(line.policy)); }
void add(HeldNetwork& n, OpaqueLine&& line) { n.unread.emplace_back(line.hook, line.what); }
void add(HeldNetwork& n, StateLine&& line) {
  n.fill = line.fill;
  n.listeners_known = !line.no_listeners;
  if (line.no_rules) n.rules.make_unreadable();
}

// "net/ipv4/conf/eth0/forwarding" has an interface.
SysctlLine sysctl_line(const std::string& name, std::int64_t value) {
  SysctlLine line;
  line.value = value;
  line.before = name;
  for (const std::string_view tree : {"net/ipv4/conf/", "net/ipv6/conf/"}) {
    const std::size_t end = name.rfind('/');
    if (!name.starts_with(tree) || end < tree.size()) continue;
    line.before = tree;
    line.interface = name.substr(tree.size(), end - tree.size());
    line.behind = name.substr(end);
    if (line.interface == "all" || line.interface == "default") {
      line.before += line.interface;
      line.interface.clear();
    }
  }
  return line;
}

// Each line as a value of its own. Sets come before their elements, chains before their rules.
template <typename Visit>
void each_line(const HeldNetwork& n, HeldRuleset& rules, const Visit& visit) {
  for (const Link& one : n.interfaces) visit(LinkLine{one});
  for (const ListedRule& one : n.tables.rules) visit(IpRuleLine{one});
  for (const ListedRoute& one : n.tables.routes) visit(RouteLine{one});
  for (const auto& [key, one] : n.neighbours) visit(NeighbourLine{key.first, key.second, one});
  for (const auto& [name, value] : n.sysctls) visit(sysctl_line(name, value));
  for (const Network::FouPort& one : n.fou) visit(FouLine{one});
  for (const IpsecPolicy& one : n.policies) visit(IpsecLine{one});
  for (const auto& [hook, what] : n.unread) visit(OpaqueLine{hook, what});
  visit(StateLine{n.fill, !rules.readable(), !n.listeners_known});
  for (const BaseChain& one : rules.base_chains()) visit(BaseChainLine{one});
  for (const auto& [id, of_chain] : rules.all_rules()) {
    visit(ChainLine{id});
    for (const Rule& rule : of_chain) visit(RuleLine{id, rule});
  }
  for (const auto& [id, held] : rules.all_sets()) {
    visit(SetLine{id, held->set});
    for (const Element& element : held->elements) visit(ElementLine{id, element});
  }
  for (const auto& [key, what] : rules.all_objects()) {
    visit(ObjectLine{key.first, key.second, what});
  }
  for (const Listener& one : n.listeners) visit(ListenerLine{one});
  for (const Connection& one : n.tracked) visit(ConnectionLine{one});
}

template <typename Line>
bool read_one(HeldNetwork& network, Fields& fields) {
  Line line;
  of(fields, line);
  add(network, std::move(line));
  return true;
}

template <typename... Lines>
struct Kinds {
  static bool read(HeldNetwork& network, std::string_view kind, Fields& fields) {
    return ((Lines::kind == kind && read_one<Lines>(network, fields)) || ...);
  }
};
using AllKinds = Kinds<LinkLine, IpRuleLine, RouteLine, NeighbourLine, SysctlLine, FouLine,
                       IpsecLine, OpaqueLine, StateLine, BaseChainLine, ChainLine, RuleLine,
                       SetLine, ElementLine, ObjectLine, ListenerLine, ConnectionLine>;

void of_place(Fields& f, HeldWorld::Place& place) {
  f.text("name", place.name, Meaning::place);
  f.text("inside", place.inside, Meaning::command);
  f.text("path", place.path, Meaning::command);
  f.text("podNamespace", place.pod_namespace, Meaning::ns);
  f.text("pod", place.pod, Meaning::pod);
  list(f, "addresses", place.pod_addresses, [&](Address& one) { address(f, "address", one); });
}

void of_peer(Fields& f, Attachment& one, Attachment& other) {
  number(f, "place", one.place);
  number(f, "link", one.link);
  number(f, "otherPlace", other.place);
  number(f, "otherLink", other.link);
}

}  // namespace

void write_lines(HeldNetwork& network, const LineSink& sink) {
  each_line(network, network.rules,
            [&](auto line) { sink(line.kind, [&](Fields& fields) { of(fields, line); }); });
}

bool read_line(HeldNetwork& network, std::string_view kind, Fields& fields) {
  return AllKinds::read(network, kind, fields);
}

void copy_lines(const HeldNetwork& from, HeldRuleset& rules, Fields& change, HeldNetwork& into) {
  each_line(from, rules, [&](auto line) {
    of(change, line);
    add(into, std::move(line));
  });
}

void write_lines(const HeldWorld& world, const LineSink& sink) {
  for (const HeldWorld::Place& one : world.places) {
    HeldWorld::Place place;
    place.name = one.name;
    place.inside = one.inside;
    place.path = one.path;
    place.pod_namespace = one.pod_namespace;
    place.pod = one.pod;
    place.pod_addresses = one.pod_addresses;
    sink("place", [&](Fields& fields) { of_place(fields, place); });
  }
  for (const auto& [one, other] : world.peers) {
    Attachment left = one;
    Attachment right = other;
    sink("cable", [&](Fields& fields) { of_peer(fields, left, right); });
  }
}

bool read_line(HeldWorld& world, std::string_view kind, Fields& fields) {
  if (kind == "place") {
    HeldWorld::Place place;
    of_place(fields, place);
    world.places.push_back(std::move(place));
  } else if (kind == "cable") {
    Attachment one, other;
    of_peer(fields, one, other);
    // What leads out of the record leads nowhere.
    if (one.place < world.places.size() && other.place < world.places.size()) {
      world.peers.insert_or_assign(one, other);
    }
  } else {
    return false;
  }
  return true;
}

}  // namespace core::packet
