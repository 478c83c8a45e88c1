// Parts of objects that several kinds share, and what Kubernetes takes for a name or a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/ip.hpp"
#include "core/object/object.hpp"
#include "kube/decode/field.hpp"

namespace kube {

core::Protocol decode_protocol(const Field& field);  // tcp where missing
core::Affinity decode_affinity(const Field& field);  // none where missing
std::optional<core::Address> decode_address(const Field& field);
// Why nobody outside could use it; empty: it is an address of a host.
std::string_view unusable(const core::Address& address);
bool is_dns_label(std::string_view text);
// Objects are made that are called as the Egress, a Service among them.
bool is_egress_name(std::string_view text);
bool is_dns_subdomain(std::string_view text);
// RFC 3339 to Unix seconds; fractions are dropped.
std::optional<std::int64_t> parse_timestamp(std::string_view text);

}  // namespace kube
