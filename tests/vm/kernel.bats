#!/usr/bin/env bats
# What the other suites here rest on: that this kernel has the tunnels, and that they carry packets in
# the way that pona means to use them.
bats_require_minimum_version 1.5.0

setup() {
  load ../e2e/common
  load ../e2e/topology
  begin_network
  add_host left 0 0
  add_host right 0 0
  add_leg left wire right wire - 192.0.2.1/24 2001:db8::1/64
  ip -n "$net-right" address add 192.0.2.2/24 dev wire
  ip -n "$net-right" address add 2001:db8::2/64 dev wire
}

teardown() { teardown_network; }

# The first packet may wait for a neighbour, and emulation is slow.
pings() { at "$1" ping -q -c 3 -i 0.2 -W 10 "$2"; }

# Bytes that a device has sent: whether the tunnel was used.
sent() { at "$1" cat "/sys/class/net/$2/statistics/tx_bytes"; }

has_received() { [ "$(at "$1" cat "/sys/class/net/$2/statistics/rx_packets")" -gt 0 ]; }

# HOST LOCAL REMOTE ADDRESS: one end of a tunnel within UDP.
add_fou() {
  ip -n "$net-$1" fou add port 5555 ipproto 4
  ip -n "$net-$1" link add tunnel type ipip local "$2" remote "$3" ttl 64 \
    encap fou encap-sport auto encap-dport 5555
  ip -n "$net-$1" address add "$4" dev tunnel
  ip -n "$net-$1" link set tunnel up
}

@test "fou and ipip: encapsulated both ways" {
  add_fou left 192.0.2.1 192.0.2.2 10.9.0.1/24
  add_fou right 192.0.2.2 192.0.2.1 10.9.0.2/24
  # All that is not UDP is refused, so that nothing goes round the tunnel's encapsulation.
  for host in left right; do
    at $host nft 'add table ip only; add chain ip only in { type filter hook input priority raw; };
      add rule ip only in iifname wire udp dport != 5555 drop;
      add rule ip only in iifname wire ip protocol != udp drop'
  done
  pings left 10.9.0.2
  pings right 10.9.0.1
  for host in left right; do
    run sent $host tunnel
    refute_output 0
  done
}

@test "fou6 and ip6tnl without encapsulation limit: both families within it" {
  local peer=2
  for host in left right; do
    ip -n "$net-$host" -6 fou add port 5556 ipproto 4
    ip -n "$net-$host" -6 fou add port 5557 ipproto 41
    ip -n "$net-$host" link add tunnel type ip6tnl mode any encaplimit none \
      local 2001:db8::$((3 - peer)) remote 2001:db8::$peer \
      encap fou encap-sport auto encap-dport 5556
    ip -n "$net-$host" address add 10.9.0.$((3 - peer))/24 dev tunnel
    ip -n "$net-$host" link set tunnel up
    peer=1
  done
  pings left 10.9.0.2
  pings right 10.9.0.1
  run sent left tunnel
  refute_output 0
}

@test "vrf: what comes in by its devices is looked up in its table alone" {
  ip -n "$net-left" link add blue type vrf table 100
  ip -n "$net-left" link set blue up
  ip -n "$net-left" link set wire master blue
  # The addresses of IPv6 are lost when a device changes its master; those of IPv4 stay.
  run ip -n "$net-left" route show table 100
  assert_output --partial '192.0.2.0/24 dev wire'
  run ip -n "$net-left" route show table main
  assert_output ''
  pings right 192.0.2.1
  at left ip vrf exec blue ping -q -c 1 -W 10 192.0.2.2
  run at left ping -q -c 1 -W 1 192.0.2.2
  assert_failure
}

@test "wireguard: a peer by its key, both ways" {
  local host
  for host in left right; do
    wg genkey >"$BATS_TEST_TMPDIR/$host.key"
    ip -n "$net-$host" link add guard type wireguard
  done
  at left wg set guard listen-port 51820 private-key "$BATS_TEST_TMPDIR/left.key" \
    peer "$(wg pubkey <"$BATS_TEST_TMPDIR/right.key")" allowed-ips 10.9.0.2/32 \
    endpoint 192.0.2.2:51820
  at right wg set guard listen-port 51820 private-key "$BATS_TEST_TMPDIR/right.key" \
    peer "$(wg pubkey <"$BATS_TEST_TMPDIR/left.key")" allowed-ips 10.9.0.1/32 \
    endpoint 192.0.2.1:51820
  ip -n "$net-left" address add 10.9.0.1/24 dev guard
  ip -n "$net-right" address add 10.9.0.2/24 dev guard
  for host in left right; do ip -n "$net-$host" link set guard up; done
  pings left 10.9.0.2
  pings right 10.9.0.1
}

@test "a resilient nexthop group spreads flows over two fou devices" {
  local number
  ip -n "$net-right" address add 192.0.2.3/24 dev wire
  ip -n "$net-right" fou add port 5555 ipproto 4
  for number in 2 3; do
    ip -n "$net-right" link add "from$number" type ipip local "192.0.2.$number" remote 192.0.2.1
    ip -n "$net-right" link set "from$number" up
    ip -n "$net-left" link add "to$number" type ipip local 192.0.2.1 remote "192.0.2.$number" \
      encap fou encap-sport auto encap-dport 5555
    ip -n "$net-left" link set "to$number" up
    ip -n "$net-left" nexthop add id "$number" dev "to$number"
  done
  ip -n "$net-left" nexthop add id 10 group 2/3 type resilient buckets 32
  ip -n "$net-left" route add 10.9.9.9/32 nhid 10
  # Flows are told apart by their ports, not by the addresses alone.
  at left sysctl -qw net.ipv4.fib_multipath_hash_policy=1
  ip -n "$net-right" address add 10.9.9.9/32 dev lo
  # shellcheck disable=SC2016  # expanded there
  at left bash -c 'for port in {7001..7040}; do echo >/dev/udp/10.9.9.9/$port; done'
  for number in 2 3; do
    within 30 has_received right "from$number"
  done
  run ip -n "$net-left" nexthop bucket show
  assert_equal "${#lines[@]}" 32
}
