#include "net/probe/drop_watch.hpp"

#include <linux/btf.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "net/probe/bpf.hpp"
#include "support/catch.hpp"

namespace unit::drop_watch_test {

using namespace core::packet;
using net::probe::Btf;

namespace {

// Types as a kernel's file has them.
class Types {
 public:
  std::uint32_t text(const std::string& text) {
    const auto at = static_cast<std::uint32_t>(texts_.size());
    texts_ += text + '\0';
    return at;
  }
  // Returns the type's number.
  std::uint32_t add(std::uint32_t name, std::uint32_t kind, std::uint32_t count,
                    std::uint32_t reference, const std::vector<std::uint32_t>& members = {}) {
    words_.insert(words_.end(), {name, kind << 24 | count, reference});
    words_.insert(words_.end(), members.begin(), members.end());
    return ++last_;
  }
  [[nodiscard]] std::vector<std::uint8_t> bytes() const {
    btf_header header{};
    header.magic = BTF_MAGIC;
    header.version = 1;
    header.hdr_len = sizeof header;
    header.type_len = static_cast<std::uint32_t>(words_.size() * 4);
    header.str_off = header.type_len;
    header.str_len = static_cast<std::uint32_t>(texts_.size());
    std::vector<std::uint8_t> all(sizeof header + header.type_len + texts_.size());
    std::memcpy(all.data(), &header, sizeof header);
    std::memcpy(all.data() + sizeof header, words_.data(), header.type_len);
    std::memcpy(all.data() + sizeof header + header.type_len, texts_.data(), texts_.size());
    return all;
  }

 private:
  std::string texts_ = std::string(1, '\0');
  std::vector<std::uint32_t> words_;
  std::uint32_t last_ = 0;
};

std::vector<std::uint8_t> example() {
  Types types;
  const std::uint32_t number = types.add(types.text("int"), BTF_KIND_INT, 0, 4, {32});
  const std::uint32_t inner = types.add(types.text("ns_common"), BTF_KIND_STRUCT, 2, 8,
                                        {types.text("ops"), number, 0,  //
                                         types.text("inum"), number, 32});
  const std::uint32_t alias = types.add(types.text("ns_t"), BTF_KIND_TYPEDEF, 0, inner);
  const std::uint32_t nameless = types.add(0, BTF_KIND_UNION, 2, 4,
                                           {types.text("dev"), number, 0,  //
                                            types.text("scratch"), number, 0});
  types.add(types.text("net"), BTF_KIND_STRUCT, 3, 24,
            {types.text("first"), number, 0,  //
             0, nameless, 64,                 //
             types.text("ns"), alias, 128});
  types.add(types.text("skb_drop_reason"), BTF_KIND_ENUM, 2, 4,
            {types.text("SKB_NOT_DROPPED_YET"), 0, types.text("SKB_DROP_REASON_NO_SOCKET"), 3});
  return types.bytes();
}

}  // namespace

TEST_CASE("the kernel's types say where members are, in structures without names too") {
  const auto btf = Btf::parse(example());
  REQUIRE(btf);
  CHECK(btf->offset_of("net", "first") == 0U);
  CHECK(btf->offset_of("net", "dev") == 8U);
  CHECK(btf->offset_of("net", "ns") == 16U);
  CHECK(btf->offset_of("net", "ns.inum") == 20U);
  CHECK_FALSE(btf->offset_of("net", "ns.other"));
  CHECK_FALSE(btf->offset_of("net", "first.inum"));
  CHECK_FALSE(btf->offset_of("sk_buff", "dev"));
  CHECK_FALSE(net::probe::skb_offsets(*btf));
  CHECK(btf->enumerators("skb_drop_reason").at(3) == "SKB_DROP_REASON_NO_SOCKET");
  CHECK(btf->enumerators("other").empty());
}

TEST_CASE("types of the kernel that are cut off are none, or fewer") {
  const auto bytes = example();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CHECK_FALSE(Btf::parse({bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size)}));
  }
}

TEST_CASE("the program at the tracepoint ends, and jumps to where it has instructions") {
  for (const net::probe::DropFilter& filter :
       {net::probe::DropFilter{{1}, {}}, {{1, 2, 3, 4}, {}}, {{}, {0xf0000001, 7}}, {}}) {
    const auto program = net::probe::drop_program({}, filter, 3, 4);
    REQUIRE(program.size() > 50);
    CHECK(program.back().code == (BPF_JMP | BPF_EXIT));
    for (std::size_t at = 0; at < program.size(); ++at) {
      const unsigned code = program[at].code;
      if (BPF_CLASS(code) != BPF_JMP && BPF_CLASS(code) != BPF_JMP32) continue;
      if (code == (BPF_JMP | BPF_CALL)) continue;
      if (code == (BPF_JMP | BPF_EXIT)) continue;
      CHECK(program[at].off >= 0);
      CHECK(at + 1 + static_cast<std::size_t>(program[at].off) < program.size());
    }
  }
}

TEST_CASE("a packet that was thrown away, with the reason by name") {
  Cookie cookie;
  cookie.sequence = 0xc0de1234;
  Packet packet;
  packet.family = core::Family::ipv4;
  packet.protocol = tcp;
  packet.source = *core::Address::parse("10.0.0.1");
  packet.destination = *core::Address::parse("10.0.0.2");
  packet.source_port = 40000;
  packet.destination_port = 80;
  packet.tcp_flags = syn;
  put_cookie(packet, cookie);
  net::probe::DropRecord record;
  record.reason = 3;
  record.network = 42;
  std::ranges::copy(to_bytes(packet), record.bytes.begin());
  const auto drop = net::probe::read_drop(record, cookie, {{3, "NO_SOCKET"}});
  REQUIRE(drop);
  CHECK(to_text(Observation(*drop)) ==
        "drop 3 NO_SOCKET request | tcp 10.0.0.1:40000 > 10.0.0.2:80 SYN ttl 64");
  CHECK(drop->network == 42);
  CHECK(net::probe::read_drop(record, cookie, {})->reason_name.empty());
  cookie.sequence += 7;
  CHECK_FALSE(net::probe::read_drop(record, cookie, {}));
  // Of any packet, and of no IP packet.
  CHECK(net::probe::read_drop(record, {{3, "NO_SOCKET"}})->packet->destination ==
        packet.destination);
  record.bytes[0] = 0;
  CHECK_FALSE(net::probe::read_drop(record, {}));
}

}  // namespace unit::drop_watch_test
