#!/usr/bin/env bats
# Agents, NAT pods and CNI plugins of an older version and of this one, after each other and side by
# side, under traffic.
# shellcheck disable=SC2034,SC2154  # the topology's names; spawned by it
bats_require_minimum_version 1.5.0

setup() {
  load ../e2e/common
  load ../e2e/egress
  load old
  need_old
  setup_egress
  many_hosts
  # What leaves a client with its own address is seen on its way out.
  at node nft -f - <<NFT
table inet seen {
  chain forward {
    type filter hook forward priority 0
    oifname "out" ip saddr $(ip4 client1) counter
    oifname "out" ip6 saddr $(ip6 client1) counter
  }
}
NFT
}
teardown() { teardown_network; }

# A slow machine answers probes late, which is not what is tested.
run_agent() { AGENT_BINARY=$(binary_of "$1") start_agent --probe-interval 3000 --probe-misses 60; }
agent_becomes() {
  kill "$agent_pid"
  within 10 gone "$agent_pid"
  run_agent "$1"
}
run_nat() { NAT_BINARY=$(binary_of "$1") start_nat "$2"; }
nat_becomes() {
  local pid=${2}_pid
  kill -9 "${!pid}"
  within 10 gone "${!pid}"
  run_nat "$1" "$2"
}

prepare() {
  local name
  egress
  gateways nat1 nat2
  pod client1 egress
  pod client2 egress
  pod stranger
  for name in client1 client2 stranger; do sandbox "$name"; done
}
translated() { answers "out (10\.64\.0|fd00:64:)[.:]+2[12] " "$1" tcp "$2" 8080; }
clients_translated() {
  local client to
  for client in client1 client2; do
    for to in "$out" "$out6"; do translated "$client" "$to" || return 1; done
  done
}

traffic() {
  rm -f "$work/stop"
  hold_all client1
  spawn client1 "$work/load4" python3 "$tools/client.py" load "$out" 8080 --count 2 --stop "$work/stop" --limit 300
  loader4=$spawned
  spawn client1 "$work/load6" python3 "$tools/client.py" load "$out6" 8080 --count 2 --stop "$work/stop" --limit 300
  loader6=$spawned
}
nothing_lost() {
  local holder
  sleep 1 # each connection is used once more
  touch "$work/stop"
  for holder in "${holders[@]}"; do within 15 gone "$holder"; done
  assert_equal "$(tail -qn 1 "$work"/hold-* | sort -u)" "1 alive, 0 broken"
  none_failed "$loader4" "$work/load4"
  none_failed "$loader6" "$work/load6"
  run at node nft list table inet seen
  refute_output --regexp 'packets [1-9]'
}

# All of ours in a pod, with its own addresses in other words, so that two pods compare. What is left
# out an older version leaves behind without harm: the preferred source of a route.
state_of() {
  local pod=$1 family
  {
    at "$pod" nft -j list ruleset | python3 "$tools/ruleset.py"
    for family in -4 -6; do
      at "$pod" ip $family rule show
      at "$pod" ip $family route show table all proto 112 | sort
      at "$pod" ip $family nexthop show proto 112 | sort
    done
    at "$pod" ip -d -o link show group 11217 | sed 's/^[0-9]*: //; s/link.*//' | sort
  } | sed "s/$(ip4 "$pod")/OWN/g; s/$(ip6 "$pod")/OWN6/g; s/ src OWN6\? / /; s/ scope link / /"
}
# CLIENT: as a pod is that only this agent has seen
is_like_new() { diff <(state_of "$1") <(state_of stranger); }

@test "egress: an agent from old to new, back and on, with NAT pods of the old version" { agent_changes old old; }
@test "egress: an agent from old to new, back and on, with NAT pods of the new version" { agent_changes new new; }
@test "egress: an agent from old to new, back and on, with NAT pods of both" { agent_changes old new; }
# NAT-POD'S-VERSION THE-OTHER'S
agent_changes() {
  local version
  prepare
  run_nat "$1" nat1
  run_nat "$2" nat2
  run_agent old
  within 15 clients_translated
  traffic
  for version in new old new; do
    agent_becomes "$version"
    pod stranger egress
    within 15 translated stranger "$out"
    within 15 translated stranger "$out6"
    within 15 is_like_new client1 || fail "$version: $(is_like_new client1)"
    # It follows changes of the pods that it took over.
    pod client2
    within 15 answers "out $(ip4 client2) 8080" client2 tcp "$out" 8080
    pod client2 egress
    within 15 translated client2 "$out"
    pod stranger
    within 15 answers "out $(ip4 stranger) 8080" stranger tcp "$out" 8080
  done
  nothing_lost
}

@test "egress: the process of a NAT pod from old to new, back and on, with an agent of the old version" { nat_changes old; }
@test "egress: the process of a NAT pod from old to new, back and on, with an agent of the new version" { nat_changes new; }
nat_changes() {
  local version
  prepare
  run_nat old nat1
  run_nat new nat2
  run_agent "$1"
  within 15 clients_translated
  traffic
  for version in new old new; do
    nat_becomes "$version" nat1
    within 15 clients_translated
    if [ "$version" = new ]; then within 15 is_like_nat2 || fail "$(is_like_nat2)"; fi
  done
  nothing_lost
}
is_like_nat2() { diff <(state_of nat1) <(state_of nat2); }

# VERSION COMMAND POD: as a container runtime calls the plugin behind others in a chain
cni() {
  at node env CNI_COMMAND="$2" CNI_CONTAINERID="c-$3" CNI_NETNS="/run/netns/$net-$3" CNI_IFNAME=eth0 \
    CNI_PATH=/opt/cni/bin \
    CNI_ARGS="IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=$3;K8S_POD_UID=uid-$3" \
    "$(binary_of "$1")" cni <<JSON
{"cniVersion":"1.0.0","name":"pods","type":"pona-cni","socket":"$work/agent.sock","stateDir":"$work/sandboxes",
 "prevResult":{"cniVersion":"1.0.0","interfaces":[{"name":"eth0","sandbox":"/run/netns/$net-$3"}],
  "ips":[{"address":"$(ip4 "$3")/32","interface":0},{"address":"$(ip6 "$3")/128","interface":0}]}}
JSON
}

@test "egress: the plugin of the old version with the new agent, and what it left is adopted" { plugin_and_agent old new; }
@test "egress: the plugin of the new version with the old agent, and what it left is adopted" { plugin_and_agent new old; }
# PLUGIN AGENT
plugin_and_agent() {
  egress
  gateways nat1
  run_nat new nat1
  pod client1 egress
  run_agent "$2"
  run cni "$1" ADD client1
  assert_success
  assert_output --partial '"ips"'
  # Its first packet gets through.
  translated client1 "$out"
  translated client1 "$out6"
  run cni "$1" CHECK client1
  assert_success

  # While the other agent runs, who has not seen the ADD.
  agent_becomes "$1"
  translated client1 "$out"
  egress "destinations: [203.0.113.0/24], excludedDestinations: [203.0.113.20/32]"
  within 15 answers "out $(ip4 client1) 8080" client1 tcp 203.0.113.20 8080
  translated client1 "$out"
  run cni "$2" DEL client1
  assert_success
  [ -z "$(find "$work/sandboxes" -name '*.json')" ]
}
