#include "core/state/text.hpp"

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "core/constants.hpp"
#include "core/edge/tables/edge_sets.hpp"
#include "core/state/diff.hpp"
#include "support/catch.hpp"

namespace unit::text_test {

using namespace core;
using nft::Field;
using nft::Match;

namespace {

// PONA_WRITE_GOLDEN=1 writes the file instead.
void compare(const std::string& text, const std::string& name) {
  const std::string path = std::string(PONA_TEST_DATA) + "/golden/" + name;
  if (std::getenv("PONA_WRITE_GOLDEN") != nullptr) std::ofstream(path) << text;
  std::ifstream file(path);
  REQUIRE(file);
  std::stringstream content;
  content << file.rdbuf();
  CHECK(text == content.str());
}

std::string lines(const std::vector<std::string>& all) {
  std::string text;
  for (const std::string& line : all) text += line + "\n";
  return text;
}

std::string text(std::vector<nft::Statement> statements, Family family = Family::ipv4) {
  return to_text(nft::Rule{std::move(statements), "", ""}, family);
}

using Octets = std::vector<std::uint8_t>;

ElementKey key(SetId set, const Octets& bytes, const Octets& end = {},
               Family family = Family::ipv4) {
  ElementKey result;
  result.family = family;
  result.set = set;
  result.key.append(bytes);
  result.end.append(end);
  return result;
}

ElementValue leads(const std::string& chain, bool jump = false) {
  ElementValue value;
  value.chain.append({reinterpret_cast<const std::uint8_t*>(chain.data()), chain.size()});
  value.jump = jump;
  return value;
}

ElementValue holds(const Octets& bytes, const char* comment = nullptr) {
  ElementValue value;
  value.data.append(bytes);
  if (comment != nullptr) value.comment = std::make_shared<const std::string>(comment);
  return value;
}

Octets host_word(std::uint32_t value) {
  Octets bytes(4);
  std::memcpy(bytes.data(), &value, 4);
  return bytes;
}

Octets operator+(Octets a, const Octets& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

const Octets web = {203, 0, 113, 10, 6, 0, 0, 0, 0x01, 0xbb, 0, 0};     // tcp 443
const Octets media = {203, 0, 113, 10, 17, 0, 0, 0, 0x13, 0x88, 0, 0};  // udp 5000

nft::Set set(SetId id, std::vector<nft::Type> key, std::vector<nft::Type> data = {}) {
  nft::Set result;
  result.name = to_string(id);
  result.key = std::move(key);
  result.data = std::move(data);
  return result;
}

// A small table with one of each kind of thing, all of which nft can also parse.
State small_state() {
  using T = nft::Type;
  const std::vector<T> service = {T::address, T::inet_proto, T::inet_service};
  const nft::Key target = {Field::daddr, Field::l4proto, Field::dport};
  State state;
  nft::Table& table = state.tables[Family::ipv4];
  table.name = constants::edge_table;
  nft::Set services = set(EdgeSet::services, service, {T::verdict});
  services.counter = true;
  services.comment = "where a new connection goes";
  nft::Set ranges = set(EdgeSet::ranges, service, {T::inet_service});
  ranges.interval = true;
  nft::Set slots = set(EdgeSet::slots, {T::address, T::inet_proto, T::inet_service, T::mark},
                       {T::address, T::inet_service});
  nft::Set rates;
  rates.name = "rate-20";
  rates.key = {T::address};
  rates.dynamic = true;
  rates.timeout = 90;
  table.sets = {services, ranges, slots, rates};

  const auto rule = [](std::vector<nft::Statement> statements, std::string comment = "") {
    return nft::Rule{std::move(statements), std::move(comment), ""};
  };
  table.chains = {
      {"flow-16",
       {},
       {rule({nft::SetMark{nft::SetMark::Of::packet, 0xffffffff, 0x08000000}}),
        rule({nft::Nat{nft::Nat::Kind::destination,
                       {Field::daddr, Field::l4proto, Field::dport, Field::mark},
                       "slots",
                       true,
                       {}}})}},
      {"prerouting",
       nft::Hook{nft::Hook::Type::nat, nft::Hook::At::prerouting, constants::priority_dstnat},
       {rule({nft::VerdictMap{target, "services"}}, "shop/web"),
        rule({nft::OverLimit{nft::OverLimit::Of::rate_per_second, {Field::saddr}, "rate-20", 20},
              nft::Verdict{nft::Verdict::Code::drop, ""}})}},
  };
  state.elements = {
      {key(EdgeSet::services, web), leads("flow-16")},
      {key(EdgeSet::ranges, media, {0x13, 0x92}), holds({0x13, 0x88}, "shop/media")},
      {key(EdgeSet::slots, web + host_word(3)), holds({10, 1, 0, 2, 0x1f, 0x90, 0, 0}, "shop/web")},
      {key(EdgeSet::slots, web + host_word(15)), holds({10, 1, 0, 3, 0x1f, 0x90, 0, 0})},
  };
  state.routes = {{11201, Prefix::parse("0.0.0.0/0").value(), Address::parse("192.0.2.1"), "eth1"},
                  {11201, Prefix::parse("::/0").value(), {}, "eth1"}};
  state.rules = {{Family::ipv4, 1120, 0x00200000, 0x07e00000, 254, true},
                 {Family::ipv6, 1121, 0x00200000, 0x07e00000, 11201, false}};
  state.sysctls["net.ipv4.conf.eth1.rp_filter"] = "2";
  return state;
}

}  // namespace

TEST_CASE("a state reads as nft and ip would show it") {
  compare(to_text(small_state()), "state.txt");
}

TEST_CASE("changes read as commands of nft and ip") {
  compare(lines(to_text(diff({}, small_state()))), "build.txt");
  State without;
  compare(lines(to_text(diff(small_state(), without))), "remove.txt");
  without.tables[Family::ipv4].name = constants::edge_table;
  without.sysctls["net.ipv4.conf.eth1.rp_filter"] = "0";
  compare(lines(to_text(diff(small_state(), without), 1)), "empty.txt");
}

TEST_CASE("equal states have equal texts, in whatever order they were filled") {
  const State state = small_state();
  State other = state;
  other.elements.clear();
  for (const SetId id : {EdgeSet::slots, EdgeSet::ranges, EdgeSet::services}) {
    for (const auto& element : state.elements) {
      if (element.first.set == id) other.elements.insert(element);
    }
  }
  std::swap(other.tables[Family::ipv4].sets[0], other.tables[Family::ipv4].sets[2]);
  CHECK(to_text(state) == to_text(other));
}

TEST_CASE("elements of a set share lines, or are only counted") {
  Changes changes;
  for (std::uint32_t slot = 0; slot < 5; ++slot) {
    changes.push_back(AddElement{
        {key(EdgeSet::slots, web + host_word(slot)), holds({10, 1, 0, 2, 0, 80, 0, 0})}});
    changes.push_back(
        AddElement{{key(EdgeSet::pods, {10, 1, 0, static_cast<std::uint8_t>(slot)}), {}}});
  }
  changes.push_back(DeleteElement{key(EdgeSet::pods, {10, 1, 0, 9}), {}});
  const std::vector<std::string> joined = to_text(changes, 4);
  REQUIRE(joined.size() == 5);
  CHECK(joined[1] ==
        "add element ip pona-edge slots { 203.0.113.10 . tcp . 443 . 0x00000004 : 10.1.0.2 . 80 }");
  CHECK(joined[2] == "add element ip pona-edge pods { 10.1.0.0, 10.1.0.1, 10.1.0.2, 10.1.0.3 }");
  CHECK(joined[4] == "delete element ip pona-edge pods { 10.1.0.9 }");
  CHECK(to_text(changes, 0) == std::vector<std::string>{"add 5 elements to ip pona-edge slots",
                                                        "add 5 elements to ip pona-edge pods",
                                                        "delete 1 element from ip pona-edge pods"});
}

TEST_CASE("elements are printed as nft prints them") {
  const std::string plain = "203.0.113.10 . tcp . 443";
  const auto source = [](Octets first, Octets last) {
    return to_text(Element{key(EdgeSet::allowed, first, last), {}});
  };
  CHECK(to_text(Element{key(EdgeSet::services, web), leads("flow-16")}) ==
        plain + " : goto flow-16");
  CHECK(to_text(Element{key(EdgeSet::limits, web), leads("limit-100-20", true)}) ==
        plain + " : jump limit-100-20");
  CHECK(source({10, 0, 0, 0}, {10, 255, 255, 255}) == "10.0.0.0/8");
  CHECK(source({0, 0, 0, 0}, {255, 255, 255, 255}) == "0.0.0.0/0");
  CHECK(source({10, 1, 1, 1}, {10, 1, 1, 1}) == "10.1.1.1");
  CHECK(source({10, 0, 0, 0}, {10, 0, 0, 9}) == "10.0.0.0-10.0.0.9");
  CHECK(to_text(Element{key(EdgeSet::limit_ids, media, {0x13, 0x92}), holds(host_word(7))}) ==
        "203.0.113.10 . udp . 5000-5010 : 0x00000007");
  CHECK(to_text(Element{key(EdgeSet::limit_ids, media, {0x13, 0x88}), holds(host_word(7))}) ==
        "203.0.113.10 . udp . 5000 : 0x00000007");
  CHECK(to_text(Element{key(EdgeSet::traffic, Octets{0, 0, 0, 0} + web), {}}) ==
        "original . " + plain);
  CHECK(to_text(Element{key(EdgeSet::range_traffic, Octets{1, 0, 0, 0} + media, {0x13, 0x92}),
                        {}}) == "reply . 203.0.113.10 . udp . 5000-5010");
  CHECK(to_text(Element{key(EdgeSet::range_endpoints, {10, 1, 0, 2, 132, 0, 0, 0}), {}}) ==
        "10.1.0.2 . sctp");
  const Octets name = {'e', 't', 'h', '1', '.', '7', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  CHECK(to_text(Element{key(EdgeSet::external, name), leads("from-eth1.7", true)}) ==
        "\"eth1.7\" : jump from-eth1.7");
  CHECK(to_text(Element{key(EdgeSet::departing, host_word(0x10200000) + name), {}}) ==
        "0x10200000 . \"eth1.7\"");
  CHECK(to_text(Element{key(EdgeSet::snat, {10, 1, 0, 2}), holds({203, 0, 113, 10}, "shop/web")}) ==
        "10.1.0.2 comment \"shop/web\" : 203.0.113.10");
  // Somebody else's set of the same name.
  CHECK(to_text(Element{key(EdgeSet::pods, {1, 2}), {}}) == "0x0102");

  const Octets six = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  Octets last = six;
  std::fill(last.begin() + 4, last.end(), std::uint8_t{0xff});
  Octets first = six;
  first.back() = 0;
  const Octets six_web = six + Octets{17, 0, 0, 0, 0, 53, 0, 0};
  CHECK(to_text(Element{key(EdgeSet::allowed, first, last, Family::ipv6), {}}) == "2001:db8::/32");
  CHECK(to_text(Element{key(EdgeSet::slots, six_web + host_word(255), {}, Family::ipv6),
                        holds(six + Octets{0, 53, 0, 0})}) ==
        "2001:db8::1 . udp . 53 . 0x000000ff : 2001:db8::1 . 53");
}

TEST_CASE("statements are printed as nft prints them") {
  constexpr std::uint32_t whole = 0xffffffff;
  const nft::Key target = {Field::daddr, Field::l4proto, Field::dport};
  const nft::Verdict drop{nft::Verdict::Code::drop, ""};
  const Match tcp{Field::l4proto, whole, true, 6};

  CHECK(text({Match{Field::mark, 0x00600000, true, 0x00200000}}) ==
        "meta mark & 0x00600000 == 0x00200000");
  CHECK(text({Match{Field::ct_mark, 0x00600000, false, 0}}) ==
        "ct mark & 0x00600000 != 0x00000000");
  CHECK(text({Match{Field::mark, whole, false, 16}}) == "meta mark != 0x00000010");
  CHECK(text({Match{Field::ct_state, 0xa, false, 0}}) == "ct state established,new");
  CHECK(text({Match{Field::ct_state, 0x1, true, 0}}) == "ct state ! invalid");
  CHECK(text({Match{Field::ct_state, whole, true, 8}}) == "ct state == new");
  CHECK(text({Match{Field::ct_status, 0x20, false, 0}}) == "ct status dnat");
  CHECK(text({Match{Field::ct_status, 0x30, true, 0x10}}) == "ct status snat / snat,dnat");
  CHECK(text({Match{Field::tcp_flags, 0x6, true, 0x2}}) == "tcp flags syn / syn,rst");
  CHECK(text({Match{Field::tcp_flags, 0x6, false, 0x2}}) == "tcp flags != syn / syn,rst");
  CHECK(text({Match{Field::tcp_flags, 0x2, true, 0x2}}) == "tcp flags & syn == syn");
  CHECK(text({Match{Field::ct_direction, whole, true, 1}}) == "ct direction reply");
  CHECK(text({Match{Field::fib_daddr_type, whole, false, 2}}) == "fib daddr type != local");
  CHECK(text({Match{Field::saddr, whole, true, 0x0a010002}}) == "ip saddr 10.1.0.2");
  CHECK(text({Match{Field::dport, whole, true, 53}}) == "th dport 53");
  CHECK(text({Match{Field::l4proto, whole, true, 99}, drop}) == "meta l4proto 99 drop");

  // What nft leaves out because other words imply it.
  CHECK(text({tcp, Match{Field::dport, whole, true, 80}, drop}) == "tcp dport 80 drop");
  CHECK(text({tcp, Match{Field::tcp_flags, 0x2, true, 0}, drop}) == "tcp flags ! syn drop");
  CHECK(text({tcp, nft::Reject{true}}) == "reject with tcp reset");
  CHECK(text({tcp, nft::Reject{}}) == "meta l4proto tcp reject");
  CHECK(text({nft::Reject{.unreachable = true}}) == "reject with icmp host-unreachable");
  CHECK(text({nft::Reject{.unreachable = true}}, Family::ipv6) ==
        "reject with icmpv6 addr-unreachable");
  CHECK(text({Match{Field::oif, whole, true, 1}, drop}) == "oif \"lo\" drop");
  CHECK(text({tcp, nft::ClampMss{}}) == "meta l4proto tcp tcp option maxseg size set rt mtu");
  CHECK(text({tcp, nft::ClampMss{1460}}) ==
        "meta l4proto tcp tcp option maxseg size > 1460 tcp option maxseg size set rt mtu");
  CHECK(text({tcp, nft::ClampMss{0, 1404}}) == "meta l4proto tcp tcp option maxseg size set 1404");
  CHECK(text({tcp, nft::InSet{target, "endpoints", true}}) ==
        "ip daddr . meta l4proto . tcp dport @endpoints");
  CHECK(text({nft::InSet{target, "endpoints", true}, tcp}) ==
        "ip daddr . meta l4proto . th dport @endpoints meta l4proto tcp");

  CHECK(text({nft::InSet{{Field::saddr}, "pods", false}}, Family::ipv6) == "ip6 saddr != @pods");
  CHECK(text({nft::VerdictMap{{nft::Masked{Field::ct_mark, 0x1fe00000}}, "returns"}}) ==
        "ct mark & 0x1fe00000 vmap @returns");
  using nft::SetMark;
  CHECK(text({SetMark{SetMark::Of::packet, 0, 16}}) == "meta mark set 0x00000010");
  CHECK(text({SetMark{SetMark::Of::packet, whole, 16}}) == "meta mark set meta mark | 0x00000010");
  CHECK(text({SetMark{SetMark::Of::connection, 0xe01fffff, 0x00200000}}) ==
        "ct mark set ct mark & 0xe03fffff | 0x00200000");
  CHECK(text({SetMark{SetMark::Of::packet, 0xe01fffff, 0}}) ==
        "meta mark set meta mark & 0xe01fffff");

  using nft::Nat;
  const nft::Hash hash{{Field::saddr, Field::sport}, 16, constants::hash_seed};
  CHECK(
      text({Nat{Nat::Kind::destination, {Field::daddr, hash}, "slots", true, {}}}, Family::ipv6) ==
      "dnat ip6 to ip6 daddr . jhash ip6 saddr . th sport mod 16 seed 0x706f6e61 map @slots");
  CHECK(text({Nat{Nat::Kind::destination,
                  {Field::daddr},
                  "range-slots",
                  false,
                  std::pair{target, std::string("range-ports")}}}) ==
        "dnat to ip daddr map @range-slots:ip daddr . meta l4proto . th dport map @range-ports");
  CHECK(text({Nat{Nat::Kind::source, {Field::saddr}, "snat-addresses", false, {}}}) ==
        "snat to ip saddr map @snat-addresses");
  CHECK(text({nft::VerdictMap{{Field::daddr, nft::Mapped{{Field::daddr, Field::dport}, "ranges"}},
                              "range-services"}}) ==
        "ip daddr . ip daddr . th dport map @ranges vmap @range-services");
  using nft::OverLimit;
  CHECK(text({OverLimit{OverLimit::Of::connections, {Field::saddr}, "c", 100}, drop}) ==
        "add @c { ip saddr ct count over 100 } drop");
  CHECK(text({OverLimit{OverLimit::Of::rate_per_second, {Field::saddr}, "r", 20}, drop}) ==
        "update @r { ip saddr limit rate over 20/second burst 20 packets } drop");
  CHECK(text({OverLimit{OverLimit::Of::rate_per_second, {Field::saddr}, "r", 5}, drop}) ==
        "update @r { ip saddr limit rate over 5/second } drop");
  CHECK(text({nft::Masquerade{}}) == "masquerade");
  CHECK(text({nft::Redirect{}}) == "redirect");
  CHECK(text({nft::Untrack{}}) == "notrack");
  CHECK(text({nft::Verdict{nft::Verdict::Code::jump, "strays"}}) == "jump strays");
  CHECK(text({nft::Verdict{nft::Verdict::Code::ret, ""}}) == "return");
  CHECK(to_text(nft::Rule{{drop}, "strays", ""}, Family::ipv4) == "drop comment \"strays\"");
  CHECK(to_text(nft::Rule{{}, "", "counter packets 0 bytes 0"}, Family::ipv4) ==
        "counter packets 0 bytes 0");
}

TEST_CASE("hooks are printed with the names of priorities where nft has one") {
  const auto hook = [](nft::Hook::At at, int priority) {
    nft::Table table;
    table.name = "t";
    table.chains = {{"c", nft::Hook{nft::Hook::Type::filter, at, priority}, {}}};
    const std::string text = to_text(table);
    const std::size_t start = text.find("priority ") + 9;
    return text.substr(start, text.find(';') - start);
  };
  using At = nft::Hook::At;
  CHECK(hook(At::prerouting, -101) == "dstnat - 1");
  CHECK(hook(At::output, -101) == "-101");
  CHECK(hook(At::postrouting, 99) == "srcnat - 1");
  CHECK(hook(At::forward, -1) == "filter - 1");
  CHECK(hook(At::input, 10) == "filter + 10");
  CHECK(hook(At::output, -150) == "mangle");
  CHECK(hook(At::forward, 200) == "200");
}

}  // namespace unit::text_test
