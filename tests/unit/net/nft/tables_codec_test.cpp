#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "core/edge/tables/edge_sets.hpp"
#include "net/netlink/netlink.hpp"
#include "net/nft/declarations.hpp"
#include "net/nft/elements.hpp"
#include "support/catch.hpp"

namespace unit::tables_codec_test {

namespace {

using core::EdgeSet;
using core::Family;
using core::SetId;
using core::nft::Type;

std::vector<std::uint8_t> bytes_of(std::string_view text) { return {text.begin(), text.end()}; }

// Keeps NULs of the literal.
#define RECORDED(literal) bytes_of(std::string_view(literal, sizeof(literal) - 1))

std::vector<std::uint8_t> bytes_of(const net::NetlinkWriter& writer) {
  return {writer.bytes().begin(), writer.bytes().end()};
}

std::vector<std::uint8_t> declaration(const core::nft::Set& set, std::uint32_t id) {
  net::NetlinkWriter writer;
  net::put_set(writer, Family::ipv4, set, id);
  return bytes_of(writer);
}

core::nft::Set named(const char* name, std::vector<Type> key, std::vector<Type> data) {
  core::nft::Set set;
  set.name = name;
  set.key = std::move(key);
  set.data = std::move(data);
  return set;
}

core::Element element(SetId set, const std::vector<std::uint8_t>& key,
                      const std::vector<std::uint8_t>& end = {},
                      const std::vector<std::uint8_t>& data = {}) {
  core::Element result;
  result.key.family = Family::ipv4;
  result.key.set = set;
  result.key.key.append(key);
  result.key.end.append(end);
  result.value.data.append(data);
  return result;
}

core::Element read_back(const core::Element& written, net::Comments& comments) {
  net::NetlinkWriter writer;
  net::write_element(writer, written.key, &written.value);
  for (const net::NetlinkAttribute& attribute : net::AttributeList(writer.bytes())) {
    const auto read =
        net::read_element(attribute.value, written.key.family, written.key.set, comments);
    REQUIRE(read);
    return read->element;
  }
  FAIL("nothing written");
  return {};
}

}  // namespace

// The recorded bytes are those that nft 1.0.6 sends for the same declarations and elements.

TEST_CASE("a set of intervals is declared as nft declares it") {
  // set n { type ct_dir . ipv4_addr . inet_proto . inet_service; flags interval; counter; }
  core::nft::Set set =
      named("n", {Type::ct_dir, Type::address, Type::inet_proto, Type::inet_service}, {});
  set.interval = true;
  set.counter = true;
  CHECK(declaration(set, 4) == RECORDED("\x06\x00\x02\x00n\x00\x00\x00"
                                        "\x08\x00\x03\x00\x00\x00\x00\x84"
                                        "\x08\x00\x04\x00\x00\x6c\x73\x0d"
                                        "\x08\x00\x05\x00\x00\x00\x00\x10"
                                        "\x08\x00\x0a\x00\x00\x00\x00\x04"
                                        "\x38\x00\x09\x80\x34\x00\x02\x80"
                                        "\x0c\x00\x01\x80\x08\x00\x01\x00\x00\x00\x00\x01"
                                        "\x0c\x00\x01\x80\x08\x00\x01\x00\x00\x00\x00\x04"
                                        "\x0c\x00\x01\x80\x08\x00\x01\x00\x00\x00\x00\x01"
                                        "\x0c\x00\x01\x80\x08\x00\x01\x00\x00\x00\x00\x02"
                                        "\x0a\x00\x0d\x00\x00\x04\x00\x00\x00\x00\x00\x00"
                                        "\x14\x00\x11\x80\x0c\x00\x01\x00"
                                        "counter\x00\x04\x00\x02\x80"));
}

TEST_CASE("a map with a comment is declared as nft declares it") {
  // map m { type mark : ipv4_addr . inet_service; comment "x"; }, without what nft notes of typeof
  core::nft::Set set = named("m", {Type::mark}, {Type::address, Type::inet_service});
  set.comment = "x";
  CHECK(declaration(set, 2) ==
        RECORDED("\x06\x00\x02\x00m\x00\x00\x00"
                 "\x08\x00\x03\x00\x00\x00\x00\x08"
                 "\x08\x00\x04\x00\x00\x00\x00\x13"
                 "\x08\x00\x05\x00\x00\x00\x00\x04"
                 "\x08\x00\x06\x00\x00\x00\x01\xcd"
                 "\x08\x00\x07\x00\x00\x00\x00\x08"
                 "\x08\x00\x0a\x00\x00\x00\x00\x02"
                 "\x14\x00\x0d\x00\x00\x04\x01\x00\x00\x00\x01\x04\x00\x00\x00\x00\x07\x02x\x00"));
}

TEST_CASE("a verdict map by interface is declared as nft declares it") {
  // map v { type ifname : verdict; }, without the byte orders that nft notes for the data
  CHECK(declaration(named("v", {Type::ifname}, {Type::verdict}), 3) ==
        RECORDED("\x06\x00\x02\x00v\x00\x00\x00"
                 "\x08\x00\x03\x00\x00\x00\x00\x08"
                 "\x08\x00\x04\x00\x00\x00\x00\x29"
                 "\x08\x00\x05\x00\x00\x00\x00\x10"
                 "\x08\x00\x06\x00\xff\xff\xff\x00"
                 "\x08\x00\x07\x00\x00\x00\x00\x00"
                 "\x08\x00\x0a\x00\x00\x00\x00\x03"
                 "\x0a\x00\x0d\x00\x00\x04\x01\x00\x00\x00\x00\x00"));
}

TEST_CASE("an interval element is written as nft writes it") {
  // 1.2.3.4 . tcp . 1-4 comment "shop/web" : 5
  core::Element five =
      element(EdgeSet::limit_ids, {1, 2, 3, 4, 6, 0, 0, 0, 0, 1, 0, 0}, {0, 4}, {5, 0, 0, 0});
  five.value.comment = std::make_shared<const std::string>("shop/web");
  net::NetlinkWriter writer;
  net::write_element(writer, five.key, &five.value);
  CHECK(bytes_of(writer) ==
        RECORDED("\x48\x00\x01\x80"
                 "\x14\x00\x01\x80\x10\x00\x01\x00\x01\x02\x03\x04\x06\x00\x00\x00\x00\x01\x00\x00"
                 "\x14\x00\x0a\x80\x10\x00\x01\x00\x01\x02\x03\x04\x06\x00\x00\x00\x00\x04\x00\x00"
                 "\x0c\x00\x02\x80\x08\x00\x01\x00\x05\x00\x00\x00"
                 "\x0f\x00\x06\x00\x00\x09shop/web\x00\x00"));
}

TEST_CASE("declarations of sets come back as they were written") {
  const auto back = [](const core::nft::Set& set, Family family) {
    net::NetlinkWriter writer;
    net::put_set(writer, family, set, 1);
    return net::read_set(net::AttributeList(writer.bytes()), family);
  };
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    for (const SetId id : core::all_sets()) {
      const core::nft::Set& shape = core::declaration_of(id);
      core::nft::Set set = named("some", shape.key, shape.data);
      CHECK(back(set, family) == set);
      set.counter = true;
      set.interval = shape.key.size() > 1;
      set.comment = "what for";
      CHECK(back(set, family) == set);
    }
    core::nft::Set dynamic = named("rate", {Type::mark, Type::address}, {});
    dynamic.dynamic = true;
    dynamic.timeout = 60;
    CHECK(back(dynamic, family) == dynamic);
  }
}

TEST_CASE("a set of a type that pona does not use differs from all of its own") {
  net::NetlinkWriter writer;
  writer.put_text(NFTA_SET_NAME, "pods");
  writer.put_u32(NFTA_SET_FLAGS, 0);
  writer.put_u32(NFTA_SET_KEY_TYPE, 9);  // ether_addr
  CHECK(net::read_set(net::AttributeList(writer.bytes()), Family::ipv4).key.empty());
}

TEST_CASE("chains come back as they were written") {
  using core::nft::Hook;
  for (const std::optional<Hook> hook :
       {std::optional<Hook>{}, std::optional<Hook>{{Hook::Type::nat, Hook::At::postrouting, 99}},
        std::optional<Hook>{{Hook::Type::route, Hook::At::output, -150}}}) {
    net::NetlinkWriter writer;
    net::put_chain(writer, "some", hook);
    const core::nft::Chain chain = net::read_chain(net::AttributeList(writer.bytes()));
    CHECK(chain.name == "some");
    CHECK(chain.hook == hook);
  }
}

TEST_CASE("a base chain with another policy does not pass for one of ours") {
  net::NetlinkWriter writer;
  net::put_chain(writer, "some", core::nft::Hook{});
  writer.put_u32(NFTA_CHAIN_POLICY, 0);  // NF_DROP; the last of equals counts
  CHECK_FALSE(net::read_chain(net::AttributeList(writer.bytes())).hook);
}

TEST_CASE("elements come back as they were written") {
  net::Comments comments;
  core::Element verdict = element(EdgeSet::services, {203, 0, 113, 9, 6, 0, 0, 0, 1, 187, 0, 0});
  verdict.value.chain.append(bytes_of("flow-16"));
  verdict.value.jump = GENERATE(true, false);
  verdict.value.comment = std::make_shared<const std::string>("shop/web");
  const core::Element once = read_back(verdict, comments);
  CHECK(once == verdict);
  REQUIRE(once.value.comment);
  CHECK(*once.value.comment == "shop/web");
  // One string for all elements of an object.
  CHECK(read_back(verdict, comments).value.comment == once.value.comment);

  const core::Element ports =
      element(EdgeSet::ranges, {203, 0, 113, 9, 6, 0, 0, 0, 1, 187, 0, 0}, {1, 189}, {1, 187});
  CHECK(read_back(ports, comments) == ports);

  const core::Element map =
      element(EdgeSet::range_ports, {1, 2, 3, 4, 6, 0, 0, 0, 0, 1, 0, 0}, {}, {0, 80});
  CHECK(read_back(map, comments) == map);
}

TEST_CASE("intervals of addresses alone are written as beginnings and ends, and joined again") {
  using Octets = std::vector<std::uint8_t>;
  const SetId set = SetId(EdgeSet::allowed).instance(7);
  const std::vector<core::Element> intervals = {
      element(set, {0, 0, 0, 0}, {9, 255, 255, 255}),
      element(set, {10, 0, 0, 0}, {10, 0, 255, 255}),  // right after the one before
      element(set, {10, 2, 3, 4}, {10, 2, 3, 4}),
      element(set, {224, 0, 0, 0}, {255, 255, 255, 255}),  // needs no end
  };
  net::NetlinkWriter writer;
  std::size_t members = 0;
  for (const core::Element& one : intervals) {
    net::write_element(writer, one.key, &one.value);
    members += net::written_count(one.key);
  }
  CHECK(members == 7);
  net::Comments comments;
  std::vector<net::ReadElement> parts;
  for (const net::NetlinkAttribute& member : net::AttributeList(writer.bytes())) {
    parts.push_back(net::read_element(member.value, Family::ipv4, set, comments).value());
  }
  CHECK(parts.size() == members);
  const auto joined = [](const std::vector<net::ReadElement>& from) {
    std::vector<core::Element> result;
    for (const net::ReadElement& one : net::join_intervals(from)) result.push_back(one.element);
    return result;
  };
  CHECK(joined(parts) == intervals);
  std::ranges::reverse(parts);  // as the kernel tells them
  CHECK(joined(parts) == intervals);

  // Somebody took the end of the third away: what is left is none of ours, and goes alone.
  std::erase_if(parts, [](const net::ReadElement& one) {
    return std::ranges::equal(one.element.key.key.view(), Octets{10, 2, 3, 5});
  });
  const std::vector<core::Element> left = joined(parts);
  REQUIRE(left.size() == 4);
  CHECK(left[2].key.end.size == 0);
  CHECK(net::written_count(left[2].key) == 1);
}

TEST_CASE("a comment too long for nft is cut") {
  net::Comments comments;
  core::Element pod = element(EdgeSet::pods, {10, 1, 2, 3});
  pod.value.comment = std::make_shared<const std::string>(300, 'x');
  CHECK(read_back(pod, comments).value.comment->size() == 127);
}

TEST_CASE("the longest element fits where one is expected") {
  core::Element longest;
  longest.key.family = Family::ipv6;
  longest.key.set = EdgeSet::allowed;
  longest.key.key.append(std::vector<std::uint8_t>(40, 1));
  longest.key.end.append(std::vector<std::uint8_t>(16, 2));
  longest.value.chain.append(std::vector<std::uint8_t>(28, 'c'));
  longest.value.comment = std::make_shared<const std::string>(300, 'x');
  net::NetlinkWriter writer;
  net::write_element(writer, longest.key, &longest.value);
  CHECK(writer.size() <= net::longest_element);
  CHECK(net::longest_element_list + net::longest_element < 65536);
}

TEST_CASE("counters of elements are read") {
  net::NetlinkWriter writer;
  const std::size_t key = writer.nest(NFTA_SET_ELEM_KEY);
  writer.put(NFTA_DATA_VALUE, std::array<std::uint8_t, 4>{10, 1, 2, 3});
  writer.close(key);
  const std::size_t expression = writer.nest(NFTA_SET_ELEM_EXPR);
  writer.put_text(NFTA_EXPR_NAME, "counter");
  const std::size_t data = writer.nest(NFTA_EXPR_DATA);
  writer.put_u64(NFTA_COUNTER_BYTES, 1ULL << 40);
  writer.put_u64(NFTA_COUNTER_PACKETS, 3);
  writer.close(data);
  writer.close(expression);
  net::Comments comments;
  const auto read = net::read_element(writer.bytes(), Family::ipv4, EdgeSet::pods, comments);
  REQUIRE(read);
  REQUIRE(read->count);
  CHECK(read->count->packets == 3);
  CHECK(read->count->bytes == 1ULL << 40);
}

TEST_CASE("elements that cannot be ours are left out") {
  net::Comments comments;
  net::NetlinkWriter catch_all;
  catch_all.put_u32(NFTA_SET_ELEM_FLAGS, 2);  // NFT_SET_ELEM_CATCHALL: has no key
  CHECK_FALSE(net::read_element(catch_all.bytes(), Family::ipv4, EdgeSet::pods, comments));

  net::NetlinkWriter long_key;
  const std::size_t key = long_key.nest(NFTA_SET_ELEM_KEY);
  long_key.put(NFTA_DATA_VALUE, std::array<std::uint8_t, 64>{});
  long_key.close(key);
  CHECK_FALSE(net::read_element(long_key.bytes(), Family::ipv4, EdgeSet::pods, comments));

  // An interface's name is at the end of the keys of this set.
  net::NetlinkWriter short_key;
  const auto put = [&](std::uint16_t attribute, std::size_t size) {
    const std::size_t nest = short_key.nest(attribute);
    short_key.put(NFTA_DATA_VALUE, std::vector<std::uint8_t>(size, 'x'));
    short_key.close(nest);
  };
  put(NFTA_SET_ELEM_KEY, 4);
  put(NFTA_SET_ELEM_KEY_END, 16);
  CHECK_FALSE(net::read_element(short_key.bytes(), Family::ipv4, EdgeSet::external, comments));
}

TEST_CASE("truncated attributes end the list and are never read beyond") {
  net::NetlinkWriter writer;
  writer.put_u32(1, 7);
  writer.put_text(2, "text");
  const net::ByteView whole = writer.bytes();
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    // A copy of its own, so that the address sanitizer sees a step too far.
    const std::vector<std::uint8_t> part(whole.begin(),
                                         whole.begin() + static_cast<std::ptrdiff_t>(size));
    std::size_t count = 0;
    for (const net::NetlinkAttribute& attribute : net::AttributeList(part)) {
      CHECK(attribute.value.data() + attribute.value.size() <= part.data() + part.size());
      ++count;
    }
    CHECK(count <= 2);
    net::for_each_message(part, [](const net::NetlinkMessage&) { FAIL("no message is in here"); });
  }
}

TEST_CASE("the kernel's refusal is read with its explanation") {
  for (const bool capped : {true, false}) {
    net::NetlinkWriter writer;
    const std::size_t message = writer.begin_message(NLMSG_ERROR, 0, 7);
    nlmsgerr error{};
    error.error = -ENOENT;
    error.msg.nlmsg_len = sizeof(nlmsghdr) + 8;
    error.msg.nlmsg_seq = 42;
    std::array<std::uint8_t, sizeof error> raw;
    std::memcpy(raw.data(), &error, sizeof error);
    writer.append(raw);
    if (!capped) writer.append(std::array<std::uint8_t, 8>{1, 2, 3, 4, 5, 6, 7, 8});
    writer.put_text(NLMSGERR_ATTR_MSG, "no such set");
    writer.put(NLMSGERR_ATTR_OFFS, std::array<std::uint8_t, 4>{36, 0, 0, 0});
    writer.add_flags(message,
                     static_cast<std::uint16_t>(NLM_F_ACK_TLVS | (capped ? NLM_F_CAPPED : 0)));
    writer.close_message(message);
    std::size_t count = 0;
    net::for_each_message(writer.bytes(), [&](const net::NetlinkMessage& found) {
      const auto answer = net::read_answer(found);
      REQUIRE(answer);
      CHECK(answer->error == ENOENT);
      CHECK(answer->sequence == 42);
      CHECK(answer->text == "no such set");
      CHECK(answer->offset == 36);
      ++count;
    });
    CHECK(count == 1);
  }
}

}  // namespace unit::tables_codec_test
