// The names that nft(8) has for what expressions load.
#include <iterator>
#include <span>

#include "core/packet/kernel_numbers.hpp"
#include "core/packet/rules/rule_words.hpp"

namespace core::packet::words {
namespace {

constexpr PayloadField ether_fields[] = {
    {0, 6, "daddr", ether_type}, {6, 6, "saddr", ether_type}, {12, 2, "type", ethertype_type}};
constexpr PayloadField ip_fields[] = {
    {1, 1, "tos", integer_type},       {2, 2, "length", integer_type},
    {4, 2, "id", integer_type},        {6, 2, "frag-off", integer_type},
    {8, 1, "ttl", integer_type},       {9, 1, "protocol", protocol_type},
    {10, 2, "checksum", integer_type}, {12, 4, "saddr", ipv4_type},
    {16, 4, "daddr", ipv4_type}};
constexpr PayloadField ip6_fields[] = {{4, 2, "length", integer_type},
                                       {6, 1, "nexthdr", protocol_type},
                                       {7, 1, "hoplimit", integer_type},
                                       {8, 16, "saddr", ipv6_type},
                                       {24, 16, "daddr", ipv6_type}};
constexpr PayloadField tcp_fields[] = {
    {0, 2, "sport", service_type},    {2, 2, "dport", service_type},
    {4, 4, "sequence", no_type},      {8, 4, "ackseq", no_type},
    {13, 1, "flags", tcp_flags_type}, {14, 2, "window", integer_type}};
constexpr PayloadField port_fields[] = {{0, 2, "sport", service_type},
                                        {2, 2, "dport", service_type}};
constexpr PayloadField icmp_fields[] = {{0, 1, "type", words::icmp_type},
                                        {1, 1, "code", integer_type},
                                        {4, 2, "id", integer_type},
                                        {6, 2, "sequence", integer_type}};
constexpr PayloadField icmpv6_fields[] = {{0, 1, "type", words::icmpv6_type},
                                          {1, 1, "code", integer_type},
                                          {4, 2, "id", integer_type},
                                          {6, 2, "sequence", integer_type}};

std::span<const PayloadField> fields_of(std::string_view header) {
  if (header == "ether") return ether_fields;
  if (header == "ip") return ip_fields;
  if (header == "ip6") return ip6_fields;
  if (header == "tcp") return tcp_fields;
  if (header == "icmp") return icmp_fields;
  if (header == "icmpv6") return icmpv6_fields;
  if (header == "udp" || header == "sctp" || header == "dccp" || header == "udplite" ||
      header == "th") {
    return port_fields;
  }
  return {};
}

struct MetaWord {
  std::uint32_t key;
  std::string_view text;
  std::uint32_t type;
  std::uint32_t length;
};
constexpr MetaWord meta_table[] = {{meta_len, "meta length", integer_type, 4},
                                   {meta_protocol, "meta protocol", ethertype_type, 2},
                                   {meta_priority, "meta priority", no_type, 4},
                                   {meta_mark, "meta mark", mark_type, 4},
                                   {meta_iif, "iif", ifindex_type, 4},
                                   {meta_oif, "oif", ifindex_type, 4},
                                   {meta_iifname, "iifname", ifname_type, 16},
                                   {meta_oifname, "oifname", ifname_type, 16},
                                   {meta_iiftype, "iiftype", arphrd_type, 2},
                                   {meta_oiftype, "oiftype", arphrd_type, 2},
                                   {meta_skuid, "meta skuid", uid_type, 4},
                                   {meta_skgid, "meta skgid", gid_type, 4},
                                   {meta_nftrace, "meta nftrace", integer_type, 1},
                                   {meta_rtclassid, "rtclassid", realm_type, 4},
                                   {meta_secmark, "meta secmark", no_type, 4},
                                   {meta_nfproto, "meta nfproto", nfproto_type, 1},
                                   {meta_l4proto, "meta l4proto", protocol_type, 1},
                                   {meta_bri_iifname, "meta ibrname", ifname_type, 16},
                                   {meta_bri_oifname, "meta obrname", ifname_type, 16},
                                   {meta_pkttype, "meta pkttype", pkttype_type, 1},
                                   {meta_cpu, "meta cpu", integer_type, 4},
                                   {meta_iifgroup, "iifgroup", group_type, 4},
                                   {meta_oifgroup, "oifgroup", group_type, 4},
                                   {meta_cgroup, "meta cgroup", integer_type, 4},
                                   {meta_prandom, "meta random", integer_type, 4},
                                   {meta_secpath, "meta ipsec", boolean_type, 1},
                                   {meta_iifkind, "iifkind", ifname_type, 16},
                                   {meta_oifkind, "oifkind", ifname_type, 16},
                                   {meta_time_ns, "meta time", no_type, 8},
                                   {meta_time_day, "meta day", day_type, 1},
                                   {meta_time_hour, "meta hour", integer_type, 4},
                                   {meta_sdif, "meta sdif", ifindex_type, 4},
                                   {meta_sdifname, "meta sdifname", ifname_type, 16}};

struct CtWord {
  std::uint32_t key;
  std::string_view text;
  std::uint32_t type;
  std::uint32_t length;
};
constexpr CtWord ct_table[] = {{ct_state, "state", ct_state_type, 4},
                               {ct_direction, "direction", ct_direction_type, 1},
                               {ct_status, "status", ct_status_type, 4},
                               {ct_mark, "mark", mark_type, 4},
                               {ct_secmark, "secmark", no_type, 4},
                               {ct_expiration, "expiration", no_type, 4},
                               {ct_helper, "helper", string_type, 16},
                               {ct_l3protocol, "l3proto", nfproto_type, 1},
                               {ct_src, "saddr", no_type, 16},
                               {ct_dst, "daddr", no_type, 16},
                               {ct_protocol, "protocol", protocol_type, 1},
                               {ct_proto_src, "proto-src", service_type, 2},
                               {ct_proto_dst, "proto-dst", service_type, 2},
                               {ct_labels, "label", no_type, 16},
                               {ct_pkts, "packets", no_type, 8},
                               {ct_bytes, "bytes", no_type, 8},
                               {ct_avgpkt, "avgpkt", no_type, 8},
                               {ct_zone, "zone", integer_type, 2},
                               {ct_eventmask, "event", no_type, 4},
                               {ct_src_ip, "ip saddr", ipv4_type, 4},
                               {ct_dst_ip, "ip daddr", ipv4_type, 4},
                               {ct_src_ip6, "ip6 saddr", ipv6_type, 16},
                               {ct_dst_ip6, "ip6 daddr", ipv6_type, 16},
                               {ct_id, "id", no_type, 4}};

std::string extension_name(std::uint8_t type) {
  switch (type) {
    case 0:
      return "hbh";
    case 43:
      return "rt";
    case 44:
      return "frag";
    case 51:
      return "auth";
    case 60:
      return "dst";
    case 135:
      return "mh";
    default:
      return std::to_string(type);
  }
}

std::string option_name(std::uint8_t type) {
  switch (type) {
    case 2:
      return "maxseg";
    case 3:
      return "window";
    case 4:
      return "sack-perm";
    case 5:
      return "sack";
    case 8:
      return "timestamp";
    default:
      return std::to_string(type);
  }
}

std::string ip_option_name(std::uint8_t type) {
  switch (type) {
    case 7:
      return "rr";
    case 131:
      return "lsrr";
    case 137:
      return "ssrr";
    case 148:
      return "ra";
    default:
      return std::to_string(type);
  }
}

}  // namespace

const PayloadField* find_field(std::string_view header, std::uint32_t offset,
                               std::uint32_t length) {
  for (const PayloadField& field : fields_of(header)) {
    // Of an address, the bytes of a prefix may be loaded alone.
    const bool part = is_address(field.type) && length < field.length;
    if (field.offset == offset && (field.length == length || part)) return &field;
  }
  return nullptr;
}

KeyWords meta_words(std::uint32_t key) {
  for (const MetaWord& word : meta_table) {
    if (word.key == key) return {std::string(word.text), word.type, word.length};
  }
  return {"meta key " + std::to_string(key), no_type, 4};
}

KeyWords ct_words(const Ct& ct) {
  std::string text = "ct ";
  if (ct.direction) text += *ct.direction == 0 ? "original " : "reply ";
  for (const CtWord& word : ct_table) {
    if (word.key == ct.key) return {text + std::string(word.text), word.type, word.length};
  }
  return {text + "key " + std::to_string(ct.key), no_type, 16};
}

KeyWords fib_words(const Fib& fib) {
  struct FlagWord {
    std::uint32_t flag;
    std::string_view name;
  };
  constexpr FlagWord flags[] = {{fib_saddr, "saddr"},
                                {fib_daddr, "daddr"},
                                {fib_mark, "mark"},
                                {fib_iif, "iif"},
                                {fib_by_oif, "oif"}};
  std::string text;
  for (const auto& [flag, name] : flags) {
    if ((fib.flags & flag) != 0) text.append(text.empty() ? "fib " : " . ").append(name);
  }
  if (text.empty()) text = "fib";
  const bool present = (fib.flags & fib_present) != 0;
  switch (fib.result) {
    case fib_oif:
      return {text + " oif", present ? boolean_type : ifindex_type, present ? 1U : 4U};
    case fib_oifname:
      return {text + " oifname", present ? boolean_type : ifname_type, present ? 1U : 16U};
    default:
      return {text + " type", fib_type, 4};
  }
}

KeyWords rt_words(const Rt& rt) {
  switch (rt.key) {
    case rt_classid:
      return {"rt classid", realm_type, 4};
    case rt_nexthop4:
      return {"rt ip nexthop", ipv4_type, 4};
    case rt_nexthop6:
      return {"rt ip6 nexthop", ipv6_type, 16};
    case rt_tcpmss:
      return {"rt mtu", integer_type, 2};
    default:
      return {"rt ipsec", boolean_type, 1};
  }
}

KeyWords socket_words(const Socket& socket) {
  switch (socket.key) {
    case socket_transparent:
      return {"socket transparent", integer_type, 1};
    case socket_mark:
      return {"socket mark", mark_type, 4};
    case socket_wildcard:
      return {"socket wildcard", integer_type, 1};
    default:
      return {"socket cgroupv2 level " + std::to_string(socket.level), no_type, 8};
  }
}

KeyWords exthdr_words(const Exthdr& exthdr) {
  const std::uint32_t type = exthdr.presence ? boolean_type : integer_type;
  const std::string place = exthdr.presence ? ""
                                            : " @" + std::to_string(exthdr.offset * 8) + "," +
                                                  std::to_string(exthdr.length * 8);
  switch (exthdr.op) {
    case exthdr_tcp_option: {
      const bool size = exthdr.type == 2 && exthdr.offset == 2 && exthdr.length == 2;
      return {
          "tcp option " + option_name(exthdr.type) + (size && !exthdr.presence ? " size" : place),
          type, exthdr.length};
    }
    case exthdr_ipv4:
      return {"ip option " + ip_option_name(exthdr.type) + place, type, exthdr.length};
    case exthdr_ipv6:
      return {"exthdr " + extension_name(exthdr.type) + place, type, exthdr.length};
    default:
      return {(exthdr.op == exthdr_sctp ? "sctp chunk " : "dccp option ") +
                  std::to_string(exthdr.type) + place,
              type, exthdr.length};
  }
}

}  // namespace core::packet::words
