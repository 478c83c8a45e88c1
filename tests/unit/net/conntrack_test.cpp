#include "net/conntrack.hpp"

#include <arpa/inet.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include <cerrno>
#include <set>

#include "os/fd.hpp"
#include "support/catch.hpp"
#include "unit/net/bytes.hpp"
#include "unit/net/namespace.hpp"

namespace unit::conntrack_test {

using core::Address;
using core::Flow;
using core::FlowFilter;
using core::Protocol;
using net::test::first_message;
using net::test::from_hex;
using net::test::in_namespace;
using net::test::shell;

namespace {

// A TCP connection 127.0.0.1:57172 -> 127.0.0.9:80 with destination NAT to 127.0.0.1:8080.
const char* const recorded_tcp =
    "d4000000000102000000000000000000020000003400018014000180080001007f000001080002007f000009"
    "1c000280050001000600000006000200df54000006000300005000003400028014000180080001007f000001"
    "080002007f0000011c0002800500010006000000060002001f90000006000300df54000008000300000001ae"
    "080008000020000008000c00835a7cb308000b0000000001080007000006977f300004802c00018005000100"
    "03000000050002000a000000050003000a00000006000400230000000600050023000000";
// UDP [::1]:5000 -> [::1]:53, not answered.
const char* const recorded_udp =
    "d40000000001020000000000000000000a0000004c0001802c00018014000300000000000000000000000000"
    "0000000114000400000000000000000000000000000000011c00028005000100110000000600020013880000"
    "06000300003500004c0002802c00018014000300000000000000000000000000000000011400040000000000"
    "0000000000000000000000011c00028005000100110000000600020000350000060003001388000008000300"
    "00000008080008000000000008000c0039962b1e08000b0000000001080007000000001e";

void send_udp(const char* from, std::uint16_t source_port, const char* to, std::uint16_t port) {
  const auto fill = [](const char* text, std::uint16_t number) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(number);
    inet_pton(AF_INET, text, &address.sin_addr);
    return address;
  };
  const os::Fd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const sockaddr_in source = fill(from, source_port);
  const sockaddr_in target = fill(to, port);
  REQUIRE(bind(fd.get(), reinterpret_cast<const sockaddr*>(&source), sizeof source) == 0);
  sendto(fd.get(), "x", 1, 0, reinterpret_cast<const sockaddr*>(&target), sizeof target);
}

// Loopback with tracking and these flows: 3 sources to .9:53, 1 to .9:54, 1 to .8:53.
void make_flows() {
  shell(
      "ip link set lo up;"
      "nft add table ip t; nft 'add chain ip t c { type filter hook output priority 0; }';"
      "nft add rule ip t c ct state new meta protocol ip accept");
  for (std::uint16_t port = 5000; port < 5003; ++port) send_udp("127.0.0.1", port, "127.0.0.9", 53);
  send_udp("127.0.0.1", 5003, "127.0.0.9", 54);
  send_udp("127.0.0.1", 5004, "127.0.0.8", 53);
}

std::set<std::uint16_t> source_ports(net::RequestSocket& socket, const FlowFilter& filter) {
  std::set<std::uint16_t> ports;
  net::sweep_flows(socket, filter, [&](const Flow& flow) {
    ports.insert(flow.original.source_port);
    return false;
  });
  return ports;
}

}  // namespace

TEST_CASE("a tracked connection is read as the kernel sent it") {
  const auto tcp_bytes = from_hex(recorded_tcp);
  const auto tcp = net::decode_flow(first_message(tcp_bytes));
  REQUIRE(tcp);
  const Address client = *Address::parse("127.0.0.1");
  CHECK(tcp->protocol == Protocol::tcp);
  CHECK(tcp->original == core::Tuple{client, *Address::parse("127.0.0.9"), 57172, 80});
  CHECK(tcp->reply == core::Tuple{client, client, 8080, 57172});
  CHECK(tcp->mark == 0x200000);
  CHECK(tcp->status == 0x1ae);
  CHECK((tcp->status & IPS_DST_NAT) != 0);
  CHECK(tcp->tcp_state == TCP_CONNTRACK_ESTABLISHED);
  CHECK(tcp->id == 0x835a7cb3);

  const auto udp_bytes = from_hex(recorded_udp);
  const auto udp = net::decode_flow(first_message(udp_bytes));
  REQUIRE(udp);
  const Address loopback = *Address::parse("::1");
  CHECK(udp->protocol == Protocol::udp);
  CHECK(udp->original == core::Tuple{loopback, loopback, 5000, 53});
  CHECK(udp->reply == core::Tuple{loopback, loopback, 53, 5000});
  CHECK(udp->tcp_state == 0);
}

TEST_CASE("a message cut off anywhere is no connection, and nothing is read behind its end") {
  for (std::size_t size = 16; size < 100; size += 4) {
    auto bytes = from_hex(recorded_tcp);
    bytes.resize(size);
    bytes.shrink_to_fit();
    bytes[0] = static_cast<std::uint8_t>(size);
    CHECK_FALSE(net::decode_flow(first_message(bytes)));
  }
}

TEST_CASE("a filter picks flows by what it names") {
  const auto bytes = from_hex(recorded_tcp);
  const Flow flow = *net::decode_flow(first_message(bytes));
  CHECK(net::fits(flow, {}));
  CHECK(net::fits(flow, {Protocol::tcp, Address::parse("127.0.0.9"), std::uint16_t{80}}));
  CHECK_FALSE(net::fits(flow, {Protocol::udp, {}, {}}));
  CHECK_FALSE(net::fits(flow, {{}, Address::parse("127.0.0.1"), {}}));
  CHECK_FALSE(net::fits(flow, {{}, {}, std::uint16_t{8080}}));
}

TEST_CASE("the kernel gives only the flows asked for") {
  in_namespace([] {
    make_flows();
    net::RequestSocket socket(NETLINK_NETFILTER);
    const auto nine = Address::parse("127.0.0.9");
    struct Row {
      FlowFilter filter;
      std::set<std::uint16_t> expected;
      std::size_t sent;  // by the kernel
    };
    const Row rows[] = {
        {{}, {5000, 5001, 5002, 5003, 5004}, 5},
        {{Protocol::udp, {}, {}}, {5000, 5001, 5002, 5003, 5004}, 5},
        {{Protocol::tcp, {}, {}}, {}, 0},
        {{{}, nine, {}}, {5000, 5001, 5002, 5003}, 4},
        {{Protocol::udp, nine, {}}, {5000, 5001, 5002, 5003}, 4},
        {{Protocol::udp, nine, std::uint16_t{53}}, {5000, 5001, 5002}, 3},
        {{Protocol::udp, {}, std::uint16_t{53}}, {5000, 5001, 5002, 5004}, 4},
        {{{}, nine, std::uint16_t{54}}, {5003}, 4},  // a port without protocol is ours to compare
    };
    for (const Row& row : rows) {
      CHECK(source_ports(socket, row.filter) == row.expected);
      std::size_t sent = 0;
      const net::Message request = net::encode_dump_flows(core::Family::ipv4, row.filter);
      CHECK(socket.stream(*request, [&](const net::NetlinkMessage&) { ++sent; }).ok());
      CHECK(sent == row.sent);
    }
    CHECK(source_ports(socket, {{}, Address::parse("2001:db8::9"), {}}).empty());
  });
}

TEST_CASE("a sweep deletes what the visitor wants gone and counts it") {
  in_namespace([] {
    make_flows();
    net::RequestSocket socket(NETLINK_NETFILTER);
    CHECK(net::read_conntrack_fill().entries == 5);
    CHECK(net::read_conntrack_fill().limit > 0);
    const FlowFilter filter{Protocol::udp, Address::parse("127.0.0.9"), std::uint16_t{53}};
    CHECK(net::sweep_flows(socket, filter, [](const Flow& flow) {
            return flow.original.source_port != 5001;
          }) == 2);
    CHECK(source_ports(socket, {}) == std::set<std::uint16_t>{5001, 5003, 5004});
  });
}

TEST_CASE("a flow is deleted under its own id only, and one that ended already is no error") {
  in_namespace([] {
    make_flows();
    net::RequestSocket socket(NETLINK_NETFILTER);
    const FlowFilter filter{Protocol::udp, Address::parse("127.0.0.9"), std::uint16_t{54}};
    Flow flow;
    const auto keep = [&](const Flow& seen) {
      flow = seen;
      return false;
    };
    CHECK(net::sweep_flows(socket, filter, keep) == 0);
    flow.id ^= 1;
    CHECK(socket.request(*net::encode_delete_flow(flow)).error == ENOENT);
    CHECK(source_ports(socket, filter) == std::set<std::uint16_t>{5003});

    CHECK(net::sweep_flows(socket, filter, [](const Flow&) {
            shell("conntrack -D -p udp --dport 54 >/dev/null 2>&1");
            return true;
          }) == 0);
    CHECK(source_ports(socket, filter).empty());
  });
}

}  // namespace unit::conntrack_test
