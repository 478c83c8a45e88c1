#!/usr/bin/env bats
# What egress through tunnels is known to fail by, as far as it takes agent and NAT pods as processes;
# numbers as in egress_pitfalls.md, which also names the tests that stand elsewhere.
# shellcheck disable=SC2016,SC2034,SC2154  # what eval expands, and the network's names
bats_require_minimum_version 1.5.0

setup() {
  load common
  load egress
  setup_egress
  egress
  pod client1 egress
  gateways nat1 nat2
}
teardown() { teardown_network; }

# One NAT pod is enough for most.
start_one() {
  gateways nat1
  sandbox client1
  start_nat nat1
  start_agent "$@"
  within 5 leaves_by client1 nat1
}

# Counts at `out` what must never get there: packets with a pod's own address, and tunnel packets. That
# it does count is seen by the stranger, who has no Egress.
watch_leaks() {
  at out nft -f - <<'NFT'
table inet leaks {
  counter leaks {}
  chain seen {
    type filter hook prerouting priority filter
    ip saddr 10.64.0.11-10.64.0.13 counter name leaks
    ip6 saddr { fd00:64::11, fd00:64::12, fd00:64::13 } counter name leaks
    udp dport { 4790, 5555, 5556 } counter name leaks
  }
}
NFT
  ask stranger tcp "$out" 8080
  ask stranger tcp "$out6" 8080
  [ "$(leaks)" -ge 10 ]
  at out nft reset counter inet leaks leaks
}
leaks() { at out nft list counter inet leaks leaks | sed -n 's/.*packets \([0-9]*\) .*/\1/p'; }

# --- 2 -------------------------------------------------------------------------------------------
@test "pitfall 2: a NAT pod that goes takes along its own connections, and no others" {
  many_hosts
  sandbox client1
  start_nat nat1
  start_nat nat2
  start_agent
  within 5 eval '[ "$(at client1 ip nexthop show | grep -c "group.*/.*/.*/")" = 2 ]'
  hold_all client1
  local stay
  stay=$(at out ss -Htn state established sport = 8080 | grep -c "$(ip4 nat2)")
  [ "$stay" -gt 0 ] && [ "$stay" -lt 24 ]
  kill -9 "$nat1_pid"
  gateways nat2
  within 5 eval '[ "$(at client1 ip nexthop show | grep -c "group.*/.*/")" = 0 ]'
  within 15 eval '[ "$(cat "$work"/hold-* | grep -c "1 broken")" = $((24 - stay)) ]'
  touch "$work/stop"
  for pid in "${holders[@]}"; do within 15 gone "$pid"; done
  assert_equal "$(cat "$work"/hold-* | grep -c '^1 alive, 0 broken$')" "$stay"
}

# --- 4 -------------------------------------------------------------------------------------------
@test "pitfall 4: a NAT pod that hears of a client late costs no first packet, and nothing leaks" {
  # Its own manifests, in which the client is not yet.
  local late=$work/late
  mkdir "$late"
  cp "$manifests"/*.yaml "$late"
  gateways nat1
  manifests=$late start_nat nat1
  start_agent --acknowledge 30000
  watch_leaks
  pod client2 egress
  sandbox client2
  call_agent ADD client2 >"$work/answer" 3>&- &
  local asking=$!
  within 5 eval 'at client2 ip route show table 117 | grep -q unreachable'
  assert_equal "$(ask client2 tcp "$out" 8080)" unreachable
  assert_equal "$(ask client2 tcp "$out6" 8080)" unreachable
  assert_equal "$(cat "$work/answer")" ""
  manifests=$late pod client2 egress
  wait "$asking"
  assert_equal "$(cat "$work/answer")" '{"version":1}'
  assert_equal "$(ask client2 tcp "$out" 8080 --timeout 0.5)" "out $(ip4 nat1) 8080"
  assert_equal "$(ask client2 tcp "$out6" 8080 --timeout 0.5)" "out $(ip6 nat1) 8080"
  assert_equal "$(leaks)" 0
}

# --- 5 -------------------------------------------------------------------------------------------
@test "pitfall 5: with all tunnels gone and no agent, the destinations are closed" {
  start_one
  watch_leaks
  kill -STOP "$agent_pid"
  at client1 ip link del pona-gpe
  refused_at client1
  assert_equal "$(ask client1 tcp "$out6" 8080)" unreachable
  assert_equal "$(leaks)" 0
  kill -CONT "$agent_pid"
  kill -HUP "$agent_pid"
  within 5 leaves_by client1 nat1
}

# --- 6 -------------------------------------------------------------------------------------------
# OPTION…: what is sent all the time until `none_lost`
ping_on() {
  local address
  for address in "$out" "$out6"; do
    spawn client1 "$work/ping-$address" ping -n -i 0.005 -W 1 "$address"
    pings+=("$spawned")
  done
}
none_lost() {
  local pid address count
  # Some more behind the last change.
  for address in "$out" "$out6"; do
    count=$(wc -l <"$work/ping-$address")
    within 5 eval '[ "$(wc -l <"$work/ping-$address")" -gt $((count + 10)) ]'
  done
  for pid in "${pings[@]}"; do
    kill -INT "$pid"
    within 5 gone "$pid"
  done
  # The last one may have been on its way.
  for address in "$out" "$out6"; do
    assert_equal "$(sed -n 's/.*from.*icmp_seq=\([0-9]*\) ttl.*/\1/p' "$work/ping-$address")" \
      "$(seq 1 "$(sed -n 's/.*icmp_seq=\([0-9]*\) ttl.*/\1/p' "$work/ping-$address" | tail -n 1)")"
  done
}

@test "pitfall 6: no packet is lost by a change of anything but its own NAT pod" {
  start_one
  watch_leaks
  pings=()
  ping_on
  has_route() { at client1 ip route show table 117 | grep -q "^$1"; }
  egress "destinations: [198.51.100.0/24, 203.0.113.0/24, '2001:db8:f::/64']"
  within 5 has_route 198.51.100.0/24
  egress "destinations: [203.0.113.0/25, 203.0.113.0/24, '2001:db8:f::/64', '::/0']"
  within 5 refute has_route 198.51.100.0/24
  egress
  within 5 refute has_route 203.0.113.0/25
  start_nat nat2
  gateways nat1 nat2
  members() { at client1 ip nexthop show | grep -c "group.*/.*/" || true; }
  within 5 eval '[ "$(members)" = 2 ]'
  gateways nat1
  within 5 eval '[ "$(members)" = 0 ]'
  kill -9 "$agent_pid"
  within 5 gone "$agent_pid"
  start_agent
  kill -HUP "$agent_pid"
  at client1 ip link set eth0 mtu 1400
  within 5 eval 'at client1 ip link show pona-gpe | grep -q "mtu 1344"'
  pod client2 egress
  within 5 eval 'nat_get nat1 8080 metrics | grep -q "^pona_nat_clients 4"'
  none_lost
  assert_equal "$(leaks)" 0
}

# --- 7 -------------------------------------------------------------------------------------------
@test "pitfall 7: a tunnel has no link-local address, and pods with IPv6 disabled have their way" {
  start_one
  answers "$(ip6 nat1)" client1 tcp "$out6" 8080
  for pod in client1 nat1; do assert_equal "$(at "$pod" ip -6 address show dev pona-gpe)" ""; done
  egress "destinations: [0.0.0.0/0, '::/0']"
  within 5 eval 'at client1 ip -6 route show table 117 | grep -q "^default nhid"'
  assert_equal "$(at client1 ip -6 route get fe80::1 oif eth0 | grep -o 'dev [^ ]*')" "dev eth0"

  at client2 sysctl -qw net.ipv6.conf.all.disable_ipv6=1
  pod client2 egress
  sandbox client2
  assert_equal "$(call_agent ADD client2)" '{"version":1}'
  assert_equal "$(ask client2 tcp "$out" 8080 --timeout 0.5)" "out $(ip4 nat1) 8080"
  run ! grep -q "before all NAT pods know it" "$work/agent.log"
}

# --- 9 -------------------------------------------------------------------------------------------
mtu_of() { at "$1" ip -j link show "${2:-pona-gpe}" | jq '.[0].mtu'; }

@test "pitfall 9: a tunnel's MTU follows the pod's interface and routes" {
  start_one --resync 3600
  assert_equal "$(mtu_of client1)" 1444
  at client1 ip link set eth0 mtu 1400
  at nat1 ip link set eth0 mtu 1380
  within 5 eval '[ "$(mtu_of client1)" = 1344 ]'
  within 5 eval '[ "$(mtu_of nat1)" = 1324 ]'
  # The NAT pod's is the smaller one: what outside sends back fits, without being told by ICMP.
  # 12 bytes of each segment are TCP's timestamps.
  assert_equal "$(ask client1 tcp "$out" 8080 --say mss)" $((1324 - 40 - 12))
  assert_equal "$(ask client1 tcp "$out6" 8080 --say mss)" $((1324 - 60 - 12))
  at client1 ip route change default via 169.254.1.1 dev eth0 mtu 1350
  within 5 eval '[ "$(mtu_of client1)" = 1294 ]'
  at client1 ip route change default via 169.254.1.1 dev eth0
  at client1 ip link set eth0 mtu 1500
  within 5 eval '[ "$(mtu_of client1)" = 1444 ]'
}

# The node forwards no larger packets from one to the other, whose own interfaces know nothing of it.
narrow() {
  local pod family
  for pod in client1 nat1; do
    at node ip route add table 78 "$(ip4 $pod)" dev $pod mtu lock "$1"
    at node ip -6 route add table 78 "$(ip6 $pod)" dev $pod mtu lock "$1"
    for family in -4 -6; do at node ip $family rule add iif $pod lookup 78; done
  done
}
whole=$'there 1000000\nback 1000000'
bulk() { ask client1 bulk "$1" 8080 --bytes 1000000 --timeout "${2:-10}"; }

@test "pitfall 9: bulk gets through a narrow path, both ways" {
  start_one
  narrow 1400
  assert_equal "$(bulk "$out")" "$whole"
  assert_equal "$(bulk "$out6")" "$whole"
}

@test "pitfall 9: a narrow path where nobody says so: IPv4 gets through, IPv6 with the pods' MTU" {
  start_one
  at node nft -f - <<'NFT'
table inet silence {
  chain said {
    type filter hook output priority filter
    icmp type destination-unreachable counter drop
    icmpv6 type packet-too-big counter drop
  }
}
NFT
  narrow 1400
  assert_equal "$(bulk "$out")" "$whole"
  # This is what the silence is about.
  assert_equal "$(bulk "$out6" 1)" $'there timeout\nback timeout'
  at client1 ip link set eth0 mtu 1400
  at nat1 ip link set eth0 mtu 1400
  within 5 eval '[ "$(mtu_of client1)-$(mtu_of nat1)" = 1344-1344 ]'
  assert_equal "$(bulk "$out6")" "$whole"
}

# --- 10 ------------------------------------------------------------------------------------------
@test "pitfall 10: a port that another process of the pod has: closed, told, and well when it is free" {
  start_one
  spawn client2 "$work/squatter" python3 "$tools/server.py" squatter - 4790
  local squatter=$spawned
  within 5 grep -q ready "$work/squatter"
  watch_leaks
  pod client2 egress
  sandbox client2
  run call_agent ADD client2
  assert_output --partial '"code":11'
  assert_output --partial "in use"
  refused_at client2
  leaves_by client1 nat1
  assert_equal "$(leaks)" 0
  kill "$squatter"
  within 5 gone "$squatter"
  assert_equal "$(call_agent ADD client2)" '{"version":1}'
  assert_equal "$(ask client2 tcp "$out" 8080 --timeout 0.5)" "out $(ip4 nat1) 8080"
}

# --- 11 ------------------------------------------------------------------------------------------
@test "pitfall 11: a device of the tunnel's name that is another's is not taken, and nothing leaks" {
  start_one
  at client2 ip link add pona-gpe type bridge
  local before
  before=$(at client2 ip -d link show pona-gpe)
  watch_leaks
  pod client2 egress
  sandbox client2
  run call_agent ADD client2
  assert_output --partial "not pona's"
  assert_equal "$(at client2 ip -d link show pona-gpe)" "$before"
  refused_at client2
  assert_equal "$(leaks)" 0
}

# --- 12 ------------------------------------------------------------------------------------------
# Another pod with client2's address: NAME ANNOTATION PHASE
successor() {
  pod client2 "$2" "phase: $3"
  sed -i "s/name: client2/name: $1/; s/uid-client2/uid-$1/; s/phase: Running, //" "$manifests/pod-client2.yaml"
  mv "$manifests/pod-client2.yaml" "$manifests/pod-$1.yaml"
}

@test "pitfall 12: an address that had another owner belongs to who has it now" {
  gateways nat1
  start_nat nat1
  by_hand client2 nat1
  successor job egress Running
  within 5 answers "out $(ip4 nat1)" client2 tcp "$out" 8080
  # It has finished, and is still listed, as its address is given to a pod that asks for nothing.
  successor job egress Succeeded
  successor web "" Running
  within 5 eval '[ "$(ask client2 tcp "$out" 8080 --timeout 0.3)" = timeout ]'
  # To one that asks; then the old one is deleted.
  successor web egress Running
  within 5 answers "out $(ip4 nat1)" client2 tcp "$out" 8080
  successor job egress Running
  remove pod-job
  pod client1
  within 5 eval 'nat_get nat1 8080 metrics | grep -q "^pona_nat_clients 2"'
  answers "out $(ip4 nat1)" client2 tcp "$out" 8080
  # Of one name, and another pod: what the one of before has is not the new one's.
  nat_get nat1 8080 status | grep -q '"uid": "uid-web"'
  successor web "" Running
  within 5 eval '[ "$(ask client2 tcp "$out" 8080 --timeout 0.3)" = timeout ]'
}

# --- 13 ------------------------------------------------------------------------------------------
@test "pitfall 13: a client that terminates has its way until it has ended" {
  start_one
  watch_leaks
  pod client1 egress
  sed -i 's/uid: uid-client1,/&  deletionTimestamp: "2026-01-01T00:00:00Z",/' "$manifests/pod-client1.yaml"
  # Later than that is what comes behind it.
  pod client2 egress
  sandbox client2
  within 5 leaves_by client2 nat1
  leaves_by client1 nat1
  # The object goes while containers still end: the NAT pod gives it up, and nothing leaks.
  remove pod-client1
  within 5 eval '[ "$(ask client1 tcp "$out" 8080 --timeout 0.3)" = timeout ]'
  assert_equal "$(leaks)" 0
}

# --- 14 ------------------------------------------------------------------------------------------
# ADDRESS: a segment with SYN and FIN, which conntrack calls invalid
odd_segment() {
  at client1 python3 - "$1" <<'PY'
import socket, struct, sys
six = ":" in sys.argv[1]
with socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP) as sock:
    if six:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_CHECKSUM, 16)
    sock.connect((sys.argv[1], 0))
    head = struct.pack("!HHIIBBHHH", 4000, 8080, 1, 0, 5 << 4, 0x03, 1000, 0, 0)
    if not six:
        pseudo = socket.inet_aton(sock.getsockname()[0]) + socket.inet_aton(sys.argv[1]) + struct.pack("!HH", 6, 20)
        total = sum(struct.unpack("!16H", pseudo + head))
        total = (total & 0xffff) + (total >> 16)
        head = head[:16] + struct.pack("!H", ~((total & 0xffff) + (total >> 16)) & 0xffff) + head[18:]
    sock.send(head)
PY
}
dropped() { nat_get nat1 8080 metrics | sed -n "s/^pona_nat_dropped_packets_total{reason=\"$1\"} //p"; }

@test "pitfall 14: what conntrack calls invalid does not pass, in both families" {
  start_one
  at out nft -f - <<'NFT'
table inet odd {
  counter odd {}
  chain seen {
    type filter hook prerouting priority filter
    tcp flags & (syn | fin) == (syn | fin) counter name odd
  }
}
NFT
  odd() { at out nft list counter inet odd odd | sed -n 's/.*packets \([0-9]*\) .*/\1/p'; }
  # Without the NAT pod's rules, which go with their process, it does get there.
  kill -9 "$nat1_pid"
  within 5 gone "$nat1_pid"
  at nat1 nft flush ruleset
  odd_segment "$out"
  odd_segment "$out6"
  within 5 eval '[ "$(odd)" = 2 ]'
  start_nat nat1
  within 5 leaves_by client1 nat1
  local before
  before=$(dropped invalid)
  odd_segment "$out"
  odd_segment "$out6"
  within 5 eval '[ "$(dropped invalid)" = $((before + 2)) ]'
  assert_equal "$(odd)" 2
}

# --- 15 ------------------------------------------------------------------------------------------
@test "pitfall 15: clients that choose the same port do not get in each other's way; none left is counted" {
  start_one
  pod client2 egress
  sandbox client2
  within 5 leaves_by client2 nat1
  local pod
  for pod in client1 client2; do
    assert_equal "$(ask $pod udp "$out" 5353 --source-port 4000)" "out $(ip4 nat1) 5353"
    assert_equal "$(ask $pod tcp "$out" 8080 --source-port 4000)" "out $(ip4 nat1) 8080"
  done
  at nat1 conntrack -L 2>/dev/null | grep -c "sport=4000 dport=5353" | grep -qx 2
  [ "$(at nat1 conntrack -L -p udp --orig-port-dst 5353 2>/dev/null | grep -oE "dst=$(ip4 nat1) sport=5353 dport=[0-9]+" | sort -u | wc -l)" = 2 ]
  nat_get nat1 8080 metrics | grep -q '^pona_nat_ports_in_use{protocol="udp",address="203.0.113.9",port="5353"} 2'
  nat_get nat1 8080 metrics | grep -q '^pona_nat_conntrack_insert_failed_total 0'
}

@test "pitfall 15: when all ports towards a destination are taken, that is counted, and others work" {
  start_one
  pod client2 egress
  sandbox client2
  within 5 leaves_by client2 nat1
  # Ports below 512 are exchanged for such, of which there are few. Nothing answers there, and nothing
  # says so.
  at out nft -f - <<'NFT'
table inet silent {
  chain in {
    type filter hook prerouting priority raw
    udp dport 9 drop
  }
}
NFT
  failures() { nat_get nat1 8080 metrics | sed -n 's/^pona_nat_conntrack_insert_failed_total //p'; }
  assert_equal "$(failures)" 0
  local pod
  for pod in client1 client2; do
    at "$pod" python3 - "$out" <<'PY'
import socket, struct, sys
with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP) as sock:
    sock.connect((sys.argv[1], 0))
    for port in range(1, 512):
        sock.send(struct.pack("!HHHH", port, 9, 8, 0))
PY
  done
  [ "$(failures)" -gt 0 ]
  within 5 leaves_by client2 nat1
}

# --- 16 ------------------------------------------------------------------------------------------
@test "pitfall 16: of overlapping destinations the longest counts, of equal ones the first Egress's" {
  gateways nat1
  start_nat nat1
  egress_name=other gateways nat2
  egress_name=other egress "destinations: [203.0.113.0/24, 203.0.113.40/32, '2001:db8:f::9/128']"
  ip -n "$net-out" address add 203.0.113.40/24 dev eth0
  pod client1 egress,other
  egress_name=other start_nat nat2
  start_agent
  sandbox client1
  assert_equal "$(call_agent ADD client1)" '{"version":1}'
  leaves_by client1 nat1
  answers "out $(ip4 nat2)" client1 tcp 203.0.113.40 8080
  answers "out $(ip6 nat2)" client1 tcp "$out6" 8080
  agent_status | grep -q 'Egress internet/other: 203.0.113.0/24 is also a destination of Egress internet/egress'
  # The first one goes: the other takes what it had.
  pod client1 other
  within 5 leaves_by client1 nat2
}

# --- 19 ------------------------------------------------------------------------------------------
@test "pitfall 19: an agent that starts later finds its pods, and no others at their paths" {
  gateways nat1
  pod client2 egress
  start_nat nat1
  local pod cookie
  for pod in client1 client2; do
    cookie=$(at "$pod" python3 -c 'import socket, struct
print(struct.unpack("Q", socket.socket().getsockopt(socket.SOL_SOCKET, 71, 8))[0])')
    sandbox "$pod"
    sed -i "s/\"netnsCookie\":\"\"/\"netnsCookie\":\"$cookie\"/" "$work/sandboxes/c-$pod:eth0.json"
  done
  # What is at client2's path now was made after the record, with the same address.
  at node ip link del client2
  ip netns del "$net-client2"
  sed -i "/-client2\$/d" "$work/namespaces"
  add_pod client2
  start_agent
  within 5 leaves_by client1 nat1
  within 5 eval 'agent_status | grep -q "network namespace is not at"'
  leaves_by client2 client2
  assert_equal "$(at client2 ip link show group 11217)" ""
}

# --- 21 ------------------------------------------------------------------------------------------
@test "pitfall 21: when an Egress is deleted no tunnel packet leaves the cluster, in either mode" {
  local mode
  at node ip route add default via "$out"
  service_of nat1
  egress "mode: Service, destinations: [203.0.113.0/24]"
  start_one
  watch_leaks
  for mode in Service Direct; do
    egress "mode: $mode, destinations: [203.0.113.0/24]"
    within 5 leaves_by client1 nat1
    # The Service and its DNAT go with the Egress, and the NAT pods with their routes.
    at node nft flush chain ip kube-proxy services
    at node ip route del "$(ip4 nat1)"
    remove egress
    mv "$manifests/slices-egress.yaml" "$work"
    within 5 refused_at client1
    at out nft reset counter inet leaks leaks
    assert_equal "$(ask client1 tcp "$out" 8080)" unreachable
    assert_equal "$(ask client1 udp "$out" 5353)" unreachable
    assert_equal "$(leaks)" 0
    at node ip route add "$(ip4 nat1)" dev nat1
    mv "$work/slices-egress.yaml" "$manifests"
  done
}

# --- 23 ------------------------------------------------------------------------------------------
@test "pitfall 23: a destination of everything leaves the cluster's own ranges alone, and hosts" {
  egress "destinations: [0.0.0.0/0, '::/0']"
  start_one --exclude 198.18.0.0/15
  way() { at client1 ip route get "$1" | grep -oE 'dev [^ ]+'; }
  for address in 10.96.0.10 172.16.0.1 192.168.1.1 100.64.0.10 169.254.20.10 198.18.0.10 fd00:96::10; do
    assert_equal "$(way "$address")" "dev eth0"
  done
  for address in 203.0.113.9 198.17.0.1 100.128.0.1 2001:db8:f::9; do
    assert_equal "$(way "$address")" "dev pona-gpe"
  done
  ask client1 tcp "$(ip4 client2)" 1 | grep -qx refused

  pod client2 egress
  sed -i 's/spec: {/spec: {hostNetwork: true, /' "$manifests/pod-client2.yaml"
  sandbox client2
  assert_equal "$(call_agent ADD client2)" '{"version":1}'
  leaves_by client2 client2
  assert_equal "$(at client2 ip link show group 11217)" ""
}
