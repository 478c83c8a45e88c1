#include "core/packet/rule_text.hpp"
namespace core::packet {
std::string to_text(const Rule&, const ChainId&, Ruleset&) { return ""; }
}
