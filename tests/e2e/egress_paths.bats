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

# MTU: of the whole network of the pods, which says nothing of what it drops
shrink() {
  local pod
  for pod in client1 nat1; do
    at "$pod" ip link set eth0 mtu "$1"
    at node ip link set "$pod" mtu "$1"
  done
}

through_small_mtu() {
  local mtu family to
  egress
  pod client1 egress
  gateways nat1
  shrink 1280
  sandbox client1
  start_nat nat1
  start_agent --resync 3600
  for mtu in 1280 1300 1330; do
    shrink "$mtu"
    for to in "$out" "$out6"; do
      within 10 answers "out .* 8080" client1 tcp "$to" 8080
      within 10 answers "out .* 5353" client1 udp "$to" 5353
      assert_equal "$(ask client1 bulk "$to" 8080 --bytes 500000 --timeout 20)" \
        $'there 500000\nback 500000'
    done
    within 10 eval 'pona egress list --socket "$work/agent.sock" | grep -q "the MTU of the pod.s network, $mtu, leaves IPv6"'
  done
  shrink 1400
  within 10 eval '! pona egress list --socket "$work/agent.sock" | grep -q "leaves IPv6"'
}

@test "egress: 2.12: pods whose network takes 1280 bytes have both families, by VXLAN" {
  through_small_mtu
  # What IPv6 must have on a device.
  assert_equal "$(at client1 cat /proc/sys/net/ipv6/conf/pona-gpe/mtu)" 1344
}

@test "egress: 2.12: UDP and ping over IPv6 learn a path's MTU behind a NAT pod" {
  egress
  pod client1 egress
  gateways nat1 nat2
  sandbox client1
  start_nat nat1
  start_nat nat2
  start_agent --resync 3600
  within 10 answers "out" client1 tcp "$out6" 8080
  at node ip link set out mtu 1300
  at out ip link set eth0 mtu 1300
  # Whichever port it goes to.
  cat >"$work/learn.py" <<'PY'
import socket, sys, time
IPV6_MTU = 24
sockets = []
for port in range(20001, 20017):
    sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    sock.connect((sys.argv[1], port))
    sockets.append(sock)
begun = time.monotonic()
while time.monotonic() - begun < 10:
    for sock in sockets:
        try:
            sock.send(b"x" * 1350)
        except OSError:  # what came of an earlier one
            pass
    if all(sock.getsockopt(socket.IPPROTO_IPV6, IPV6_MTU) == 1300 for sock in sockets):
        print("learned")
        break
    time.sleep(0.1)
PY
  assert_equal "$(at client1 python3 "$work/learn.py" "$out6")" learned
  within 10 at client1 ping -6 -c 1 -W 1 -s 1350 "$out6"
}

# CLIENT FAMILY: how it leads to NAT pods, as it is
ways_of() { at "$1" ip "-$2" rule; at "$1" ip "-$2" route show table 117; at "$1" ip "-$2" route show table 118; }

ways_are() { [ "$(ways_of "$1" "$2")" = "$3" ]; }

@test "agent: 2.15: a client's routes, rules and tunnels that somebody touches are put back by themselves" {
  egress
  pod client1 egress
  gateways nat1
  start_nat nat1
  sandbox client1
  start_agent --resync 3600
  within 10 leaves_by client1 nat1
  local family before to
  for family in 4 6; do
    before=$(ways_of client1 "$family")
    to=$([ "$family" = 4 ] && echo 203.0.113.0/24 || echo 2001:db8:f::/64)
    at client1 ip "-$family" route replace blackhole "$to" table 117 metric 100 proto static
    within 10 ways_are client1 "$family" "$before"
    at client1 ip "-$family" route del "$to" table 117 metric 9000
    within 10 ways_are client1 "$family" "$before"
    at client1 ip "-$family" rule del pref 1900
    within 10 ways_are client1 "$family" "$before"
  done
  at client1 ip link set pona-gpe down
  within 10 leaves_by client1 nat1
}
