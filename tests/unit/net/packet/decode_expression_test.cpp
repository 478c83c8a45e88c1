#include "net/packet/decode_expression.hpp"

#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_nat.h>

#include "support/catch.hpp"
#include "unit/net/packet/recorded_rules.hpp"

namespace unit::decode_expression_test {

using namespace core::packet;
using recorded_rules::expressions_of;
using List = std::vector<Expression>;
using Code = Verdict::Code;

constexpr Register r1 = 0;
constexpr Register r2 = 16;
constexpr Register r3 = 32;
constexpr Register r4 = 48;

Bytes text(std::string_view text, std::size_t size) {
  Bytes bytes(text.begin(), text.end());
  bytes.resize(size);
  return bytes;
}

const List ip_is_tcp = {Meta{NFT_META_L4PROTO, r1}, Compare{Compare::Op::eq, r1, {6}}};

List with_tcp(List rest) {
  List result = ip_is_tcp;
  result.insert(result.end(), rest.begin(), rest.end());
  return result;
}

TEST_CASE("recorded rules can be recorded anew") {
  if (std::getenv("PONA_WRITE_GOLDEN") != nullptr) recorded_rules::record_anew();
  CHECK(recorded_rules::read_recorded().size() > 90);
}

TEST_CASE("each expression of recorded rules is understood") {
  for (const auto& one : recorded_rules::read_recorded()) {
    INFO(one.text);
    const auto family = recorded_rules::family_of(one.text);
    const auto expressions = net::decode_expressions(one.expressions, family);
    CHECK_FALSE(expressions.empty());
    for (const Expression& expression : expressions) {
      CHECK_FALSE(std::holds_alternative<Unknown>(expression));
    }
  }
}

TEST_CASE("comparisons of headers are loads and comparisons") {
  CHECK(expressions_of("nft ip: tcp dport 22 accept") ==
        with_tcp({Payload{Payload::Base::transport, 2, 2, r1},
                  Compare{Compare::Op::eq, r1, {0, 22}}, Verdict{Code::accept, ""}}));
  CHECK(expressions_of("nft ip: ip saddr 10.0.0.0/8 ip daddr != 10.1.2.0/25 drop") ==
        List{Payload{Payload::Base::network, 12, 1, r1}, Compare{Compare::Op::eq, r1, {10}},
             Payload{Payload::Base::network, 16, 4, r1},
             Bitwise{Bitwise::Op::mask_xor, r1, r1, 4, {255, 255, 255, 128}, {0, 0, 0, 0}, 0, {}},
             Compare{Compare::Op::neq, r1, {10, 1, 2, 0}}, Verdict{Code::drop, ""}});
  CHECK(expressions_of("nft ip: tcp dport != 100-200 goto other") ==
        with_tcp({Payload{Payload::Base::transport, 2, 2, r1}, Range{false, r1, {0, 100}, {0, 200}},
                  Verdict{Code::go_to, "other"}}));
  CHECK(expressions_of("nft ip: iifname \"eth*\" oifname \"eth1\" iif lo") ==
        List{Meta{NFT_META_IIFNAME, r1}, Compare{Compare::Op::eq, r1, text("eth", 3)},
             Meta{NFT_META_OIFNAME, r1}, Compare{Compare::Op::eq, r1, text("eth1", 16)},
             Meta{NFT_META_IIF, r1}, Compare{Compare::Op::eq, r1, {1, 0, 0, 0}}});
}

TEST_CASE("arithmetic of registers is told with its constants") {
  const auto marks = expressions_of("nft ip: meta mark set meta mark & 0xffff00ff | 0x4000");
  REQUIRE(marks.size() == 3);
  const auto& bitwise = std::get<Bitwise>(marks[1]);
  CHECK(bitwise.mask == Bytes{0xff, 0, 0xff, 0xff});  // what is or-ed is masked out as well
  CHECK(bitwise.flip == Bytes{0, 0x40, 0, 0});
  CHECK(marks[2] == Expression(MetaSet{NFT_META_MARK, r1}));
  CHECK(expressions_of("nft ip: meta mark set meta mark << 3") ==
        List{Meta{NFT_META_MARK, r1}, Bitwise{Bitwise::Op::left_shift, r1, r1, 4, {}, {}, 3, {}},
             MetaSet{NFT_META_MARK, r1}});
  CHECK(expressions_of("nft ip: meta mark > 5") ==
        List{Meta{NFT_META_MARK, r1}, Byteorder{false, r1, r1, 4, 4},
             Compare{Compare::Op::gt, r1, {0, 0, 0, 5}}});
  CHECK(std::holds_alternative<PayloadWrite>(expressions_of("nft ip: ip ttl set 5").back()));
}

TEST_CASE("look-ups tell what becomes of what is found") {
  CHECK(expressions_of("nft ip: tcp dport { 80, 443 } jump other") ==
        with_tcp({Payload{Payload::Base::transport, 2, 2, r1},
                  Lookup{"__set0", r1, {}, false, false}, Verdict{Code::jump, "other"}}));
  CHECK(expressions_of("nft ip: ip saddr != @addresses drop") ==
        List{Payload{Payload::Base::network, 12, 4, r1}, Lookup{"addresses", r1, {}, false, true},
             Verdict{Code::drop, ""}});
  CHECK(expressions_of("nft ip: ip daddr . tcp dport vmap @verdicts") ==
        with_tcp({Payload{Payload::Base::network, 16, 4, r1},
                  Payload{Payload::Base::transport, 2, 2, 4},
                  Lookup{"verdicts", r1, {}, true, false}}));
  CHECK(expressions_of("nft ip nat: dnat to ip saddr map { 10.0.0.1 : 10.0.0.2 }") ==
        List{Payload{Payload::Base::network, 12, 4, r1}, Lookup{"__map0", r1, r1, false, false},
             Nat{true, core::Family::ipv4, r1, r1, {}, {}, NF_NAT_RANGE_MAP_IPS}});
}

TEST_CASE("translations are told with their registers and flags") {
  const auto rule =
      expressions_of("nft ip nat: tcp dport 80 dnat to 10.0.0.1-10.0.0.9:80-90 random,persistent");
  CHECK(rule.back() == Expression(Nat{true, core::Family::ipv4, r1, r2, r3, r4,
                                      NF_NAT_RANGE_MAP_IPS | NF_NAT_RANGE_PROTO_SPECIFIED |
                                          NF_NAT_RANGE_PROTO_RANDOM | NF_NAT_RANGE_PERSISTENT}));
  CHECK(expressions_of("nft ip post: masquerade fully-random") ==
        List{Masquerade{{}, {}, NF_NAT_RANGE_PROTO_RANDOM_FULLY}});
  const auto snat = expressions_of("nft ip post: ip protocol tcp snat to :1024-2048");
  CHECK_FALSE(std::get<Nat>(snat.back()).address_min);
  CHECK(std::get<Nat>(snat.back()).port_min);
}

TEST_CASE("statements are told with their numbers") {
  CHECK(expressions_of("nft ip: limit rate 5/second burst 10 packets") ==
        List{Limit{5, 1, 10, false, false}});
  CHECK(expressions_of("nft ip: limit rate over 10 mbytes/second").back() ==
        Expression(Limit{10 << 20, 1, 0, true, true}));
  CHECK(expressions_of("nft ip: ct count over 5 drop") ==
        List{Connlimit{5, true}, Verdict{Code::drop, ""}});
  CHECK(expressions_of("nft ip: quota over 10 mbytes") == List{Quota{10 << 20, 0, true}});
  CHECK(expressions_of("nft ip: reject") == List{Reject{NFT_REJECT_ICMP_UNREACH, 3}});
  CHECK(expressions_of("nft inet: meta l4proto tcp reject with tcp reset").back() ==
        Expression(Reject{NFT_REJECT_TCP_RST, 0}));
  CHECK(expressions_of("nft ip: notrack") == List{Notrack{}});
  CHECK(expressions_of("nft ip: dup to 10.0.0.1").back() == Expression(Passes{"dup"}));
  CHECK(expressions_of("nft ip: log prefix \"hello \" counter") ==
        List{Log{"hello "}, Counter{0, 0}});
}

TEST_CASE("what lies in the table under a name is told by it") {
  CHECK(expressions_of("nft ip: counter name \"cnt\" quota name \"quo\" limit name \"lim\"") ==
        List{ObjectReference{"cnt", NFT_OBJECT_COUNTER, {}, ""},
             ObjectReference{"quo", NFT_OBJECT_QUOTA, {}, ""},
             ObjectReference{"lim", NFT_OBJECT_LIMIT, {}, ""}});
  CHECK(expressions_of("nft ip: counter name ip saddr map { 10.0.0.1 : \"cnt\" }").back() ==
        Expression(ObjectReference{"", 0, r1, "__objmap0"}));
  const auto update =
      expressions_of("nft ip: update @seen { ip saddr timeout 10s limit rate 5/second }");
  CHECK(update.back() ==
        Expression(Dynset{
            "seen", Dynset::Op::update, r1, {}, 10'000, false, {Limit{5, 1, 5, false, false}}}));
}

TEST_CASE("what the namespace is asked for is told by its number") {
  CHECK(expressions_of("nft ip: fib daddr . iif type local").front() ==
        Expression(Fib{NFT_FIB_RESULT_ADDRTYPE, NFTA_FIB_F_DADDR | NFTA_FIB_F_IIF, r1}));
  CHECK(expressions_of("nft ip: meta l4proto tcp socket transparent 1")[2] ==
        Expression(Socket{NFT_SOCKET_TRANSPARENT, 0, r1}));
  CHECK(expressions_of("nft ip: ct original ip daddr 192.0.2.1 ct direction reply ct mark set meta "
                       "mark")
            .front() == Expression(Ct{NFT_CT_DST_IP, IP_CT_DIR_ORIGINAL, r1}));
  CHECK(expressions_of("nft ip nat: dnat to jhash ip saddr mod 4 seed 0x1234 offset 2 map { 2 : "
                       "10.0.0.1 }")[1] == Expression(Hash{false, r2, 4, 4, 0x1234, 2, r1}));
}

TEST_CASE("what makes no sense is unknown, and by what name") {
  net::NetlinkWriter writer;
  const auto begin = writer.nest(NFTA_LIST_ELEM);
  writer.put_text(NFTA_EXPR_NAME, "payload");
  const auto data = writer.nest(NFTA_EXPR_DATA);
  writer.put_u32(NFTA_PAYLOAD_DREG, NFT_REG32_15);
  writer.put_u32(NFTA_PAYLOAD_BASE, NFT_PAYLOAD_NETWORK_HEADER);
  writer.put_u32(NFTA_PAYLOAD_OFFSET, 0);
  writer.put_u32(NFTA_PAYLOAD_LEN, 8);  // beyond the last register
  writer.close(data);
  writer.close(begin);
  const auto other = writer.nest(NFTA_LIST_ELEM);
  writer.put_text(NFTA_EXPR_NAME, "of_the_future");
  writer.close(other);
  CHECK(net::decode_expressions(writer.bytes(), TableFamily::ip) ==
        List{Unknown{"payload", false}, Unknown{"of_the_future", true}});
  CHECK(net::decode_verdict({}) == Verdict{Code::unknown, ""});
}

TEST_CASE("a queue is a verdict, by its own expression and as one") {
  net::NetlinkWriter writer;
  const auto begin = writer.nest(NFTA_LIST_ELEM);
  writer.put_text(NFTA_EXPR_NAME, "queue");
  writer.close(begin);
  CHECK(net::decode_expressions(writer.bytes(), TableFamily::ip) == List{Verdict{Code::queue, ""}});
  net::NetlinkWriter verdict;
  verdict.put_u32(NFTA_VERDICT_CODE, 7U << 16 | 3U);  // NF_QUEUE_NR(7)
  CHECK(net::decode_verdict(verdict.bytes()) == Verdict{Code::queue, ""});
}

}  // namespace unit::decode_expression_test
