// Random packets of the lab, of values that random rules ask for as well.
#pragma once

#include <string>

#include "core/packet/packet.hpp"
#include "sim/chance.hpp"

namespace model {

using sim::Chance;

// What both packets and rules draw from, so that they meet often.
std::string random_source(Chance& chance, bool ipv4);
std::string random_destination(Chance& chance, bool ipv4);
std::uint16_t random_port(Chance& chance);

// `number`: another one each time, since it makes the flow a new one. Of the host itself, or else
// of the client.
core::packet::Packet random_packet(Chance& chance, std::uint32_t number, bool from_host);

// What a peer answers to `packet`, as that reached it.
core::packet::Packet reply_to(const core::packet::Packet& packet);

}  // namespace model
