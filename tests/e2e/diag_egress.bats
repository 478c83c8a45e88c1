#!/usr/bin/env bats
# pona diag trace on the way out by an Egress: each fault is injected by hand, and is named with its code
# and the place of its step; the same way without it is well. Real packets.
# shellcheck disable=SC2030,SC2031,SC2154  # bats: tests are subshells; egress.bash sets variables
bats_require_minimum_version 1.5.0

setup() {
  load common
  load egress
  load faults
  setup_egress
}
teardown() { teardown_network; }

# NAT-POD…: a client by these
start() {
  egress
  pod client1 egress
  gateways "$@"
  sandbox client1
  local nat
  for nat; do start_nat "${nat%%:*}"; done
  start_agent
  within 10 eval 'answers "out " client1 tcp "$out" 8080'
}

@test "diag: a healthy Egress is well: TCP, UDP, echo, both families, and NAT pods are what outside sees" {
  start nat1
  healthy trace_pod
  assert_equal "$(of_trace 't["object"], t["seenSource"], t["symmetric"]')" "('Egress internet/egress', '$(ip4 nat1)', True)"
  healthy trace_pod --udp "$out:5353"
  healthy trace_pod --icmp "$out"
  healthy trace_pod "[$out6]:8080"
  run at nat1 nft list tables
  refute_output --partial pona-diag
}

# Nobody of this host is asked: the pod's namespace is found by its address.
trace_planned() { sandboxes=$work/nothing trace_pod "${1:-$out:8080}" --manifests "$manifests"; }

@test "diag: where no agent answers, manifests say what an Egress promises and where a pod is" {
  start nat1
  healthy trace_planned
  assert_equal "$(of_trace 't["object"], t["seenSource"]')" "('Egress internet/egress', '$(ip4 nat1)')"
  gateways
  within 20 eval '[ "$(ask client1 tcp "$out" 8080)" = unreachable ]'
  fails_with PONA-D405 client1 trace_planned
  # What cannot be read costs itself only, and is told.
  put broken.yaml <<<'kind: ['
  fails_with PONA-D405 client1 trace_planned
  run -1 "$PONA" diag trace pod/default/client1 to "$out:8080" --manifests "$manifests" \
    --sandboxes "$work/nothing"
  assert_output --partial "left out of the manifests: $manifests/broken.yaml"
  run -2 "$PONA" diag trace pod/default/client1 to "$out:8080" --sandboxes "$work/nothing"
  assert_output --partial 'pod default/client1 is not known on this node'
  run -2 "$PONA" diag trace pod/default/client1 to "$out:8080" --manifests "$work/nothing"
  assert_output --partial "$work/nothing"
}

@test "diag: an Egress to everywhere leaves pods of the cluster to the pod's own way" {
  start nat1
  egress 'destinations: [0.0.0.0/0]'
  within 10 eval 'leaves_by client1 nat1'
  healthy trace_pod "$(ip4 nat1):8080"
  assert_equal "$(of_trace 't["object"]')" ''
  healthy trace_planned "$(ip4 nat1):8080"
  assert_equal "$(of_trace 't["object"]')" ''
}

@test "diag: a process without privileges has the trace done by the agent, whose socket it has" {
  start nat1
  unprivileged() {
    setpriv --inh-caps=-all --bounding-set=-all --ambient-caps=-all -- "$PONA" diag trace \
      --agent-socket "$work/agent.sock" --socket "$work/no.sock" "$@"
  }
  run --separate-stderr unprivileged pod/default/client1 to "$out:8080" -o json
  assert_success
  echo "$output" >"$work/trace.json"
  assert_equal "$(of_trace 't["result"], t["live"], t["answered"], t["object"]')" "('ok', True, True, 'Egress internet/egress')"
  [[ $stderr == *"traced by the agent at $work/agent.sock"* ]]
  # Its exit status is the trace's, and what it is not to do it does not.
  at node nft -f - <<<'table inet fw { chain forward { type filter hook forward priority 0; policy drop; }; }'
  run unprivileged pod/default/client1 to "$out:8080"
  assert_failure 1
  assert_output --partial "PONA-D104"
  run unprivileged --from-netns "$net-nat1" "$out:8080"
  assert_failure 1
  assert_output --partial "runs no pona diag trace with --from-netns"
  run unprivileged --manifests "$manifests" pod/default/client1 to "$out:8080"
  assert_failure 1
  assert_output --partial "runs no pona diag trace with --manifests"
  # What a bundle tells is asked of nobody.
  "$PONA" diag bundle --agent-socket "$work/agent.sock" --sandboxes "$work/sandboxes" -o "$work/bundle.tar.gz"
  run --separate-stderr unprivileged --bundle "$work/bundle.tar.gz" pod/default/client1 to "$out:8080" -o json
  assert_failure 1
  [[ $stderr != *"traced by the agent"* ]]
  echo "$output" >"$work/trace.json"
  run of_trace 't["live"], t["liveNote"]'
  assert_output --partial "(False, 'no packet was sent: this is told from a bundle"
  # The agent goes on.
  agent_ready
}

@test "diag: D104: the node drops the tunnel by a policy" {
  start nat1
  at node nft -f - <<<'table inet fw { chain forward { type filter hook forward priority 0; policy drop; }; }'
  fails_with PONA-D104 node trace_pod
  agreed
  at node nft delete table inet fw
  healthy trace_pod
}

@test "diag: D206: the tunnel ends where nobody takes it" {
  start nat1
  kill -STOP "$nat1_pid"
  at nat1 ip link set pona-gpe down
  fails_with PONA-D206 nat1 trace_pod
  kill -CONT "$nat1_pid"
  within 20 eval 'leaves_by client1 nat1'
  healthy trace_pod
}

@test "diag: D207: a rule of others in the NAT pod keeps the pod's own address" {
  start nat1
  at nat1 nft -f - <<<"table ip mine { chain post { type nat hook postrouting priority 98; ip saddr $(ip4 client1) snat to $(ip4 client1); }; }"
  diagnosed PONA-D207 out trace_pod
  at nat1 nft delete table ip mine
  healthy trace_pod
}

@test "diag: D405: an Egress without NAT pods is closed" {
  start nat1
  gateways
  within 20 eval '[ "$(ask client1 tcp "$out" 8080)" = unreachable ]'
  fails_with PONA-D405 pod/default/client1 trace_pod
}

@test "diag: D406: the NAT pod does not know the client" {
  start nat1
  kill -STOP "$agent_pid"
  kill -KILL "$nat1_pid"
  within 10 gone "$nat1_pid"
  mkdir "$work/others"
  cp "$manifests"/egress.yaml "$manifests"/slices-egress.yaml "$work/others"
  manifests=$work/others start_nat nat1
  fails_with PONA-D406 nat1 trace_pod
  kill -CONT "$agent_pid"
}

@test "diag: D226: the pod's rule that leads into its Egress is gone" {
  start nat1
  kill -STOP "$agent_pid"
  at client1 ip rule del priority 1900
  fails_with PONA-D226 pod/default/client1 trace_pod
  kill -CONT "$agent_pid"
  within 20 eval 'leaves_by client1 nat1'
  healthy trace_pod
}

@test "diag: D205: the tunnel is wider than what it runs on" {
  start nat1
  kill -STOP "$agent_pid"
  at client1 ip link set pona-gpe mtu 1500
  diagnosed PONA-D205 pod/default/client1 trace_pod
  kill -CONT "$agent_pid"
}

@test "diag: D407: every NAT pod of the client is draining" {
  start nat1
  gateways 'nat1:ready: false, serving: true, terminating: true'
  within 20 eval 'pona egress list --socket "$work/agent.sock" | grep -q draining'
  warns_of PONA-D407 - trace_pod
}

@test "diag: D301: outside nobody listens" {
  start nat1
  fails_with PONA-D301 out trace_pod "$out:81"
  agreed
}
