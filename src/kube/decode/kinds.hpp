// The decoders of the single kinds, behind decode(). Each leaves fatal findings or an object that
// is whole; the name is already decoded.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "kube/decode/decode.hpp"
#include "kube/decode/egress_labels.hpp"

namespace kube {

core::Mapping decode_mapping(const Field& root, core::ObjectName name,
                             const DecodeOptions& options);
core::Service decode_service(const Field& root, core::ObjectName name);
core::EndpointSlice decode_endpoint_slice(const Field& root, core::ObjectName name,
                                          const DecodeOptions& options);
core::AddressPool decode_address_pool(const Field& root, core::ObjectName name);
core::Egress decode_egress(const Field& root, core::ObjectName name);
core::Pod decode_pod(const Field& root, core::ObjectName name);
core::EgressClients decode_egress_clients(const Field& root, core::ObjectName name);

inline constexpr std::string_view addresses_annotation = "pona.dev/addresses";
inline constexpr std::string_view address_pool_annotation = "pona.dev/address-pool";

// Parts that several kinds share.
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
