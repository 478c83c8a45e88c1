// Values that rules, elements and the kinds spell alike. For texts in this folder only.
#pragma once

#include <cstdint>
#include <string>

#include "core/state/encapsulation.hpp"

namespace core {

std::string hex_text(std::uint32_t value);         // "0x706f6e61", without leading zeros
std::string mark_text(std::uint32_t value);        // "0x00200000", as nft prints marks
std::string transport_text(std::uint32_t number);  // "tcp"; a number for all but Protocol's

// ip(8)'s words.
std::string ip_command(Family family);              // "ip ", "ip -6 "
std::string route_table_text(std::uint32_t table);  // "main"; else the number
std::string owner_text(const char* word);           // " proto 112"
std::string encapsulation_text(const Encapsulation& encapsulation);

}  // namespace core
