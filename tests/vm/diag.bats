#!/usr/bin/env bats
# pona diag trace through FoU, on a stock kernel; and what only a machine of one's own may be made to
# have: connection tracking that is full.
# shellcheck disable=SC2016,SC2034,SC2154  # what eval expands, and the network's names
bats_require_minimum_version 1.5.0

setup() {
  load ../e2e/common
  load ../e2e/egress
  load ../e2e/faults
  load fou
  export patience=10
  export encapsulation=FoU
  setup_egress
  egress
  pod client1 egress
  gateways nat1
  sandbox client1
}
teardown() {
  [ -z "${limit:-}" ] || sysctl -qw net.netfilter.nf_conntrack_max="$limit"
  teardown_network
}

start() {
  start_nat nat1
  start_agent
  within 10 leaves_by client1 nat1
}

@test "FoU: diag: a healthy Egress is well in both families, and its tunnel is followed" {
  start
  healthy trace_pod
  assert_equal "$(of_trace 't["object"], t["seenSource"]')" "('Egress internet/egress', '$(ip4 nat1)')"
  run of_trace '[s["text"] for s in t["steps"] if s["action"] == "encapsulate"][0]'
  assert_output --partial "FoU to $(ip4 nat1)"
  healthy trace_pod "[$out6]:8080"
  healthy trace_pod --udp "$out:5353"
  healthy trace_pod --udp "[$out6]:5353"
  healthy trace_pod --icmp "$out"
}

@test "FoU: diag: D206: the NAT pod does not take FoU" {
  start
  kill -STOP "$nat1_pid"
  at nat1 ip fou del port 5555 ipproto 4
  fails_with PONA-D206 nat1 trace_pod
  kill -CONT "$nat1_pid"
}

@test "diag: D218: connection tracking is full" {
  start
  limit=$(sysctl -n net.netfilter.nf_conntrack_max)
  sysctl -qw net.netfilter.nf_conntrack_max=1
  # It is one limit for each namespace; the client has entries already.
  within 5 eval '[ "$(at client1 conntrack -C)" -ge 1 ]'
  fails_with PONA-D218 pod/default/client1 trace_pod
  sysctl -qw net.netfilter.nf_conntrack_max="$limit"
  healthy trace_pod
}
