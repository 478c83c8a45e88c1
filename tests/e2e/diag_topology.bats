#!/usr/bin/env bats
# pona diag topology: everything that is there appears, what fails is marked, in each format.
# shellcheck disable=SC2030,SC2031,SC2154  # bats: tests are subshells; topology.bash sets variables
bats_require_minimum_version 1.5.0

setup() { load common; }
teardown() { teardown_network; }

# FORMAT WORDS…: beginning at $begin
topology() {
  "$PONA" diag topology --socket "$work/edge.sock" --agent-socket "$work/agent.sock" \
    --sandboxes "$work/sandboxes" --from-netns "$net-$begin" -o "$@"
}

# An expression of Python in which `t` is the topology; `named` finds nodes, whose names end so,
# `marks` has (word, text) of what fails.
of_topology() {
  topology json >"$work/topology.json" || return
  python3 - "$work/topology.json" "$net-" "$1" <<'PY'
import json, sys
t = json.load(open(sys.argv[1]))
short = lambda text: text.replace(sys.argv[2], "")
named = {short(n["name"]): n for n in t["nodes"]}
marks = [(f["word"], short(f["text"])) for f in t["findings"]]
name = lambda i: short(t["nodes"][i]["name"])
print(eval(sys.argv[3]))
PY
}

edge_network() {
  load topology
  setup_network
  begin=edge
  served web "tcp:80:8080" 1 2
  mapping web "addresses: [$vip, '$vip6'], ports: [{port: 80}]"
  start_edge
  within 10 is_state web active
}

egress_network() {
  load egress
  setup_egress
  begin=node
  egress
  pod client1 egress
  gateways nat1
  sandbox client1
  start_nat nat1
  start_agent
  within 10 leaves_by client1 nat1
}

@test "topology: all that hangs together around an edge, and what the edge makes of it" {
  edge_network
  assert_equal "$(of_topology 'sorted(named)')" \
    "['client', 'edge', 'pod1', 'pod2', 'pod3', 'router', 'switch']"
  assert_equal "$(of_topology '[named[n]["role"] for n in ("client", "router", "edge", "switch", "pod1")]')" \
    "['outside', 'outside', 'host', 'host', 'pod']"
  assert_equal "$(of_topology 'len(t["cables"]), named["edge"]["jobs"], marks, t["notes"]')" "(7, ['edge'], [], [])"
  assert_equal "$(of_topology 't["mappings"][0]["object"], [p["external"] for p in t["mappings"][0]["ports"]]')" \
    "('Mapping shop/web', ['$vip:80/tcp', '[$vip6]:80/tcp'])"
  assert_equal "$(of_topology '[(e["address"], name(e["node"])) for e in t["mappings"][0]["ports"][0]["endpoints"]]')" \
    "[('10.1.0.11:8080', 'pod1'), ('10.1.0.12:8080', 'pod2')]"
  run topology text
  assert_success
  assert_output --partial "to 10.1.0.12:8080  $net-pod2"
  refute_output --partial Failing
}

@test "topology: links that are down, MTUs that differ and a mapping without endpoints are marked" {
  edge_network
  at pod1 ip link set eth0 down
  at pod2 ip link set eth0 mtu 1300
  served web "tcp:80:8080"
  within 10 eval '[[ $(of_topology marks) = *no-endpoint* ]]'
  run of_topology '"\n".join(f"{word}: {text}" for word, text in marks)'
  assert_line "link-down: pod1: eth0 is down"
  assert_line "mtu-differs: pod2: eth0 has MTU 1300, its other end 1500"
  assert_line "mtu-differs: switch: pod2 has MTU 1500, its other end 1300"
  assert_line "no-endpoint: Mapping shop/web: no ready endpoint for $vip:80/tcp and 1 more"
  assert_equal "$(of_topology '[c["severity"] for c in t["cables"] if "pod1" in (name(c["a"]["node"]), name(c["b"]["node"]))]')" "['fault']"
  run topology text
  assert_line --partial "!! $vip:80/tcp  Service shop/web  no ready endpoint"
  assert_line --partial "!! $net-pod1: eth0 is down"
  for format in svg mermaid dot; do
    run topology "$format"
    assert_success
    assert_output --partial "no ready endpoint for"
    assert_output --partial "is down"
  done
}

@test "topology: no farther than asked, and all namespaces when asked" {
  edge_network
  run topology text --depth 0
  refute_output --partial "$net-router"$'\n'
  assert_equal "$(topology json --depth 1 | python3 -c 'import json,sys; print(sum(not n["elsewhere"] for n in json.load(sys.stdin)["nodes"]))')" 3
  add_host alone 0 0
  run topology text
  refute_output --partial "$net-alone"
  run topology text --all
  assert_line "  $net-alone"
  begin=alone
  run topology text
  assert_success
  assert_line --partial "runs in a network namespace that is not in this picture"
}

@test "topology: an Egress with its clients, NAT pods and tunnels" {
  egress_network
  assert_equal "$(of_topology 'sorted(named)')" \
    "['client2', 'nat1', 'nat2', 'node', 'out', 'pod default/client1', 'stranger']"
  assert_equal "$(of_topology '[named[n]["role"] for n in ("out", "node", "nat1", "pod default/client1")]')" \
    "['outside', 'host', 'pod', 'pod']"
  assert_equal "$(of_topology '[(e["name"], [name(c["node"]) for c in e["clients"]], [(name(n["node"]), n["state"]) for n in e["natPods"]][:1]) for e in t["egresses"]]')" \
    "[('internet/egress', ['pod default/client1'], [('nat1', 'up')])]"
  run of_topology '[i["tunnel"] for i in named["nat1"]["interfaces"] if "tunnel" in i]'
  assert_output --partial "VXLAN-GPE"
  assert_equal "$(of_topology 'named["nat1"]["jobs"], marks')" "(['NAT pod'], [])"

  gateways "nat1:ready: false, serving: true, terminating: true"
  within 10 eval '[[ $(of_topology marks) = *nat-pod-draining* ]]'
  gateways
  within 10 eval '[[ $(of_topology marks) = *no-nat-pod* ]]'
  run topology text
  assert_line --partial "!! Egress internet/egress: has no NAT pod"
}
