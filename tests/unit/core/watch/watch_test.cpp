#include <string>

#include "core/watch/filter.hpp"
#include "core/watch/owners.hpp"
#include "core/watch/tally.hpp"
#include "core/watch/text.hpp"
#include "support/catch.hpp"

namespace unit::watch_test {

using namespace core::watch;
using core::packet::FlowTuple;

namespace {

core::Address address(const char* text) { return *core::Address::parse(text); }

FlowTuple tuple(const char* source, std::uint16_t source_port, const char* destination,
                std::uint16_t destination_port, std::uint8_t protocol = core::packet::tcp) {
  return {protocol, address(source), address(destination), source_port, destination_port};
}

// Through an edge: translated on both sides.
Flow mapped() {
  core::packet::ConnectionEvent event;
  event.kind = core::packet::ConnectionEvent::Kind::made;
  event.connection.original = tuple("198.51.100.10", 40000, "203.0.113.5", 80);
  event.connection.reply = tuple("10.1.0.11", 8080, "10.1.0.2", 40000);
  event.connection.id = 7;
  return to_flow(event);
}

Flow with_traffic(Flow flow, std::uint64_t received, std::uint64_t sent) {
  flow.traffic = {received, sent};
  return flow;
}

Drop dropped(const FlowTuple& packet, const char* reason = "NETFILTER_DROP") {
  return {0, reason, packet, "ext1"};
}

Owners example() {
  Owners owners;
  owners.add_port("Mapping shop/web", address("203.0.113.5"), core::packet::tcp, {80, 80});
  owners.add_port("Mapping shop/games", address("203.0.113.5"), core::packet::tcp, {5000, 5010});
  owners.add_endpoint("Mapping shop/web", address("10.1.0.11"), core::packet::tcp, 8080);
  owners.add_endpoint("Mapping shop/games", address("10.1.0.12"), core::packet::tcp, 9);
  owners.add_endpoint("Mapping shop/web", address("10.1.0.12"), core::packet::tcp, 9);
  owners.add_nat_pod("Egress internet/egress", address("10.64.0.21"));
  owners.add_client("Egress internet/egress", address("10.64.0.11"),
                    *core::Prefix::parse("203.0.113.0/24"));
  owners.add_client("Egress internet/other", address("10.64.0.11"),
                    *core::Prefix::parse("203.0.113.9"));
  owners.add_pod(address("10.64.0.11"), "pod default/client1");
  return owners;
}

std::string owner_of(const Owners& owners, const FlowTuple& before, const FlowTuple& after) {
  Flow flow;
  flow.before = before;
  flow.after = after;
  const std::string* const owner = owners.of(flow);
  return owner == nullptr ? "" : *owner;
}

std::string owner_of(const Owners& owners, const FlowTuple& packet) {
  const std::string* const owner = owners.of(dropped(packet));
  return owner == nullptr ? "" : *owner;
}

}  // namespace

TEST_CASE("watch: a connection is said as it came and as it left") {
  CHECK(to_text(mapped(), {"Mapping shop/web", "", ""}) ==
        "new   tcp 198.51.100.10:40000 > 203.0.113.5:80  =>  10.1.0.2:40000 > 10.1.0.11:8080  "
        "Mapping shop/web");
  Flow plain;
  plain.before = plain.after = tuple("fd00::1", 7, "fd00::2", 7, core::packet::icmpv6);
  plain.ended = true;
  CHECK(to_text(plain, {}) == "end   icmpv6 fd00::1 > fd00::2");
  CHECK(to_text(with_traffic(plain, 1500, 2'000'000), {"", "pod a/b", "node"}) ==
        "end   icmpv6 fd00::1 > fd00::2  1.5 kB received, 2 MB sent  pod a/b  at node");
}

TEST_CASE("watch: a drop is said with its reason in words and by its name") {
  const FlowTuple packet = tuple("198.51.100.10", 40000, "10.1.0.11", 8080);
  CHECK(to_text(dropped(packet), {"Mapping shop/web", "", ""}) ==
        "drop  tcp 198.51.100.10:40000 > 10.1.0.11:8080 by ext1: a firewall rule "
        "(NETFILTER_DROP)  Mapping shop/web");
  CHECK(to_text(dropped(packet, "SOMETHING_NEW"), {}) ==
        "drop  tcp 198.51.100.10:40000 > 10.1.0.11:8080 by ext1: SOMETHING_NEW");
  CHECK(next_command(dropped(packet), "") == "pona diag trace 198.51.100.10 to 10.1.0.11:8080");
  CHECK(next_command(dropped(tuple("fd00::1", 9, "fd00::2", 53, core::packet::udp)), "blue") ==
        "pona diag trace --from-netns blue --udp fd00::1 to [fd00::2]:53");
  CHECK(next_command(dropped(tuple("10.0.0.1", 5, "10.0.0.2", 5, core::packet::icmp)), "") ==
        "pona diag trace --icmp 10.0.0.1 to 10.0.0.2");
  CHECK(next_command(dropped(tuple("10.0.0.1", 0, "10.0.0.2", 0, 47)), "").empty());
}

TEST_CASE("watch: whose a connection is") {
  const Owners owners = example();
  CHECK(*owners.of(mapped()) == "Mapping shop/web");
  const FlowTuple last = tuple("198.51.100.10", 1, "203.0.113.5", 5010);
  CHECK(owner_of(owners, last, last) == "Mapping shop/games");
  for (const std::uint16_t port : std::vector<std::uint16_t>{79, 81, 4999, 5011}) {
    const FlowTuple none = tuple("198.51.100.10", 1, "203.0.113.5", port);
    CHECK(owner_of(owners, none, none).empty());
  }
  const FlowTuple udp = tuple("198.51.100.10", 1, "203.0.113.5", 80, core::packet::udp);
  CHECK(owner_of(owners, udp, udp).empty());
  // In the NAT pod, behind it, and in the client; the longest prefix counts.
  const FlowTuple client = tuple("10.64.0.11", 1, "203.0.113.10", 80);
  CHECK(owner_of(owners, tuple("10.64.0.99", 1, "1.1.1.1", 80),
                 tuple("10.64.0.21", 1, "1.1.1.1", 80)) == "Egress internet/egress");
  CHECK(owner_of(owners, tuple("10.64.0.21", 1, "1.1.1.1", 80),
                 tuple("192.0.2.1", 1, "1.1.1.1", 80)) == "Egress internet/egress");
  CHECK(owner_of(owners, client, client) == "Egress internet/egress");
  const FlowTuple special = tuple("10.64.0.11", 1, "203.0.113.9", 80);
  CHECK(owner_of(owners, special, special) == "Egress internet/other");
  CHECK(owners.pod(address("10.64.0.11")) == "pod default/client1");
  CHECK(owners.knows("Mapping shop/web"));
  CHECK_FALSE(owners.knows("Mapping shop/we"));
}

TEST_CASE("watch: whose a dropped packet is, in any direction and on either side") {
  const Owners owners = example();
  CHECK(owner_of(owners, tuple("198.51.100.10", 1, "203.0.113.5", 80)) == "Mapping shop/web");
  CHECK(owner_of(owners, tuple("198.51.100.10", 1, "10.1.0.11", 8080)) == "Mapping shop/web");
  CHECK(owner_of(owners, tuple("10.1.0.11", 8080, "10.1.0.2", 1)) == "Mapping shop/web");
  // Of two Mappings: nobody knows which.
  CHECK(owner_of(owners, tuple("198.51.100.10", 1, "10.1.0.12", 9)).empty());
  CHECK(owner_of(owners, tuple("203.0.113.10", 80, "10.64.0.11", 1)) == "Egress internet/egress");
}

TEST_CASE("watch: all that is asked for must fit") {
  const Flow flow = mapped();
  const std::string web = "Mapping shop/web";
  Filter filter;
  CHECK(filter.fits(flow, nullptr));
  for (const char* one : {"198.51.100.10", "203.0.113.0/24", "10.1.0.2", "10.1.0.11"}) {
    filter.address = core::Prefix::parse(one);
    CHECK(filter.fits(flow, nullptr));
  }
  filter.address = core::Prefix::parse("10.2.0.0/16");
  CHECK_FALSE(filter.fits(flow, &web));
  filter = {};
  filter.port = 8080;
  CHECK(filter.fits(flow, nullptr));
  filter.port = 8081;
  CHECK_FALSE(filter.fits(flow, nullptr));
  filter = {};
  filter.objects = {"Mapping shop/web", "Service shop/web"};
  CHECK(filter.fits(flow, &web));
  CHECK_FALSE(filter.fits(flow, nullptr));
  filter = {};
  filter.pod = {address("10.1.0.11")};
  CHECK(filter.fits(flow, nullptr));
  CHECK_FALSE(filter.fits(dropped(tuple("10.1.0.2", 1, "10.1.0.3", 1)), nullptr));
}

TEST_CASE("watch: rates per object since the last look, the busiest first") {
  const std::string web = "Mapping shop/web", games = "Mapping shop/games";
  Rates rates;
  Flow flow = mapped();
  for (int i = 0; i < 3; ++i) rates.add(flow, &web);
  flow.ended = true;
  rates.add(flow, &web);
  for (int i = 0; i < 9; ++i) rates.add_drop(&games);
  rates.add(Traffic{10, 20}, &web);
  for (int i = 0; i < 99; ++i) rates.add(flow, nullptr);
  const auto rows = rates.take();
  REQUIRE(rows.size() == 3);
  CHECK(rows[0].object == games);
  CHECK(rows[1].begun == 3);
  CHECK(rows[1].ended == 1);
  CHECK(rows[1].traffic == Traffic{10, 20});
  CHECK(rows[2].object.empty());  // nobody's are last
  CHECK(rate_line(rows[1], 2, true) ==
        "rate  Mapping shop/web: 1.5 new/s, 0.5 ended/s, 0 drops/s, 5 B/s received, 10 B/s sent");
  CHECK(rate_lines(rows, 1, false) ==
        std::vector<std::string>{"OBJECT              NEW/S  ENDED/S  DROPS/S",
                                 "Mapping shop/games      0        0        9",
                                 "Mapping shop/web        3        1        0",
                                 "no known object         0       99        0"});
  CHECK(rates.take().empty());
}

TEST_CASE("watch: however many objects and kinds of drops there are, memory is bounded") {
  Rates rates;
  Drops drops;
  for (std::size_t i = 0; i < 3 * most_objects; ++i) {
    const std::string name = "Mapping shop/" + std::to_string(i);
    rates.add(mapped(), &name);
    drops.add(dropped(tuple("10.0.0.1", 1, "10.0.0.2", static_cast<std::uint16_t>(i + 1))), &name);
  }
  const auto rows = rates.take();
  CHECK(rows.size() == most_objects + 1);
  CHECK(rows[0].object == "others");
  CHECK(rows[0].begun == 2 * most_objects);
  CHECK(drops.others() == 3 * most_objects - most_drop_kinds);
  CHECK(drops.look().size() == most_drop_kinds);
  CHECK(drops.others() == 0);
}

TEST_CASE("watch: drops that are alike are one row, and rows that are quiet are forgotten") {
  Drops drops;
  CHECK(drops.add(dropped(tuple("10.0.0.1", 1, "10.0.0.2", 80)), nullptr));
  CHECK_FALSE(drops.add(dropped(tuple("10.0.0.1", 2, "10.0.0.2", 80)), nullptr));
  CHECK(drops.add(dropped(tuple("10.0.0.1", 1, "10.0.0.2", 80), "NO_SOCKET"), nullptr));
  auto rows = drops.look();
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].count == 2);
  CHECK(rows[0].new_ones == 2);
  CHECK_FALSE(drops.add(dropped(tuple("10.0.0.1", 3, "10.0.0.2", 80)), nullptr));
  rows = drops.look();
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].count == 3);
  CHECK(rows[0].new_ones == 1);
  CHECK(drops.look().empty());
  CHECK(drops.look().empty());
  CHECK(drops.add(dropped(tuple("10.0.0.1", 4, "10.0.0.2", 80)), nullptr));
}

TEST_CASE("watch: bytes count from when a connection was first heard of") {
  Meter meter;
  const Flow flow = mapped();
  CHECK(meter.read(with_traffic(flow, 100, 1000)) == Traffic());  // it was there before
  CHECK(meter.read(with_traffic(flow, 150, 1000)) == Traffic{50, 0});
  CHECK(meter.end(with_traffic(flow, 150, 1010)) == Traffic{0, 10});
  CHECK(meter.end(with_traffic(flow, 150, 1010)) == Traffic());  // it is over
  meter.begin(flow);
  CHECK(meter.read(with_traffic(flow, 5, 6)) == Traffic{5, 6});
  // Read by a dump before its event was: all of it is new.
  Flow late = flow;
  late.id = 8;
  CHECK(meter.read(with_traffic(late, 5, 6)) == Traffic());
  meter.begin(late);
  CHECK(meter.read(with_traffic(late, 7, 7)) == Traffic{7, 7});
  CHECK(meter.read(late) == Traffic());  // not counted
}

TEST_CASE("watch: connections whose end was lost are forgotten, and there is room for some only") {
  Meter meter;
  Flow flow = mapped();
  meter.begin(flow);
  for (int i = 0; i < 3; ++i) meter.finish_pass();
  CHECK(meter.end(with_traffic(flow, 5, 6)) == Traffic());
  for (std::uint32_t i = 0; i <= most_metered; ++i) {
    flow.id = i + 1;
    meter.begin(flow);
  }
  CHECK(meter.full());
  CHECK(meter.end(with_traffic(flow, 5, 6)) == Traffic{5, 6});  // whole, as it had no room
}

TEST_CASE("watch: what is too much for a second is counted") {
  Budget budget(2);
  CHECK(budget.take(1));
  CHECK(budget.take(1));
  CHECK_FALSE(budget.take(1));
  CHECK_FALSE(budget.take(1));
  CHECK(budget.take(2));
  CHECK(budget.take_skipped() == 2);
  CHECK(budget.take_skipped() == 0);
}

TEST_CASE("watch: addresses of many") {
  for (const char* many : {"224.0.0.1", "239.255.255.250", "255.255.255.255", "ff02::16"}) {
    CHECK(is_for_many(address(many)));
  }
  for (const char* one : {"223.255.255.255", "240.0.0.1", "255.255.255.254", "fe80::1"}) {
    CHECK_FALSE(is_for_many(address(one)));
  }
}

TEST_CASE("watch: numbers as people read them") {
  CHECK(bytes_text(0) == "0 B");
  CHECK(bytes_text(999) == "999 B");
  CHECK(bytes_text(999.6) == "1 kB");
  CHECK(bytes_text(1'234'567) == "1.2 MB");
  CHECK(bytes_text(98'765'432) == "99 MB");
  CHECK(rate_text(0, 10) == "0");
  CHECK(rate_text(1, 100) == "0.1");  // not as if there were none
  CHECK(rate_text(1234, 10) == "123");
  CHECK(rate_text(5, 0) == "0");
}

}  // namespace unit::watch_test
