#!/usr/bin/env bats
# `pona nat` with clients made by hand: who gets through, with which address, and who does not.

load common.bash
load egress.bash

setup() {
  setup_egress
  egress
  pod client1 egress
  gateways nat1
}

teardown() { teardown_network; }

@test "nat: clients leave with the NAT pod's address, both families, TCP and UDP" {
  start_nat nat1
  by_hand client1 nat1
  assert_equal "$(ask client1 tcp "$out" 8080)" "out $(ip4 nat1) 8080"
  assert_equal "$(ask client1 udp "$out" 5353)" "out $(ip4 nat1) 5353"
  assert_equal "$(ask client1 tcp "$out6" 8080)" "out $(ip6 nat1) 8080"
  assert_equal "$(ask client1 udp "$out6" 5353)" "out $(ip6 nat1) 5353"
}

dropped() { nat_get nat1 8080 metrics | sed -n "s/^pona_nat_dropped_packets_total{reason=\"$1\"} //p"; }

@test "nat: pitfall 3: a pod that is no client gets nothing through, and is counted" {
  start_nat nat1
  by_hand stranger nat1
  assert_equal "$(ask stranger tcp "$out" 8080)" timeout
  assert_equal "$(ask stranger tcp "$out6" 8080)" timeout
  [ "$(dropped unknown-peer)" -gt 0 ]
}

@test "nat: pitfall 3: a client may not send in another's name" {
  pod client2 egress
  start_nat nat1
  by_hand client1 nat1
  # client1's tunnel, client2's address within.
  at client1 ip address add "$(ip4 client2)/32" dev vx0
  assert_equal "$(ask client1 tcp "$out" 8080 --source "$(ip4 client2)")" timeout
  [ "$(dropped unknown-peer)" -gt 0 ]
  assert_equal "$(ask client1 tcp "$out" 8080 --source "$(ip4 client1)")" "out $(ip4 nat1) 8080"
}

@test "nat: clients reach the Egress's destinations, and no pod, no client and no metadata besides" {
  pod client2 egress
  egress "destinations: [0.0.0.0/0, '::/0'], excludedDestinations: [203.0.113.10, '2001:db8:f::10/128']"
  start_nat nat1
  by_hand client1 nat1
  by_hand client2 nat1
  at out ip address add 2001:db8:f::10/64 dev eth0 nodad
  at node ip address add 169.254.169.254/32 dev lo
  local host
  for host in stranger client2 node; do
    spawn "$host" "$work/$host.log" python3 "$tools/server.py" "$host" 9090 -
    within 10 grep -q ready "$work/$host.log"
  done
  # A client that sends it all through its tunnel, whatever it is to be.
  local to
  for to in "$(ip4 stranger)" "$(ip4 client2)" 169.254.169.254; do
    at client1 ip route add "$to" encap ip id 117 dst "$(ip4 nat1)" csum dev vx0
  done
  for to in "$(ip6 stranger)" "$(ip6 client2)"; do
    at client1 ip -6 route add "$to" encap ip6 id 117 dst "$(ip6 nat1)" csum dev vx0
  done
  assert_equal "$(ask client1 tcp "$out" 8080)" "out $(ip4 nat1) 8080"
  assert_equal "$(ask client1 tcp "$out6" 8080)" "out $(ip6 nat1) 8080"
  assert_equal "$(ask client1 tcp 203.0.113.10 8080)" timeout
  assert_equal "$(ask client1 tcp 2001:db8:f::10 8080)" timeout
  for to in "$(ip4 stranger)" "$(ip4 client2)" 169.254.169.254 "$(ip6 stranger)" "$(ip6 client2)"; do
    assert_equal "$to $(ask client1 tcp "$to" 9090)" "$to timeout"
  done
  [ "$(dropped no-destination)" -ge 7 ]
  # Unless a destination covers them; a connection that is open is not disturbed.
  spawn client1 "$work/hold" python3 "$tools/client.py" hold "$out" 8080 --count 1 --stop "$work/stop"
  local holder=$spawned
  within 10 eval '[ "$(at out ss -Htn state established sport = 8080 | wc -l)" = 1 ]'
  egress "destinations: [0.0.0.0/0, '::/0', $(ip4 stranger), '$(ip6 stranger)']"
  within 5 answers "stranger $(ip4 nat1) 9090" client1 tcp "$(ip4 stranger)" 9090
  assert_equal "$(ask client1 tcp "$(ip6 stranger)" 9090)" "stranger $(ip6 nat1) 9090"
  assert_equal "$(ask client1 tcp "$(ip4 client2)" 9090)" timeout
  assert_equal "$(ask client1 tcp 203.0.113.10 8080)" "out $(ip4 nat1) 8080"
  touch "$work/stop"
  within 10 gone "$holder"
  assert_equal "$(tail -n 1 "$work/hold")" "1 alive, 0 broken"
  # The Egress goes: nobody is let out.
  rm "$manifests/egress.yaml"
  within 5 eval '[ "$(ask client1 tcp $out 8080)" = timeout ]'
}

# The NAT pod as a router towards the client, for what comes from outside.
route_by() {
  local nat=$1 client=$2
  at node ip rule add iif out lookup 77
  at node ip -6 rule add iif out lookup 77
  at node ip route add "$(ip4 "$client")" via "$(ip4 "$nat")" dev "$nat" onlink table 77
  at node ip -6 route add "$(ip6 "$client")" via "$(ip6 "$nat")" dev "$nat" onlink table 77
}

@test "nat: nothing from outside reaches a client that did not ask for it" {
  start_nat nat1
  by_hand client1 nat1
  spawn client1 "$work/server" python3 "$tools/server.py" client1 9090 -
  within 5 grep -q ready "$work/server"
  at client1 nft -f - <<'NFT'
table inet arrivals {
  counter arrivals {}
  chain seen {
    type filter hook prerouting priority filter
    tcp dport 9090 counter name arrivals
  }
}
NFT
  arrived() { at client1 nft list counter inet arrivals arrivals | sed -n 's/.*packets \([0-9]*\) .*/\1/p'; }
  route_by nat1 client1
  local before
  before=$(dropped unasked)
  assert_equal "$(ask out tcp "$(ip4 client1)" 9090)" timeout
  assert_equal "$(ask out tcp "$(ip6 client1)" 9090)" timeout
  [ "$(dropped unasked)" -ge $((before + 2)) ]
  assert_equal "$(arrived)" 0
  # It is the rules that refuse: without them the same packets go through the tunnel.
  kill -9 "$nat1_pid"
  within 5 gone "$nat1_pid"
  at nat1 nft flush ruleset
  assert_equal "$(ask out tcp "$(ip4 client1)" 9090)" "client1 $out 9090"
  assert_equal "$(ask out tcp "$(ip6 client1)" 9090)" "client1 $out6 9090"
  start_nat nat1
  assert_equal "$(ask out tcp "$(ip4 client1)" 9090)" timeout
}

@test "nat: pitfall 14: a connection of another NAT pod is reset at once, not left to hang" {
  start_nat nat1
  by_hand client1 nat1
  answers "out $(ip4 nat1) 8080" client1 tcp "$out" 8080
  # A connection that nat1 has never seen: opened another way, then moved into the tunnel.
  at client1 ip route del 203.0.113.0/24
  spawn client1 "$work/hold" python3 "$tools/client.py" hold "$out" 8080 --count 1 --stop "$work/stop"
  within 10 eval '[ "$(at out ss -Htn state established sport = 8080 | wc -l)" = 1 ]'
  at client1 ip route add 203.0.113.0/24 encap ip id 117 dst "$(ip4 nat1)" csum dev vx0
  within 3 eval '[ "$(at client1 ss -Htn state established dport = 8080 | wc -l)" = 0 ]'
}

@test "nat: a client that goes loses its way at once, and the rest stays" {
  pod client2 egress
  start_nat nat1
  by_hand client1 nat1
  by_hand client2 nat1
  answers "out" client1 tcp "$out" 8080
  answers "out" client2 tcp "$out" 8080
  pod client2 "" "reason: x"
  within 5 eval '[ "$(ask client2 tcp $out 8080)" = timeout ]'
  answers "out" client1 tcp "$out" 8080
  # Terminating clients keep theirs; finished ones do not.
  put pod-client1.yaml <<YAML
apiVersion: v1
kind: Pod
metadata: {name: client1, namespace: default, uid: uid-client1, deletionTimestamp: "2026-01-01T00:00:00Z",
  annotations: {egress.pona.cybozu.com/internet: egress}}
spec: {nodeName: node1}
status: {phase: Running, podIPs: [{ip: $(ip4 client1)}]}
YAML
  sleep 0.3
  answers "out" client1 tcp "$out" 8080
  sed -i 's/phase: Running/phase: Succeeded/' "$manifests/pod-client1.yaml"
  within 5 eval '[ "$(ask client1 tcp $out 8080)" = timeout ]'
}

@test "nat: the same pod, another process: no connection is lost, and nothing is made twice" {
  start_nat nat1
  by_hand client1 nat1
  spawn client1 "$work/hold" python3 "$tools/client.py" hold "$out" 8080 --count 3 --stop "$work/stop"
  local holder=$spawned before
  within 10 eval '[ "$(at out ss -Htn state established sport = 8080 | wc -l)" = 3 ]'
  before=$(at nat1 nft list ruleset | sed 's/packets [0-9]* bytes [0-9]*//'; at nat1 ip rule; at nat1 ip route show table 118)
  kill -9 "$nat1_pid"
  within 5 gone "$nat1_pid"
  sleep 0.5
  start_nat nat1
  assert_equal "$(at nat1 nft list ruleset | sed 's/packets [0-9]* bytes [0-9]*//'; at nat1 ip rule; at nat1 ip route show table 118)" "$before"
  sleep 0.5
  touch "$work/stop"
  within 10 gone "$holder"
  assert_equal "$(tail -n 1 "$work/hold")" "3 alive, 0 broken"
}

# POD FAMILY: its first client's way back, as it is
way_back() { at "$1" ip "-$2" route show table 118 | head -n 1; }

@test "nat: 2.15: a way back that somebody replaced is put back by itself, both families" {
  start_nat nat1 --resync 3600
  by_hand client1 nat1
  answers "out" client1 tcp "$out" 8080
  answers "out" client1 tcp "$out6" 8080
  local family before to
  for family in 4 6; do
    before=$(way_back nat1 "$family")
    to=${before%% *}
    # Another program's: of its own protocol, in the place of pona's.
    at nat1 ip "-$family" route replace blackhole "$to" table 118 proto static
    within 10 eval '[ "$(way_back nat1 "$family")" = "$before" ]'
    at nat1 ip "-$family" route replace "$to" dev eth0 table 118 proto static
    within 10 eval '[ "$(way_back nat1 "$family")" = "$before" ]'
  done
  answers "out" client1 tcp "$out" 8080
  answers "out" client1 tcp "$out6" 8080
}

@test "nat: metrics, status and the NAT log name the client" {
  start_nat nat1 --nat-log
  by_hand client1 nat1
  answers "out" client1 tcp "$out" 8080
  run nat_get nat1 8080 metrics
  assert_output --partial 'pona_nat_client_connections_total{namespace="default",pod="client1",address="10.64.0.11"} 1'
  assert_output --regexp 'pona_nat_client_packets_total\{namespace="default",pod="client1",address="10.64.0.11",direction="out"\} [1-9]'
  assert_output --regexp 'pona_nat_client_bytes_total\{namespace="default",pod="client1",address="10.64.0.11",direction="in"\} [1-9]'
  run nat_get nat1 8080 status
  assert_output --partial '"uid": "uid-client1"'
  within 5 grep -q '"pod":"client1".*"source":"10.64.0.11".*"destination":"203.0.113.9","destinationPort":8080,"natAddress":"10.64.0.21"' "$work/nat1.log"
}

@test "nat: probes are answered while the loop is at work" {
  # Who reads the NAT log has stopped to, and so the loop hangs.
  mkfifo "$work/nat1.log"
  exec {log}<>"$work/nat1.log"
  spawn nat1 "$work/nat1.log" "$PONA" nat --manifests "$manifests" --egress internet/egress \
    --address "$(ip4 nat1),$(ip6 nat1)" --nat-log
  nat1_pid=$spawned
  within 10 nat_is ready nat1
  by_hand client1 nat1
  at client1 python3 - "$out" <<'PY'
import socket, sys
for i in range(1000):
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", (sys.argv[1], 5353))
PY
  # It is at work for as long as nobody reads.
  within 10 eval 'nat_get nat1 8080 status | grep -q "loop is busy"'
  probe() {
    at client1 python3 - "$(ip4 nat1)" "uid-client1" <<'PY'
import socket, struct, sys
hash = 14695981039346656037
for byte in sys.argv[2].encode():
    hash = (hash ^ byte) * 1099511628211 % 2**64
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
    asking.settimeout(1)
    asking.sendto(b"PONA" + bytes([1, 1, 0, 0]) + struct.pack(">QQ", 42, hash), (sys.argv[1], 5556))
    answer = asking.recv(100)
print(answer[:4], *answer[5:7], *struct.unpack(">Q", answer[8:16]))
PY
  }
  within 10 eval '[ "$(probe)" = "b'"'PONA'"' 2 1 42" ]'
  kill -9 "$nat1_pid"
  exec {log}<&-
}

@test "nat: clients leave with the addresses of --snat" {
  at nat1 ip address add 10.64.0.121/32 dev lo
  at node ip route add 10.64.0.121 dev nat1
  start_nat nat1 --snat 10.64.0.121
  by_hand client1 nat1
  assert_equal "$(ask client1 tcp "$out" 8080)" "out 10.64.0.121 8080"
  # A family without such an address leaves with the interface's.
  assert_equal "$(ask client1 tcp "$out6" 8080)" "out $(ip6 nat1) 8080"
}

@test "nat: not ready without its Egress, and --dry-run only tells" {
  run at nat1 "$PONA" nat --manifests "$manifests" --egress internet/egress --address "$(ip4 nat1)" --dry-run
  assert_success
  assert_output --partial "ip rule add pref 2000 iif eth0 table 118"
  assert_output --partial "add table ip pona-nat"
  assert_equal "$(at nat1 nft list tables)" ""
  remove egress
  spawn nat1 "$work/nat1.log" "$PONA" nat --manifests "$manifests" --egress internet/egress --address "$(ip4 nat1)"
  within 5 eval 'nat_get nat1 8081 readyz | grep -q "the Egress of this NAT pod does not exist"'
}
