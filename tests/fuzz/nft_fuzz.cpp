// Any bytes as what the kernel tells of nftables' tables, sets, chains, rules and elements: nothing
// crashes, libnftnl included, and what is read and written again is read as the same.
//
// An input is one of NFT_MSG_*, the number of a set whose elements the message may hold, and what
// follows the message's header.
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <optional>
#include <vector>

#include "core/state/set_id.hpp"
#include "fuzz/fuzz.hpp"
#include "net/nft/declarations.hpp"
#include "net/nft/elements.hpp"
#include "net/nft/rule_shape.hpp"
#include "net/nft/rules.hpp"

namespace {

using core::Family;
using fuzz::require;
using net::AttributeList;
using net::NetlinkMessage;
using net::NetlinkWriter;

// The attributes of a message whose header is nothing but nfgenmsg's.
template <typename Put>
std::vector<std::uint8_t> written(Put put) {
  NetlinkWriter writer;
  put(writer);
  return {writer.bytes().begin(), writer.bytes().end()};
}

core::nft::Set again(const core::nft::Set& set, Family family) {
  const auto bytes = written([&](NetlinkWriter& writer) { net::put_set(writer, family, set, 1); });
  return net::read_set(AttributeList(bytes), family);
}

core::nft::Chain again(const core::nft::Chain& chain) {
  const auto bytes =
      written([&](NetlinkWriter& writer) { net::put_chain(writer, chain.name, chain.hook); });
  return net::read_chain(AttributeList(bytes));
}

// What was cut is cut the first time.
void check_declarations(AttributeList attributes) {
  net::read_table(attributes);
  const core::nft::Chain chain = again(net::read_chain(attributes));
  require(again(chain) == chain);
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    const core::nft::Set set = again(net::read_set(attributes, family), family);
    require(again(set, family) == set);
  }
}

void check_rule(const NetlinkMessage& message) {
  const auto rule = net::read_rule(message);
  require(rule && net::read_rule(message)->fingerprint == rule->fingerprint);
}

void check_element(const net::ReadElement& read, Family family, core::SetId set) {
  const core::Element& element = read.element;
  const auto bytes = written(
      [&](NetlinkWriter& writer) { net::write_element(writer, element.key, &element.value); });
  require(bytes.size() <= net::longest_element);
  std::size_t members = 0;
  net::Comments comments;
  for (const net::NetlinkAttribute& member : AttributeList(bytes)) {
    const auto one = net::read_element(member.value, family, set, comments);
    require(one && (members > 0 || one->element.key.key == element.key.key));
    ++members;
  }
  require(members == net::written_count(element.key));
  written([&](NetlinkWriter& writer) { net::write_element(writer, element.key, nullptr); });
}

void check_elements(AttributeList attributes, core::SetId set) {
  const auto list = attributes.find(NFTA_SET_ELEM_LIST_ELEMENTS);
  if (!list) return;
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    net::Comments comments;
    std::vector<net::ReadElement> elements;
    for (const net::NetlinkAttribute& member : AttributeList(list->value)) {
      auto element = net::read_element(member.value, family, set, comments);
      if (!element) continue;
      check_element(*element, family, set);
      elements.push_back(*std::move(element));
    }
    for (const net::ReadElement& joined : net::join_intervals(std::move(elements))) {
      require(!joined.ends_interval);
      check_element(joined, family, set);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::vector<core::SetId> sets = core::all_sets();
  fuzz::Input input(data, size);
  const auto type = static_cast<std::uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | input.byte());
  const core::SetId set = sets[input.byte() % sets.size()];
  NetlinkWriter writer;
  const std::size_t begin = writer.begin_message(type, 0, 1);
  writer.append(input.rest());
  writer.close_message(begin);
  net::for_each_message(writer.bytes(), [&](const NetlinkMessage& message) {
    net::family_of(message);
    check_declarations(net::nft_attributes(message));
    check_rule(message);
    check_elements(net::nft_attributes(message), set);
  });
  return 0;
}
