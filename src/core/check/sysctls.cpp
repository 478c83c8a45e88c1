#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "core/check/codes.hpp"
#include "core/check/judge.hpp"

namespace core::check {
namespace {

constexpr std::int64_t small_table = 65536;  // entries
constexpr std::int64_t few_local_ports = 8192;

std::string dotted(const std::string& key) {
  std::string text = key;
  std::ranges::replace(text, '/', '.');
  return text;
}

bool has_ipv4(const packet::Link& link) {
  return std::ranges::any_of(link.addresses, [](const packet::LinkAddress& one) {
    return one.prefix.family() == Family::ipv4;
  });
}

class SysctlJudge {
 public:
  explicit SysctlJudge(const SysctlFacts& facts) : facts_(facts) {}

  Results run() {
    const bool forwards = facts_.role != Role::pod && facts_.role != Role::cluster;
    if (forwards) {
      forwarding();
      links();
    }
    if (facts_.role == Role::edge || facts_.role == Role::pre) reverse_path();
    if (forwards) sizes();
    if (facts_.edge_runs) liberal();
    if (facts_.role == Role::node) bridge();
    if (forwards) local_ports();
    disabled6();
    if (facts_.role == Role::nat) reflect();
    return std::move(results_);
  }

 private:
  std::optional<std::int64_t> number(const std::string& key) const {
    const auto found = facts_.values.find(key);
    if (found == facts_.values.end()) return std::nullopt;
    std::int64_t value = 0;
    const char* const end = found->second.data() + found->second.size();
    const auto read = std::from_chars(found->second.data(), end, value);
    return read.ec == std::errc() && read.ptr == end ? std::optional(value) : std::nullopt;
  }

  Fix set(const std::string& key, const std::string& value, const std::string& comment = "") const {
    // Names of interfaces may hold dots, and then slashes tell the parts.
    const std::string name = key.find('.') == std::string::npos ? dotted(key) : key;
    return {facts_.place.command("sysctl -w " + quoted(name + "=" + value)),
            comment.empty() ? "lasts until the next boot; " + dotted(key) + " = " + value +
                                  " in a file of /etc/sysctl.d makes it last"
                            : comment};
  }
  std::string read(const std::string& key) const {
    return dotted(key) + " = " + facts_.values.at(key);
  }

  // False: it is as it should be, or not known, and that is said.
  bool wrong(int code, const std::string& key, const std::string& good) {
    const auto value = number(key);
    if (!value) {
      results_.push_back(
          unknown(code, dotted(key) + " cannot be read" + facts_.place.where(), false));
      return false;
    }
    if (*value != 0) {
      results_.push_back(ok(code, good, {read(key)}));
      return false;
    }
    return true;
  }

  // Before there is any job, nothing of this is a fault yet.
  [[nodiscard]] State severity() const {
    return facts_.role == Role::pre ? State::warn : State::error;
  }

  void forwarding() {
    const std::string key = "net/ipv4/ip_forward";
    if (wrong(code::forwarding4, key, "IPv4 is forwarded")) {
      results_.push_back({code::forwarding4,
                          severity(),
                          "this host does not forward IPv4" + facts_.place.where() +
                              ": nothing that is for others gets through",
                          {read(key)},
                          {set(key, "1")}});
    }
    const std::string key6 = "net/ipv6/conf/all/forwarding";
    if (!facts_.ipv6) {
      results_.push_back(skipped(code::forwarding6, "nothing here uses IPv6"));
    } else if (wrong(code::forwarding6, key6, "IPv6 is forwarded")) {
      results_.push_back(
          {code::forwarding6,
           severity(),
           "this host does not forward IPv6" + facts_.place.where() +
               ": nothing that is for others gets through",
           {read(key6)},
           {set(key6, "1",
                "stops router advertisements: where the default route comes by them, set "
                "net.ipv6.conf.INTERFACE.accept_ra = 2 first")}});
    }
  }

  void links() {
    const auto all = number("net/ipv4/ip_forward");
    bool fine = true;
    for (const packet::Link& link : facts_.links) {
      const std::string key = "net/ipv4/conf/" + link.device.name + "/forwarding";
      if (all != 1 || link.loopback || !has_ipv4(link) || number(key) != 0) continue;
      fine = false;
      results_.push_back(
          {code::link_forwarding,
           severity(),
           "what comes in by " + link.device.name + facts_.place.where() + " is not forwarded",
           {"net.ipv4.ip_forward = 1", read(key)},
           {set(key, "1")}});
    }
    if (fine) results_.push_back(ok(code::link_forwarding, "each interface forwards"));
  }

  void reverse_path() {
    const auto all = number("net/ipv4/conf/all/rp_filter");
    if (!all) {
      results_.push_back(
          unknown(code::rp_filter, "net.ipv4.conf.all.rp_filter cannot be read", false));
      return;
    }
    if (facts_.external.size() < 2) {
      results_.push_back(skipped(code::rp_filter, "clients come in by one interface alone"));
      return;
    }
    bool fine = true;
    for (const std::string& name : facts_.external) {
      const std::string key = "net/ipv4/conf/" + name + "/rp_filter";
      const auto own = number(key);
      if (!own || std::max(*all, *own) != 1) continue;
      fine = false;
      results_.push_back(
          {code::rp_filter,
           State::warn,
           "clients that come in by " + name +
               " and are not routed there by the main table are dropped",
           {read("net/ipv4/conf/all/rp_filter"), read(key), "the larger one counts: 1, strict"},
           {set(key, "2")}});
    }
    if (fine) results_.push_back(ok(code::rp_filter, "the reverse path filter is not strict"));
  }

  void sizes() {
    const std::string key = "net/netfilter/nf_conntrack_max";
    const auto limit = number(key);
    if (!limit) {
      results_.push_back(skipped(code::conntrack_max, "nothing tracks connections yet"));
    } else if (*limit < small_table) {
      results_.push_back({code::conntrack_max,
                          State::warn,
                          "there may be only " + std::to_string(*limit) + " tracked connections",
                          {read(key)},
                          {Fix{"sysctl -w net.netfilter.nf_conntrack_max=262144",
                               "for the whole host; lasts until the next boot"}}});
    } else {
      results_.push_back(ok(code::conntrack_max, "the table of connections is large", {read(key)}));
    }
  }

  void liberal() {
    const std::string key = "net/netfilter/nf_conntrack_tcp_be_liberal";
    if (wrong(code::tcp_liberal, key, "TCP is tracked liberally")) {
      results_.push_back(
          {code::tcp_liberal,
           State::warn,
           "the edge wants TCP tracked liberally, and something has set it back",
           {read(key)},
           {set(key, "1", "the edge holds it, too: see its log for who changed it")}});
    }
  }

  void bridge() {
    const std::string key = "net/bridge/bridge-nf-call-iptables";
    if (!facts_.pod_bridge) {
      results_.push_back(skipped(code::bridge_netfilter, "no pods are on a bridge here"));
      return;
    }
    const auto value = number(key);
    if (value == 1) {
      results_.push_back(ok(code::bridge_netfilter, "bridged packets pass netfilter", {read(key)}));
      return;
    }
    std::vector<Fix> fixes;
    if (!value) fixes.push_back({"modprobe br_netfilter", "without it there is no such parameter"});
    fixes.push_back(value ? set(key, "1")
                          : Fix{"sysctl -w net.bridge.bridge-nf-call-iptables=1", ""});
    results_.push_back({code::bridge_netfilter,
                        State::warn,
                        "replies between pods of this node pass kube-proxy's rules by",
                        {value ? read(key) : "there is no " + dotted(key)},
                        std::move(fixes)});
  }

  void local_ports() {
    const std::string key = "net/ipv4/ip_local_port_range";
    const auto found = facts_.values.find(key);
    std::int64_t first = 0, last = 0;
    bool understood = false;
    if (found != facts_.values.end()) {
      const std::size_t gap = found->second.find(' ');
      if (gap != std::string::npos) {
        first = std::atoll(found->second.c_str());
        last = std::atoll(found->second.c_str() + gap);
        understood = last >= first && first > 0;
      }
    }
    if (!understood) {
      results_.push_back(unknown(code::local_ports, dotted(key) + " cannot be read", false));
    } else if (last - first + 1 < few_local_ports) {
      results_.push_back({code::local_ports,
                          State::warn,
                          "connections of the host itself have only " +
                              std::to_string(last - first + 1) + " ports" + facts_.place.where(),
                          {read(key)},
                          {set(key, "32768 60999")}});
    } else {
      results_.push_back(ok(code::local_ports, "the host has ports for itself", {read(key)}));
    }
  }

  void disabled6() {
    if (!facts_.ipv6) {
      results_.push_back(skipped(code::disable_ipv6, "nothing here uses IPv6"));
      return;
    }
    bool fine = true;
    for (const packet::Link& link : facts_.links) {
      const std::string key = "net/ipv6/conf/" + link.device.name + "/disable_ipv6";
      const bool matters = facts_.external.contains(link.device.name) || has_ipv4(link);
      if (link.loopback || !matters || number(key) != 1) continue;
      fine = false;
      results_.push_back(
          {code::disable_ipv6,
           State::error,
           "IPv6 is switched off on " + link.device.name + facts_.place.where() + ", and is needed",
           {read(key)},
           {set(key, "0",
                "its IPv6 addresses and routes are gone: what configures the network "
                "has to add them anew")}});
    }
    if (fine) results_.push_back(ok(code::disable_ipv6, "IPv6 is on"));
  }

  void reflect() {
    for (const char* key : {"net/ipv4/fwmark_reflect", "net/ipv6/fwmark_reflect"}) {
      if (std::string_view(key).find("ipv6") != std::string_view::npos && !facts_.ipv6) continue;
      if (!wrong(code::mark_reflect, key, "answers of the NAT pod itself go into the tunnel"))
        continue;
      results_.push_back(
          {code::mark_reflect,
           State::error,
           "resets and \"packet too big\" for clients miss the tunnel" + facts_.place.where(),
           {read(key)},
           {set(key, "1", "or let pona agent run on the node, which sets it")}});
    }
  }

  const SysctlFacts& facts_;
  Results results_;
};

}  // namespace

std::vector<std::string> sysctl_keys(const std::vector<packet::Link>& links) {
  std::vector<std::string> keys = {
      "net/ipv4/ip_forward",
      "net/ipv6/conf/all/forwarding",
      "net/ipv4/conf/all/rp_filter",
      "net/netfilter/nf_conntrack_max",
      "net/netfilter/nf_conntrack_tcp_be_liberal",
      "net/bridge/bridge-nf-call-iptables",
      "net/ipv4/ip_local_port_range",
      "net/ipv4/fwmark_reflect",
      "net/ipv6/fwmark_reflect",
  };
  for (const packet::Link& link : links) {
    keys.push_back("net/ipv4/conf/" + link.device.name + "/forwarding");
    keys.push_back("net/ipv4/conf/" + link.device.name + "/rp_filter");
    keys.push_back("net/ipv6/conf/" + link.device.name + "/disable_ipv6");
  }
  return keys;
}

Results judge_sysctls(const SysctlFacts& facts) { return SysctlJudge(facts).run(); }

}  // namespace core::check
