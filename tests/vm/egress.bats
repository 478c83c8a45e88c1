#!/usr/bin/env bats
# The egress side with FoU, which a developer's kernel may lack; what does not depend on the
# encapsulation is tested in tests/e2e with VXLAN. Peers made by hand have the devices and the wire
# format of Coil v2 and of Pona's predecessor.
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
  gateways nat1 nat2
}
teardown() { teardown_network; }

# All of ours in a client's namespace.
held() {
  at "$1" ip -o link show group 11217
  at "$1" ip fou show
  at "$1" ip rule show | grep -E '1900|1890' || true
  at "$1" ip -6 rule show | grep -E '1900|1890' || true
  at "$1" ip route show table 117 2>/dev/null || true
  at "$1" ip -6 route show table 117 2>/dev/null || true
  at "$1" ip route show table 118 2>/dev/null || true
  at "$1" ip -6 route show table 118 2>/dev/null || true
  at "$1" ip nexthop show
  at "$1" nft list tables
}
@test "FoU: pitfall 8: clients leave by NAT pods in UDP with checksums, and by nothing else; nothing is left behind" {
  local before
  before=$(held client1)
  gateways
  sandbox client1
  capture
  start_agent
  within 5 refused client1 "$out"
  within 5 refused client1 "$out6"
  start_nat nat1
  start_nat nat2
  gateways nat1 nat2
  within 5 leaves_by_all client1 '[12]'
  captured
  # To the NAT pods and back.
  for address in "$(ip4 client1)" "$(ip6 client1)"; do
    [ "$(wire "src $address and udp dst port 5555")" -gt 0 ]
    [ "$(wire "dst $address and udp dst port 5555")" -gt 0 ]
  done
  assert_equal "$(wire 'ip and udp dst port 5555 and udp[6:2] = 0')" 0
  assert_equal "$(wire 'ip6 and udp dst port 5555 and ip6[46:2] = 0')" 0
  # Neither by another way, nor with destination options, nor probes beside the tunnels.
  assert_equal "$(wire 'host 203.0.113.9 or host 2001:db8:f::9')" 0
  assert_equal "$(wire 'ip6 proto 60')" 0
  assert_equal "$(wire '(ip or ip6) and not udp dst port 5555 and not icmp6')" 0

  pod client1
  within 5 leaves_by client1 client1
  within 5 eval '[ "$(held client1)" = "$before" ]' || fail "left: $(held client1)"
}

@test "FoU: pitfall 2: more NAT pods break no connection, and get new ones" {
  sandbox client1
  gateways nat1
  start_nat nat1
  start_agent
  within 5 leaves_by client1 nat1
  spawn client1 "$work/hold" python3 "$tools/client.py" hold "$out" 8080 --count 24 \
    --stop "$work/stop" --limit 120
  local holder=$spawned
  within 20 grep -q open "$work/hold"
  start_nat nat2
  gateways nat1 nat2
  within 5 eval '[ "$(at client1 ip nexthop show | grep -c "group.*/.*/")" = 2 ]'
  # Connections, not clients, are spread, also to one address.
  run ask client1 tcp "$out" 8080 --count 24
  assert_line "out $(ip4 nat1) 8080"
  assert_line "out $(ip4 nat2) 8080"
  refute_output --partial timeout
  touch "$work/stop"
  within 15 gone "$holder"
  assert_equal "$(tail -n 1 "$work/hold")" "24 alive, 0 broken"
}

@test "FoU: mode Service, replies come from the NAT pods' own addresses" {
  service
  kube_proxy nat1 nat2
  egress "mode: Service, destinations: [203.0.113.0/24, '2001:db8:f::/64']"
  start_nat nat1
  start_nat nat2
  sandbox client1
  # Replies come by another device than requests leave by.
  at client1 sysctl -qw net.ipv4.conf.all.rp_filter=1
  capture
  start_agent
  within 5 leaves_by_all client1 '[12]'
  captured
  [ "$(wire "src $(ip4 client1) and dst $service4 and udp dst port 5555")" -gt 0 ]
  [ "$(wire "src $(ip6 client1) and dst $service6 and udp dst port 5555")" -gt 0 ]
  [ "$(wire "src net 10.64.0.20/30 and dst $(ip4 client1) and udp dst port 5555")" -gt 0 ]
  [ "$(wire "src net fd00:64::20/123 and dst $(ip6 client1) and udp dst port 5555")" -gt 0 ]
  assert_equal "$(wire "src $service4 or src $service6")" 0
  assert_equal "$(wire 'host 203.0.113.9 or host 2001:db8:f::9')" 0
}

# --- peers made by hand --------------------------------------------------------------------------
# CLIENT REMOTE4 REMOTE6 ENCAPLIMIT
client_by_hand() {
  tunnels_by_hand "$@"
  at "$1" ip route add 203.0.113.0/24 dev fou4 table 117
  at "$1" ip -6 route add 2001:db8:f::/64 dev fou6 table 117
}

@test "FoU: a client of Coil's kind is served, with and without its encapsulation limit" {
  start_nat nat1
  kube_proxy nat1
  fou_by_hand client1
  at client1 ip rule add pref 1900 lookup 117
  at client1 ip -6 rule add pref 1900 lookup 117
  client_by_hand client1 "$(ip4 nat1)" "$(ip6 nat1)" none
  within 2 leaves_by_all client1 1
  at client1 ip link del fou4
  at client1 ip link del fou6
  # Through the Service, as it is used: what comes back is caught by the other devices. And with the
  # destination options that stand before UDP where the limit is not turned off.
  client_by_hand client1 "$service4" "$service6" 0
  capture
  within 2 leaves_by_all client1 1
  captured
  [ "$(wire "src $(ip4 nat1) and udp dst port 5555")" -gt 0 ]
  [ "$(wire "dst $service6 and ip6 proto 60")" -gt 0 ]
}

@test "FoU: a gateway of Coil's kind is used, though it answers no probe" {
  gateways nat1
  fou_by_hand nat1
  tunnels_by_hand nat1 "$(ip4 client1)" "$(ip6 client1)" 0
  at nat1 sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
  at nat1 ip rule add iif eth0 pref 2000 lookup 118
  at nat1 ip -6 rule add iif eth0 pref 2000 lookup 118
  at nat1 ip route add "$(ip4 client1)" dev fou4 table 118
  at nat1 ip -6 route add "$(ip6 client1)" dev fou6 table 118
  at nat1 nft -f - <<NFT
table inet by-hand {
  chain source {
    type nat hook postrouting priority srcnat
    ip saddr != $(ip4 nat1) oifname eth0 masquerade
    ip6 saddr != $(ip6 nat1) oifname eth0 masquerade
  }
}
NFT
  sandbox client1
  start_agent --acknowledge 500
  within 5 leaves_by_all client1 1
}

@test "FoU: pona lab run egress takes it, and shows every step" {
  modprobe -a fou fou6 ipip ip6_tunnel
  run pona lab run egress --dir "$BATS_TEST_TMPDIR/pona-lab"
  assert_success
  assert_line --partial 'tunnels: FoU'
  assert_line --partial '8 of 8 steps as expected'
}
