#include <string>
#include <vector>

#include "model/random_packet.hpp"
#include "model/random_rules.hpp"

namespace model {
namespace {

using Texts = std::vector<std::string>;

struct Base {
  std::string name;
  std::string type;
  std::string hook;
  int priority = 0;
};

// One table's text; which kinds of matches fit depends on its family.
class NftTable {
 public:
  NftTable(Chance& chance, std::string name)
      : chance_(chance), name_(std::move(name)), family_(one({"ip", "ip", "ip6", "inet"})) {}

  std::string text() {
    std::string chains;
    const std::size_t bases = 1 + chance_.below(3);
    for (std::size_t i = 0; i < 2; ++i) {
      plain_.push_back("c" + std::to_string(i));
      chains += " chain " + plain_.back() + " {\n" + rules(nullptr, i, 4) + " }\n";
    }
    for (std::size_t i = 0; i < bases; ++i) {
      const Base base = random_base("b" + std::to_string(i));
      chains += " chain " + base.name + " {\n  type " + base.type + " hook " + base.hook +
                " priority " + std::to_string(base.priority) +
                (base.type == "filter" && often(150) ? "; policy drop" : "") + "\n" +
                rules(&base, plain_.size(), 6) + " }\n";
    }
    return "table " + family_ + " " + name_ + " {\n" + declarations() + chains + "}\n";
  }

 private:
  std::string one(const Texts& texts) { return chance_.one_of(texts); }
  bool often(std::size_t per_mille) { return chance_.per_mille(per_mille); }
  std::string number(std::size_t limit) { return std::to_string(chance_.below(limit)); }
  std::string port() { return std::to_string(random_port(chance_)); }
  std::string mark() { return one({"0x0", "0x1", "0x7", "0x4000", "0xff00", "0xffffffff"}); }
  bool ipv4() const { return family_ == "ip" || (family_ == "inet" && ipv4_rule_); }

  Base random_base(const std::string& name) {
    Base base{name, "filter", one({"prerouting", "input", "forward", "output", "postrouting"}), 0};
    if (often(300)) {
      base.type = "nat";
      base.hook = one({"prerouting", "output", "postrouting", "input"});
      base.priority = std::stoi(one({"-100", "0", "100"}));
    } else {
      base.priority = std::stoi(one({"-300", "-150", "-50", "0", "0", "50", "150", "300"}));
    }
    return base;
  }

  std::string declarations() {
    const std::string address = family_ == "ip6" ? "ipv6_addr" : "ipv4_addr";
    ipv4_rule_ = family_ != "ip6";
    return " set ports {\n  type inet_service\n  flags interval\n  elements = { 22, 80-443, " +
           std::to_string(8000 + chance_.below(90)) + " }\n }\n set addresses {\n  type " +
           address + "\n  elements = { " + source() + ", " + destination() + " }\n }\n" +
           " set nets {\n  type " + address + "\n  flags interval\n  elements = { " + net() +
           " }\n }\n set pairs {\n  type " + address + " . inet_service\n  elements = { " +
           destination() + " . " + port() + ", " + destination() + " . 1 }\n }\n" +
           " map marks {\n  type inet_service : mark\n  elements = { " + port() + " : " + mark() +
           (often(300) ? ", * : 3" : "") + " }\n }\n map verdicts {\n  type " + address +
           " : verdict\n  flags interval\n  elements = { " + net() + " : " +
           one({"accept", "drop", "continue", "return", "jump c0", "goto c0"}) + " }\n }\n" +
           " set boxes {\n  type " + address +
           " . inet_service\n  flags interval\n  elements = { " + net() + " . " +
           one({"80-8080", "53", "1-60000"}) + " }\n }\n set timed {\n  type " + address +
           "\n  flags timeout\n  elements = { " + destination() + " timeout 1h, " + source() +
           " }\n }\n" + " set seen {\n  type " + address +
           "\n  flags dynamic\n }\n counter cnt {\n }\n" + " quota small {\n  over " +
           one({"10", "100000"}) + " bytes\n }\n";
  }

  std::string source() { return random_source(chance_, ipv4()); }
  std::string destination() { return random_destination(chance_, ipv4()); }
  std::string net() {
    if (ipv4()) return one({"10.1.0.0/24", "10.2.0.0/30", "10.1.0.2-10.1.0.3", "10.0.0.0/8"});
    return one({"fd01::/64", "fd02::/126", "fd01::2-fd01::3", "fc00::/7"});
  }
  std::string l3() const { return ipv4() ? "ip" : "ip6"; }

  std::string rules(const Base* base, std::size_t chains, std::size_t most) {
    std::string result;
    for (std::size_t i = 1 + chance_.below(most); i > 0; --i) {
      ipv4_rule_ = family_ == "ip" || (family_ == "inet" && often(600));
      transport_ = one({"tcp", "udp"});
      named_ = false;
      std::string rule = "  ";
      for (std::size_t j = chance_.below(3); j > 0; --j) rule += match() + " ";
      if (base != nullptr && base->type == "nat") {
        rule += translation(*base);
      } else {
        rule += statement(base, chains);
      }
      result += rule + "\n";
    }
    return result;
  }

  std::string address_match() {
    const std::string field = l3() + one({" saddr ", " daddr "});
    const auto address = [&] { return often(500) ? source() : destination(); };
    switch (chance_.below(7)) {
      case 0:
        return field + address();
      case 1:
        return field + "!= " + address();
      case 2:
        return field + net();
      case 3:
        return field + "{ " + address() + ", " + net() + " }";
      case 4:
        return fits_sets() ? field + one({"@addresses", "@nets", "@timed"}) : field + address();
      case 5:
        if (!fits_sets() || !ported()) return field + address();
        return l3() + " daddr . " + transport() + " dport @" + one({"pairs", "boxes"});
      default:
        return field + "!= " + net();
    }
  }

  // nft(8) wants one protocol in a rule.
  std::string transport() {
    named_ = true;
    return transport_;
  }
  bool ported() const { return !transport_.starts_with("icmp"); }

  std::string port_match() {
    const std::string field =
        (often(300) ? std::string("th") : transport()) + one({" dport ", " dport ", " sport "});
    switch (chance_.below(7)) {
      case 0:
        return field + port();
      case 1:
        return field + "!= " + port();
      case 2:
        return field + one({"80-8080", "1024-40000", "!= 80-443"});
      case 3:
        return field + "{ " + port() + ", 1000-20000 }";
      case 4:
        return field + "@ports";
      case 5:
        return field + one({"> ", "< ", ">= ", "<= "}) + port();
      default:
        return field + "& 0x1 == 0x" + one({"0", "1"});
    }
  }

  std::string header_match() {
    if (ipv4()) {
      return one({"ip ttl > 60", "ip ttl != 64", "ip dscp cs2", "ip dscp != 0", "ip length > 40",
                  "ip length 20-60", "ip protocol tcp", "ip protocol != udp", "ip version 4",
                  "ip hdrlength 5", "ip id > 30000", "ip frag-off & 0x4000 != 0", "@th,0,8 8"});
    }
    return one({"ip6 hoplimit > 60", "ip6 hoplimit != 64", "ip6 dscp cs2", "ip6 length > 20",
                "ip6 nexthdr tcp", "ip6 nexthdr != udp", "ip6 version 6", "ip6 flowlabel < 8",
                "@th,0,8 128", "exthdr frag missing"});
  }

  std::string other_match() {
    switch (chance_.below(19)) {
      case 14:
        return "fib " + one({"saddr", "daddr"}) + " type " +
               one({"local", "unicast", "!= local", "{ local, unicast }"});
      case 15:
        return one({"limit rate 1000/second", "limit rate over 1000/second", "ct count over 9999",
                    "quota 1 gbytes"});
      case 16:
        return "symhash mod 2 " + number(2);
      case 17:
        return ipv4() ? "ip option rr exists" : "exthdr " + one({"dst", "hbh"}) + " exists";
      case 18:
        if (transport() != "tcp") return "meta length > 30";
        return "tcp flags " + one({"ack", "rst", "! syn"});
      case 0:
        return "meta mark " + mark();
      case 1:
        return "meta mark & " + mark() + " " + one({"== ", "!= "}) + mark();
      case 2:
        return "meta mark " + one({"> ", "< "}) + mark();
      case 3:
        return "ct state " + one({"new", "established,related", "untracked", "!= new", "invalid"});
      case 4:
        return "ct mark " + mark();
      case 5:
        return one({"iifname", "oifname"}) + " " + one({"\"h0\"", "\"h1\"", "\"h*\"", "!= \"h1\""});
      case 6:
        return "meta length " + one({"> 50", "< 60", "20-48"});
      case 7:
        return "meta l4proto " + one({"tcp", "udp", "{ tcp, udp }", "!= tcp"});
      case 8:
        return family_ == "inet" ? std::string("meta nfproto ") + (ipv4() ? "ipv4" : "ipv6")
                                 : "meta cpu 0-100";
      case 9:
        if (transport() != "tcp") return "meta length > 30";
        return "tcp flags " + one({"syn", "fin,syn", "& (syn | ack) == syn", "! ack"});
      case 10:
        if (transport() != "tcp") return "meta length > 30";
        return "tcp option maxseg " + one({"exists", "missing", "size 1460", "size > 1000"});
      case 11:
        if (often(300)) return icmp_match();
        return "ct " +
               one({"direction original", "status dnat", "status snat", "original protocol tcp"});
      case 12:
        return "@th,16,8 " + one({"0x0", "!= 0x1", "> 0x10"});
      default:
        return "numgen random mod 2 " + number(2);
    }
  }

  // The transport of a rule that has it is ICMP alone.
  std::string icmp_match() {
    if (named_) return "meta cpu 0-100";
    named_ = true;
    transport_ = ipv4() ? "icmp" : "icmpv6";
    return transport_ + one({" type echo-request", " type != echo-reply", " code 0",
                             " type { echo-request, echo-reply }"});
  }

  std::string match() {
    switch (chance_.below(5)) {
      case 0:
        return address_match();
      case 1:
      case 2:
        return port_match();
      case 3:
        return header_match();
      default:
        return other_match();
    }
  }

  std::string statement(const Base* base, std::size_t chains) {
    const bool early = base != nullptr && base->priority == -300 &&
                       (base->hook == "prerouting" || base->hook == "output");
    switch (chance_.below(16)) {
      case 0:
        return "counter drop";
      case 1:
        return "accept";
      case 2:
        return "meta mark set " + mark();
      case 3:
        return "meta mark set meta mark " + one({"| ", "& ", "^ "}) + mark();
      case 4:
        return "meta mark set meta mark " + one({"<< ", ">> "}) +
               std::to_string(1 + chance_.below(30));
      case 5:
        return "ct mark set " + (often(500) ? mark() : "meta mark");
      case 6:
        return "meta mark set " + (often(500) || !ported() ? std::string("ct mark")
                                                           : transport() + " dport map @marks");
      case 7:
      case 8:
        if (chains != 0 && often(200)) {
          return "numgen random mod 2 vmap { 0 : jump c0, 1 : " + one({"accept", "continue"}) +
                 " }";
        }
        return chains == 0 ? "counter" : one({"jump c", "goto c"}) + number(chains);
      case 9:
        return "return";
      case 10:
        return early ? "notrack" : "counter name \"cnt\"";
      case 11:
        return chains == 0 || !fits_sets() ? "counter" : l3() + " daddr vmap @verdicts";
      case 12:
        if (ipv4()) return "ip " + one({"ttl set 9", "dscp set cs3", "id set 77"});
        return "ip6 " + one({"hoplimit set 9", "dscp set cs3"});
      case 13:
        return "quota name \"small\" counter";
      case 14:
        return fits_sets() ? one({"add", "update"}) + " @seen { " + l3() + " saddr }" : "counter";
      default:
        return "meta mark set jhash " + l3() + " saddr . " + l3() + " daddr mod 16 seed 0x" +
               number(9) + " offset " + number(5);
    }
  }

  // Those of a table of both families have addresses of IPv4.
  bool fits_sets() const { return family_ != "inet" || ipv4(); }

  std::string translation(const Base& base) {
    const bool to_ported = ported() && often(500);
    const std::string to_port = to_ported ? ":" + port() : "";
    const std::string match = to_ported ? "meta l4proto " + transport() + " " : "";
    const bool source_side = base.hook == "postrouting" || base.hook == "input";
    const std::string kind = family_ == "inet" ? " " + l3() : "";
    const auto quoted = [&](const std::string& address) {
      return !ipv4() && to_ported ? "[" + address + "]" : address;
    };
    if (source_side && base.hook == "postrouting" && often(400)) {
      return match + "masquerade" + (to_ported ? " to " + to_port : "");
    }
    if (source_side) {
      return match + "snat" + kind + " to " +
             quoted(ipv4() ? "10.2.0." + one({"5", "6"}) : "fd02::" + one({"5", "6"})) + to_port;
    }
    if (base.hook == "prerouting" && often(300)) {
      return match + "redirect" + (to_ported ? " to " + to_port : "");
    }
    if (base.hook == "prerouting" && often(200) && fits_sets()) {
      return "dnat" + kind + " to " + l3() + " daddr map { " + destination_for_nat() + " : " +
             destination_for_nat() + " }";
    }
    if (often(200)) {
      return match + "dnat" + kind + " to " + one({"numgen random", "numgen inc", "symhash"}) +
             " mod 2 map { 0 : " + destination_for_nat() + ", 1 : " + destination_for_nat() + " }";
    }
    if (ported() && often(200)) {
      return "dnat" + kind + (kind.empty() ? " " + l3() : "") + " addr . port to " + l3() +
             " daddr . " + transport() + " dport map { " + destination() + " . " + port() + " : " +
             destination_for_nat() + " . " + port() + " }";
    }
    return match + "dnat" + kind + " to " + quoted(destination_for_nat()) + to_port;
  }
  std::string destination_for_nat() {
    return ipv4() ? "10.2.0." + one({"1", "2", "7"}) : "fd02::" + one({"1", "2", "7"});
  }

  Chance& chance_;
  std::string name_;
  std::string family_;
  Texts plain_{};
  bool ipv4_rule_ = true;
  std::string transport_{};
  bool named_ = false;  // the rule is of that protocol already
};

}  // namespace

std::string random_nft(Chance& chance) {
  std::string result;
  const std::size_t tables = 1 + chance.below(2);
  for (std::size_t i = 0; i < tables; ++i) {
    result += NftTable(chance, "t" + std::to_string(i)).text();
  }
  return result;
}

}  // namespace model
