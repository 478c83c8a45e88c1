#include "model/lab.hpp"

#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>

#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "net/netlink/netlink.hpp"

namespace model {
namespace {

constexpr const char* in_client = R"(
ip link set lo up
ip link add c0 address 02:00:00:00:01:01 type veth peer name h0 address 02:00:00:00:01:02
ip link set c0 up addrgenmode none
)";
constexpr const char* in_host = R"(
sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.conf.all.rp_filter=0 \
  net.ipv4.conf.default.rp_filter=0 net.ipv6.conf.all.accept_dad=0 \
  net.ipv6.conf.default.accept_dad=0 net.ipv4.icmp_ratelimit=0
ip link set lo up
ip link set h0 addrgenmode none up
ip link set h1 addrgenmode none up
ip addr add 10.1.0.254/24 dev h0
ip addr add 10.2.0.254/24 dev h1
ip addr add fd01::254/64 dev h0 nodad
ip addr add fd02::254/64 dev h1 nodad
for i in 1 2 3 4 5 6 7 8; do
  ip neigh add 10.1.0.$i lladdr 02:00:00:00:01:01 dev h0
  ip neigh add fd01::$i lladdr 02:00:00:00:01:01 dev h0
  ip neigh add 10.2.0.$i lladdr 02:00:00:00:02:01 dev h1
  ip neigh add fd02::$i lladdr 02:00:00:00:02:01 dev h1
done
)";
constexpr const char* in_server = R"(
ip link set lo up
ip link set s0 addrgenmode none up
)";

os::Fd open_namespace() { return os::Fd(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)); }

core::packet::Device device(const std::string& name) {
  core::packet::Device result;
  result.index = if_nametoindex(name.c_str());
  if (result.index == 0) give_up("no device " + name);
  result.name = name;
  result.kind = "veth";
  return result;
}

os::Fd packet_socket(const char* device) {
  os::Fd fd(socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd) give_up("no packet socket");
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_ifindex = static_cast<int>(if_nametoindex(device));
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    give_up("cannot bind a packet socket");
  }
  return fd;
}

os::Fd raw_socket(int family) {
  os::Fd fd(socket(family, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW));
  if (!fd) give_up("no raw socket");
  return fd;
}

}  // namespace

void give_up(const std::string& what) {
  std::printf("Bail out! %s (%s)\n", what.c_str(), std::strerror(errno));
  std::exit(1);
}

int shell(const std::string& command, const std::string& input) {
  FILE* pipe = popen(command.c_str(), "w");
  if (pipe == nullptr) give_up("cannot run " + command);
  std::fwrite(input.data(), 1, input.size(), pipe);
  return pclose(pipe);
}

Namespace::Namespace() : home_(open_namespace()) {
  if (unshare(CLONE_NEWNET) != 0) give_up("cannot make a network namespace");
  own_ = open_namespace();
  if (setns(home_.get(), CLONE_NEWNET) != 0) give_up("cannot go back");
}

void Namespace::inside(const std::function<void()>& work) const {
  const os::Fd before = open_namespace();
  if (setns(own_.get(), CLONE_NEWNET) != 0) give_up("cannot enter a namespace");
  work();
  if (setns(before.get(), CLONE_NEWNET) != 0) give_up("cannot leave a namespace");
}

Lab::Lab() {
  const auto run = [](const Namespace& where, const std::string& commands) {
    where.inside([&] {
      if (shell("sh -e", commands) != 0) give_up("cannot set up a namespace");
    });
  };
  // By path: the namespaces have no names.
  const std::string own = "/proc/" + std::to_string(getpid()) + "/fd/";
  run(client, in_client);
  client.inside([&] {
    if (shell("ip link set h0 netns " + own + std::to_string(host.fd())) != 0) give_up("no h0");
  });
  run(server,
      "ip link add s0 address 02:00:00:00:02:01 type veth peer name h1 address "
      "02:00:00:00:02:02\n");
  server.inside([&] {
    if (shell("ip link set h1 netns " + own + std::to_string(host.fd())) != 0) give_up("no h1");
  });
  run(host, in_host);
  run(server, in_server);
  host.inside([&] {
    to_client = device("h0");
    to_server = device("h1");
    raw_ipv4 = raw_socket(AF_INET);
    raw_ipv6 = raw_socket(AF_INET6);
    const int on = 1;
    setsockopt(raw_ipv6.get(), IPPROTO_IPV6, IPV6_HDRINCL, &on, sizeof on);
  });
  client.inside([&] { from_client = packet_socket("c0"); });
  server.inside([&] { from_server = packet_socket("s0"); });
}

void forget_connections() {
  net::NetlinkSocket socket(NETLINK_NETFILTER);
  net::NetlinkWriter writer;
  const std::size_t begin =
      writer.begin_message(NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE, NLM_F_ACK, 1);
  const nfgenmsg header{AF_UNSPEC, NFNETLINK_V0, 0};
  writer.append({reinterpret_cast<const std::uint8_t*>(&header), sizeof header});
  writer.close_message(begin);
  if (socket.query(writer.bytes(), [](const net::NetlinkMessage&) {}) != 0) {
    give_up("cannot delete connections");
  }
}

void Lab::send(Origin origin, const core::packet::Packet& packet) const {
  if (origin == Origin::host) return send_from_host(packet);
  const bool client = origin == Origin::client;
  const auto bytes = core::packet::to_bytes(packet);
  const int fd = client ? from_client.get() : from_server.get();
  sockaddr_ll address{};
  socklen_t length = sizeof address;
  // As it is bound.
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
  const bool ipv4 = packet.family == core::Family::ipv4;
  address.sll_protocol = htons(ipv4 ? std::uint16_t{ETH_P_IP} : std::uint16_t{ETH_P_IPV6});
  const std::uint8_t side = client ? 1 : 2;
  const std::array<std::uint8_t, 6> host_mac = {2, 0, 0, 0, side, 2};
  address.sll_halen = host_mac.size();
  std::memcpy(address.sll_addr, host_mac.data(), host_mac.size());
  if (sendto(fd, bytes.data(), bytes.size(), 0, reinterpret_cast<const sockaddr*>(&address),
             sizeof address) < 0) {
    give_up("cannot send a frame");
  }
}

void Lab::send_from_host(const core::packet::Packet& packet) const {
  const auto bytes = core::packet::to_bytes(packet);
  // What rules drop is an error of sending: EPERM. Others are seen by what does not come.
  if (packet.family == core::Family::ipv4) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    std::memcpy(&to.sin_addr, packet.destination.bytes().data(), 4);
    static_cast<void>(sendto(raw_ipv4.get(), bytes.data(), bytes.size(), 0,
                             reinterpret_cast<const sockaddr*>(&to), sizeof to));
    return;
  }
  sockaddr_in6 to{};
  to.sin6_family = AF_INET6;
  std::memcpy(&to.sin6_addr, packet.destination.bytes().data(), 16);
  static_cast<void>(sendto(raw_ipv6.get(), bytes.data(), bytes.size(), 0,
                           reinterpret_cast<const sockaddr*>(&to), sizeof to));
}

}  // namespace model
