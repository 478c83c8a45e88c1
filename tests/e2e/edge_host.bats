#!/usr/bin/env bats
# The edge and what its host does: addresses that flap, families that are switched off, segments that
# connection tracking does not know what to do with.
# shellcheck disable=SC2154  # the topology's names
bats_require_minimum_version 1.5.0

setup() {
  load common
  load topology
  setup_network
}
teardown() { teardown_network; }

# One after another, as netplan and dhclient do it: IPv6 addresses have to be given back anew.
take() { ip -n "$net-edge" address del "$1" dev ext2; }
give() { ip -n "$net-edge" address add "$1" dev ext2; }

# A connection in which the pod alone speaks after the first line.
push_to() {
  spawn client "$work/push.log" python3 -u -c '
import socket, sys
sock = socket.create_connection((sys.argv[1], 80), 5)
sock.settimeout(None)
sock.sendall(b"push\n")
count = 0
try:
    while data := sock.recv(4096):
        count += 1
        print("got", count)
except OSError as error:
    print("broken", error)
print("end", count)' "$1"
}
pushed() { [ "$(grep -c '^got' "$work/push.log")" -ge "$1" ]; }

@test "a host without IPv6: IPv4 is served, also that of a Mapping with both, which says why" {
  served web "tcp:80:8080" 1
  mapping web "addresses: [$vip], ports: [{port: 80}]"
  mapping dual "serviceName: web, addresses: [$vip, '$vip6'], ports: [{port: 81, servicePort: 80}]"
  at edge sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
  start_edge
  answers 'pod1 ' tcp "$vip" 80
  answers 'pod1 ' tcp "$vip" 81
  is_state web active
  is_state dual degraded
  run "$PONA" edge status --socket "$work/edge.sock"
  assert_output --partial "$vip6 is not served here: IPv6 is disabled on this host"
  refute at edge nft list table ip6 pona-edge

  # And with it again, without a restart.
  at edge sysctl -qw net.ipv6.conf.all.disable_ipv6=0
  give "$vip6/64"
  within 10 is_state dual active
  at edge nft list table ip6 pona-edge
}

@test "an address that is away for half a second costs no connection" {
  served web "tcp:80:8080 udp:53:5353" 1 2
  mapping web "addresses: [$vip], ports: [{port: 80}, {port: 53, protocol: udp}]"
  start_edge
  spawn client "$work/held" python3 "$tools/client.py" hold "$vip" 80 --count 20 --stop "$work/stop"
  within 10 grep -q open "$work/held"
  push_to "$vip"
  within 10 pushed 3
  for _ in 1 2 3; do
    take "$vip/24"
    within 5 is_state web inactive
    sleep 0.5
    give "$vip/24"
    within 5 is_state web active
    at router ip neigh flush all
  done
  came=$(grep -c '^got' "$work/push.log")
  within 10 pushed $((came + 10))
  refute grep -E 'broken|end' "$work/push.log"
  touch "$work/stop"
  within 20 grep -q 'alive' "$work/held"
  run tail -n 1 "$work/held"
  assert_output "20 alive, 0 broken"
  within 5 answers 'pod' tcp "$vip" 80
}

@test "an address that stays away ends its connections after --address-hold" {
  served web "tcp:80:8080" 1
  mapping web "addresses: [$vip], ports: [{port: 80}]"
  start_edge --address-hold 2
  push_to "$vip"
  within 10 pushed 3
  take "$vip/24"
  entries() { at edge conntrack -L -p tcp --orig-dst "$vip" --dport 80 2>/dev/null | grep -c ESTABLISHED; }
  none() { [ "$(entries)" = 0 ]; }
  within 10 none
  run grep 'ended connections\|stale conntrack' "$work/edge.log"
  assert_success
}

@test "an interface that is down still has its IPv4 addresses" {
  served web "tcp:80:8080" 1
  mapping web "addresses: [$vip], ports: [{port: 80}]"
  start_edge
  answers 'pod1 ' tcp "$vip" 80
  at router ip route add "$vip/32" via 192.0.2.2
  ip -n "$net-edge" link set ext2 down
  within 5 answers 'pod1 ' tcp "$vip" 80
  is_state web active
}

# Opens a connection, sends a segment that is far out of its window, and uses the connection.
out_of_window() {
  at client python3 -I -S - "$1" <<'PY'
import socket, struct, sys, time
def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data + b"\0" * (len(data) % 2)))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff
vip = sys.argv[1]
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
sniffer = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
sniffer.settimeout(5)
sock = socket.create_connection((vip, 80), 5)
source, port = sock.getsockname()
sock.sendall(b"who\n")
assert sock.recv(100)
while True:  # what the pod has acknowledged, and goes on with
    packet = sniffer.recv(2000)
    head = (packet[0] & 15) * 4
    if packet[9] == 6:
        sport, dport, seq, ack = struct.unpack("!HHII", packet[head:head + 12])
        if (sport, dport) == (80, port):
            break
def segment(seq, ack):
    part = struct.pack("!HHIIBBHHH", port, 80, seq & 0xffffffff, ack, 5 << 4, 0x18, 500, 0, 0) + b"late"
    pseudo = socket.inet_aton(source) + socket.inet_aton(vip) + struct.pack("!BBH", 0, 6, len(part))
    part = part[:16] + struct.pack("!H", checksum(pseudo + part)) + part[18:]
    return struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(part), 4242, 0, 64, 6, 0,
                       socket.inet_aton(source), socket.inet_aton(vip)) + part
for _ in range(3):
    raw.sendto(segment(ack + (1 << 30), seq), (vip, 0))
time.sleep(0.5)
sock.settimeout(5)
try:
    sock.sendall(b"who\n")
    print("alive" if sock.recv(100) else "closed")
except OSError as error:
    print("broken", error)
PY
}

@test "a segment that is out of its connection's window does not end the connection" {
  served web "tcp:80:8080" 1
  mapping web "addresses: [$vip], ports: [{port: 80}]"
  start_edge
  within 5 answers 'pod1 ' tcp "$vip" 80
  assert [ "$(at edge sysctl -n net.netfilter.nf_conntrack_tcp_be_liberal)" = 1 ]
  run out_of_window "$vip"
  assert_output alive

  # Nor where connection tracking is not told to be liberal: the host's own stack does not get it.
  at edge sysctl -qw net.netfilter.nf_conntrack_tcp_be_liberal=0
  run out_of_window "$vip"
  assert_output alive
}

@test "connection tracking is as it was before, after cleanup; who had set it keeps it" {
  liberal() { at edge sysctl -n net.netfilter.nf_conntrack_tcp_be_liberal; }
  served web "tcp:80:8080" 1
  mapping web "addresses: [$vip], ports: [{port: 80}]"
  start_edge
  assert [ "$(liberal)" = 1 ]
  run at edge "$PONA" edge --dry-run --manifests "$manifests" --external-interfaces '^ext'
  assert_output --partial "no change"
  stop_edge KILL
  start_edge
  stop_edge TERM
  run at edge "$PONA" edge cleanup --socket "$work/edge.sock"
  assert_success
  assert_output --partial nf_conntrack_tcp_be_liberal=0
  assert [ "$(liberal)" = 0 ]

  at edge sysctl -qw net.netfilter.nf_conntrack_tcp_be_liberal=1
  start_edge
  stop_edge TERM
  at edge "$PONA" edge cleanup --socket "$work/edge.sock"
  assert [ "$(liberal)" = 1 ]
}

@test "the host's own listener on a mapped port gets nothing, also of an older connection" {
  spawn edge "$work/own.log" python3 "$tools/server.py" own 80,82 53
  within 10 grep -q ready "$work/own.log"
  served web "tcp:80:8080" 1
  # By it the replies of the host's own listeners leave by ext2.
  mapping other "serviceName: web, addresses: [$vip], ports: [{port: 81, servicePort: 80}]"
  start_edge
  within 5 answers 'pod1 ' tcp "$vip" 81
  spawn client "$work/held" python3 "$tools/client.py" hold "$vip" 80 --idle --stop "$work/stop"
  within 10 grep -q open "$work/held"
  mapping web "addresses: [$vip], ports: [{port: 80}]"
  within 5 answers 'pod1 ' tcp "$vip" 80
  touch "$work/stop"
  within 20 grep -q broken "$work/held"
  run tail -n 1 "$work/held"
  assert_output "0 alive, 1 broken"
  # Other ports are the host's, as before.
  answers 'own ' tcp "$vip" 82
}

# A network behind a second router on ext2, which table main knows by a static route.
second_router() {
  add_host side 0 1
  add_host far 0 0
  add_leg side eth0 router side ext2 203.0.113.254/24 2001:db8:2::fe/64
  ip -n "$net-side" link add far type veth peer name eth0 netns "$net-far"
  ip -n "$net-side" address add 10.77.0.1/24 dev far
  ip -n "$net-side" address add 2001:db8:77::1/64 dev far
  ip -n "$net-side" link set far up
  ip -n "$net-far" address add 10.77.0.2/24 dev eth0
  ip -n "$net-far" address add 2001:db8:77::2/64 dev eth0
  ip -n "$net-far" link set eth0 up
  ip -n "$net-far" route add default via 10.77.0.1
  ip -n "$net-far" -6 route add default via 2001:db8:77::1
  # Where frames that are bridged are filtered, its strict rules see them.
  ip -n "$net-router" -6 route add 2001:db8:77::/64 via 2001:db8:2::fe dev ext2
}
from_far() { at far python3 -I -S "$tools/client.py" tcp "$1" 80 | grep -q "pod1 "; }

@test "replies follow main's static routes by the external interface, as these come and go" {
  served web "tcp:80:8080" 1
  mapping web "addresses: [$vip, '$vip6'], ports: [{port: 80}]"
  second_router
  ip -n "$net-edge" route add 10.77.0.0/24 via 203.0.113.254 dev ext2
  ip -n "$net-edge" -6 route add 2001:db8:77::/64 via 2001:db8:2::fe dev ext2
  start_edge
  within 5 from_far "$vip"
  within 5 from_far "$vip6"
  at far ping -c 1 -W 5 "$vip"
  at far ping -c 1 -W 5 "$vip6"

  ip -n "$net-edge" route del 10.77.0.0/24
  gone_from_table() { ! at edge ip route show table all proto 112 | grep 10.77.0.0; }
  within 5 gone_from_table
  ip -n "$net-edge" route add 10.77.0.0/24 via 203.0.113.254 dev ext2
  within 5 from_far "$vip"
  answers 'pod1 ' tcp "$vip" 80
}

@test "uplinks of two addresses, and of one to a peer" {
  served web "tcp:80:8080" 1
  mapping web "addresses: [203.0.113.200], ports: [{port: 80}]"
  ip -n "$net-edge" link add ext3 type veth peer name ext3 netns "$net-router"
  ip -n "$net-edge" address add 10.88.0.1/31 dev ext3
  ip -n "$net-edge" address add 203.0.113.200/32 dev ext3
  ip -n "$net-edge" link set ext3 up
  ip -n "$net-router" address add 10.88.0.0/31 dev ext3
  ip -n "$net-router" link set ext3 up
  at router ip route add 203.0.113.200/32 via 10.88.0.1
  start_edge
  within 5 answers 'pod1 ' tcp 203.0.113.200 80

  # By a tunnel everything is on link: it is point to point, and has no next hop.
  at edge ip tuntap add ext4 mode tun
  at edge ip address add 10.89.0.2 peer 10.89.0.1 dev ext4
  at edge ip link set ext4 up
  by_tunnel() { at edge ip route show table all proto 112 | grep -q '^default dev ext4'; }
  within 5 by_tunnel
}

@test "70 external interfaces: replies leave by the one that the client came in by" {
  served web "tcp:80:8080" 1
  mapping web "addresses: [$vip], ports: [{port: 80}]"
  for i in $(seq 1 70); do
    echo "link add ext9.$i type veth peer name v$i netns $net-router"
    echo "address add 172.16.$i.1/24 dev ext9.$i"
    echo "link set ext9.$i up"
  done | ip -n "$net-edge" -batch -
  for i in $(seq 1 70); do
    echo "address add 172.16.$i.254/24 dev v$i"
    echo "link set v$i up"
    echo "address add 10.90.$i.9/32 dev lo"
  done | ip -n "$net-router" -batch -
  at edge sysctl -qw net.ipv4.conf.all.rp_filter=1
  at router sysctl -qw net.ipv4.conf.all.rp_filter=0
  start_edge --gateway-offset 254
  for i in 1 30 62 63 64 70; do
    at router sysctl -qw "net.ipv4.conf.v$i/rp_filter=0" || true
    at router ip route replace "$vip" via "172.16.$i.1" src "10.90.$i.9"
    by_this() { at router python3 -I -S "$tools/client.py" tcp "$vip" 80 --source "10.90.$i.9" | grep -q pod1; }
    within 5 by_this
  done
}

# From as many ports as $1 says, one datagram each to $vip; the endpoint need not answer.
datagrams() {
  at client python3 -I -S - "$vip" "$1" <<'PY'
import socket, sys
for port in range(1024, 1024 + int(sys.argv[2])):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        try:
            one.bind(("", port))
            one.sendto(b"?", (sys.argv[1], 53))
        except OSError:
            pass
PY
}

@test "4.7: an endpoint towards which source ports run out is a warning, a metric and a log line" {
  served web "udp:53:5353" 1
  mapping web "addresses: [$vip], ports: [{port: 53, protocol: udp}]"
  start_edge
  at edge sysctl -qw net.netfilter.nf_conntrack_udp_timeout=600 net.netfilter.nf_conntrack_udp_timeout_stream=600
  [ "$(at edge sysctl -n net.netfilter.nf_conntrack_max)" -gt 65000 ] ||
    skip "this host tracks fewer connections than one endpoint takes"
  datagrams 62000
  within 60 grep -q 'Mapping shop/web: at least 90% of the 64512 source ports that 10.1.0.[12] has towards endpoint 10.1.0.11:5353/udp are in use' "$work/edge.log"
  run -0 "$PONA" edge status --socket "$work/edge.sock"
  assert_output --regexp "source ports that 10.1.0.[12] has towards endpoint 10.1.0.11:5353/udp"
  status_of | jq -e '.sourcePorts | length == 1 and .[0].used > 58060 and .[0].limit == 64512'
  ask_edge edge metrics | grep -q '^pona_edge_source_ports_used{endpoint="10.1.0.11:5353",protocol="udp",source="10.1.0.[12]"} '
  [ "$(ask_edge edge healthz -o /dev/null -w '%{http_code}')" = 200 ]

  # It goes when they are free again.
  at edge conntrack -D -p udp --orig-dst "$vip" >/dev/null 2>&1 || true
  within 60 grep -q 'resolved.*source ports that 10.1.0.[12] has' "$work/edge.log"
  status_of | jq -e '.sourcePorts == []'
}
