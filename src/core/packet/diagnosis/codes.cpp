#include "core/packet/diagnosis/codes.hpp"

#include <algorithm>
#include <array>
#include <cctype>

namespace core::packet {
namespace {

constexpr auto all = std::to_array<Code>({
    {code::rule_drop, "rule-drop", "dropped by a rule",
     "A rule of a packet filter fits the packet and drops it. The step names the "
     "table, chain and handle, and the rule's text. Look for it by `nft -a list "
     "chain FAMILY TABLE CHAIN`; whoever wrote the rule (a firewall, a network "
     "policy, an administrator) has to make an exception, in front of it."},
    {code::rule_reject, "rule-reject", "rejected by a rule",
     "A rule fits the packet and answers it with a TCP reset or an ICMP error, so "
     "that the client fails at once (\"connection refused\", \"no route to host\") and "
     "does not wait. What was said of PONA-D101 holds as well."},
    {code::source_not_allowed, "source-not-allowed",
     "the client is not in the object's list of sources",
     "The Mapping, or the Service behind it, lists who may connect (allowedSources, "
     "loadBalancerSourceRanges), and the client's address is not in it. Add the "
     "address or its range to the list, if it is to get in. A client behind a NAT "
     "gateway comes from that gateway's address."},
    {code::policy_drop, "policy-drop", "dropped by a chain's policy",
     "The packet came to the end of a base chain whose policy is drop, and no rule "
     "of the chain accepted it. ufw, firewalld and Docker set such policies for "
     "forwarded traffic. Add a rule that accepts the flow, or for all mapped traffic "
     "`ct status dnat accept`."},
    {code::limit_exceeded, "limit-exceeded", "a limit is exceeded",
     "The Mapping limits connections, or new connections a second, of each client, "
     "and this client is over the limit. What is over is refused or dropped until "
     "the client has fewer. Raise the limit in the Mapping if the client is right."},
    {code::unseen_drop, "unseen-drop", "dropped by something that the model does not read",
     "The packet was dropped on this host, by a part of the kernel that is named but "
     "not modelled: legacy iptables, IPVS, a program of XDP or tc, a queue. The "
     "kernel's own reason stands beside it, where it is available. For legacy "
     "iptables look at `iptables-legacy-save -c`."},
    {code::not_tracked, "not-tracked", "not tracked, so not translated",
     "A rule in a chain in front of connection tracking (raw, notrack) says that "
     "this flow is not tracked. What is not tracked is never translated: the packet "
     "goes on with its old addresses. Make an exception for mapped addresses and for "
     "tunnels' inner traffic in that rule."},
    {code::translated_by_others, "translated-by-others", "another program translates it first",
     "A connection is translated once in each direction, by the first chain that "
     "does it. A rule of another program (kube-proxy, Docker's published ports, a "
     "redirect) came before pona's and sends the packet to somewhere else. Free the "
     "address and port there, or let that program leave it alone."},
    {code::queued, "queued", "handed to a program by a queue",
     "A rule gives the packet to a program in user space (queue), which alone "
     "decides. Without that program running nothing comes back from the queue, "
     "unless the rule says bypass."},
    {code::reverse_path, "reverse-path", "dropped by the reverse path filter",
     "The kernel drops what comes in by another interface than the one by which it "
     "would answer (rp_filter=1), or from where no route leads (rp_filter=2). The "
     "larger one of net.ipv4.conf.all.rp_filter and the interface's own counts. Add "
     "the route back, or set both to 2 (loose) or 0."},
    {code::forwarding_off, "forwarding-off", "this host does not forward",
     "The packet is for somebody else, and forwarding is off on the interface that "
     "it came in by: net.ipv4.conf.IFACE.forwarding (set for all by "
     "net.ipv4.ip_forward), or net.ipv6.conf.all.forwarding. Set it, and write it to "
     "/etc/sysctl.d, as something else may set it back at boot."},
    {code::no_route, "no-route", "no route leads there",
     "No rule and table of this namespace has a route to the destination, not even a "
     "default route. Where policy routing is used (`ip rule`), the table that its "
     "rules lead to may be empty."},
    {code::neighbour_silent, "neighbour-silent", "the next hop does not answer",
     "The packet is to go to a next hop on a link, and nobody there answers for its "
     "address (ARP, neighbour discovery): a wrong gateway, a host that is off, a "
     "VLAN or a security group in between. The kernel gives up after three seconds "
     "and says \"no route to host\"."},
    {code::mtu, "mtu", "the packet is too big for a link",
     "A link on the way takes smaller packets than the sender believes. Where a "
     "router tells the sender (ICMP), only its reply may be lost on the way; the two "
     "ends of a veth with different MTUs drop without a word, and so does a tunnel "
     "below another one's MTU. Small packets (a handshake) get through, large ones "
     "hang. Make MTUs equal, or clamp the MSS."},
    {code::tunnel_closed, "tunnel-closed", "nobody takes the tunnel's packets",
     "The packet arrived in its tunnel at the host where that ends, and no device "
     "takes it out: the device is missing or down, has another port, network "
     "identifier or peer, or a Service leads to a pod that is no NAT pod. Look at "
     "the NAT pod's log and at `pona egress status`."},
    {code::not_translated, "not-translated",
     "it leaves with an address that nobody outside can answer to",
     "The packet left with the private address of its pod where the objects promise "
     "another source. Answers, if there are any, take another way and often still "
     "arrive in a flat network, so that all seems well until somebody checks who is "
     "connecting."},
    {code::tunnel_clash, "tunnel-clash", "two entries of connection tracking fight for the tunnel",
     "A node remembers a flow of the tunnel's port in the opposite direction (the "
     "NAT pod spoke first), so that the client's own packets get another source "
     "port, and answers do not come back translated. Delete both entries (`conntrack "
     "-D -p udp --dport PORT`)."},
    {code::no_endpoint, "no-endpoint", "nothing is ready behind the Service",
     "The Service that the object names has no ready endpoint: its selector fits no "
     "pod, the pods are not ready, or its port has a name that no container port "
     "has. See `kubectl get endpointslices -l kubernetes.io/service-name=NAME`."},
    {code::asymmetric, "asymmetric-reply", "the answer takes another way",
     "The answer goes by other hosts or interfaces than the request came by. A "
     "translation is undone only where it was made, and a firewall in between has "
     "seen only half of the connection, so such connections often stop. Give the "
     "answering side a route through the host that translates, or let that host "
     "masquerade."},
    {code::lost, "lost-on-the-wire", "sent by one side, not seen by the other",
     "A packet was captured as it left one namespace, and never came in at the other "
     "end: a cable, switch, security group or virtual network in between, or a "
     "driver that drops."},
    {code::route_refuses, "route-refuses", "a route refuses it",
     "A route of type blackhole, unreachable or prohibit, or a rule of this kind, "
     "takes the packet. pona itself uses these to keep clients of an Egress from "
     "getting out by the wrong way while no NAT pod is there (see PONA-D405)."},
    {code::stale_connection, "stale-connection", "an old entry of connection tracking decides",
     "The flow has an entry in connection tracking that is older than today's rules, "
     "and translates to where it was translated then: an endpoint that is gone, or "
     "nothing at all. Delete it: `conntrack -D` with the tuple that is told. UDP "
     "clients that never stop sending keep such an entry alive for ever."},
    {code::link_down, "link-down", "an interface is down",
     "The interface by which the packet has to leave, or the other end of it, is "
     "down or has no carrier."},
    {code::address_missing, "address-missing", "the mapped address is on no interface of this host",
     "The address of a Mapping is not among this host's addresses, so nobody sends "
     "packets for it here, or the host does not take it for its own. Give it to the "
     "external interface (`ip address add`), or find out which instance has it."},
    {code::ttl, "ttl-exceeded", "its time to live ends",
     "The packet has passed as many routers as it may: it goes round in a loop of "
     "routes, or began with a small TTL."},
    {code::ipv6_disabled, "ipv6-disabled", "IPv6 is disabled here",
     "net.ipv6.conf.IFACE.disable_ipv6 is set, so IPv6 is neither sent nor taken by "
     "that interface."},
    {code::table_full, "conntrack-full", "connection tracking is full",
     "There are as many tracked connections as net.netfilter.nf_conntrack_max "
     "allows, and each further one is dropped. The kernel's log has \"nf_conntrack: "
     "table full\". Raise the limit, or find who makes so many (`pona edge status`, "
     "`conntrack -S`)."},
    {code::ports_exhausted, "ports-exhausted", "no source port is left for this destination",
     "All ports of the masquerade address are in use towards this one destination "
     "address and port, so no further connection there can be translated. Use "
     "several addresses (--masquerade-addresses, more NAT pods), or shorter "
     "timeouts."},
    {code::duplicate_address, "duplicate-address", "somebody else has the address, too",
     "Two hosts answer for one address, so packets reach now one, now the other. "
     "Duplicate address detection of IPv6 found it, or two MAC addresses answer for "
     "it. Take it from one of them."},
    {code::no_way_back, "no-way-back", "the answer does not get back",
     "The request arrives, and its answer does not: the answering side has no route "
     "to the client's address, or drops it on its way. The step is one of the "
     "answer's way."},
    {code::martian, "martian-source", "the kernel does not believe the source address",
     "The packet's source address is one of this host's own, a broadcast address, or "
     "loopback, and came in from outside. Often one host has an address that another "
     "one uses; net.ipv4.conf.IFACE.accept_local allows it where that is meant."},
    {code::wrong_neighbour, "wrong-neighbour", "the neighbour entry has a wrong MAC address",
     "The sender has a MAC address for the next hop that nobody has who is there "
     "now: the address moved and no announcement (gratuitous ARP) was heard, or an "
     "entry was set by hand. `ip neigh flush to ADDRESS` lets it ask again."},
    {code::wrong_source, "wrong-source", "outside sees another address than is promised",
     "The packet leaves translated, but not to an address that the Egress or the "
     "edge has: another rule translated first, or another NAT gateway is on the way."},
    {code::loop, "loop", "the packet goes round in circles",
     "Routes send the packet to and fro between namespaces or tunnels. A tunnel "
     "whose other end is reached through itself is one of the reasons."},
    {code::bypassed, "egress-bypassed", "it does not go by the Egress",
     "The pod uses an Egress for this destination, and the packet leaves by another "
     "way: the rules or routes of the pod are not (or not yet) there, a more "
     "specific route wins, or the destination is not among the Egress's. See `pona "
     "egress status`."},
    {code::ipsec_blocks, "ipsec-blocks", "blocked by an IPsec policy",
     "A policy of IPsec (`ip xfrm policy`) with the action block fits the packet, so "
     "the kernel drops it. IPsec daemons (strongSwan, Libreswan) write such policies, "
     "often so that nothing leaves unencrypted while a tunnel is down: see what the "
     "daemon says of the connection. An exception is a policy that allows the flow, "
     "of a lower priority number."},
    {code::proxy_unrouted, "proxy-unrouted", "given to a transparent proxy, but routed on",
     "A rule (tproxy) gave the packet to a proxy of this host, and routing leads it "
     "on to another one: the kernel drops what is both. Such rules need a mark, a "
     "routing rule for the mark, and a route of type local in its table: `ip rule add "
     "fwmark 1 lookup 100`, `ip route add local default dev lo table 100`."},
    {code::port_closed, "port-closed", "nothing listens there",
     "The packet arrived where it was to go, and no socket takes it: TCP answers "
     "with a reset (\"connection refused\"), UDP with an ICMP error. The server is not "
     "up, listens on 127.0.0.1 only, or the targetPort is wrong."},
    {code::proxy, "proxy", "the connection ends at a proxy",
     "The TCP connection was answered in between by something that opens one of its "
     "own towards the destination: a service mesh's sidecar, a transparent proxy, "
     "SYNPROXY. Beyond it the client's address is not known by the packet any more."},
    {code::no_answer, "no-answer", "delivered, and nobody answered",
     "The packet was delivered and no answer was seen in time. For UDP that is "
     "common: only the service itself answers, and only to what it understands."},
    {code::answer_lost, "answer-lost", "the answer was sent and did not arrive",
     "An answer was captured at the far end, and did not come back to where the "
     "probe began. The last place where it was seen is told."},
    {code::no_service, "no-service", "the Service is not there",
     "The object names a Service that does not exist in its namespace. Check its "
     "name and namespace."},
    {code::no_port, "no-port", "the Service has no such port",
     "The object names a port of its Service that the Service does not have, by "
     "number or name, or has for another protocol."},
    {code::conflict, "conflict", "another object has this address and port",
     "Two objects want the same external address and port, and the other one has it: "
     "the older one, or the one that was in effect first. Give one of them another "
     "port or address."},
    {code::object_rejected, "object-rejected", "the object is not in effect",
     "The object has something that cannot be done; its status says what, and so do "
     "`pona mapping show NAMESPACE/NAME` and `pona egress status`."},
    {code::egress_closed, "egress-closed", "the Egress has no NAT pod, and stays closed",
     "No NAT pod of the Egress can carry the packet now, so that it is dropped: it "
     "must not leave with another source. That is as promised (fail closed); look "
     "why there is no NAT pod: `pona egress status`, `kubectl get pods`."},
    {code::unknown_client, "unknown-client", "the NAT pod does not know the client",
     "The NAT pod takes tunnels only from pods that use its Egress, and does not "
     "have this one among them: it has not heard of the pod yet, or the pod's "
     "annotation names another Egress."},
    {code::nat_pod_draining, "nat-pod-draining", "the NAT pod is draining",
     "The NAT pod is about to end: connections that it has go on, new ones are to go "
     "to another NAT pod. The node's agent has not moved the client yet."},
    {code::not_mapped, "not-mapped", "no object maps this address and port",
     "The address is this host's, and no Mapping or Service of type LoadBalancer "
     "maps this port and protocol of it. `pona mapping list` shows what is mapped."},
    {code::differs, "model-differs", "the model and the real packet differ",
     "What the packet did is not what the rules and routes say that it would do. "
     "Something decides that the model does not read (listed as assumptions: eBPF, "
     "hardware offload, legacy iptables), or rules changed meanwhile. The difference "
     "is named with its step; please report it, with the output of --json."},
    {code::not_seen, "probe-not-seen", "the probe was not seen at all",
     "No trace of the probe was found, not even where it was sent. Tracing may not "
     "work here (missing privileges, an old kernel); the model's part still holds."},
});

std::string lowered(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

}  // namespace

std::span<const Code> codes() { return all; }

const Code* find_code(int number) {
  const auto found = std::ranges::find(all, number, &Code::number);
  return found == all.end() ? nullptr : &*found;
}

const Code* find_code(std::string_view text) {
  const std::string name = lowered(text);
  for (const Code& one : all) {
    const std::string number = std::to_string(one.number);
    if (name == one.name || name == number || name == "d" + number || name == "pona-d" + number) {
      return &one;
    }
  }
  return nullptr;
}

std::string code_text(int number) { return "PONA-D" + std::to_string(number); }

}  // namespace core::packet
