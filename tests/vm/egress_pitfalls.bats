#!/usr/bin/env bats
# What egress through FoU is known to fail by; numbers as in tests/e2e/egress_pitfalls.md. What does not
# depend on the encapsulation is tested in tests/e2e with VXLAN.
# shellcheck disable=SC2016,SC2034,SC2154  # what eval expands, and the network's names
bats_require_minimum_version 1.5.0

setup() {
  load ../e2e/common
  load ../e2e/egress
  load fou
  export patience=10
  export encapsulation=FoU
  setup_egress
  egress
  pod client1 egress
  gateways nat1
}
teardown() { teardown_network; }

start_one() {
  sandbox client1
  start_nat nat1
  start_agent "$@"
  within 5 leaves_by client1 nat1
}
dropped() { nat_get nat1 8080 metrics | sed -n "s/^pona_nat_dropped_packets_total{reason=\"$1\"} //p"; }
# HOST: counts the datagrams to port 7777 that get there, as what is within a tunnel
count_arrivals() {
  at "$1" nft -f - <<'NFT'
table inet arrivals {
  counter arrivals {}
  chain seen {
    type filter hook prerouting priority filter
    udp dport 7777 counter name arrivals
  }
}
NFT
}
arrived() { at "$1" nft list counter inet arrivals arrivals | sed -n 's/.*packets \([0-9]*\) .*/\1/p'; }

# On the way through a Service each tunnel is two entries of conntrack, neither of which ever sees an
# answer: they are forgotten early, and what comes later is led to any NAT pod.
@test "FoU: pitfall 1: connections that were silent for longer than conntrack remembers go on" {
  service
  kube_proxy nat1 nat2
  gateways nat1 nat2
  sandbox client1
  start_nat nat1
  start_nat nat2
  start_agent
  within 5 leaves_by_all client1 '[12]'
  at node sysctl -qw net.netfilter.nf_conntrack_udp_timeout=1 net.netfilter.nf_conntrack_udp_timeout_stream=1
  tracked() { at node conntrack -L -p udp --dport 5555 2>/dev/null | grep -c "src=$(ip4 client1)" || true; }
  spawn client1 "$work/hold" python3 "$tools/client.py" hold "$out" 8080 --count 24 --idle \
    --stop "$work/stop" --limit 120
  local holder=$spawned
  within 20 grep -q open "$work/hold"
  # What remains is the probes'.
  within 10 eval '[ "$(tracked)" -le 4 ]'
  touch "$work/stop"
  within 20 gone "$holder"
  assert_equal "$(tail -n 1 "$work/hold")" "24 alive, 0 broken"
}

@test "FoU: pitfall 3: whoever is no client gets nothing through a NAT pod, nor into a client" {
  pod client2
  start_one
  fou_by_hand stranger
  tunnels_by_hand stranger "$(ip4 nat1)" "$(ip6 nat1)" none
  at stranger ip route add 203.0.113.0/24 dev fou4
  at stranger ip -6 route add 2001:db8:f::/64 dev fou6
  assert_equal "$(ask stranger tcp "$out" 8080)" timeout
  assert_equal "$(ask stranger tcp "$out6" 8080)" timeout
  [ "$(dropped unknown-peer)" -ge 2 ]
  # Nor in a client's name.
  local before
  before=$(dropped unknown-peer)
  at stranger ip address add "$(ip4 client1)/32" dev fou4
  assert_equal "$(ask stranger udp "$out" 5353 --source "$(ip4 client1)")" timeout
  [ "$(dropped unknown-peer)" -gt "$before" ]

  count_arrivals client1
  at stranger ip link set fou4 down
  at stranger ip link del fou4
  at stranger ip link del fou6
  tunnels_by_hand stranger "$(ip4 client1)" "$(ip6 client1)" none
  at stranger ip route add 198.18.0.1 dev fou4
  at stranger ip -6 route add 2001:db8:18::1 dev fou6
  into_client() {
    ask stranger udp 198.18.0.1 7777 --timeout 0.5
    ask stranger udp 2001:db8:18::1 7777 --timeout 0.5
  }
  into_client
  assert_equal "$(arrived client1)" 0
  # In mode Service the client has devices that take from anybody.
  service
  kube_proxy nat1
  egress "mode: Service, destinations: [203.0.113.0/24, '2001:db8:f::/64']"
  within 5 at client1 ip link show pona6-sink
  within 5 leaves_by_all client1 1
  into_client
  assert_equal "$(arrived client1)" 0
  # It is the rules that refuse.
  kill -STOP "$agent_pid"
  at client1 nft delete table ip pona-egress
  at client1 nft delete table ip6 pona-egress
  into_client
  assert_equal "$(arrived client1)" 2
}

@test "FoU: pitfall 7: IPv6 goes in tunnels that add nothing and say nothing of themselves" {
  start_one
  capture
  local link
  link=$(at client1 ip -o link show group 11217 | grep -o 'pona6-[0-9a-f]*')
  run at client1 ip -d link show "$link"
  assert_output --partial "ip6tnl ip6ip6 remote fd00:64::21 local fd00:64::11"
  assert_output --partial "encaplimit none"
  assert_output --partial " encap-csum6"
  # Up anew is when a device would make itself known.
  at client1 ip link set "$link" down
  kill -HUP "$agent_pid"
  within 5 answers "out $(ip6 nat1)" client1 tcp "$out6" 8080
  assert_equal "$(at client1 ip -6 address show dev "$link")" ""
  captured
  # What is within: neither from nor to link-local addresses, nor multicast; the rest is there.
  [ "$(wire 'udp dst port 5555 and ip6[48:4] & 0xf0000000 = 0x60000000')" -gt 0 ]
  assert_equal "$(wire 'udp dst port 5555 and ip6 and (ip6[56:2] = 0xfe80 or ip6[72:2] = 0xfe80 or ip6[72] = 0xff)')" 0

  at client2 sysctl -qw net.ipv6.conf.all.disable_ipv6=1
  pod client2 egress
  sandbox client2
  assert_equal "$(call_agent ADD client2)" '{"version":1}'
  leaves_by client2 nat1
}

@test "FoU: pitfall 8: outer checksums are right also without the card's help, or are 0 if so wished" {
  for pod in client1 nat1; do
    at "$pod" ethtool -K eth0 tx off
    at node ethtool -K "$pod" tx off
  done
  start_one
  capture
  assert_equal "$(ask client1 bulk "$out" 8080 --bytes 300000 --timeout 30)" $'there 300000\nback 300000'
  assert_equal "$(ask client1 bulk "$out6" 8080 --bytes 300000 --timeout 30)" $'there 300000\nback 300000'
  captured
  [ "$(wire 'udp dst port 5555 and len > 1000')" -gt 100 ]
  assert_equal "$(tcpdump -vvnr "$work/wire" udp dst port 5555 2>/dev/null | grep -c 'bad udp cksum')" 0
  assert_equal "$(wire 'ip and udp dst port 5555 and udp[6:2] = 0 or ip6 and udp dst port 5555 and ip6[46:2] = 0')" 0

  kill -TERM "$agent_pid" "$nat1_pid"
  within 5 gone "$agent_pid"
  within 20 gone "$nat1_pid"
  start_nat nat1 --no-udp-checksum
  start_agent --no-udp-checksum
  within 5 leaves_by_all client1 1
  capture
  leaves_by_all client1 1
  captured
  assert_equal "$(wire 'ip and udp dst port 5555 and udp[6:2] != 0 or ip6 and udp dst port 5555 and ip6[46:2] != 0')" 0
  [ "$(wire 'udp dst port 5555')" -gt 0 ]
}

@test "FoU: pitfall 9: bulk gets through a narrow path, both ways, and the MTU follows without a new device" {
  start_one --resync 3600
  local pod family before
  for pod in client1 nat1; do
    at node ip route add table 78 "$(ip4 $pod)" dev $pod mtu lock 1400
    at node ip -6 route add table 78 "$(ip6 $pod)" dev $pod mtu lock 1400
    for family in -4 -6; do at node ip $family rule add iif $pod lookup 78; done
  done
  assert_equal "$(ask client1 bulk "$out" 8080 --bytes 300000 --timeout 30)" $'there 300000\nback 300000'
  assert_equal "$(ask client1 bulk "$out6" 8080 --bytes 300000 --timeout 30)" $'there 300000\nback 300000'

  tunnels() { at client1 ip -o link show group 11217 | sed -E 's/^([0-9]+): ([^@:]+).* mtu ([0-9]+) .*/\1 \2 \3/'; }
  before=$(tunnels | sort)
  grep -q ' 1472$' <<<"$before"
  grep -q ' 1452$' <<<"$before"
  at client1 ip link set eth0 mtu 1400
  within 5 eval '[ "$(tunnels | sort)" = "$(sed "s/ 1472$/ 1372/; s/ 1452$/ 1352/" <<<"$before")" ]'
}

@test "FoU: pitfall 10: one port serves many tunnels beside others' devices; a port that is taken is told" {
  # What another may have in the pod: the devices that come with the modules, and tunnels of its own.
  at client1 ip link add theirs type ipip remote "$(ip4 stranger)" local "$(ip4 client1)"
  at client1 ip link set theirs up
  at client1 ip link set tunl0 up
  at client1 ip link set ip6tnl0 up
  gateways nat1 nat2
  start_nat nat2
  sandbox client1
  start_nat nat1
  start_agent
  within 5 leaves_by_all client1 '[12]'
  local seen
  seen=$(ask client1 tcp "$out" 8080 --count 24 | sort -u)
  assert_equal "$seen" "out $(ip4 nat1) 8080"$'\n'"out $(ip4 nat2) 8080"
  assert_equal "$(at client1 ip fou show | grep -c 'port 5555')" 2

  spawn client2 "$work/squatter" python3 "$tools/server.py" squatter - 5555
  local squatter=$spawned
  within 5 grep -q ready "$work/squatter"
  pod client2 egress
  sandbox client2
  run call_agent ADD client2
  assert_output --partial '"code":11'
  assert_output --partial "in use"
  refused client2 "$out"
  refused client2 "$out6"
  kill "$squatter"
  within 5 gone "$squatter"
  assert_equal "$(call_agent ADD client2)" '{"version":1}'
  within 2 leaves_by_all client2 '[12]'
}

# kube-proxy leaves the entries of UDP that goes on, when the last endpoint goes.
@test "FoU: pitfall 20: what conntrack remembers of a Service without endpoints holds nobody up" {
  service
  kube_proxy nat1
  start_one
  kill -9 "$nat1_pid"
  at nat1 ip link set eth0 down
  # A packet to the Service keeps its entry, which leads to the one that is gone.
  at client1 python3 -c 'import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"", ("10.96.0.10", 5555))'
  at node conntrack -L -p udp --dport 5555 2>/dev/null | grep -q "dst=$service4 .*src=$(ip4 nat1)"
  gateways
  at node nft flush chain ip kube-proxy services
  within 5 refused client1 "$out"
  start_nat nat2
  gateways nat2
  within 5 leaves_by_all client1 2
  at node conntrack -L -p udp --dport 5555 2>/dev/null | grep -q "dst=$service4 .*src=$(ip4 nat1)"
}

@test "FoU: pitfall 10: what somebody else receives FoU with in a pod stays, as long as pona is there and after" {
  # As Coil leaves it in a pod that moves to pona.
  at client1 ip fou add port 5555 ipproto 4
  at client1 ip link add theirs type ipip remote "$(ip4 stranger)" local "$(ip4 client1)" ttl 64 \
    encap fou encap-sport auto encap-dport 5555
  at client1 ip link set theirs up
  gateways nat1
  start_nat nat1
  sandbox client1
  start_agent
  within 5 leaves_by_all client1 1
  pod client1
  within 5 eval '[ "$(at client1 ip -o link show group 11217 | wc -l)" = 0 ]'
  within 5 eval '[ "$(at client1 ip fou show | grep -c "ipproto 41")" = 0 ]'
  assert_equal "$(at client1 ip fou show)" "port 5555 ipproto 4"
}

# An ipip device that hears ICMP errors about its packets tells the senders of as many of the next
# ones, for 30 s, that there is no way, whatever becomes of them (net/ipv4/ip_tunnel.c, err_count).
@test "FoU: neither a NAT pod that comes back nor who pretends it is gone breaks a connection" {
  start_one
  local kind
  for kind in '3 1' '3 3' '11 0'; do
    # shellcheck disable=SC2086  # type and code
    at node python3 -I -S "$tools/icmp_error.py" $kind "$(ip4 client1)" "$(ip4 nat1)" 5555 --count 20
    run ask client1 tcp "$out" 8080 --count 40
    assert_success
    assert_equal "$(sort -u <<<"$output")" "out $(ip4 nat1) 8080"
    # shellcheck disable=SC2086
    at node python3 -I -S "$tools/icmp_error.py" $kind "$(ip4 nat1)" "$(ip4 client1)" 5555 --count 20
    run ask client1 tcp "$out" 8080 --count 40
    assert_success
    assert_equal "$(sort -u <<<"$output")" "out $(ip4 nat1) 8080"
  done
}
