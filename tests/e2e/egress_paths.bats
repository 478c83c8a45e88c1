#!/usr/bin/env bats
# What lies between a client and its NAT pods, and how an agent judges it.

load common.bash
load egress.bash

setup() { setup_egress; }
teardown() { teardown_network; }

# A NAT pod on another node, behind a cable: what crosses it has its checksums, and who gets it looks.
add_far_nat() {
  add_host node2 0 1
  add_leg node node2 node2 uplink - 192.0.2.1/30
  at node2 ip address add 192.0.2.2/30 dev uplink
  add_pod nat3 node2
  at node ip route add "$(ip4 nat3)" via 192.0.2.2
  at node2 ip route add default via 192.0.2.1
  at node ethtool -K node2 tx off >/dev/null
  at node2 ethtool -K uplink tx off >/dev/null
}

offload() { at "$1" ethtool -k "$2" | sed -n 's/^tx-checksumming: //p'; }

@test "egress: mode Service: nothing is lost to a checksum where a Service leads to another node" {
  add_far_nat
  service_of nat3
  egress "mode: Service, destinations: [203.0.113.0/24]"
  pod client1 egress
  gateways nat3
  sandbox client1
  start_nat nat3
  start_agent --resync 2
  within 10 leaves_by client1 nat3
  answers "out $(ip4 nat3) 5353" client1 udp "$out" 5353
  assert_equal "$(at nat3 nstat -asz UdpInCsumErrors | awk '/UdpInCsumErrors/ {print $2}')" 0
  assert_equal "$(offload client1 pona-gpe)" off
  # A Service cannot be asked itself: what is behind it tells.
  service_is() { pona egress list --socket "$work/agent.sock" | grep -E "10\.96\.0\.10$1"; }
  within 10 service_is ' *$'
  # Put back, and undone where nobody needs it.
  at client1 ethtool -K pona-gpe tx on >/dev/null
  within 30 eval '[ "$(offload client1 pona-gpe)" = off ]'
  egress "mode: Direct, destinations: [203.0.113.0/24]"
  within 10 eval '[ "$(offload client1 pona-gpe)" = on ]'
  within 10 leaves_by client1 nat3
}

@test "egress: an Egress with 400 NAT pods" {
  local host four=
  for host in {1..400}; do four+="{addresses: [10.66.$((host / 250)).$((host % 250 + 1))], conditions: {ready: true}},"; done
  egress
  pod client1 egress
  gateways nat1
  sed -i "s/^endpoints: \[{addresses: \[$(ip4 nat1)\]/endpoints: [$four {addresses: [$(ip4 nat1)]/" \
    "$manifests/slices-egress.yaml"
  sandbox client1
  start_nat nat1
  ulimit -Sn 256
  start_agent
  # None of them answers anybody, and so they are used after a while, as those without probes are.
  members() { at client1 ip nexthop show | grep ' group ' | tr / '\n' | wc -l; }
  within 60 eval '[ "$(members)" -gt 800 ]'
  kill -0 "$agent_pid"
  refute grep -q 'error' "$work/agent.log"
  # All descriptors that it may have.
  awk '/^Max open files/ { exit $4 != $5 }' "/proc/$agent_pid/limits"
  # And back: with fewer of them all is as before.
  gateways nat1
  within 30 leaves_by client1 nat1
}

forge() {
  spawn client1 "$work/forge.log" python3 "$tools/forge_probes.py" "$@"
  within 20 grep -q forged "$work/forge.log"
}

@test "egress: a client that answers probes in a NAT pod's name decides nothing for others" {
  egress
  pod client1 egress
  pod client2 egress
  gateways nat1 nat2
  sandbox client1
  sandbox client2
  start_nat nat1
  start_nat nat2
  many_hosts
  start_agent
  within 10 answers "out" client1 tcp "$out" 8080
  within 10 answers "out" client2 tcp "$out" 8080
  # One that is well is emptied by nobody: it keeps its weight, of two next hops in the group.
  full() { at client2 ip nexthop show | grep ' group ' | head -n 1 | grep -o ',255' | wc -l; }
  within 20 eval '[ "$(full)" = 4 ]'
  forge "$(ip4 nat2)" drain
  sleep 3
  assert_equal "$(full)" 4
  kill "$spawned"
  # It is cut off, and the other client's connections must all go by the one that is left.
  forge "$(ip4 nat2)" alive
  at node ip route replace blackhole "$(ip4 nat2)"/32
  ways() {
    local host
    for host in {20..35}; do ask client2 tcp "203.0.113.$host" 8080; done | sort -u
  }
  within 40 eval '[ "$(ways)" = "out $(ip4 nat1) 8080" ]'
}
