#include "net/nft/tables.hpp"

#include <poll.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>

#include "core/constants.hpp"
#include "core/edge/edge_rules.hpp"
#include "core/edge/edge_sets.hpp"
#include "core/error.hpp"
#include "core/state/diff.hpp"
#include "core/state/text.hpp"
#include "support/catch.hpp"
#include "unit/net/namespace.hpp"

namespace unit::tables_test {

using core::Family;
using core::SetId;
using namespace core::nft;
using net::test::in_namespace;
using net::test::shell;

namespace {

core::EdgeRulesInput everything() {
  core::EdgeRulesInput input;
  input.snat = true;
  input.any_address = true;
  input.masquerade = false;
  input.external = {{"eth1", 1}, {"eth2.5", 2}};
  input.limits = {{100, 20}, {0, 5}};
  return input;
}

core::Element element(Family family, SetId set, std::vector<std::uint8_t> key,
                      std::vector<std::uint8_t> end = {}, std::vector<std::uint8_t> data = {},
                      const char* chain = "") {
  core::Element result;
  result.key.family = family;
  result.key.set = set;
  result.key.key.append(key);
  result.key.end.append(end);
  result.value.data.append(data);
  const std::string_view name(chain);
  result.value.chain.append({reinterpret_cast<const std::uint8_t*>(name.data()), name.size()});
  return result;
}

// Address, protocol, port, and more fields if any.
std::vector<std::uint8_t> key(Family family, std::uint8_t host, std::uint8_t port,
                              std::vector<std::uint8_t> more = {}) {
  std::vector<std::uint8_t> result = {203, 0, 113, host};
  if (family == Family::ipv6) {
    result = {0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, host};
  }
  result.insert(result.end(), {17, 0, 0, 0, 0, port, 0, 0});
  result.insert(result.end(), more.begin(), more.end());
  return result;
}

std::vector<core::Element> some_elements(Family family) {
  const std::size_t size = family == Family::ipv4 ? 4 : 16;
  const std::vector<std::uint8_t> address(size, 10);
  const std::vector<std::uint8_t> last(size, 12);
  std::vector<std::uint8_t> endpoint = address;
  endpoint.insert(endpoint.end(), {0x1f, 0x90, 0, 0});
  std::vector<core::Element> result = {
      element(family, SetId::services, key(family, 1, 80), {}, {}, "flow-16"),
      element(family, SetId::slots, key(family, 1, 80, {3, 0, 0, 0}), {}, endpoint),
      element(family, SetId::ranges, key(family, 2, 50), {0, 60}, {0, 50}),
      element(family, SetId::range_slots, key(family, 2, 50, {9, 0, 0, 0}), {}, address),
      element(family, SetId::sources, key(family, 1, 80, address), last),
      element(family, SetId::limit_ids, key(family, 1, 80), {0, 80}, {7, 0, 0, 0}),
      element(family, SetId::pods, address),
  };
  result[0].value.comment = std::make_shared<const std::string>("shop/web");
  return result;
}

core::State edge() {
  core::State state;
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    state.tables[family] = core::edge_table(family, everything());
    for (const auto& elements :
         {some_elements(family), core::interface_elements(family, everything())}) {
      for (const core::Element& one : elements) state.elements[one.key] = one.value;
    }
  }
  return state;
}

core::State observe(net::Nft& nft, const core::State& expected) {
  core::State state;
  core::KeepAll all;
  nft.observe(expected, all, state);
  return state;
}

void converge(net::Nft& nft, const core::State& wanted) {
  nft.apply(core::diff(observe(nft, wanted), wanted));
  for (const std::string& line : core::to_text(core::diff(observe(nft, wanted), wanted))) {
    UNSCOPED_INFO("left to do: " << line);
  }
  CHECK(observe(nft, wanted) == wanted);
}

std::string output_of(const std::string& command) {
  std::string result;
  std::FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::array<char, 4096> buffer;
  while (const std::size_t size = std::fread(buffer.data(), 1, buffer.size(), pipe)) {
    result.append(buffer.data(), size);
  }
  CHECK(pclose(pipe) == 0);
  return result;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

bool readable(const net::Nft& nft) {
  pollfd ready{nft.event_fd(), POLLIN, 0};
  return poll(&ready, 1, 0) == 1;
}

std::string message_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const core::Error& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("the edge's tables with all kinds of statements and elements are loaded and read back") {
  in_namespace([] {
    net::Nft nft(true, core::constants::edge_table);
    converge(nft, edge());
  });
}

TEST_CASE("nft lists what pona made in words that say what it does") {
  in_namespace([] {
    net::Nft nft(false, core::constants::edge_table);
    converge(nft, edge());
    const std::string list = output_of("nft -n list ruleset");
    CHECK_FALSE(contains(list, "[invalid"));
    CHECK_FALSE(contains(list, "unknown"));
    for (const char* part : {
             "203.0.113.1 . 17 . 80 counter packets 0 bytes 0 comment \"shop/web\" : goto flow-16",
             "203.0.113.1 . 17 . 80 . 0x00000003 : 10.10.10.10 . 8080",
             "203.0.113.2 . 17 . 50-60 : 50",
             "203.0.113.1 . 17 . 80 . 10.10.10.10-12.12.12.12",
             "2001:db8::1 . 17 . 80 . 0x00000003",
             "\"eth2.5\" : jump from-eth2.5",
             "type filter hook forward priority -1; policy accept;",
             "dnat ip to ip daddr . meta l4proto . th dport . jhash ip saddr . th sport mod 16 "
             "seed "
             "0x706f6e61 map @slots",
             "ip saddr @pods meta mark set meta mark",
             "tcp option maxseg size set rt mtu",
             "reject with tcp reset",
             "limit rate over 20/second burst 20 packets",
             "ct count over 100",
             "ip6 daddr . meta l4proto . th dport vmap @services",
             "ct direction . ct original ip6 daddr . meta l4proto . ct original proto-dst @traffic",
             "comment \"dport stands for its value in @ranges\"",
         }) {
      INFO(part);
      CHECK(contains(list, part));
    }
  });
}

TEST_CASE("an element's value changes within one transaction") {
  in_namespace([] {
    net::Nft nft(true, core::constants::edge_table);
    core::State wanted = edge();
    converge(nft, wanted);
    core::Element slot = some_elements(Family::ipv4)[1];
    const core::ElementValue was = slot.value;
    slot.value.data.data[0] = 11;
    nft.apply({core::DeleteElement{slot.key, was}, core::AddElement{slot}});
    wanted.elements[slot.key] = slot.value;
    CHECK(observe(nft, wanted) == wanted);
  });
}

TEST_CASE("a refused transaction changes nothing and names the change") {
  in_namespace([] {
    net::Nft nft(true, core::constants::edge_table);
    const core::State wanted = edge();
    converge(nft, wanted);
    std::vector<core::Element> pods;
    core::Changes changes;
    for (std::uint8_t host = 1; host <= 5; ++host) {
      pods.push_back(element(Family::ipv4, SetId::pods, {10, 0, 0, host}));
      changes.push_back(core::AddElement{pods.back()});
    }
    nft.apply(changes);
    nft.apply({core::DeleteElement{pods[2].key, {}}});

    changes = {core::AddElement{element(Family::ipv4, SetId::pods, {10, 0, 0, 9})}};
    for (const core::Element& pod : pods) changes.push_back(core::DeleteElement{pod.key, {}});
    const std::string message = message_of([&] { nft.apply(changes); });
    INFO(message);
    CHECK(contains(message, "10.0.0.3"));
    CHECK_FALSE(contains(message, "10.0.0.2"));
    CHECK(contains(message, "No such file or directory"));
    CHECK(observe(nft, wanted).elements.size() == wanted.elements.size() + 4);
  });
}

TEST_CASE("the rule that the kernel refuses is named") {
  in_namespace([] {
    net::Nft nft(false, core::constants::edge_table);
    Chain chain;
    chain.name = "some";
    chain.rules = {Rule{{Verdict{Verdict::Code::accept, ""}}, "", ""},
                   Rule{{InSet{{Field::daddr}, "missing", true}}, "", ""}};
    const std::string message = message_of([&] {
      nft.apply({core::AddTable{Family::ipv4, "pona-edge"},
                 core::AddChain{Family::ipv4, "some", std::nullopt},
                 core::ReplaceRules{Family::ipv4, chain}});
    });
    INFO(message);
    CHECK(contains(message, "add rule ip pona-edge some ip daddr @missing"));
  });
}

TEST_CASE("an owned table survives others' flush and our end, and is adopted by who comes next") {
  in_namespace([] {
    const core::State wanted = edge();
    {
      net::Nft first(true, core::constants::edge_table);
      converge(first, wanted);
      if (!contains(output_of("nft list table ip pona-edge"), "flags owner")) {
        WARN("left out: this kernel has no owned tables that persist");
        return;
      }
      shell("nft flush ruleset");
      CHECK(observe(first, wanted) == wanted);

      net::Nft second(true, core::constants::edge_table);
      const std::string message = message_of([&] { observe(second, wanted); });
      INFO(message);
      CHECK(contains(message, "table ip pona-edge is owned by another process"));
      CHECK(contains(message, "unit"));  // the name of this process
      net::Nft reader(false, core::constants::edge_table);
      CHECK(observe(reader, wanted) == wanted);
      CHECK(contains(message_of([&] {
                       reader.apply({core::DeleteTable{Family::ipv4, "pona-edge"}});
                     }),
                     "owned by another process"));
    }
    net::Nft third(true, core::constants::edge_table);
    CHECK(observe(third, wanted) == wanted);
    shell("nft flush ruleset");
    CHECK(observe(third, wanted) == wanted);
  });
}

TEST_CASE("a table without owner can be removed by a tool that owns nothing") {
  in_namespace([] {
    const core::State wanted = edge();
    { converge(*std::make_unique<net::Nft>(true, core::constants::edge_table), wanted); }
    net::Nft tool(false, core::constants::edge_table);
    tool.apply(core::diff(observe(tool, wanted), core::State{}));
    CHECK(observe(tool, wanted).tables.empty());
    CHECK(output_of("nft list ruleset").empty());
  });
}

TEST_CASE("foreign objects in our table are seen and removed") {
  in_namespace([] {
    net::Nft nft(false, core::constants::edge_table);
    const core::State wanted = edge();
    converge(nft, wanted);
    shell(
        "nft add rule ip pona-edge input tcp dport 22 drop;"
        "nft add set ip pona-edge foreign '{ type ether_addr; }';"
        "nft add chain ip6 pona-edge foreign '{ type filter hook input priority 0; policy drop; }';"
        "nft add element ip pona-edge pods '{ 10.9.9.9 }';"
        "nft delete element ip pona-edge services '{ 203.0.113.1 . udp . 80 }';"
        "nft add chain ip pona-edge forward '{ policy drop; }'");
    CHECK(nft.drain());
    const core::State found = observe(nft, wanted);
    const auto& chains = found.tables.at(Family::ipv4).chains;
    const auto input = std::find_if(chains.begin(), chains.end(),
                                    [](const Chain& chain) { return chain.name == "input"; });
    REQUIRE(input != chains.end());
    CHECK(contains(input->rules.back().foreign, "immediate"));
    converge(nft, wanted);
  });
}

TEST_CASE("only others' changes of our tables are news") {
  in_namespace([] {
    net::Nft nft(false, core::constants::edge_table);
    const core::State wanted = edge();
    converge(nft, wanted);
    CHECK_FALSE(nft.drain());
    CHECK_FALSE(readable(nft));

    nft.apply({core::AddElement{element(Family::ipv4, SetId::pods, {10, 0, 0, 1})}});
    CHECK_FALSE(readable(nft));

    shell("nft add table ip other; nft add table inet pona-edge");
    CHECK(readable(nft));
    CHECK_FALSE(nft.drain());
    CHECK_FALSE(readable(nft));

    shell("nft add element ip6 pona-edge pods '{ 2001:db8::77 }'");
    CHECK(readable(nft));
    CHECK(nft.drain());

    shell("nft flush ruleset");
    CHECK(nft.drain());
    CHECK(observe(nft, wanted).tables.empty());
    converge(nft, wanted);
  });
}

TEST_CASE("a large transaction is applied whole, and is no news") {
  in_namespace([] {
    net::Nft nft(true, core::constants::edge_table);
    core::State wanted = edge();
    converge(nft, wanted);
    core::Changes changes;
    // Sets in turn, as a planner meets them.
    for (std::uint32_t i = 0; i < 20'000; ++i) {
      const auto high = static_cast<std::uint8_t>(i >> 8);
      const auto low = static_cast<std::uint8_t>(i);
      for (const SetId set : {SetId::pods, SetId::addresses}) {
        changes.push_back(core::AddElement{element(Family::ipv4, set, {10, 1, high, low})});
      }
    }
    nft.apply(changes);
    CHECK_FALSE(nft.drain());
    for (const core::Change& change : changes) {
      const core::Element& added = std::get<core::AddElement>(change).element;
      wanted.elements[added.key] = added.value;
    }
    CHECK(observe(nft, wanted) == wanted);

    changes.push_back(
        core::DeleteElement{element(Family::ipv4, SetId::pods, {9, 9, 9, 9}).key, {}});
    const std::string message = message_of([&] { nft.apply(changes); });
    INFO(message);
    CHECK(contains(message, "9.9.9.9"));
    CHECK_FALSE(nft.drain());
  });
}

TEST_CASE("a mapped part of a key looks up what the map holds, and elements count") {
  in_namespace([] {
    shell("ip link set lo up");
    net::Nft nft(true, core::constants::edge_table);
    core::State wanted;
    for (const Family family : {Family::ipv4, Family::ipv6}) {
      const bool ipv4 = family == Family::ipv4;
      std::vector<std::uint8_t> range = {127, 0, 0, 1};
      if (!ipv4) range = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
      std::vector<std::uint8_t> from = range;
      range.insert(range.end(), {17, 0, 0, 0, 0x13, 0x88, 0, 0});  // udp, 5000

      const core::nft::Table edge_table = core::edge_table(family, everything());
      Table table;
      table.family = family;
      table.name = edge_table.name;
      for (const Set& set : edge_table.sets) {
        for (const SetId id :
             {SetId::ranges, SetId::refused_source, SetId::sources, SetId::limit_ids}) {
          if (set.name == core::to_string(id)) table.sets.push_back(set);
        }
      }
      for (Set& set : table.sets) set.counter = set.name == "sources" || set.counter;
      Set numbers;
      numbers.name = "pods";  // here: numbers of mappings by source
      numbers.key = {Type::mark, Type::address};
      numbers.counter = true;
      table.sets.push_back(numbers);

      const Mapped first_port{{Field::daddr, Field::l4proto, Field::dport}, "ranges"};
      const Mapped number{{Field::daddr, Field::l4proto, Field::dport}, "limit-ids"};
      Chain chain;
      chain.name = "input";
      chain.hook = Hook{Hook::Type::filter, Hook::At::input, 0};
      for (const InSet& statement : {
               InSet{{Field::daddr, Field::l4proto, first_port}, "refused-source", true},
               InSet{{Field::daddr, Field::l4proto, first_port, Field::saddr}, "sources", true},
               InSet{{number, Field::saddr}, "pods", true},
           }) {
        chain.rules.push_back(Rule{{statement}, "", ""});
      }
      table.chains = {chain};
      wanted.tables[family] = table;

      std::vector<std::uint8_t> source = range;
      source.insert(source.end(), from.begin(), from.end());
      std::vector<std::uint8_t> numbered = {42, 0, 0, 0};
      numbered.insert(numbered.end(), from.begin(), from.end());
      for (const core::Element& one :
           {element(family, SetId::ranges, range, {0x13, 0x92}, {0x13, 0x88}),  // 5000-5010
            element(family, SetId::limit_ids, range, {0x13, 0x92}, {42, 0, 0, 0}),
            element(family, SetId::refused_source, range),
            element(family, SetId::sources, source, from),
            element(family, SetId::pods, numbered)}) {
        wanted.elements[one.key] = one.value;
      }
    }
    nft.apply(core::diff(core::State{}, wanted));
    CHECK(observe(nft, wanted) == wanted);

    // Three in the range, one beyond.
    shell(
        "bash -c 'for port in 5000 5004 5010 5011; do"
        " echo x > /dev/udp/127.0.0.1/$port; echo x > /dev/udp/::1/$port; done'");
    for (const Family family : {Family::ipv4, Family::ipv6}) {
      for (const SetId set : {SetId::refused_source, SetId::sources, SetId::pods}) {
        const core::Counts counts = nft.counts(family, {set});
        REQUIRE(counts.size() == 1);
        INFO(core::to_string(family) << ' ' << core::to_string(set));
        CHECK(counts.begin()->second.packets == 3);
        CHECK(counts.begin()->second.bytes == 3 * (family == Family::ipv4 ? 30 : 50));
      }
    }
  });
}

}  // namespace unit::tables_test
