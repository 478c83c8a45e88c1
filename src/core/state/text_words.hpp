// Values that rules, elements and routing spell alike. For the text_*.cpp files only.
#pragma once

#include <cstdint>
#include <string>

namespace core {

std::string hex_text(std::uint32_t value);         // "0x706f6e61", without leading zeros
std::string mark_text(std::uint32_t value);        // "0x00200000", as nft prints marks
std::string transport_text(std::uint32_t number);  // "tcp"; a number for all but Protocol's

}  // namespace core
