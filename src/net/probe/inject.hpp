// The one packet that a probe is, into the kernel: as if a process in a namespace sent it, or as if
// it came in from the wire.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/packet/packet.hpp"
#include "net/netns.hpp"

namespace net::probe {

// What routing rules of the namespace may ask of the sender's socket.
struct Sender {
  std::optional<std::uint32_t> mark;
  std::optional<std::uint32_t> uid;
  std::string device;  // bound to it; needed for link-local destinations
};

// Through a raw socket: rules of policy routing, output hooks and tunnels do with it what they do
// with all packets from here, except that routing rules that ask for ports do not see them. The
// source may be any address. Throws core::Error: also when a rule drops it at the output hook or
// there is no route, as the kernel tells the sender so; then `refused` (if given) is set to the
// errno instead.
void send_from(const Namespace& where, const core::packet::Packet& packet, const Sender& sender,
               int* refused = nullptr);

// As if it came in by the device: no host needs to be there to send it. Through its XDP hook, which
// passes it on (Linux 5.18), or else by a program that leads it there (4.12); neither is attached
// to anything. Needs CAP_BPF with CAP_NET_ADMIN; throws core::Error where that is not to be had.
void receive_at(const Namespace& where, const std::string& device,
                const core::packet::Packet& packet);
// By the second way alone.
void receive_by_redirect(const Namespace& where, const std::string& device,
                         const core::packet::Packet& packet);

// Out by the device, to an Ethernet address: for who holds the other end of a link. Throws.
void send_frame(const Namespace& where, const std::string& device, const core::packet::Bytes& to,
                const core::packet::Packet& packet);

}  // namespace net::probe
