// Matches and targets of x_tables as values, from the structures that their kernel modules have in
// common with iptables (linux/netfilter/xt_*.h). Pure. Rule: another size or revision than one that
// is known here, or a flag that is not, leaves it unknown; nothing is read beyond the bytes.
#pragma once

#include <string_view>

#include "core/packet/ruleset.hpp"
#include "net/netlink/netlink.hpp"

namespace net {

// `info`: NFTA_MATCH_INFO. Where a structure differs by family, `family` tells which.
core::packet::XtMatch decode_xt_match(std::string_view name, std::uint32_t revision, ByteView info,
                                      core::packet::TableFamily family);
// `info`: NFTA_TARGET_INFO.
core::packet::XtTarget decode_xt_target(std::string_view name, std::uint32_t revision,
                                        ByteView info, core::packet::TableFamily family);

}  // namespace net
