#include "core/check/codes.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <stdexcept>
#include <utility>

namespace core::check {
namespace {

constexpr auto all_codes = std::to_array<Code>({
    {code::nftables, Group::kernel, "nftables", "the kernel has no nftables as pona needs them",
     "Tables, chains, sets with ranges and maps of nf_tables are what every job of pona is made "
     "of. They were tried in a network namespace made for that. The kernel needs CONFIG_NF_TABLES "
     "with families ip and ip6 (module nf_tables), Linux 5.10 or newer; in a container its seccomp "
     "profile may be in the way."},
    {code::nat, Group::kernel, "nat", "the kernel cannot translate addresses by nftables",
     "dnat, snat and masquerade were refused. Needed: CONFIG_NFT_NAT and CONFIG_NFT_MASQ (modules "
     "nft_chain_nat, nft_nat, nft_masq)."},
    {code::conntrack, Group::kernel, "conntrack", "the kernel does not track connections",
     "Marks, states and directions of connections were refused, or their table cannot be listed. "
     "Needed: CONFIG_NF_CONNTRACK with _MARK and CONFIG_NF_CT_NETLINK, CONFIG_NFT_CT (modules "
     "nf_conntrack, nf_conntrack_netlink, nft_ct)."},
    {code::fib, Group::kernel, "fib", "nftables cannot ask the routing table",
     "Rules that ask whether an address is this host's were refused; the edge uses them with "
     "--address-policy any. Needed: CONFIG_NFT_FIB_IPV4 and _IPV6 (modules nft_fib_ipv4, "
     "nft_fib_ipv6)."},
    {code::notrack, Group::kernel, "notrack", "nftables cannot leave packets untracked",
     "`notrack` was refused. NAT pods and clients leave tunnel packets untracked by it. It is in "
     "the module nft_ct."},
    {code::hash, Group::kernel, "hash", "nftables cannot hash",
     "`jhash` was refused, by which the edge spreads connections over endpoints. Needed: "
     "CONFIG_NFT_HASH (module nft_hash)."},
    {code::limits, Group::kernel, "limits", "nftables cannot limit connections",
     "Sets that packets fill, with a rate or a number of connections for each element, were "
     "refused. Mappings with maxConnectionsPerSource or newConnectionsPerSecond need them: "
     "CONFIG_NFT_CONNLIMIT and CONFIG_NFT_LIMIT (modules nft_connlimit, nft_limit)."},
    {code::owner, Group::kernel, "owner", "tables of nftables have no owner",
     "Since Linux 5.12 a table can have an owner, without which any `nft flush ruleset` deletes "
     "the edge's tables. The edge notices that and makes them anew, with connections cut in "
     "between. A newer kernel is the cure."},
    {code::nexthop, Group::kernel, "nexthop", "there are no resilient groups of next hops",
     "Clients of an Egress spread connections over NAT pods by a resilient group of next hop "
     "objects: Linux 5.13. With mode: Service an Egress does without."},
    {code::vxlan, Group::kernel, "vxlan", "VXLAN-GPE cannot be had",
     "A device of type vxlan with `external gpe` was refused. Egresses with encapsulation: VXLAN "
     "need it: CONFIG_VXLAN (module vxlan)."},
    {code::fou, Group::kernel, "fou", "FoU cannot be had",
     "A FoU port or a device of type ipip was refused. Egresses with encapsulation: FoU, which is "
     "the default, need CONFIG_NET_FOU and CONFIG_NET_IPIP (modules fou, ipip). Load them on the "
     "nodes, or let Egresses say encapsulation: VXLAN."},
    {code::fou6, Group::kernel, "fou6", "FoU for IPv6 cannot be had",
     "A FoU port for IPv6 or a device of type ip6tnl was refused. Needed on clusters with IPv6: "
     "CONFIG_IPV6_FOU and CONFIG_IPV6_TUNNEL (modules fou6, ip6_tunnel), or encapsulation: VXLAN."},
    {code::namespaces, Group::kernel, "namespaces", "no network namespace can be made here",
     "What the kernel can do is tried in a network namespace of its own, and that could not be "
     "made: it takes root (CAP_SYS_ADMIN) or user namespaces. The checks of the kernel are not "
     "known then."},
    {code::policy_routing, Group::kernel, "policy-routing",
     "there is no routing by rules and tables",
     "A rule by packet mark, or a route in a table of its own, was refused. Replies leave by the "
     "interface that their client came in by, and clients of an Egress reach their tunnels, by "
     "such rules: CONFIG_IP_MULTIPLE_TABLES and CONFIG_IPV6_MULTIPLE_TABLES."},
    {code::clamp, Group::kernel, "clamp", "nftables cannot lower the segment size of TCP",
     "Where legs have MTUs that differ, pona lowers the MSS of TCP, so that no connection hangs "
     "whose ICMP errors are lost on the way. Needed: CONFIG_NFT_EXTHDR is in nf_tables; `rt mtu` "
     "since Linux 4.14."},
    {code::reject, Group::kernel, "reject", "nftables cannot reject",
     "Resets and ICMP errors by rules were refused, so clients of what cannot be served would "
     "wait in vain. Needed: CONFIG_NFT_REJECT (modules nft_reject, nft_reject_ipv4, _ipv6)."},

    {code::forwarding4, Group::sysctl, "forwarding-off", "IPv4 is not forwarded",
     "net.ipv4.ip_forward is 0: packets for others are dropped, so mapped traffic reaches no pod, "
     "and nothing leaves a NAT pod. `sysctl -w` lasts until the next boot; a file in "
     "/etc/sysctl.d makes it last."},
    {code::forwarding6, Group::sysctl, "forwarding6-off", "IPv6 is not forwarded",
     "net.ipv6.conf.all.forwarding is 0, while the host has IPv6 addresses that others reach. "
     "With it on, the kernel takes no more router advertisements, unless accept_ra is 2: set that "
     "first where the default route comes from them."},
    {code::rp_filter, Group::sysctl, "rp-filter", "replies by another interface are dropped",
     "The strict reverse path filter drops a client's packets that come in by an interface by "
     "which the main routing table would not answer. With more than one interface to the outside "
     "that hits every client that is not behind the default route. The larger one of all and the "
     "interface's own setting counts: 2 (loose) is enough, in both or in the larger one."},
    {code::conntrack_max, Group::sysctl, "conntrack-max", "the table of connections is small",
     "net.netfilter.nf_conntrack_max is what tracked connections there may be; each of a client "
     "takes one. When it is full, new connections are dropped without a word to them. A million "
     "entries take some 300 MB."},
    {code::tcp_liberal, Group::sysctl, "tcp-liberal", "TCP out of window is called invalid",
     "The edge holds net.netfilter.nf_conntrack_tcp_be_liberal at 1, because a packet that is "
     "called invalid is not translated back, and the host's own stack answers it with a reset that "
     "ends the connection. Something has set it back to 0."},
    {code::bridge_netfilter, Group::sysctl, "bridge-netfilter",
     "bridged packets of pods pass no netfilter",
     "With pods on a bridge and kube-proxy in a mode of iptables or nftables, replies between two "
     "pods of one node are bridged past it and are not translated back, so Services fail there "
     "for pods of the same node. net.bridge.bridge-nf-call-iptables has to be 1 (module "
     "br_netfilter)."},
    {code::local_ports, Group::sysctl, "local-ports", "the host has few ports for itself",
     "net.ipv4.ip_local_port_range is what connections that the host itself opens (proxies, "
     "health checks, the connection to the API server) take their ports from. With few, they fail "
     "with \"Cannot assign requested address\" under load. Translated traffic takes others."},
    {code::disable_ipv6, Group::sysctl, "ipv6-disabled", "IPv6 is switched off where it is needed",
     "disable_ipv6 is 1 on an interface, or for all, while objects or the pod's own addresses are "
     "of IPv6. What is switched off has no addresses and no routes."},
    {code::mark_reflect, Group::sysctl, "mark-reflect", "a NAT pod's own answers miss the tunnel",
     "A NAT pod answers clients itself with resets and \"packet too big\"; with fwmark_reflect 0 "
     "these leave without the mark that leads them into the tunnel, and clients hang in their "
     "place. The agent on the node sets it, or the Egress's template names the sysctls."},
    {code::link_forwarding, Group::sysctl, "link-forwarding", "one interface does not forward",
     "net.ipv4.conf.INTERFACE.forwarding is 0 although ip_forward is 1: what comes in there and is "
     "for others is dropped. That is set by hand, or an interface was made before forwarding was "
     "switched on in the namespace."},

    {code::forward_drop, Group::rules, "forward-drop", "another program drops forwarded traffic",
     "A chain of another program lets no mapped traffic pass: no rule of it accepts it and its "
     "policy is drop, or a rule drops it. An accept in pona's own table does not help, because "
     "every chain has to let a packet pass. ufw, firewalld and Docker have such policies. Let "
     "translated connections pass by one rule in front (`ct status dnat accept`), and tell the "
     "program of it, as it makes its rules anew at its next start."},
    {code::two_iptables, Group::rules, "two-iptables", "rules of both iptables are loaded",
     "Rules were made with iptables-legacy and with iptables-nft. Both work, one behind the other, "
     "and each program shows only its own, so that what is seen is half of what happens. Find "
     "which program uses the legacy one (often a container with its own iptables), move it over, "
     "and flush the legacy tables."},
    {code::other_programs, Group::rules, "other-programs", "other programs have rules here",
     "firewalld, ufw, Docker, kube-proxy and others are told by the chains, tables and devices "
     "that they leave in the kernel. That is no fault: it says who else decides on packets."},
    {code::translated_first, Group::rules, "translated-first",
     "another program translates a mapped port",
     "A connection is translated once in each direction, by the first chain that does it. A rule "
     "of another program comes in front of pona's for a mapped address and port (Docker's "
     "published ports, a redirect, a hand-made DNAT), so the traffic goes to somewhere else. "
     "Delete that rule, or free the port in that program."},
    {code::untracked, Group::rules, "untracked", "mapped traffic is left untracked",
     "A rule with notrack hits a mapped address and port. What is not tracked is not translated, "
     "so it ends at this host. Make an exception in that rule, or delete it."},
    {code::listener, Group::rules, "listener", "a program listens on a mapped port",
     "A socket of this host is bound to a mapped address and port. The edge does not take a port "
     "that a program has, and says so in the Mapping's status; where it had the port first, "
     "clients outside reach the Mapping and never the program."},

    {code::veth_mtu, Group::mtu, "veth-mtu", "the two ends of a link have different MTUs",
     "What one end of a veth sends and is too long for the other end is dropped, with no ICMP "
     "error, so connections stall once they carry data. Both ends need the same MTU. It is most "
     "often the network plugin's configuration (mtu) that was changed while pods ran."},
    {code::tunnel_mtu, Group::mtu, "tunnel-mtu", "a tunnel's MTU is too large",
     "With its headers around it, a packet as long as the tunnel allows does not fit the "
     "interface below: it is fragmented, or dropped where fragments are. The tunnel's MTU has to "
     "be less by its headers: 28 bytes for FoU, 36 for VXLAN-GPE, 50 for VXLAN, each 20 more over "
     "IPv6."},
    {code::bridge_mtu, Group::mtu, "bridge-mtu", "a port of a bridge takes less than the bridge",
     "A bridge sends no ICMP error: frames that are too long for a port are dropped. All ports "
     "need the bridge's MTU, or the bridge that of its smallest port."},
    {code::ipv6_mtu, Group::mtu, "ipv6-mtu", "an interface is too narrow for IPv6",
     "IPv6 needs 1280 bytes. An interface whose MTU is less has no IPv6 at all."},

    {code::tunnel_clash, Group::tunnels, "tunnel-clash",
     "two entries of connection tracking block a tunnel",
     "A NAT pod's packet to a client came before the client's own one to the Egress's Service, or "
     "after its entry had expired. The client's flow then gets another source port, its replies "
     "are not translated back to the Service's address, and the tunnel device drops them: the "
     "client has no egress until both entries expire. Deleting both lets the next packet make the "
     "right one. mode: Direct, and source ports that the kernel chooses, avoid it."},
    {code::tunnel_port_taken, Group::tunnels, "tunnel-port-taken",
     "a program has the tunnels' UDP port",
     "A socket is bound to the UDP port of FoU (5555) or VXLAN-GPE (4790) in this namespace, so "
     "the kernel cannot take tunnels there. End that program, or give the Egress another port."},
    {code::no_tunnel_route, Group::tunnels, "no-tunnel-route",
     "a client's traffic does not go into the tunnel",
     "The agent says that a destination of this pod is reached by a tunnel, and the route that "
     "the pod's kernel gives leads elsewhere: rules, routes or devices of pona were deleted by "
     "hand or by the network plugin. The agent repairs them at its next look; where they are "
     "missing again and again, something else deletes them."},
    {code::tunnel_down, Group::tunnels, "tunnel-down", "a tunnel device is down",
     "A tunnel device was set down. Its routes are gone with it. The agent, or the NAT pod, sets "
     "it up at its next look."},
    {code::nat_pods_dead, Group::tunnels, "nat-pods-dead", "NAT pods do not answer",
     "The agent asks each NAT pod several times a second through the tunnel, and these have not "
     "answered. With none left, connections to the Egress's destinations fail at once. See whether "
     "the pods run and are ready, and whether UDP reaches them from this node (network policies, "
     "security groups)."},
    {code::no_nat_pods, Group::tunnels, "no-nat-pods", "an Egress has no NAT pods",
     "Pods of this node use an Egress that has no NAT pod at all: its destinations are refused. "
     "Look whether `pona controller` runs, and at the Egress's conditions."},

    {code::table_fill, Group::conntrack, "table-fill", "the table of connections is nearly full",
     "When it is full the kernel drops new connections (\"nf_conntrack: table full, dropping "
     "packet\"), those of the host itself, too. Raise net.netfilter.nf_conntrack_max, and look for "
     "who opens so many: `conntrack -L -o extended | head`, or `pona edge status`."},
    {code::short_timeout, Group::conntrack, "short-timeout", "idle connections are soon forgotten",
     "An established TCP connection without traffic is forgotten after "
     "net.netfilter.nf_conntrack_tcp_timeout_established seconds, and hangs then. It should not be "
     "less than the two hours after which TCP keepalive asks for the first time; kube-proxy sets a "
     "day."},
    {code::port_use, Group::ports, "port-use", "source ports towards a destination run out",
     "One address that clients are masqueraded to has 64,512 ports for each destination address "
     "and port. When all are in use, new connections to it are dropped. Give the edge more "
     "addresses (--masquerade-addresses) or the Egress more NAT pods, and let clients keep "
     "connections open and use them again."},

    {code::address_absent, Group::addresses, "address-absent",
     "a mapped address is not on this host",
     "The edge leaves an address alone that no interface here has, as it may be another edge's "
     "turn. If no edge has it, nobody answers for it. Whoever moves addresses (keepalived, BGP, "
     "an administrator) has to put it here; --address-policy any is for addresses that are routed "
     "here and on no interface."},
    {code::duplicate_address, Group::addresses, "duplicate-address",
     "another host has an address of this one",
     "Duplicate address detection of IPv6 found the address elsewhere on the link, so the kernel "
     "does not use it here. Two hosts were given it, or a take-over left it at the old one. Take "
     "it away from one of them, and add it anew."},
    {code::address_on_downed_link, Group::addresses, "address-on-downed-link",
     "a mapped address lies on an interface that is down",
     "The kernel still calls an IPv4 address its own while the interface is down or has no "
     "carrier, so the edge serves it, and no packet comes in. Set the interface up, look at the "
     "cable or the other end, or move the address."},
    {code::address_twice, Group::addresses, "address-twice", "an address is on two interfaces",
     "The same address was given to two interfaces of this host. Which one answers ARP for it is "
     "chance (arp_ignore, arp_announce), and so is by which one clients come in. Delete one."},
    {code::address_claimed, Group::addresses, "address-claimed",
     "another host answers for an address of this one",
     "Asked on the link who has the address (an ARP probe, a neighbour solicitation), a machine "
     "with "
     "another MAC said that it has it. Which of the two a neighbour believes is chance and "
     "changes, "
     "so that connections hang or reach the wrong one. Find the machine by its MAC, in the table "
     "of "
     "the switch or among those that had the address before, and take the address away from one of "
     "the two. Of two edges, one at a time has an address: keepalived or whoever moves it has to "
     "see the other one."},

    {code::api_server, Group::permissions, "api-server", "the API server does not let us in",
     "The cluster of the kubeconfig does not answer, or refuses the credential. While it is so, an "
     "edge keeps what it knew last; a new one starts with what was saved. See the address, the "
     "certificate and the token in the kubeconfig."},
    {code::permissions, Group::permissions, "permissions", "rights in the cluster are missing",
     "The API server was asked (SelfSubjectAccessReview) about each right that the job's roles "
     "give, for the user of this kubeconfig, and some are missing. `pona install` prints the "
     "roles. An administrator's kubeconfig may have all rights, while that of the daemon has not: "
     "use --kubeconfig to name the daemon's."},
    {code::kinds_missing, Group::permissions, "kinds-missing", "pona's kinds are not installed",
     "The cluster does not know pona's custom resources. Install them with what `pona install "
     "crds` prints."},
    {code::clock, Group::clock, "clock", "the clock differs from the API server's",
     "The time of this host and that in the API server's answers (to the second) differ. "
     "Certificates and tokens that are \"not yet valid\" or expired, leases that change hands for "
     "nothing, and logs that do not fit together come of it. Let chrony or systemd-timesyncd set "
     "the clock."},

    {code::kubeconfig_mode, Group::files, "kubeconfig-mode", "others can read the kubeconfig",
     "The file holds a credential of the cluster and can be read by every user of this host."},
    {code::manifests, Group::files, "manifests", "the directory of manifests cannot be used",
     "It is not there, not a directory, cannot be read, or anybody can write to it, and so map "
     "addresses to what they like."},
    {code::state_directory, Group::files, "state-directory", "the saved state cannot be kept safe",
     "The edge saves what it knows of the cluster there, to start without the API server. The "
     "directory is missing a right, or anybody can write to it."},
    {code::run_directory, Group::files, "run-directory", "anybody can write to /run/pona",
     "The sockets of edge and agent, and the CNI plugin's records of pods, lie there. Who can "
     "write there can take their place."},
    {code::edge_silent, Group::sockets, "edge-silent", "no edge answers",
     "Nobody listens on the edge's socket, or who listens does not answer. Forwarding goes on by "
     "what the last one left in the kernel, but nothing follows the cluster any more. Start it, "
     "and look at its log."},
    {code::edge_troubled, Group::sockets, "edge-troubled", "the edge has troubles",
     "The running edge says itself that something is wrong: `pona edge status` has it in whole, "
     "with Mappings that are rejected and warnings."},
    {code::agent_silent, Group::sockets, "agent-silent", "no agent answers",
     "Nobody listens on the agent's socket, or who listens does not answer. Pods that use an "
     "Egress do not start, and NAT pods that come or go are not followed by the clients of this "
     "node. See the pod of the DaemonSet pona-agent on this node."},
    {code::agent_troubled, Group::sockets, "agent-troubled", "the agent has troubles",
     "The running agent says itself that something is wrong, or that pods use an Egress and are "
     "not led to it: `pona egress list` has it in whole."},
    {code::socket_mode, Group::sockets, "socket-mode", "anybody may use a socket of pona",
     "The socket of the edge or the agent can be used by every user of this host. Status is read "
     "there; at the agent's, pods are set up, too."},

    {code::smartnat_chains, Group::leftovers, "smartnat-chains", "chains of SmartNat are left",
     "SmartNat's chains of iptables (SNM-…, MAP-…) are still there. While its controller runs it "
     "translates the same addresses; after that they stay for ever and translate what comes past "
     "pona. Stop SmartNat on this host, see that pona has all its Mappings, and delete them."},
    {code::smartnat_sets, Group::leftovers, "smartnat-sets", "ipsets of SmartNat are left",
     "SmartNat's ipsets (DNAT-… and those of the same name without it) are still there. They cost "
     "memory only, once no rule uses them."},
    {code::smartnat_rules, Group::leftovers, "smartnat-rules", "routing rules of SmartNat are left",
     "SmartNat routes by rules with packet marks 0x800 and the interface's index. They lead "
     "nowhere that pona knows of, and hit packets that others mark with the same."},
    {code::old_devices, Group::leftovers, "old-devices",
     "devices of Coil or of the old Pona are left",
     "Tunnel and marker devices of Coil or of cybozu-go/pona (fou4_…, fou6_…, coil_…, pona_ipip…, "
     "fou-dummy, nat-dummy) are still in this namespace. Their catch-all devices take FoU packets "
     "from anybody. They go with the pod, or by hand once the pod is pona's client."},
    {code::old_rules, Group::leftovers, "old-rules",
     "routing rules of Coil or of the old Pona are left",
     "Rules of priorities 1800 to 2100 and routes in tables 117 and 118 that are not pona's lead a "
     "pod's traffic to tunnels that are no more. They go with the pod, or by hand."},
});

std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), [](unsigned char letter) {
    return static_cast<char>(std::tolower(letter));
  });
  return result;
}

}  // namespace

std::string_view to_string(Group group) {
  constexpr std::array<std::string_view, 13> names = {
      "kernel",    "sysctl",      "rules", "mtu",   "tunnels", "conntrack", "ports",
      "addresses", "permissions", "clock", "files", "sockets", "leftovers"};
  return names[static_cast<std::size_t>(group)];
}

std::span<const Code> codes() { return all_codes; }

const Code& code_of(int number) {
  const auto* const found = std::ranges::find(all_codes, number, &Code::number);
  if (found == all_codes.end()) throw std::out_of_range("code_of");
  return *found;
}

std::string code_text(int number) { return "PONA-C" + std::to_string(number); }

const Code* find_code(std::string_view text) {
  const std::string wanted = lower(text);
  const auto* const found = std::ranges::find_if(all_codes, [&](const Code& code) {
    const std::string number = std::to_string(code.number);
    return wanted == code.name || wanted == number || wanted == "c" + number ||
           wanted == "pona-c" + number;
  });
  return found == all_codes.end() ? nullptr : found;
}

std::vector<std::string> explain(const Code& code, std::size_t width) {
  std::vector<std::string> lines = {
      code_text(code.number) + "  " + std::string(code.name) + ": " + std::string(code.title), ""};
  std::string line;
  std::string_view rest = code.text;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(' '), rest.size());
    const std::string_view word = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (!line.empty() && line.size() + 1 + word.size() > width)
      lines.push_back(std::exchange(line, ""));
    line += (line.empty() ? "" : " ") + std::string(word);
  }
  if (!line.empty()) lines.push_back(line);
  return lines;
}

}  // namespace core::check
