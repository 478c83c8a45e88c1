#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "kube/decode/kinds.hpp"

namespace kube {
namespace {

using core::Address;
using core::AddressPool;
using core::Prefix;

constexpr std::array<std::string_view, 3> pool_fields = {"addresses", "allowedNamespaces",
                                                         "autoAssign"};

// "203.0.113.0/28", "203.0.113.20-203.0.113.30", "203.0.113.40".
std::optional<AddressPool::Range> parse_range(std::string_view text) {
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos) {
    const auto prefix = Prefix::parse(text);
    if (!prefix) return std::nullopt;
    return AddressPool::Range{prefix->first(), prefix->last()};
  }
  const auto first = Address::parse(text.substr(0, dash));
  const auto last = Address::parse(text.substr(dash + 1));
  if (!first || !last || first->family() != last->family()) return std::nullopt;
  return AddressPool::Range{*first, *last};
}

void decode_range(const Field& field, AddressPool& pool) {
  const auto text = field.string();
  if (!text) {
    if (field.missing()) field.reject("is empty, wanted is an address, a network or a range");
    return;
  }
  const auto range = parse_range(*text);
  if (!range) {
    field.reject(quote(*text) +
                 " is not a network like 203.0.113.0/28, range like 203.0.113.20-203.0.113.30 or "
                 "address");
  } else if (range->last < range->first) {
    field.reject(quote(*text) + " is written backwards: begin with the lower address");
  } else if (const auto why = unusable(range->first); !why.empty()) {
    field.reject(core::to_string(range->first) + " " + std::string(why));
  } else if (const auto also = unusable(range->last); !also.empty()) {
    field.reject(core::to_string(range->last) + " " + std::string(also));
  } else {
    pool.ranges.push_back(*range);
  }
}

}  // namespace

core::Object decode_address_pool(const Field& root, core::ObjectName name,
                                 const DecodeOptions& /*options*/) {
  AddressPool pool;
  pool.name = std::move(name);
  const Field spec = root.at("spec");
  if (spec.missing()) spec.reject("missing");
  if (!spec.is_map()) return pool;
  spec.expect_only(pool_fields);
  const Field addresses = spec.at("addresses");
  const auto elements = addresses.elements();
  for (const Field& element : elements) decode_range(element, pool);
  if (addresses.missing() ||
      (addresses.node()->type() == Node::Type::sequence && elements.empty())) {
    addresses.reject("at least one network, range or address is needed");
  }
  // Elements refer to their list.
  const Field namespaces = spec.at("allowedNamespaces");
  for (const Field& element : namespaces.elements()) {
    const auto text = element.string();
    if (text && is_dns_label(*text)) {
      pool.allowed_namespaces.emplace_back(*text);
    } else if (text || element.missing()) {
      element.reject(quote(text.value_or("")) + " is not a namespace");
    }
  }
  std::sort(pool.allowed_namespaces.begin(), pool.allowed_namespaces.end());
  pool.auto_assign = spec.at("autoAssign").boolean().value_or(true);
  return pool;
}

}  // namespace kube
