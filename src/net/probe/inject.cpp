#include "net/probe/inject.hpp"

#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include "core/error.hpp"
#include "net/probe/bpf.hpp"

namespace net::probe {
namespace {

using core::packet::Bytes;
using core::packet::Packet;

[[noreturn]] void fail_injection(const std::string& what, int error) {
  throw core::Error(core::Error::Kind::permanent, what + ": " + std::strerror(error));
}

union SocketName {
  sockaddr base;
  sockaddr_in ipv4;
  sockaddr_in6 ipv6;
};

SocketName socket_name(const core::Address& address, const std::string& device) {
  SocketName name{};
  if (address.family() == core::Family::ipv4) {
    name.ipv4.sin_family = AF_INET;
    std::memcpy(&name.ipv4.sin_addr, address.bytes().data(), address.size());
    return name;
  }
  name.ipv6.sin6_family = AF_INET6;
  std::memcpy(&name.ipv6.sin6_addr, address.bytes().data(), address.size());
  if (IN6_IS_ADDR_LINKLOCAL(&name.ipv6.sin6_addr)) {
    name.ipv6.sin6_scope_id = if_nametoindex(device.c_str());
  }
  return name;
}

socklen_t name_size(const core::Address& address) {
  return address.family() == core::Family::ipv4 ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
}

// In the namespace. The header is the packet's own with IPPROTO_RAW in both families.
os::Fd raw_socket(const Packet& packet, const Sender& sender) {
  const bool ipv4 = packet.family == core::Family::ipv4;
  os::Fd fd(
      socket(ipv4 ? AF_INET : AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW));
  if (!fd) fail_injection("cannot open a raw socket", errno);
  if (sender.mark && setsockopt(fd.get(), SOL_SOCKET, SO_MARK, &*sender.mark, 4) != 0) {
    fail_injection("cannot mark a raw socket", errno);
  }
  // Routing by uid asks who owns the socket.
  if (sender.uid && fchown(fd.get(), *sender.uid, static_cast<gid_t>(-1)) != 0) {
    fail_injection("cannot give a raw socket to user " + std::to_string(*sender.uid), errno);
  }
  if (!sender.device.empty() &&
      setsockopt(fd.get(), SOL_SOCKET, SO_BINDTODEVICE, sender.device.c_str(),
                 static_cast<socklen_t>(sender.device.size())) != 0) {
    fail_injection("cannot bind a raw socket to " + sender.device, errno);
  }
  // Routing asks the socket for the source, not the header.
  const int on = 1;
  setsockopt(fd.get(), ipv4 ? int{IPPROTO_IP} : int{IPPROTO_IPV6},
             ipv4 ? int{IP_FREEBIND} : int{IPV6_FREEBIND}, &on, sizeof on);
  const SocketName name = socket_name(packet.source, sender.device);
  if (bind(fd.get(), &name.base, name_size(packet.source)) != 0) {
    fail_injection("cannot send from " + core::to_string(packet.source), errno);
  }
  return fd;
}

using EthernetAddress = std::array<std::uint8_t, ETH_ALEN>;

struct Ethernet {
  std::uint32_t index = 0;
  EthernetAddress address{};
};

// In the namespace.
Ethernet ethernet_of(const std::string& device) {
  const os::Fd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  device.copy(request.ifr_name, sizeof request.ifr_name - 1);
  if (!fd || ioctl(fd.get(), SIOCGIFHWADDR, &request) != 0) {
    fail_injection("cannot find the interface " + device, errno);
  }
  if (request.ifr_hwaddr.sa_family != ARPHRD_ETHER) {
    throw core::Error(core::Error::Kind::permanent, "cannot simulate a packet from the wire at " +
                                                        device + ": it has no Ethernet header");
  }
  Ethernet found;
  std::memcpy(found.address.data(), request.ifr_hwaddr.sa_data, found.address.size());
  found.index = if_nametoindex(device.c_str());
  return found;
}

Bytes frame_to(const EthernetAddress& to, const Packet& packet) {
  // A locally administered address of nobody: "pona" behind it.
  constexpr EthernetAddress nobody = {0x02, 0, 0x70, 0x6f, 0x6e, 0x61};
  const bool ipv4 = packet.family == core::Family::ipv4;
  Bytes frame(to.begin(), to.end());
  frame.insert(frame.end(), nobody.begin(), nobody.end());
  const std::uint16_t type = ipv4 ? ETHERTYPE_IP : ETHERTYPE_IPV6;
  frame.push_back(static_cast<std::uint8_t>(type >> 8));
  frame.push_back(static_cast<std::uint8_t>(type));
  const Bytes bytes = core::packet::to_bytes(packet);
  frame.insert(frame.end(), bytes.begin(), bytes.end());
  return frame;
}

bpf_attr test_run(const os::Fd& program, const Bytes& frame) {
  bpf_attr attributes{};
  attributes.test.prog_fd = static_cast<std::uint32_t>(program.get());
  attributes.test.data_in = reinterpret_cast<std::uintptr_t>(frame.data());
  attributes.test.data_size_in = static_cast<std::uint32_t>(frame.size());
  attributes.test.repeat = 1;
  return attributes;
}

// Both: in the namespace; false and errno where the kernel does not do it. No program is attached
// to anything.
bool by_live_frame(const Ethernet& device, const Bytes& frame) {
  const os::Fd program = load_program(BPF_PROG_TYPE_XDP, {ebpf::set(0, XDP_PASS), ebpf::leave()});
  if (!program) return false;
  xdp_md context{};
  context.data_end = static_cast<std::uint32_t>(frame.size());
  context.ingress_ifindex = device.index;
  bpf_attr attributes = test_run(program, frame);
  attributes.test.ctx_in = reinterpret_cast<std::uintptr_t>(&context);
  attributes.test.ctx_size_in = sizeof context;
  attributes.test.flags = BPF_F_TEST_XDP_LIVE_FRAMES;
  attributes.test.batch_size = 1;
  return call_bpf(BPF_PROG_TEST_RUN, attributes) == 0;
}

// A program for classifiers that is run once, on the frame, and leads a copy of it to where the
// device's own packets come in. Passes by the device's XDP program.
bool by_redirect(const Ethernet& device, const Bytes& frame) {
  const os::Fd program =
      load_program(BPF_PROG_TYPE_SCHED_CLS,
                   {ebpf::set(2, static_cast<int>(device.index)), ebpf::set(3, BPF_F_INGRESS),
                    ebpf::call(BPF_FUNC_clone_redirect), ebpf::leave()});
  if (!program) return false;
  bpf_attr attributes = test_run(program, frame);
  if (call_bpf(BPF_PROG_TEST_RUN, attributes) != 0) return false;
  // What the helper said.
  errno = -static_cast<int>(attributes.test.retval);
  return attributes.test.retval == 0;
}

}  // namespace

void send_from(const Namespace& where, const Packet& packet, const Sender& sender, int* refused) {
  const Bytes bytes = core::packet::to_bytes(packet);
  where.run([&] {
    const os::Fd fd = raw_socket(packet, sender);
    const SocketName name = socket_name(packet.destination, sender.device);
    const ssize_t sent = sendto(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL, &name.base,
                                name_size(packet.destination));
    const int error = sent < 0 ? errno : 0;
    if (error != 0 && refused == nullptr) {
      fail_injection("cannot send to " + core::to_string(packet.destination), error);
    }
    if (refused != nullptr) *refused = error;
  });
}

void receive_at(const Namespace& where, const std::string& device, const Packet& packet) {
  where.run([&] {
    const Ethernet found = ethernet_of(device);
    const Bytes frame = frame_to(found.address, packet);
    if (by_live_frame(found, frame) || by_redirect(found, frame)) return;
    fail_injection("cannot simulate a packet from the wire at " + device, errno);
  });
}

void receive_by_redirect(const Namespace& where, const std::string& device, const Packet& packet) {
  where.run([&] {
    const Ethernet found = ethernet_of(device);
    if (by_redirect(found, frame_to(found.address, packet))) return;
    fail_injection("cannot lead a packet to " + device, errno);
  });
}

void send_frame(const Namespace& where, const std::string& device, const Bytes& to,
                const Packet& packet) {
  where.run([&] {
    const Ethernet found = ethernet_of(device);
    const os::Fd fd(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) fail_injection("cannot open a packet socket", errno);
    EthernetAddress address{};
    std::copy_n(to.begin(), std::min(to.size(), address.size()), address.begin());
    const Bytes frame = frame_to(address, packet);
    sockaddr_ll name{};
    name.sll_family = AF_PACKET;
    name.sll_ifindex = static_cast<int>(found.index);
    name.sll_halen = ETH_ALEN;
    std::memcpy(name.sll_addr, address.data(), address.size());
    if (sendto(fd.get(), frame.data(), frame.size(), MSG_NOSIGNAL,
               reinterpret_cast<const sockaddr*>(&name), sizeof name) < 0) {
      fail_injection("cannot send a frame by " + device, errno);
    }
  });
}

}  // namespace net::probe
