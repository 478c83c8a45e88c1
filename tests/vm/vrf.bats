#!/usr/bin/env bats
# pona diag trace through a VRF, which a stock kernel has.
# shellcheck disable=SC2154  # network.bash and faults.bash set variables
bats_require_minimum_version 1.5.0

setup() {
  load ../e2e/common
  load ../e2e/network
  load ../e2e/faults
  export patience=10
  begin_network
}
teardown() { teardown_network; }

# HOST PEER HOST-ADDRESS PEER-ADDRESS
cable() {
  add_leg "$1" "$2" "$2" "$1" - "$3"
  ip -n "$net-$2" address add "$4" dev "$1"
}

@test "diag: D212: a VRF's own table is looked up, and what refuses in it is named" {
  local host
  for host in near far; do add_host "$host" 0 0; done
  add_host router 0 1
  cable near router 10.0.1.1/24 10.0.1.2/24
  cable far router 10.0.2.1/24 10.0.2.2/24
  at near ip route add default via 10.0.1.2
  at far ip route add default via 10.0.2.2
  ip -n "$net-router" link add blue type vrf table 50
  ip -n "$net-router" link set blue up
  ip -n "$net-router" link set near master blue
  ip -n "$net-router" link set far master blue
  spawn far "$work/far.log" python3 -I -S "$tools/server.py" far 8080 5353
  within 10 grep -q ready "$work/far.log"
  healthy trace --from-netns "$net-near" 10.0.2.1:8080
  # Of no concern to the VRF.
  at router ip route add blackhole 10.0.2.1/32
  healthy trace --from-netns "$net-near" 10.0.2.1:8080
  at router ip route add prohibit 10.0.2.1/32 table 50
  fails_with PONA-D212 router trace --from-netns "$net-near" 10.0.2.1:8080
  agreed
  run of_trace 't["findings"][0]["why"]'
  assert_output --partial "prohibit 10.0.2.1 table 50"
}
