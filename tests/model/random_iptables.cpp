#include <map>
#include <string>
#include <vector>

#include "model/random_packet.hpp"
#include "model/random_rules.hpp"

namespace model {
namespace {

using Texts = std::vector<std::string>;

class IptablesRules {
 public:
  IptablesRules(Chance& chance, bool ipv4) : chance_(chance), ipv4_(ipv4) {}

  std::string text() {
    static const std::map<std::string, Texts> chains = {
        {"raw", {"PREROUTING", "OUTPUT"}},
        {"mangle", {"PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"}},
        {"nat", {"PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"}},
        {"filter", {"INPUT", "FORWARD", "OUTPUT"}}};
    std::string result;
    for (const auto& [table, names] : chains) {
      if (often(400)) continue;
      result += "*" + table + "\n";
      for (const std::string& name : names) {
        result += ":" + name + " " + (table == "filter" && often(150) ? "DROP" : "ACCEPT") + "\n";
      }
      result += ":OWN -\n:LAST -\n";
      for (std::size_t i = 1 + chance_.below(8); i > 0; --i) {
        std::string chain = one(names);
        if (often(300)) chain = one({"OWN", "LAST"});
        result += "-A " + chain + rule(table, chain) + "\n";
      }
      result += "COMMIT\n";
    }
    return result;
  }

 private:
  std::string one(const Texts& texts) { return chance_.one_of(texts); }
  bool often(std::size_t per_mille) { return chance_.per_mille(per_mille); }
  std::string port() { return std::to_string(random_port(chance_)); }
  std::string no() { return often(200) ? " !" : ""; }

  std::string rule(const std::string& table, const std::string& chain) {
    protocol_ = one({"", "tcp", "udp", ipv4_ ? "icmp" : "ipv6-icmp"});
    std::string result = protocol_.empty() ? "" : " -p " + protocol_;
    if (often(300)) result += no() + " -s " + address(true);
    if (often(300)) result += no() + " -d " + address(false);
    if (chain == "PREROUTING" && often(100)) result += no() + " -i " + one({"h0", "h+", "h1"});
    if (chain == "POSTROUTING" && often(200)) result += no() + " -o " + one({"h0", "h+", "h1"});
    for (std::size_t i = chance_.below(3); i > 0; --i) result += match();
    return result + target(table, chain);
  }

  std::string address(bool source) {
    if (often(300))
      return ipv4_ ? one({"10.1.0.0/24", "10.2.0.0/30"}) : one({"fd01::/64", "fd02::/126"});
    return source ? random_source(chance_, ipv4_) : random_destination(chance_, ipv4_);
  }

  std::string match() {
    const bool ported = protocol_ == "tcp" || protocol_ == "udp";
    switch (chance_.below(10)) {
      case 0:
        return ported ? " -m multiport" + no() + " --" + one({"dports", "sports", "ports"}) + " " +
                            port() + ",1000:9000"
                      : " -m comment --comment \"x\"";
      case 1:
        return " -m conntrack" + no() + " --ctstate " +
               one({"NEW", "ESTABLISHED,RELATED", "INVALID", "UNTRACKED", "DNAT", "SNAT"});
      case 2:
        return " -m conntrack" + no() + " --ctorigdst " + address(false) + " --ctproto " +
               one({"6", "17"});
      case 3:
        return " -m mark" + no() + " --mark " + one({"0x0", "0x1/0x1", "0x4000/0x4000"});
      case 4:
        return " -m connmark" + no() + " --mark " + one({"0x0", "0x1/0x1"});
      case 5:
        return " -m addrtype" + no() + one({" --dst-type ", " --src-type "}) +
               one({"LOCAL", "UNICAST"});
      case 6:
        return " -m statistic --mode random --probability " + one({"0.5", "0.0", "1.0"});
      case 7:
        if (protocol_ == "tcp") {
          return one({" -m tcp --tcp-flags SYN,ACK SYN", " -m tcp --tcp-option 2", " -m tcp --syn",
                      " -m tcp ! --tcp-option 2"});
        }
        if (protocol_ == "icmp")
          return " -m icmp" + no() + " --icmp-type " + one({"8", "0", "8/0"});
        if (protocol_ == "ipv6-icmp")
          return " -m icmp6" + no() + " --icmpv6-type " + one({"128", "1"});
        return " -m comment --comment \"y z\"";
      default:
        return ported ? " -m " + protocol_ + no() + one({" --dport ", " --sport "}) +
                            one({port(), "1000:20000", ":80"})
                      : "";
    }
  }

  std::string target(const std::string& table, const std::string& chain) {
    const bool own = chain == "OWN" || chain == "LAST";
    if (table == "nat" && !own) return translation(chain);
    switch (chance_.below(table == "raw" ? 5 : 9)) {
      case 0:
        return own ? (chain == "OWN" ? " -j LAST" : " -j RETURN")
                   : one({" -j OWN", " -g OWN", " -j LAST"});
      case 1:
        return " -j ACCEPT";
      case 2:
        return table == "nat" ? " -j RETURN" : " -j DROP";
      case 3:
        return table == "raw" ? " -j CT --notrack" : " -j RETURN";
      case 4:
        return table == "filter" ? " -j REJECT" : "";
      default:
        if (table != "mangle") return "";
        return one({" -j MARK --set-xmark 0x1/0x1", " -j MARK --set-mark 0x4000",
                    " -j MARK --xor-mark 0x7", " -j CONNMARK --save-mark",
                    " -j CONNMARK --restore-mark", " -j CONNMARK --set-xmark 0x1/0xff",
                    " -j MARK --and-mark 0xff"});
    }
  }

  std::string translation(const std::string& chain) {
    const bool ported = (protocol_ == "tcp" || protocol_ == "udp") && often(500);
    const std::string tail = ported ? ":" + port() : "";
    const std::string to =
        ipv4_ ? "10.2.0." + one({"1", "2", "7"}) : "fd02::" + one({"1", "2", "7"});
    const std::string quoted = !ipv4_ && ported ? "[" + to + "]" : to;
    if (chain == "PREROUTING" && often(300)) {
      return " -j REDIRECT" + (ported ? " --to-ports " + port() : "");
    }
    if (chain == "PREROUTING" || chain == "OUTPUT") {
      return " -j DNAT --to-destination " + quoted + tail;
    }
    if (chain == "POSTROUTING" && often(500)) {
      return " -j MASQUERADE" + (ported ? " --to-ports " + port() : "");
    }
    return " -j SNAT --to-source " + quoted + tail;
  }

  Chance& chance_;
  bool ipv4_;
  std::string protocol_{};
};

}  // namespace

std::string random_iptables(Chance& chance, bool ipv4) {
  return IptablesRules(chance, ipv4).text();
}

}  // namespace model
