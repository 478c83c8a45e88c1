#!/usr/bin/env bats
# Connections while things change: what must end ends, everything else lives on.
# shellcheck disable=SC2154  # the topology's names
bats_require_minimum_version 1.5.0

setup() {
  load common
  load topology
  setup_network
}
teardown() { teardown_network; }

dns="addresses: [203.0.113.5, '2001:db8:2::5'], ports: [{port: 53, protocol: udp}]"

# One more datagram of the same sender: its flow is the same as before.
send() { ask udp "$1" 53 --source-port 33333 --timeout 0.3; }
is_refused() { [ "$(send "$1")" = refused ]; }
arrives_at() { [[ $(send "$1") == "$2 "* ]]; }

@test "stale UDP: a sender that keeps its port follows when its endpoint is replaced" {
  served dns "udp:53:5353" 1
  mapping dns "$dns"
  start_edge
  for address in "$vip" "$vip6"; do arrives_at "$address" pod1; done
  served dns "udp:53:5353" 2
  for address in "$vip" "$vip6"; do within 5 arrives_at "$address" pod2; done
  served dns "udp:53:5353" 2 3
  for address in "$vip" "$vip6"; do
    # The one that still serves is kept.
    sleep 0.3
    arrives_at "$address" pod2
  done
}

@test "stale UDP: no endpoint left, and one again" {
  served dns "udp:53:5353" 1
  mapping dns "$dns"
  start_edge
  for address in "$vip" "$vip6"; do arrives_at "$address" pod1; done
  served dns "udp:53:5353"
  for address in "$vip" "$vip6"; do within 5 is_refused "$address"; done
  served dns "udp:53:5353" 3
  for address in "$vip" "$vip6"; do within 5 arrives_at "$address" pod3; done
}

@test "stale UDP: the flow began before the mapping existed" {
  served dns "udp:53:5353" 1
  start_edge
  for address in "$vip" "$vip6"; do send "$address"; done
  assert_equal "$(at edge conntrack -L -p udp --orig-port-src 33333 2>/dev/null | wc -l)" 2
  mapping dns "$dns"
  for address in "$vip" "$vip6"; do within 5 arrives_at "$address" pod1; done
}

@test "TCP un-NATed early entry: a SYN that was sent before the mapping existed" {
  served web "tcp:80:8080" 1
  # Not mapped yet, the SYN goes on to the gateway and is lost there. It is repeated after one, three
  # and seven seconds, which would keep the entry alive that it has made.
  ip -n "$net-router" route add 198.18.0.5 via 203.0.113.2
  at router nft -f - <<'RULES'
table ip lost {
  chain prerouting {
    type filter hook prerouting priority raw
    iifname "ext1" ip daddr 198.18.0.5 drop
  }
}
RULES
  start_edge --address-policy any
  ask tcp 198.18.0.5 80 --timeout 12 --source-port 34567 >"$work/early" 3>&- &
  asking=$!
  within 3 early_entry
  mapping web "addresses: [198.18.0.5], ports: [{port: 80}]"
  wait "$asking"
  run cat "$work/early"
  assert_output --partial 'pod1 '
}
early_entry() { at edge conntrack -L -p tcp --orig-port-src 34567 2>/dev/null | grep -q SYN_SENT; }

@test "TCP connections drain when their endpoint leaves" {
  served web "tcp:80:8080" 1
  mapping web "addresses: [$vip, '$vip6'], ports: [{port: 80}]"
  start_edge
  hold_open
  served web "tcp:80:8080" 2
  within 5 answers 'pod2 ' tcp "$vip" 80
  sleep 1
  held "40 alive, 0 broken"
}

# Forty connections, used all the time until `held`.
hold_open() {
  rm -f "$work/stop"
  spawn client "$work/hold.log" python3 "$tools/client.py" hold "${1:-$vip}" 80 --count 40 \
    --stop "$work/stop" --limit 40
  holder=$spawned
  within 10 grep -q open "$work/hold.log" || fail "cannot connect: $(cat "$work/hold.log")"
}
held() {
  touch "$work/stop"
  within 15 gone "$holder"
  run tail -n 1 "$work/hold.log"
  assert_output "$1"
}

@test "removing the mapping ends its flows" {
  served web "tcp:80:8080 udp:53:5353" 1
  mapping web "addresses: [$vip], ports: [{port: 80}, {port: 53, protocol: udp}]"
  mapping other "serviceName: web, addresses: [$vip2], ports: [{port: 80}]"
  start_edge
  hold_open
  arrives_at "$vip" pod1
  remove mapping-web
  within 5 no_flow_to "$vip"
  # Each has been used once more before they are asked to stop.
  sleep 1
  held "0 alive, 40 broken"
  # Others' connections are not touched.
  mapping web "addresses: [$vip], ports: [{port: 80}]"
  hold_open "$vip2"
  remove mapping-web
  sleep 1
  held "40 alive, 0 broken"
}
no_flow_to() {
  ! at edge conntrack -L -d "$1" 2>/dev/null | grep -qE '10\.1\.0\.1[123]'
}

@test "allow-list: narrowing the sources ends the flows of those left out" {
  served web "tcp:80:8080" 1
  mapping web "addresses: [$vip], allowedSources: [198.51.100.0/24], ports: [{port: 80}]"
  start_edge
  hold_open
  mapping web "addresses: [$vip], allowedSources: [198.51.100.10], ports: [{port: 80}]"
  sleep 1
  held "40 alive, 0 broken"
  hold_open
  mapping web "addresses: [$vip], allowedSources: [198.51.100.11], ports: [{port: 80}]"
  within 5 no_flow_to "$vip"
  # Each has been used once more before they are asked to stop.
  sleep 1
  held "0 alive, 40 broken"
}

@test "kill -9 and restart: connections live on, the table stays, the state is the same" {
  served web "tcp:80:8080 udp:53:5353" 1 2 3
  mapping web "addresses: [$vip, '$vip6'], ports: [{port: 80}, {port: 53, protocol: udp}], allowedSources: [198.51.100.0/24, '2001:db8::/32']"
  start_edge
  hold_open
  kernel_state edge >"$work/before"
  stop_edge KILL
  diff "$work/before" <(kernel_state edge)
  answers 'pod[123] ' tcp "$vip" 80
  start_edge
  diff "$work/before" <(kernel_state edge)
  run grep -cE ' (add|delete) ' "$work/edge.log"
  assert_output 0
  sleep 1
  held "40 alive, 0 broken"
}

@test "SIGTERM leaves the data plane in place and says so" {
  served web "tcp:80:8080" 1
  mapping web "addresses: [$vip], ports: [{port: 80}]"
  start_edge
  hold_open
  kernel_state edge >"$work/before"
  "$PONA" edge status --socket "$work/edge.sock" >"$work/status"
  stop_edge TERM
  grep -q 'data plane stays in place' "$work/edge.log"
  diff "$work/before" <(kernel_state edge)
  answers 'pod1 ' tcp "$vip" 80
  # Nobody runs: the kernel alone tells, and the exit status says so.
  run at edge "$PONA" edge status --socket "$work/edge.sock"
  assert_failure 1
  assert_output --partial "$vip"
  assert_output --partial 10.1.0.11:8080
  held "40 alive, 0 broken"
}

@test "restart: what was deleted meanwhile goes, what was added comes" {
  served web "tcp:80:8080" 1
  mapping web "addresses: [$vip], ports: [{port: 80}]"
  mapping gone "serviceName: web, addresses: [$vip], ports: [{port: 81, servicePort: 80}]"
  start_edge
  within 5 answers 'pod1 ' tcp "$vip" 81
  stop_edge KILL
  remove mapping-gone
  mapping new "serviceName: web, addresses: [$vip], ports: [{port: 82, servicePort: 80}]"
  start_edge
  answers refused tcp "$vip" 81
  answers 'pod1 ' tcp "$vip" 82
  run at edge nft list table ip pona-edge
  refute_output --partial shop/gone
}

@test "two appliances: the same objects give the same slots" {
  served web "tcp:80:8080 udp:9000:9000" 1 2 3
  mapping web "addresses: [$vip, '$vip6'], ports: [{port: 80}, {port: 9000, endPort: 9010, protocol: udp}]"
  second_edge
  start_edge --address-policy any
  start_second_edge --address-policy any
  for family in ip ip6; do
    for map in slots range-slots; do
      at edge nft list map $family pona-edge $map | tr ',' '\n' | sort >"$work/$map"
      diff "$work/$map" <(at edge2 nft list map $family pona-edge $map | tr ',' '\n' | sort)
    done
  done
  grep -q 10.1.0.1 <(at edge nft list map ip pona-edge slots)
}

@test "two appliances: an address moves with 40 open connections that survive" {
  served web "tcp:80:8080" 1 2 3
  mapping web "addresses: [$vip, '$vip6'], ports: [{port: 80}]"
  second_edge
  start_edge --masquerade=false
  start_second_edge --masquerade=false
  for address in "$vip" "$vip6"; do
    hold_open "$address"
    move_addresses edge edge2
    sleep 3
    held "40 alive, 0 broken"
    run ask tcp "$address" 80
    assert_output --regexp "^pod[123] (198\.51\.100\.10|2001:db8:c::10) 8080$"
    move_addresses edge2 edge
    within 10 answers 'pod' tcp "$address" 80
  done
}

@test "two appliances: a stray segment from the cluster makes no entry" {
  served web "tcp:80:8080" 1
  mapping web "addresses: [$vip], ports: [{port: 80}]"
  second_edge
  start_edge --masquerade=false
  start_second_edge --masquerade=false
  # The pod speaks all the time; the client never does again.
  spawn client "$work/push.log" python3 -c '
import socket, sys, time
sock = socket.create_connection((sys.argv[1], 80))
sock.sendall(b"push\n")
time.sleep(30)' "$vip"
  within 5 entry_at edge
  move_addresses edge edge2
  sleep 1
  run at edge2 conntrack -L -p tcp --src 10.1.0.11
  refute_output --partial "src=10.1.0.11 dst=$client"
}
entry_at() { at "$1" conntrack -L -p tcp --dst "$vip" 2>/dev/null | grep -q ESTABLISHED; }
