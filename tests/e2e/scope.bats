#!/usr/bin/env bats
# Two jobs in one namespace: each keeps to its scope (core/state/scope.hpp), and leaves alone what
# others have there, pona's as well.

load common.bash
load topology.bash

setup() {
  setup_network
  mapping web "addresses: [$vip], ports: [{port: 80}, {port: 443}]"
  served web "tcp:80:8080 tcp:443:8081 tcp:9000:8080" 1 2
}

teardown() { teardown_network; }

# What an agent or a NAT pod would have here, and what is nobody's, with pona's protocol.
foreign() {
  add_leg edge other0 router other -
  at edge ip -batch - <<'IP'
route add 198.18.0.0/16 dev other0 table 117 metric 100 proto 112
route add unreachable 198.18.0.0/16 table 117 metric 9000 proto 112
route add throw 10.0.0.0/8 table 117 metric 500 proto 112
route add 198.18.7.7/32 dev other0 table 118 proto 112
route add 198.18.8.0/24 dev other0 table 300 proto 112
route add 198.18.9.0/24 dev other0 table 11456 proto 112
rule add pref 1900 lookup 117 protocol 112
rule add pref 1890 ipproto udp dport 5556 lookup 118 protocol 112
rule add pref 2000 iif other0 lookup 118 protocol 112
rule add pref 1122 fwmark 0x1/0x1 lookup 300 protocol 112
IP
  at edge ip -6 -batch - <<'IP'
route add 2001:db8:77::/48 dev other0 table 117 metric 100 proto 112
route add 2001:db8:77::7/128 dev other0 table 118 proto 112
rule add pref 1900 lookup 117 protocol 112
rule add pref 2000 iif other0 lookup 118 protocol 112
IP
  at edge nft -f - <<'NFT'
table ip pona-nat {
  chain some { type filter hook forward priority 5; counter accept; }
}
table ip6 pona-egress {
  set gateways { type ipv6_addr; elements = { 2001:db8::1 }; }
}
table inet somebody {
  chain some { tcp dport 1 drop; }
}
NFT
}

# Of all that is there, what is not the edge's, byte for byte. Counters count.
others() {
  at edge ip route show table all | grep -vE 'table 112(0[1-9]|[1-5][0-9]|6[0-3]) '
  at edge ip -6 route show table all | grep -vE 'table 112(0[1-9]|[1-5][0-9]|6[0-3]) '
  at edge ip rule show | grep -vE '^(1120|1121):'
  at edge ip -6 rule show | grep -vE '^(1120|1121):'
  for table in 'ip pona-nat' 'ip6 pona-egress' 'inet somebody'; do
    # shellcheck disable=SC2086
    at edge nft list table $table | sed -E 's/packets [0-9]+ bytes [0-9]+//'
  done
}

served_at() { answers "pod[12] .* 808[0-9]" tcp "$vip" "$1"; }

@test "scope: an edge leaves alone what others have in its namespace, from start to cleanup" {
  foreign
  local before
  before=$(others)
  start_edge --resync 1
  assert_equal "$(others)" "$before"
  within 5 served_at 80

  # A change, and one that makes the tables of another interface.
  mapping web "addresses: [$vip], ports: [{port: 80}, {port: 443}, {port: 9000}]"
  within 5 served_at 9000
  mapping api "addresses: [$vip2], ports: [{port: 80}], serviceName: web"
  within 5 answers pod tcp "$vip2" 80
  assert_equal "$(others)" "$before"

  # Tampering and resyncs.
  at edge ip rule del pref 1121
  within 5 eval 'at edge ip rule show pref 1121 | grep -q 112'
  sleep 1.5
  kill -HUP "$edge_pid"
  sleep 0.5
  assert_equal "$(others)" "$before"

  stop_edge
  assert_equal "$(others)" "$before"
  run at edge "$PONA" edge cleanup --socket "$work/edge.sock"
  assert_success
  refute_output --regexp 'table (117|118|300|11456)|pref (1122|1890|1900|2000)|pona-nat|pona-egress'
  assert_equal "$(others)" "$before"
  assert_equal "$(at edge ip route show table all proto 112 | grep -c 'table 112[0-5]')" 0
  assert_equal "$(at edge ip rule show | grep -cE '^112[01]:')" 0
  run at edge nft list table ip pona-edge
  assert_failure
}

# What is the edge's, apart from counters, and from the MSS: the edge itself heeds the MTU of links.
of_edge() {
  at edge ip route show table all | grep -E 'table 112(0[1-9]|[1-5][0-9]|6[0-3]) '
  at edge ip rule show | grep -E '^(1120|1121):'
  at edge nft list table ip pona-edge | grep -v maxseg | sed -E 's/packets [0-9]+ bytes [0-9]+//'
}

@test "scope: a NAT pod's job in the namespace of an edge leaves the edge's alone, and the edge its" {
  # The NAT pod's tunnel is a leg with another MTU: else a chain that clamps would come with it.
  start_edge --resync 1 --accounting traffic
  within 5 served_at 80
  sleep 1.5
  local before
  before=$(of_edge)
  put egress.yaml <<'YAML'
apiVersion: pona.cybozu.com/v1
kind: Egress
metadata: {name: egress, namespace: internet}
spec: {encapsulation: VXLAN, destinations: [198.18.0.0/16]}
---
apiVersion: v1
kind: Pod
metadata: {name: client1, namespace: default, uid: uid-client1,
  annotations: {egress.pona.cybozu.com/internet: egress}}
spec: {nodeName: node1, containers: [{name: main, image: main}]}
status: {phase: Running, podIPs: [{ip: 10.1.0.77}]}
YAML
  spawn edge "$work/nat.log" "$PONA" nat --manifests "$manifests" --egress internet/egress \
    --address 10.1.0.2 --metrics-port 18080 --health-port 18081
  local nat_pid=$spawned
  within 10 eval 'at edge ip route show table 118 | grep -q 10.1.0.77' || fail "$(cat "$work/nat.log")"
  of_nat() {
    at edge ip route show table 118
    at edge ip rule show | grep -E '^(1890|2000):'
    at edge ip -d link show group 11217 | grep -v 'link/ether'
    at edge nft list table ip pona-nat | sed -E 's/packets [0-9]+ bytes [0-9]+//'
  }
  local held
  held=$(of_nat)
  run diff <(echo "$before") <(of_edge)
  assert_success
  # Both keep what is theirs through changes and resyncs of the other.
  mapping web "addresses: [$vip], ports: [{port: 80}, {port: 443}, {port: 9000}]"
  # (A NAT pod lets nobody through but its clients: what is compared is what each holds.)
  within 5 eval 'at edge nft list table ip pona-edge | grep -q "tcp . 9000"'
  before=$(of_edge)
  sleep 1.5
  assert_equal "$(of_nat)" "$held"
  sed -i 's/phase: Running/phase: Succeeded/' "$manifests/egress.yaml"
  within 5 eval '! at edge ip route show table 118 | grep -q 10.1.0.77'
  run diff <(echo "$before") <(of_edge)
  assert_success
  held=$(of_nat)
  stop_edge
  run at edge "$PONA" edge cleanup --socket "$work/edge.sock"
  assert_success
  assert_equal "$(of_nat)" "$held"
  kill -TERM "$nat_pid"
  within 10 gone "$nat_pid"
}
