// The edge's tables in a kernel of their own, with all kinds of elements.
#pragma once

#include "net/nft/tables.hpp"

#include <poll.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>

#include "core/constants.hpp"
#include "core/edge/tables/edge_rules.hpp"
#include "core/edge/tables/edge_sets.hpp"
#include "core/error.hpp"
#include "core/state/diff.hpp"
#include "core/state/text.hpp"
#include "support/catch.hpp"
#include "unit/net/namespace.hpp"

namespace unit::nft_tables {

using core::EdgeSet;
using core::Family;
using core::SetId;
using namespace core::nft;
using net::test::in_namespace;
using net::test::shell;

inline core::EdgeRulesInput everything() {
  core::EdgeRulesInput input;
  input.snat = true;
  input.any_address = true;
  input.masquerade = false;
  input.traffic = true;
  input.external = {{"eth1", 1}, {"eth2.5", 2}};
  return input;
}

inline core::Element element(Family family, SetId set, std::vector<std::uint8_t> key,
                             std::vector<std::uint8_t> end = {},
                             std::vector<std::uint8_t> data = {}, const char* chain = "") {
  core::Element result;
  result.key.family = family;
  result.key.set = set;
  result.key.key.append(key);
  result.key.end.append(end);
  result.value.data.append(data);
  const std::string_view name(chain);
  result.value.chain.append({reinterpret_cast<const std::uint8_t*>(name.data()), name.size()});
  return result;
}

// Address, protocol, port, and more fields if any.
inline std::vector<std::uint8_t> key(Family family, std::uint8_t host, std::uint8_t port,
                                     std::vector<std::uint8_t> more = {}) {
  std::vector<std::uint8_t> result = {203, 0, 113, host};
  if (family == Family::ipv6) {
    result = {0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, host};
  }
  result.insert(result.end(), {17, 0, 0, 0, 0, port, 0, 0});
  result.insert(result.end(), more.begin(), more.end());
  return result;
}

inline std::vector<core::Element> some_elements(Family family) {
  const std::size_t size = family == Family::ipv4 ? 4 : 16;
  const std::vector<std::uint8_t> address(size, 10);
  const std::vector<std::uint8_t> last(size, 12);
  std::vector<std::uint8_t> endpoint = address;
  endpoint.insert(endpoint.end(), {0x1f, 0x90, 0, 0});
  std::vector<core::Element> result = {
      element(family, EdgeSet::services, key(family, 1, 80), {}, {}, "flow-16"),
      element(family, EdgeSet::slots, key(family, 1, 80, {3, 0, 0, 0}), {}, endpoint),
      element(family, EdgeSet::ranges, key(family, 2, 50), {0, 60}, {0, 50}),
      element(family, EdgeSet::range_slots, key(family, 2, 50, {9, 0, 0, 0}), {}, address),
      element(family, SetId(EdgeSet::allowed).instance(0x2a), address, last),
      element(family, EdgeSet::limit_ids, key(family, 1, 80), {0, 80}, {7, 0, 0, 0}),
      element(family, EdgeSet::pods, address),
  };
  result[0].value.comment = std::make_shared<const std::string>("shop/web");
  return result;
}

inline core::State edge() {
  core::State state;
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    state.tables[family] = core::edge_table(family, everything());
    core::add_source_limit(state.tables[family], {42, 100, 20}, true);
    core::add_source_limit(state.tables[family], {43, 0, 5}, false);
    core::nft::Set allowed = core::declaration_of(EdgeSet::allowed);
    allowed.name = core::to_string(SetId(EdgeSet::allowed).instance(0x2a));
    state.tables[family].chains.push_back(core::allow_chain(0x2a, allowed.name));
    state.tables[family].sets.push_back(allowed);
    for (const auto& elements :
         {some_elements(family), core::interface_elements(family, everything())}) {
      for (const core::Element& one : elements) state.elements[one.key] = one.value;
    }
  }
  return state;
}

inline core::State observe(net::Nft& nft, const core::State& expected) {
  core::State state;
  core::KeepAll all;
  nft.observe(expected, all, state);
  return state;
}

inline void converge(net::Nft& nft, const core::State& wanted) {
  nft.apply(core::diff(observe(nft, wanted), wanted));
  for (const std::string& line : core::to_text(core::diff(observe(nft, wanted), wanted))) {
    UNSCOPED_INFO("left to do: " << line);
  }
  CHECK(observe(nft, wanted) == wanted);
}

inline std::string output_of(const std::string& command) {
  std::string result;
  std::FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::array<char, 4096> buffer;
  while (const std::size_t size = std::fread(buffer.data(), 1, buffer.size(), pipe)) {
    result.append(buffer.data(), size);
  }
  CHECK(pclose(pipe) == 0);
  return result;
}

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

inline bool readable(const net::Nft& nft) {
  pollfd ready{nft.event_fd(), POLLIN, 0};
  return poll(&ready, 1, 0) == 1;
}

inline std::string message_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const core::Error& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace unit::nft_tables
