#!/usr/bin/env bats
# pona diag check on nodes, in NAT pods and for pods of a node.
bats_require_minimum_version 1.5.0

setup() {
  load common
  load egress
}

teardown() { teardown_network; }

# HOST WORD…
check_at() {
  local host=$1
  shift
  at "$host" "$PONA" diag check "$@" --socket "$work/none.sock" --agent-socket "$work/agent.sock" \
    --sandboxes "$work/sandboxes"
}
# HOST WORD…: the codes of what is wrong
codes() {
  check_at "$@" --json | python3 -c '
import json, sys
results = json.load(sys.stdin)["results"]
print(*sorted({r["code"] for r in results if r["state"] in ("warn", "error")}))'
}
has_code() { [[ " $(codes "${@:2}") " == *" $1 "* ]]; }
mended() { ! has_code "$@"; }
# CODE HOST WORD…
found_and_mended() {
  local code=$1 host=$2
  shift
  has_code "$code" "$@" || fail "no $code: $(check_at "$@")"
  check_at "$@" --fix-script >"$work/fix.sh" || true
  bash -n "$work/fix.sh"
  at "$host" sh "$work/fix.sh" >"$work/fix.log" 2>&1 || true
  within 5 mended "$code" "$@" || fail "$code is there still: $(check_at "$@") $(cat "$work/fix.sh" "$work/fix.log")"
}

egress_up() {
  setup_egress
  egress
  gateways nat1
  pod client1 egress
  sandbox client1
  start_nat nat1
  start_agent
  within 10 leaves_by client1 nat1
}

@test "check: a node, a client and a NAT pod in health have no fault" {
  egress_up
  # A kernel without FoU is fine where Egresses use VXLAN.
  for what in "node node" "node pod default/client1" "nat1 nat"; do
    # shellcheck disable=SC2086
    run check_at $what
    assert_success
    refute_output --partial 'PONA-C'
  done
  run check_at node pod default/client1 --all
  assert_output --regexp 'ok +PONA-C403'
}

@test "check: rules of a node that stop the tunnels of its pods" {
  egress_up
  mended PONA-C301 node node
  at node nft -f - <<<'table inet fw { chain forward { type filter hook forward priority 0; policy drop; }; }'
  run check_at node node
  assert_output --partial 'chain forward of table inet fw stops the tunnel of pod default/client1'
  found_and_mended PONA-C301 node node
  at node nft delete table inet fw
  at node iptables -w -A FORWARD -p udp -j REJECT
  run check_at node node
  assert_output --partial 'chain FORWARD of table ip filter stops the tunnel'
  found_and_mended PONA-C301 node node
}

@test "check: faults of clients and NAT pods, and their fixes" {
  egress_up
  # The agent would repair some of it.
  kill -STOP "$agent_pid"
  ip -n "$net-node" link set client1 mtu 1300
  kill -CONT "$agent_pid"
  found_and_mended PONA-C351 node pod default/client1
  ip -n "$net-node" link set nat1 mtu 1300
  found_and_mended PONA-C351 node node

  kill -STOP "$agent_pid" "$nat1_pid"
  at nat1 sysctl -qw net.ipv4.ip_forward=0
  found_and_mended PONA-C201 nat1 nat
  at nat1 sysctl -qw net.ipv4.fwmark_reflect=0
  found_and_mended PONA-C209 nat1 nat
  kill -CONT "$agent_pid" "$nat1_pid"

  at client1 sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1
  found_and_mended PONA-C208 node pod default/client1

  kill -STOP "$agent_pid"
  ip -n "$net-client1" link set pona-gpe down
  found_and_mended PONA-C404 node pod default/client1
  run check_at node pod default/client1
  assert_output --partial 'no agent answers'
  kill -CONT "$agent_pid"

  # What Coil left in a pod.
  ip -n "$net-client1" link add fou4_0a400015 type bridge
  found_and_mended PONA-C904 node pod default/client1

  # A client's way that leads past its tunnel; the agent would mend it.
  within 10 leaves_by client1 nat1
  at client1 ip rule add pref 100 to 203.0.113.0/24 lookup main
  run check_at node pod default/client1
  assert_output --partial PONA-C403
  at client1 ip rule del pref 100
  within 5 mended PONA-C403 node pod default/client1

  # A NAT pod that dies.
  kill -9 "$nat1_pid"
  ip -n "$net-nat1" link set eth0 down
  within 10 has_code PONA-C405 node node
}

@test "check: entries of connection tracking that block a tunnel are found and deleted" {
  setup_egress
  at node nft add table ip track
  at node nft add chain ip track pre '{ type filter hook prerouting priority 0; }'
  at node nft add rule ip track pre ct state new
  # As a node has them when the NAT pod spoke first (coil#245).
  at node conntrack -I -p udp -s 10.64.0.21 -d 10.64.0.11 --sport 5555 --dport 5555 \
    -r 10.64.0.11 -q 10.64.0.21 --reply-port-src 5555 --reply-port-dst 5555 -t 600 -u UNSET
  at node conntrack -I -p udp -s 10.64.0.11 -d 10.96.0.10 --sport 5555 --dport 5555 \
    -r 10.64.0.21 -q 10.64.0.11 --reply-port-src 5555 --reply-port-dst 48842 -t 600 -u UNSET
  found_and_mended PONA-C401 node node
}

@test "check: a program on the tunnels' port in a NAT pod" {
  setup_egress
  spawn nat1 "$work/taken.log" python3 "$tools/server.py" other 8099 5555
  within 10 has_code PONA-C402 nat1 nat
  run check_at nat1 nat
  assert_output --partial 'ss -lunp'
}
