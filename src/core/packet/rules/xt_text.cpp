// Matches and targets in the words of iptables(8), and those of nft(8) that share them.
#include <cstdio>
#include <iterator>
#include <type_traits>
#include <variant>

#include "core/packet/kernel_numbers.hpp"
#include "core/packet/rules/rule_words.hpp"

namespace core::packet::words {
namespace {

std::string short_hex(std::uint32_t value) {
  char text[16];
  std::snprintf(text, sizeof text, "0x%x", value);
  return text;
}

std::string negated(bool inverted) { return inverted ? "! " : ""; }

std::string iptables_ports(const PortRange& ports) {
  return ports.single() ? std::to_string(ports.first)
                        : std::to_string(ports.first) + ":" + std::to_string(ports.last);
}

struct BitWord {
  std::uint32_t bit;
  std::string_view name;
};

template <std::size_t Size>
std::string bit_list(const BitWord (&names)[Size], std::uint32_t bits) {
  std::string text;
  for (const auto& [bit, name] : names) {
    if ((bits & bit) != 0) text.append(text.empty() ? "" : ",").append(name);
  }
  return text.empty() ? "NONE" : text;
}

constexpr BitWord tcp_flag_words[] = {{1, "FIN"}, {2, "SYN"},  {4, "RST"},
                                      {8, "PSH"}, {16, "ACK"}, {32, "URG"}};
constexpr BitWord state_words[] = {{1, "INVALID"},     {8, "NEW"},         {4, "RELATED"},
                                   {2, "ESTABLISHED"}, {256, "UNTRACKED"}, {64, "SNAT"},
                                   {128, "DNAT"}};
constexpr BitWord status_words[] = {
    {1, "EXPECTED"}, {2, "SEEN_REPLY"}, {4, "ASSURED"}, {8, "CONFIRMED"}};
constexpr BitWord type_words[] = {{1, "UNSPEC"},     {2, "UNICAST"},       {4, "LOCAL"},
                                  {8, "BROADCAST"},  {16, "ANYCAST"},      {32, "MULTICAST"},
                                  {64, "BLACKHOLE"}, {128, "UNREACHABLE"}, {256, "PROHIBIT"}};

std::string masked_text(const Address& address, const Address& mask) {
  const auto length = prefix_length(mask.bytes());
  if (!length) return to_string(address) + "/" + to_string(mask);
  return to_string(Prefix{address, static_cast<std::uint8_t>(*length)});
}

std::string mark_of(std::uint32_t value, std::uint32_t mask) {
  return mask == 0xffffffff ? short_hex(value) : short_hex(value) + "/" + short_hex(mask);
}

std::string words_of(const XtMatch& match, const std::monostate& /*unknown*/) {
  return "-m " + match.name;
}
std::string words_of(const XtMatch& /*match*/, const XtMark& mark) {
  return std::string(mark.connection ? "-m connmark " : "-m mark ") + negated(mark.inverted) +
         "--mark " + mark_of(mark.value, mark.mask);
}
std::string words_of(const XtMatch& /*match*/, const XtConntrack& conntrack) {
  std::string text = "-m conntrack";
  const auto add = [&](std::uint16_t flag, std::string_view option, const std::string& value) {
    if ((conntrack.flags & flag) == 0) return;
    text += " " + negated((conntrack.inverted & flag) != 0) + std::string(option) + " " + value;
  };
  const auto address = [](const XtConntrack::Side& side) {
    return masked_text(side.address, side.mask);
  };
  add(xt_ct_state, "--ctstate", bit_list(state_words, conntrack.states));
  add(xt_ct_proto, "--ctproto", protocol_text(static_cast<std::uint8_t>(conntrack.protocol)));
  add(xt_ct_orig_src, "--ctorigsrc", address(conntrack.original_source));
  add(xt_ct_orig_dst, "--ctorigdst", address(conntrack.original_destination));
  add(xt_ct_reply_src, "--ctreplsrc", address(conntrack.reply_source));
  add(xt_ct_reply_dst, "--ctrepldst", address(conntrack.reply_destination));
  add(xt_ct_orig_src_port, "--ctorigsrcport", iptables_ports(conntrack.original_source.ports));
  add(xt_ct_orig_dst_port, "--ctorigdstport", iptables_ports(conntrack.original_destination.ports));
  add(xt_ct_reply_src_port, "--ctreplsrcport", iptables_ports(conntrack.reply_source.ports));
  add(xt_ct_reply_dst_port, "--ctrepldstport", iptables_ports(conntrack.reply_destination.ports));
  add(xt_ct_status, "--ctstatus", bit_list(status_words, conntrack.status));
  if ((conntrack.flags & xt_ct_direction) != 0) {
    const bool reply = (conntrack.inverted & xt_ct_direction) != 0;
    text += reply ? " --ctdir REPLY" : " --ctdir ORIGINAL";
  }
  return text;
}
std::string words_of(const XtMatch& /*match*/, const XtSet& set) {
  return "-m set " + negated(set.inverted) + "--match-set (number " + std::to_string(set.index) +
         ")";
}
std::string words_of(const XtMatch& /*match*/, const XtComment& comment) {
  return "-m comment --comment " + quoted(comment.text);
}
std::string words_of(const XtMatch& /*match*/, const XtMultiport& multiport) {
  std::string list;
  for (const PortRange& ports : multiport.ports) {
    list += (list.empty() ? "" : ",") + iptables_ports(ports);
  }
  const char* const option = multiport.of == XtMultiport::Of::source        ? "--sports "
                             : multiport.of == XtMultiport::Of::destination ? "--dports "
                                                                            : "--ports ";
  return "-m multiport " + negated(multiport.inverted) + option + list;
}
std::string words_of(const XtMatch& /*match*/, const XtAddrtype& type) {
  std::string text = "-m addrtype";
  if (type.source != 0) {
    text += " " + negated(type.source_inverted) + "--src-type " + bit_list(type_words, type.source);
  }
  if (type.destination != 0) {
    text += " " + negated(type.destination_inverted) + "--dst-type " +
            bit_list(type_words, type.destination);
  }
  if (type.limit_in) text += " --limit-iface-in";
  if (type.limit_out) text += " --limit-iface-out";
  return text;
}
std::string words_of(const XtMatch& /*match*/, const XtStatistic& statistic) {
  if (!statistic.random) {
    return "-m statistic --mode nth " + negated(statistic.inverted) + "--every " +
           std::to_string(std::uint64_t{statistic.every} + 1);
  }
  char share[32];
  std::snprintf(share, sizeof share, "%.5g", statistic.probability / 2147483648.0);
  return "-m statistic --mode random " + negated(statistic.inverted) + "--probability " + share;
}
std::string words_of(const XtMatch& /*match*/, const XtPorts& ports) {
  const PortRange all{0, 65535};
  std::string text = "-m " + protocol_text(ports.protocol);
  if (ports.source != all) {
    text += " " + negated(ports.source_inverted) + "--sport " + iptables_ports(ports.source);
  }
  if (ports.destination != all) {
    text +=
        " " + negated(ports.destination_inverted) + "--dport " + iptables_ports(ports.destination);
  }
  if (ports.flags_mask != 0) {
    text += " " + negated(ports.flags_inverted) + "--tcp-flags " +
            bit_list(tcp_flag_words, ports.flags_mask) + " " +
            bit_list(tcp_flag_words, ports.flags);
  }
  if (ports.option != 0) {
    text += " " + negated(ports.option_inverted) + "--tcp-option " + std::to_string(ports.option);
  }
  return text;
}
std::string words_of(const XtMatch& match, const XtIcmp& icmp_match) {
  const bool ipv6 = match.name == "icmp6";
  std::string type = icmp_match.type == 0xff && !ipv6 ? "any" : std::to_string(icmp_match.type);
  if (icmp_match.code_first == icmp_match.code_last) {
    type += "/" + std::to_string(icmp_match.code_first);
  }
  return std::string(ipv6 ? "-m icmp6 " : "-m icmp ") + negated(icmp_match.inverted) +
         (ipv6 ? "--icmpv6-type " : "--icmp-type ") + type;
}

std::string words_of(const XtTarget& target, const std::monostate& /*unknown*/) {
  return "-j " + target.name;
}
std::string words_of(const XtTarget& /*target*/, const XtSetMark& mark) {
  return std::string(mark.connection ? "-j CONNMARK" : "-j MARK") + " --set-xmark " +
         short_hex(mark.value) + "/" + short_hex(mark.mask);
}
std::string words_of(const XtTarget& /*target*/, const XtCopyMark& copy) {
  std::string text = std::string("-j CONNMARK ") + (copy.save ? "--save-mark" : "--restore-mark");
  if (copy.packet_mask != 0xffffffff || copy.connection_mask != 0xffffffff) {
    text +=
        " --nfmask " + short_hex(copy.packet_mask) + " --ctmask " + short_hex(copy.connection_mask);
  }
  return text;
}
std::string words_of(const XtTarget& target, const XtNat& nat) {
  std::string to;
  const bool address = nat.kind == XtNat::Kind::destination || nat.kind == XtNat::Kind::source;
  if (address && (nat.flags & nat_map_ips) != 0) {
    to = range_text(nat.address_min.bytes(), nat.address_max.bytes(),
                    nat.address_min.family() == Family::ipv4 ? ipv4_type : ipv6_type);
    const bool port = (nat.flags & nat_proto_specified) != 0;
    if (port && nat.address_min.family() == Family::ipv6) to = "[" + to + "]";
  }
  if ((nat.flags & nat_proto_specified) != 0) {
    to += (address ? ":" : "") + to_string(PortRange{nat.port_min, nat.port_max});
  }
  std::string text = "-j " + target.name;
  if (!to.empty()) {
    text += target.name == "NETMAP"                ? " --to "
            : !address                             ? " --to-ports "
            : nat.kind == XtNat::Kind::destination ? " --to-destination "
                                                   : " --to-source ";
    text += to;
  }
  if ((nat.flags & nat_proto_random) != 0) text += " --random";
  if ((nat.flags & nat_proto_random_fully) != 0) text += " --random-fully";
  if ((nat.flags & nat_persistent) != 0) text += " --persistent";
  return text;
}
std::string words_of(const XtTarget& target, const XtReject& reject, bool ipv6) {
  constexpr std::string_view of_ipv4[] = {"icmp-net-unreachable",
                                          "icmp-host-unreachable",
                                          "icmp-proto-unreachable",
                                          "icmp-port-unreachable",
                                          "echo-reply",
                                          "icmp-net-prohibited",
                                          "icmp-host-prohibited",
                                          "tcp-reset",
                                          "icmp-admin-prohibited"};
  constexpr std::string_view of_ipv6[] = {
      "icmp6-no-route",         "icmp6-adm-prohibited", "not-neighbour", "icmp6-addr-unreachable",
      "icmp6-port-unreachable", "echo-reply",           "tcp-reset",     "icmp6-policy-fail",
      "icmp6-reject-route"};
  std::string text = "-j " + target.name;
  if (reject.tcp_reset) return text + " --reject-with tcp-reset";
  if (reject.with >= std::size(of_ipv4)) return text;
  return text + " --reject-with " + std::string((ipv6 ? of_ipv6 : of_ipv4)[reject.with]);
}
std::string words_of(const XtTarget& /*target*/, const XtTcpMss& mss) {
  return mss.mss == 0xffff ? "-j TCPMSS --clamp-mss-to-pmtu"
                           : "-j TCPMSS --set-mss " + std::to_string(mss.mss);
}
std::string words_of(const XtTarget& /*target*/, const XtUntrack& /*untrack*/) {
  return "-j CT --notrack";
}
std::string words_of(const XtTarget& target, const XtPasses& /*passes*/) {
  return "-j " + target.name;
}

std::string bytes_rate(std::uint64_t rate) {
  if (rate != 0 && rate % 1048576 == 0) return std::to_string(rate / 1048576) + " mbytes/";
  if (rate != 0 && rate % 1024 == 0) return std::to_string(rate / 1024) + " kbytes/";
  return std::to_string(rate) + " bytes/";
}

std::string_view code_name(std::uint32_t type, std::uint8_t code, std::string_view network) {
  if (type == reject_icmpx) {
    constexpr std::string_view names[] = {"no-route", "port-unreachable", "host-unreachable",
                                          "admin-prohibited"};
    return code < std::size(names) ? names[code] : "";
  }
  if (network == "ip6") {
    constexpr std::string_view names[] = {"no-route",         "admin-prohibited", "",
                                          "addr-unreachable", "port-unreachable", "policy-fail",
                                          "reject-route"};
    return code < std::size(names) ? names[code] : "";
  }
  switch (code) {
    case 0:
      return "net-unreachable";
    case 1:
      return "host-unreachable";
    case 2:
      return "prot-unreachable";
    case 3:
      return "port-unreachable";
    case 9:
      return "net-prohibited";
    case 10:
      return "host-prohibited";
    case 13:
      return "admin-prohibited";
    default:
      return "";
  }
}

}  // namespace

std::string match_text(const XtMatch& match) {
  return std::visit([&](const auto& what) { return words_of(match, what); }, match.what);
}

std::string target_text(const XtTarget& target, bool ipv6) {
  return std::visit(
      [&](const auto& what) {
        if constexpr (std::is_same_v<std::decay_t<decltype(what)>, XtReject>) {
          return words_of(target, what, ipv6);
        } else {
          return words_of(target, what);
        }
      },
      target.what);
}

std::string reject_text(const Reject& reject, std::string_view network, TableFamily family) {
  if (reject.type == reject_tcp_reset) return "reject with tcp reset";
  const std::string_view name = code_name(reject.type, reject.code, network);
  // nft does not print its default.
  const bool both = family != TableFamily::ip && family != TableFamily::ip6;
  if (name == "port-unreachable" && both == (reject.type == reject_icmpx)) return "reject";
  const std::string_view kind = reject.type == reject_icmpx ? "icmpx"
                                : network == "ip6"          ? "icmpv6"
                                                            : "icmp";
  return "reject with " + std::string(kind) + " " +
         (name.empty() ? std::to_string(reject.code) : std::string(name));
}

std::string limit_text(const Limit& limit) {
  const char* const unit = limit.unit == 1        ? "second"
                           : limit.unit == 60     ? "minute"
                           : limit.unit == 3600   ? "hour"
                           : limit.unit == 86400  ? "day"
                           : limit.unit == 604800 ? "week"
                                                  : "period";
  std::string text = limit.over ? "limit rate over " : "limit rate ";
  text += (limit.bytes ? bytes_rate(limit.rate) : std::to_string(limit.rate) + "/") + unit;
  // nft does not print its default burst.
  const std::uint32_t usual = limit.bytes ? 0 : 5;
  if (limit.burst != usual) {
    text += " burst " + std::to_string(limit.burst) + (limit.bytes ? " bytes" : " packets");
  }
  return text;
}

std::string nat_flags_text(std::uint32_t flags) {
  std::string text;
  const auto add = [&](std::uint32_t flag, std::string_view name) {
    if ((flags & flag) != 0) text.append(text.empty() ? " " : ",").append(name);
  };
  add(nat_proto_random, "random");
  add(nat_proto_random_fully, "fully-random");
  add(nat_persistent, "persistent");
  return text;
}

}  // namespace core::packet::words
