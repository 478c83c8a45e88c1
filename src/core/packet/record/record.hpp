// A network namespace as lines, each one value, and back: what a bundle holds of it. Rule: a line
// of a kind that is not known is passed over, so that bundles of newer versions can be read.
#pragma once

#include <functional>
#include <string_view>

#include "core/packet/record/fields.hpp"
#include "core/packet/walk/held_network.hpp"

namespace core::packet {

// Who writes a line down: `value` says its fields, to whom it likes, once or several times.
using LineSink =
    std::function<void(std::string_view kind, const std::function<void(Fields&)>& value)>;
void write_lines(HeldNetwork& network, const LineSink& sink);

// Adds what a line says, whose fields `fields` reads; false: its kind is not known. Throws what
// `fields` throws.
bool read_line(HeldNetwork& network, std::string_view kind, Fields& fields);

// A copy whose values have gone through `change`, with `rules` in place of its own.
void copy_lines(const HeldNetwork& from, HeldRuleset& rules, Fields& change, HeldNetwork& into);

// The namespaces of a world and what leads from one to another, without what is in them.
void write_lines(const HeldWorld& world, const LineSink& sink);
bool read_line(HeldWorld& world, std::string_view kind, Fields& fields);

}  // namespace core::packet
