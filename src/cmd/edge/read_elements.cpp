#include "cmd/edge/read_elements.hpp"

#include <cstring>

#include "core/edge/tables/edge_sets.hpp"

namespace cmd {
namespace {

constexpr std::size_t word_size = 4;  // fields of a concatenation start at 32-bit boundaries

struct Layout {
  bool direction = false;
  bool slot = false;
};

std::optional<Layout> layout_of(core::SetId of) {
  using core::EdgeSet;
  const auto set = of.as<EdgeSet>();
  if (!set) return std::nullopt;
  switch (*set) {
    case EdgeSet::traffic:
    case EdgeSet::range_traffic:
      return Layout{.direction = true};
    case EdgeSet::slots:
    case EdgeSet::range_slots:
      return Layout{.slot = true};
    case EdgeSet::services:
    case EdgeSet::guarded:
    case EdgeSet::ranges:
    case EdgeSet::range_services:
    case EdgeSet::range_guarded:
    case EdgeSet::range_ports:
    case EdgeSet::refused_source:
    case EdgeSet::refused_connections:
    case EdgeSet::refused_rate:
    case EdgeSet::limits:
    case EdgeSet::limit_ids:
    case EdgeSet::endpoints:
      return Layout{};
    default:
      return std::nullopt;
  }
}

}  // namespace

std::optional<std::uint16_t> port_in(std::span<const std::uint8_t> bytes) {
  if (bytes.size() < 2) return std::nullopt;
  return static_cast<std::uint16_t>(bytes[0] << 8 | bytes[1]);
}

std::optional<ElementFields> fields_of(const core::ElementKey& key) {
  const auto layout = layout_of(key.set);
  if (!layout) return std::nullopt;
  const std::size_t address = key.family == core::Family::ipv4 ? 4 : 16;
  std::span<const std::uint8_t> bytes = key.key.view();
  const std::size_t size = address + 2 * word_size + (layout->direction ? word_size : 0) +
                           (layout->slot ? word_size : 0);
  if (bytes.size() != size) return std::nullopt;

  ElementFields fields;
  if (layout->direction) {
    fields.direction = bytes[0];
    bytes = bytes.subspan(word_size);
  }
  fields.key.address = core::Address(bytes.first(address));
  bytes = bytes.subspan(address);
  fields.key.protocol = static_cast<core::Protocol>(bytes[0]);
  bytes = bytes.subspan(word_size);
  const std::uint16_t port = *port_in(bytes);
  fields.key.ports = {port, port_in(key.end.view()).value_or(port)};
  if (layout->slot) {
    std::uint32_t slot = 0;
    std::memcpy(&slot, bytes.subspan(word_size).data(),
                sizeof slot);  // host order, as the hash gives it
    fields.slot = slot;
  }
  return fields;
}

std::set<core::ForwardKey> carried_by(const core::State& observed) {
  std::set<core::ForwardKey> carried;
  for (const auto& [key, value] : observed.elements) {
    if (!core::leads(key.set)) continue;
    if (const auto fields = fields_of(key)) carried.insert(fields->key);
  }
  return carried;
}

std::optional<core::Backend> backend_of(const core::Element& slot) {
  const std::size_t address = slot.key.family == core::Family::ipv4 ? 4 : 16;
  const std::span<const std::uint8_t> data = slot.value.data.view();
  if (data.size() < address) return std::nullopt;
  core::Backend backend;
  backend.address = core::Address(data.first(address));
  const std::uint16_t port = port_in(data.subspan(address)).value_or(0);
  backend.ports = {port, port};
  return backend;
}

}  // namespace cmd
