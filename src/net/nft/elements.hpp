// Elements of sets and maps as nf_tables' bytes and back. By hand, because there are hundreds of
// thousands of them and libnftnl takes 300 bytes and several allocations for each. Declarations of
// sets are in nft_declarations. Rule: nothing here allocates per element but for new comments.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/state/counts.hpp"
#include "core/state/state.hpp"
#include "net/netlink/netlink.hpp"

namespace net {

// At most this many bytes of elements in one message: an attribute's length has 16 bits. An element
// is never longer than `longest_element`.
inline constexpr std::size_t longest_element_list = 60'000;
inline constexpr std::size_t longest_element = 512;

// As one member of NFTA_SET_ELEM_LIST_ELEMENTS; an interval of addresses alone, not in a
// concatenation, takes two, its beginning and what comes after its end. For deleting, `value` is
// null: the key is enough.
void write_element(NetlinkWriter& writer, const core::ElementKey& key,
                   const core::ElementValue* value);

// How many members write_element makes of it.
std::size_t written_count(const core::ElementKey& key);

// Comments by text: most elements share theirs with others.
using Comments = std::unordered_map<std::string, std::shared_ptr<const std::string>>;

struct ReadElement {
  core::Element element;
  std::optional<core::Count> count;
  bool ends_interval = false;  // the key is the first after an interval
};
// `attributes`: what is inside one NFTA_LIST_ELEM. Nothing for what pona cannot have made:
// catch-all elements, keys longer than ours.
std::optional<ReadElement> read_element(ByteView attributes, core::Family family, core::SetId set,
                                        Comments& comments);

// Gives intervals their ends: of a set whose one field has intervals, the kernel tells beginnings
// and ends one by one, in no order to rely on. A beginning without an end of its own stays without,
// and so equals none of ours.
std::vector<ReadElement> join_intervals(std::vector<ReadElement> parts);

// User data that nft(8) prints as `comment "…"`; it allows 127 characters.
void put_comment(NetlinkWriter& writer, std::uint16_t attribute, std::string_view comment);
std::string_view shortened_comment(std::string_view comment);

}  // namespace net
