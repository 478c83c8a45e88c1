#include "support/fake_world.hpp"

#include <algorithm>
#include <array>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace support::world {

using core::Address;
using core::Family;
using core::Prefix;
using core::packet::Attachment;
using core::packet::Bytes;
using core::packet::Link;
using core::packet::ListedRoute;
using core::packet::ListedRule;
using core::packet::Neighbour;
using core::packet::RouteQuery;
using core::packet::TunnelLink;

namespace {

constexpr std::uint32_t local_table = 255;
constexpr std::uint32_t main_table = 254;
constexpr std::uint8_t unicast = 1, local = 2, broadcast = 3, blackhole = 6, unreachable = 7,
                       prohibit = 8, throws = 9;

const std::map<std::string, std::uint8_t> types = {
    {"unicast", unicast},
    {"local", local},
    {"broadcast", broadcast},
    {"blackhole", blackhole},
    {"unreachable", unreachable},
    {"prohibit", prohibit},
    {"throw", throws},
};

Address address_of(const std::string& text) {
  const auto address = Address::parse(text);
  if (!address) throw std::invalid_argument("no address: " + text);
  return *address;
}

Prefix prefix_of(const std::string& text) {
  const auto prefix = Prefix::parse(text);
  if (!prefix) throw std::invalid_argument("no prefix: " + text);
  return *prefix;
}

std::uint32_t number_of(const std::string& text) {
  return static_cast<std::uint32_t>(std::stoul(text, nullptr, 0));
}

Bytes mac_of(const std::string& text) {
  Bytes bytes;
  std::istringstream words(text);
  for (std::string byte; std::getline(words, byte, ':');) {
    bytes.push_back(static_cast<std::uint8_t>(std::stoul(byte, nullptr, 16)));
  }
  return bytes;
}

}  // namespace

// The rest of a command.
class FakeHost::Words {
 public:
  explicit Words(const std::string& text) {
    std::istringstream stream(text);
    for (std::string word; stream >> word;) words_.push_back(word);
  }
  [[nodiscard]] bool empty() const { return words_.empty(); }
  [[nodiscard]] const std::string& front() const {
    if (words_.empty()) throw std::invalid_argument("a word is missing");
    return words_.front();
  }
  std::string take() {
    std::string word = front();
    words_.pop_front();
    return word;
  }
  bool accept(std::string_view word) {
    if (words_.empty() || words_.front() != word) return false;
    words_.pop_front();
    return true;
  }

 private:
  std::deque<std::string> words_;
};

FakeHost::FakeHost(std::size_t place) : place_(place) {
  Link& lo = make("lo", "");
  lo.loopback = true;
  lo.mtu = 65536;
  lo.mac.assign(6, 0);
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    for (const auto& [priority, table] :
         {std::pair(0U, local_table), {32766U, main_table}, {32767U, 253U}}) {
      ListedRule rule;
      rule.priority = priority;
      rule.table = table;
      rule.family = family;
      tables.rules.push_back(rule);
    }
  }
  ip("address add 127.0.0.1/8 dev lo").ip("address add ::1/128 dev lo");
  set("net/ipv6/conf/all/forwarding", 1);
}

FakeHost& FakeHost::ip(const std::string& command) {
  Words words(command);
  const std::string object = words.take();
  const std::string verb = words.take();
  if (object == "link" && verb == "add") {
    add_link(std::move(words));
  } else if (object == "link" && verb == "set") {
    set_link(std::move(words));
  } else if (object == "address" && verb == "add") {
    add_address(std::move(words));
  } else if (object == "route" && verb == "add") {
    add_route(std::move(words), command.substr(10));
  } else if (object == "rule" && verb == "add") {
    add_rule(std::move(words), command.substr(9));
  } else if (object == "neigh" && verb == "add") {
    add_neighbour(std::move(words));
  } else {
    throw std::invalid_argument("not known: " + command);
  }
  return *this;
}

FakeHost& FakeHost::set(const std::string& sysctl, std::int64_t value) {
  sysctls[sysctl] = value;
  return *this;
}

FakeHost& FakeHost::listen(std::uint8_t protocol, std::uint16_t port) {
  constexpr std::array<std::uint8_t, 16> zeros{};
  for (const std::size_t size : {std::size_t{4}, zeros.size()}) {
    listeners.insert(
        {port, static_cast<core::Protocol>(protocol), Address(std::span(zeros.data(), size)), 0});
  }
  return *this;
}

Link& FakeHost::device(std::string_view name) {
  const auto found =
      std::ranges::find_if(interfaces, [&](const Link& one) { return one.device.name == name; });
  if (found == interfaces.end()) throw std::invalid_argument("no device " + std::string(name));
  return *found;
}

Link& FakeHost::make(const std::string& name, const std::string& kind) {
  Link link;
  link.device.index = static_cast<std::uint32_t>(interfaces.size() + 1);
  link.device.name = name;
  link.device.kind = kind;
  link.mtu = 1500;
  link.up = true;
  link.mac = {
      2, 0, 0, 0, static_cast<std::uint8_t>(place_), static_cast<std::uint8_t>(link.device.index)};
  interfaces.push_back(std::move(link));
  return interfaces.back();
}

void FakeHost::add_link(Words words) {
  const std::string name = words.take();
  words.accept("type");
  std::string kind = words.take();
  TunnelLink tunnel;
  std::uint32_t lower = 0;
  std::uint32_t table = 0;
  bool encapsulated = false;
  while (!words.empty()) {
    const std::string word = words.take();
    if (word == "gpe") {
      tunnel.kind = TunnelLink::Kind::vxlan_gpe;
    } else if (word == "external") {
      tunnel.external = true;
    } else if (word == "table") {
      table = number_of(words.take());
    } else if (word == "link") {
      lower = index(words.take());
    } else if (word == "id") {
      tunnel.vni = number_of(words.take());
    } else if (word == "remote") {
      tunnel.remote = address_of(words.take());
    } else if (word == "local") {
      tunnel.local = address_of(words.take());
    } else if (word == "dstport") {
      tunnel.port = static_cast<std::uint16_t>(number_of(words.take()));
    } else if (word == "encap-sport") {
      tunnel.source_port = static_cast<std::uint16_t>(number_of(words.take()));
    } else if (word == "encap-dport") {
      tunnel.port = static_cast<std::uint16_t>(number_of(words.take()));
      encapsulated = true;
    } else {
      throw std::invalid_argument("not known: " + word);
    }
  }
  Link& link = make(name, kind);
  link.lower = lower;
  if (kind == "vrf") {
    // The kernel makes this rule with the first one, for each family.
    const bool first =
        std::ranges::none_of(interfaces, [](const Link& one) { return one.vrf_table != 0; });
    link.vrf_table = table;
    for (const char* const family : {"", "-6 "}) {
      if (first) ip(std::string("rule add ") + family + "priority 1000 l3mdev");
    }
  }
  if (kind == "ipip") tunnel.kind = encapsulated ? TunnelLink::Kind::fou : TunnelLink::Kind::ip;
  if (kind == "gre") tunnel.kind = TunnelLink::Kind::other;
  if (kind == "vxlan" || kind == "ipip" || kind == "gre") link.tunnel = tunnel;
}

void FakeHost::set_link(Words words) {
  Link& link = device(words.take());
  while (!words.empty()) {
    const std::string word = words.take();
    if (word == "up" || word == "down") {
      link.up = word == "up";
    } else if (word == "nocarrier") {
      link.carrier = false;
    } else if (word == "mtu") {
      link.mtu = number_of(words.take());
    } else if (word == "master") {
      link.master = index(words.take());
    } else {
      throw std::invalid_argument("not known: " + word);
    }
  }
}

void FakeHost::add_address(Words words) {
  core::packet::LinkAddress one;
  one.prefix = prefix_of(words.take());
  words.accept("dev");
  Link& link = device(words.take());
  one.secondary = words.accept("secondary");
  one.tentative = words.accept("tentative");
  link.addresses.push_back(one);
  const Link* const by = vrf_of(link.device.index);
  const std::uint32_t vrf = by != nullptr ? by->vrf_table : 0;
  ListedRoute own;
  own.destination = Prefix::host(one.prefix.address);
  own.type = local;
  own.table = vrf != 0 ? vrf : local_table;
  own.device = link.device.index;
  own.source = one.prefix.address;
  own.text = "local " + to_string(one.prefix.address) + " dev " + link.device.name;
  if (!one.tentative) tables.routes.push_back(own);
  if (one.prefix.length == own.destination.length) return;
  ListedRoute subnet = own;
  subnet.destination = one.prefix.masked();
  subnet.text = to_string(subnet.destination) + " dev " + link.device.name;
  if (!link.loopback) {
    subnet.type = unicast;
    subnet.table = vrf != 0 ? vrf : main_table;
  }
  tables.routes.push_back(subnet);
}

void FakeHost::add_route(Words words, const std::string& text) {
  ListedRoute route;
  route.table = main_table;
  route.text = text;
  if (const auto type = types.find(words.front()); type != types.end()) {
    route.type = type->second;
    words.take();
  }
  const std::string to = words.take();
  const bool any = to == "default";
  if (!any) route.destination = prefix_of(to).masked();
  while (!words.empty()) {
    const std::string word = words.take();
    if (word == "via") {
      route.gateway = address_of(words.take());
    } else if (word == "dev") {
      route.device = index(words.take());
    } else if (word == "src") {
      route.source = address_of(words.take());
    } else if (word == "table") {
      route.table = number_of(words.take());
    } else if (word == "metric") {
      route.metric = number_of(words.take());
    } else if (word == "mtu") {
      route.mtu = number_of(words.take());
    } else if (word == "nexthop") {
      words.accept("via");
      core::packet::NextHop hop;
      hop.gateway = address_of(words.take());
      words.accept("dev");
      hop.device = index(words.take());
      if (words.accept("weight")) hop.weight = number_of(words.take());
      route.hops.push_back(hop);
      route.device = route.hops.front().device;
      route.gateway = route.hops.front().gateway;
    } else if (word == "encap") {
      route.encap_remote = address_of(words.take());
    } else {
      throw std::invalid_argument("not known: " + word);
    }
  }
  if (any && route.gateway && route.gateway->family() == Family::ipv6) {
    route.destination = prefix_of("::/0");
  }
  if (route.gateway && route.device == 0) {
    RouteQuery query;
    query.destination = *route.gateway;
    route.device = tables.look_up(query, "", "").device;
  }
  tables.routes.push_back(route);
}

void FakeHost::add_rule(Words words, const std::string& text) {
  ListedRule rule;
  rule.text = text;
  rule.priority = 32765;
  while (!words.empty()) {
    const std::string word = words.take();
    if (word == "not") {
      rule.inverted = true;
    } else if (word == "-6") {
      rule.family = Family::ipv6;
    } else if (word == "from" || word == "to") {
      const Prefix prefix = prefix_of(words.take());
      rule.family = prefix.family();
      (word == "from" ? rule.source : rule.destination) = prefix;
    } else if (word == "fwmark") {
      const std::string mark = words.take();
      const std::size_t slash = mark.find('/');
      rule.mark = number_of(mark.substr(0, slash));
      rule.mark_mask = slash == std::string::npos ? 0xffffffffU : number_of(mark.substr(slash + 1));
    } else if (word == "iif") {
      rule.in = words.take();
    } else if (word == "oif") {
      rule.out = words.take();
    } else if (word == "uidrange") {
      const std::string range = words.take();
      const std::size_t dash = range.find('-');
      rule.uids = {number_of(range.substr(0, dash)), number_of(range.substr(dash + 1))};
    } else if (word == "ipproto") {
      rule.protocol = static_cast<std::uint8_t>(number_of(words.take()));
    } else if (word == "dport") {
      rule.destination_ports = core::PortRange::parse(words.take());
    } else if (word == "priority") {
      rule.priority = number_of(words.take());
    } else if (word == "suppress_prefixlength") {
      rule.suppress_length = number_of(words.take());
    } else if (word == "goto") {
      rule.action = 2;
      rule.target = number_of(words.take());
    } else if (word == "nop") {
      rule.action = 3;
    } else if (word == "l3mdev") {
      rule.l3mdev = true;
    } else if (word == "lookup") {
      rule.table = number_of(words.take());
    } else if (const auto type = types.find(word); type != types.end()) {
      rule.action = type->second;
    } else {
      throw std::invalid_argument("not known: " + word);
    }
  }
  const auto behind = std::ranges::find_if(
      tables.rules, [&](const ListedRule& one) { return one.priority > rule.priority; });
  tables.rules.insert(behind, std::move(rule));
}

void FakeHost::add_neighbour(Words words) {
  const Address address = address_of(words.take());
  words.accept("dev");
  const std::uint32_t device = index(words.take());
  Neighbour neighbour{Neighbour::State::usable, {}};
  while (!words.empty()) {
    if (words.accept("lladdr")) {
      neighbour.mac = mac_of(words.take());
    } else if (words.accept("nud") && words.accept("failed")) {
      neighbour.state = Neighbour::State::failed;
    }
  }
  neighbours[{device, address}] = neighbour;
}

FakeHost& FakeWorld::add(const std::string& name) {
  hosts_.push_back(std::make_unique<FakeHost>(hosts_.size()));
  names_.push_back(name);
  return *hosts_.back();
}

void FakeWorld::veth(FakeHost& one, const std::string& a, FakeHost& other, const std::string& b) {
  const std::uint32_t first = one.make(a, "veth").device.index;
  const std::uint32_t second = other.make(b, "veth").device.index;
  Link& end = one.device(a);
  end.lower = second;
  end.lower_netns = static_cast<std::int32_t>(other.place_);
  Link& far = other.device(b);
  far.lower = first;
  far.lower_netns = static_cast<std::int32_t>(one.place_);
  peers_[{one.place_, first}] = {other.place_, second};
  peers_[{other.place_, second}] = {one.place_, first};
}

std::optional<Attachment> FakeWorld::peer(const Attachment& link) {
  const auto found = peers_.find(link);
  return found == peers_.end() ? std::nullopt : std::optional(found->second);
}

core::packet::Packet tcp_packet(std::string_view source, std::string_view destination,
                                std::uint16_t port) {
  core::packet::Packet packet;
  packet.source = address_of(std::string(source));
  packet.destination = address_of(std::string(destination));
  packet.family = packet.destination.family();
  packet.protocol = core::packet::tcp;
  packet.source_port = 40000;
  packet.destination_port = port;
  packet.tcp_flags = core::packet::syn;
  return packet;
}

core::packet::Packet udp_packet(std::string_view source, std::string_view destination,
                                std::uint16_t port) {
  core::packet::Packet packet = tcp_packet(source, destination, port);
  packet.protocol = core::packet::udp;
  packet.tcp_flags = 0;
  return packet;
}

core::packet::Packet echo_packet(std::string_view source, std::string_view destination) {
  core::packet::Packet packet = tcp_packet(source, destination, 0);
  packet.protocol = packet.family == Family::ipv4 ? core::packet::icmp : core::packet::icmpv6;
  packet.source_port = 0;
  packet.tcp_flags = 0;
  packet.icmp_type = packet.family == Family::ipv4 ? 8 : 128;
  packet.icmp_id = 77;
  return packet;
}

}  // namespace support::world
