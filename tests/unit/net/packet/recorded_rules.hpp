// Rules as nft(8) and iptables-nft(8) have written them into a kernel, which gave them back:
// tests/data/packet/rules. PONA_WRITE_GOLDEN=1 has them recorded anew, which takes root and both
// programs; a rule of which there is only the text yet is recorded then as well.
#pragma once

#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include <linux/netfilter/nf_tables.h>

#include "net/packet/decode_expression.hpp"
#include "net/packet/ruleset_messages.hpp"
#include "net/packet/ruleset_socket.hpp"
#include "unit/net/bytes.hpp"
#include "unit/net/namespace.hpp"

namespace unit::recorded_rules {

struct Recorded {
  std::string text;  // "nft ip: tcp dport 22 accept"
  std::vector<std::uint8_t> expressions;
};

inline std::string file_of_rules() { return std::string(PONA_TEST_DATA) + "/packet/rules"; }

inline std::vector<Recorded> read_recorded() {
  std::vector<Recorded> result;
  std::ifstream file(file_of_rules());
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("  ")) {
      result.back().expressions = net::test::from_hex(line);
    } else {
      result.push_back({line, {}});
    }
  }
  return result;
}

inline core::packet::TableFamily family_of(const std::string& text) {
  if (text.find(" ip6") < text.find(':')) return core::packet::TableFamily::ip6;
  if (text.find(" inet") < text.find(':')) return core::packet::TableFamily::inet;
  return core::packet::TableFamily::ip;
}

// What they do, of the one that is recorded as `text`.
inline std::vector<core::packet::Expression> expressions_of(const std::string& text) {
  static const std::vector<Recorded> all = read_recorded();
  for (const Recorded& one : all) {
    if (one.text == text) return net::decode_expressions(one.expressions, family_of(text));
  }
  FAIL("no such recorded rule: " << text);
  return {};
}

// The only rule of chains of that name in this namespace.
inline std::vector<std::uint8_t> expressions_in_kernel(const std::string& chain) {
  std::vector<std::uint8_t> result;
  net::RulesetSocket socket;
  socket.dump(
      NFT_MSG_GETRULE, std::nullopt, nullptr, [] {},
      [&](core::packet::TableFamily, const net::Attributes& rule) {
        if (rule.text(NFTA_RULE_CHAIN) != chain) return;
        const auto bytes = rule[NFTA_RULE_EXPRESSIONS];
        result.assign(bytes.begin(), bytes.end());
      });
  return result;
}

inline std::vector<std::uint8_t> record_nft(const std::string& family, const std::string& kind,
                                            const std::string& rule) {
  std::string hook = "filter hook prerouting priority 0";
  if (kind == "nat") hook = "nat hook prerouting priority 0";
  if (kind == "post") hook = "nat hook postrouting priority 0";
  const std::string table = family + " t";
  std::string commands = "nft flush ruleset; nft -f - <<'END'\ntable " + table +
                         " {\n chain other {\n }\n chain here {\n type " + hook + "\n }\n";
  if (family == "ip") {
    commands +=
        " counter cnt {\n }\n quota quo {\n over 10 mbytes\n }\n limit lim {\n rate 5/second\n }\n"
        " set addresses {\n type ipv4_addr\n }\n"
        " set seen {\n type ipv4_addr\n flags dynamic,timeout\n }\n"
        " map verdicts {\n type ipv4_addr . inet_service : verdict\n }\n";
  }
  commands += "}\nadd rule " + table + " here " + rule + "\nEND";
  net::test::shell(commands);
  return expressions_in_kernel("here");
}

inline std::vector<std::uint8_t> record_iptables(const std::string& family, const std::string& kind,
                                                 const std::string& rule) {
  std::string table = "-t filter -A FORWARD ";
  std::string chain = "FORWARD";
  if (kind == "raw") table = "-t raw -A PREROUTING ";
  if (kind == "nat") table = "-t nat -A PREROUTING ";
  if (kind == "post") table = "-t nat -A POSTROUTING ";
  if (!kind.empty()) chain = kind == "post" ? "POSTROUTING" : "PREROUTING";
  const std::string program = family == "ip6" ? "ip6tables-nft " : "iptables-nft ";
  net::test::shell("nft flush ruleset; " + program + "-N OTHER; " + program + table + rule);
  return expressions_in_kernel(chain);
}

inline void record_anew() {
  std::vector<Recorded> all = read_recorded();
  net::test::in_namespace([&] {
    for (Recorded& one : all) {
      INFO(one.text);
      const std::size_t colon = one.text.find(": ");
      REQUIRE(colon != std::string::npos);
      const std::string rule = one.text.substr(colon + 2);
      std::string head = one.text.substr(one.text.find(' ') + 1, colon - one.text.find(' ') - 1);
      std::string kind;
      if (const auto blank = head.find(' '); blank != std::string::npos) {
        kind = head.substr(blank + 1);
        head.resize(blank);
      }
      one.expressions = one.text.starts_with("nft ") ? record_nft(head, kind, rule)
                                                     : record_iptables(head, kind, rule);
      CHECK_FALSE(one.expressions.empty());
    }
  });
  std::ofstream file(file_of_rules());
  constexpr char digits[] = "0123456789abcdef";
  for (const Recorded& one : all) {
    file << one.text << "\n  ";
    for (const std::uint8_t byte : one.expressions) file << digits[byte >> 4] << digits[byte & 15];
    file << '\n';
  }
}

}  // namespace unit::recorded_rules
