#!/usr/bin/env bats
# kill -9 of the agent and of a NAT pod at every netlink operation that they do: what the dead leave lets
# nothing out that is to go by a NAT pod, and the next start ends where an undisturbed run does.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154  # bats: tests are subshells; egress.bash sets variables

load common.bash
load egress.bash

setup() {
  [ -x "$PONA_FAULTS_BINARY" ] || skip "no build with fault injection: PONA_FAULTS_BINARY"
  setup_egress
  egress
  pod client1 egress
  gateways nat1
}

teardown() { teardown_network; }

# More operations than any of these takes: a loop that gets here has lost its end.
limit=300

# HOST SCRIPT: in one process instead of many
sh_at() { at "$1" sh -c "$2" 2>&1 || true; }

# All that pona makes in a namespace, without counters, and without numbers that the kernel gives.
state_of() {
  # shellcheck disable=SC2016  # for the shell that runs it
  sh_at "$1" '
    ip -o -d link show group 11217
    ip rule; ip -6 rule
    for table in 117 118; do ip route show table $table; ip -6 route show table $table; done
    ip nexthop
    nft -s list ruleset' | sed -E 's/^[0-9]+: pona/pona/; s/ # progname .*//; /^\tflags/d; /does not exist|No such|terminated/d'
}

# As the namespace was made.
wipe() {
  # shellcheck disable=SC2016
  sh_at "$1" '
    ip link del pona-gpe
    for rule in 1890 1900 2000; do ip rule del pref $rule; ip -6 rule del pref $rule; done
    for table in 117 118; do ip route flush table $table; ip -6 route flush table $table; done
    ip nexthop flush
    nft flush ruleset
    sysctl -qw net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0' >/dev/null
}

# Until what was spawned died, or the command succeeds; then it is ended. $died says which.
end_of() {
  within 10 gone_or "$@" || fail "neither dead nor done: $(cat "$work"/*.log)"
  died=no
  ! gone "$spawned" || died=yes
  kill -9 "$spawned" 2>/dev/null || true
  within 10 gone "$spawned"
}
gone_or() { gone "$spawned" || "$@"; }

# N: with a death at the Nth operation; 0: with none
faulty_agent() {
  PONA_FAULT_AT=$1 spawn node "$work/agent.log" "$PONA_FAULTS_BINARY" agent --node-name node1 \
    --manifests "$manifests" --socket "$work/agent.sock" --sandboxes "$work/sandboxes" \
    --metrics-port 9391 --health-port 9391 --probe-interval 0
}
agent_until() {
  faulty_agent "$1"
  end_of agent_ready
}
faulty_nat() {
  PONA_FAULT_AT=$1 spawn nat1 "$work/nat1.log" "$PONA_FAULTS_BINARY" nat \
    --manifests "$manifests" --egress internet/egress --address "$(ip4 nat1),$(ip6 nat1)"
}
nat_until() {
  faulty_nat "$1"
  end_of nat_is ready nat1
}

# CLIENT: what becomes of a new connection of each family, in two words
ways() {
  local pid
  ask "$1" tcp "$out" 8080 --timeout 0.3 >"$work/$1.way4" &
  pid=$!
  ask "$1" tcp "$out6" 8080 --timeout 0.3 >"$work/$1.way6"
  wait $pid
  sed -E 's/^out ([^ ]*) .*/\1/; s/ .*//' "$work/$1.way4" "$work/$1.way6" | paste -sd ' '
}
by_nat1() { assert_equal "$(ways "$1")" "$(ip4 nat1) $(ip6 nat1)"; }
# A family that is fenced must not be seen outside as the client itself.
no_leak() {
  local seen
  seen=$(ways client1)
  [[ $state != *"1900:"*"1900:"* ]] || [[ " $seen " != *" $(ip6 client1) "* ]] || fail "leak after $at: $seen: $state"
  [[ $state != *"1900:"* ]] || [[ " $seen " != *" $(ip4 client1) "* ]] || fail "leak after $at: $seen: $state"
}
same_as() { diff "$work/$1" <(state_of "$2") || fail "after a death at operation $at"; }
# Before anything is to be compared with it: an undisturbed run.
served() {
  sandbox client1
  start_nat nat1
  agent_until 0
  state_of client1 >"$work/served"
  grep -q 'nhid' "$work/served"
}
told() { echo "# $*" >&3; }

@test "agent: dies at every operation of taking a running pod into service" {
  served
  last='' looked=0
  for ((at = 1; at < limit; at++)); do
    wipe client1
    agent_until $at
    [ "$died" = yes ] || break
    state=$(state_of client1)
    # An operation that only asked changed nothing.
    [ "$state" != "$last" ] || continue
    last=$state looked=$((looked + 1))
    no_leak
    agent_until 0
    same_as served client1
  done
  by_nat1 client1
  told "$at operations, $looked different states"
  [ "$at" -lt $limit ] && [ "$looked" -ge 10 ]
}

@test "agent: dies at every operation of letting a pod go" {
  served
  pod client1
  agent_until 0
  state_of client1 >"$work/free"
  last=$(cat "$work/served") looked=0
  for ((at = 1; at < limit; at++)); do
    if [ "$(state_of client1)" != "$(cat "$work/served")" ]; then
      pod client1 egress
      agent_until 0
      same_as served client1
      pod client1
    fi
    agent_until $at
    [ "$died" = yes ] || break
    state=$(state_of client1)
    [ "$state" != "$last" ] || continue
    last=$state looked=$((looked + 1))
    agent_until 0
    same_as free client1
  done
  assert_equal "$(ways client1)" "$(ip4 client1) $(ip6 client1)"
  told "$at operations, $looked different states"
  [ "$at" -lt $limit ] && [ "$looked" -ge 10 ]
}

@test "agent: dies at every operation of a change of NAT pods, and nothing leaks meanwhile" {
  served
  start_nat nat2
  gateways nat2
  agent_until 0
  state_of client1 >"$work/nat2"
  gateways nat1
  agent_until 0
  state_of client1 >"$work/nat1"
  looked=0 alive=0
  for ((at = 1; at < limit && alive < 2; at++)); do
    alive=0
    for to in nat2 nat1; do
      last=$(state_of client1)
      gateways $to
      agent_until $at
      [ "$died" = yes ] || alive=$((alive + 1))
      state=$(state_of client1)
      if [ "$state" != "$last" ]; then
        looked=$((looked + 1))
        # The fence stands before and after: nothing is excused.
        [[ $state == *"1900:"*"1900:"* ]]
        no_leak
      fi
      [ "$died" = no ] || agent_until 0
      same_as $to client1
    done
  done
  told "$at operations, $looked states"
  by_nat1 client1
  [ "$at" -lt $limit ] && [ "$looked" -ge 10 ]
}

# COMMAND CONTAINER
cni() {
  at node env CNI_COMMAND="$1" CNI_CONTAINERID="$2" CNI_NETNS="/run/netns/$net-client1" CNI_IFNAME=eth0 \
    CNI_PATH=/opt/cni/bin \
    CNI_ARGS="IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=client1;K8S_POD_UID=uid-client1" \
    "$PONA" cni <<JSON
{"cniVersion":"1.0.0","name":"pods","type":"pona-cni","socket":"$work/agent.sock","stateDir":"$work/sandboxes",
 "prevResult":{"cniVersion":"1.0.0","interfaces":[{"name":"eth0","sandbox":"/run/netns/$net-client1"}],
  "ips":[{"address":"$(ip4 client1)/32","interface":0},{"address":"$(ip6 client1)/128","interface":0}]}}
JSON
}
records() { find "$work/sandboxes" -type f | wc -l; }

@test "agent: dies at every operation of an ADD: that fails, is taken back, and succeeds the next time" {
  served
  last='' looked=0
  for ((at = 1; at < limit; at++)); do
    wipe client1
    rm -f "$work/sandboxes"/*
    faulty_agent $at
    within 10 gone_or agent_ready
    ! gone "$spawned" || continue
    run cni ADD "c$at"
    [ "$status" -ne 0 ] || break
    assert_output --partial '"code":11'
    within 10 gone "$spawned"
    state=$(state_of client1)
    [ "$state" != "$last" ] || continue
    last=$state looked=$((looked + 1))
    no_leak
    run cni DEL "c$at"
    assert_success
    assert_equal "$(records)" 0
    faulty_agent 0
    within 10 agent_ready
    run cni ADD "c$at-again"
    assert_success
    same_as served client1
    end_of true
  done
  by_nat1 client1
  end_of true
  told "$at operations, $looked different states"
  [ "$at" -lt $limit ] && [ "$looked" -ge 10 ]
}

@test "plugin: killed while it waits for the agent: a DEL leaves nothing, another ADD succeeds" {
  start_nat nat1
  start_agent
  kill -STOP "$agent_pid"
  cni ADD c1 >/dev/null 3>&- &
  local plugin=$!
  within 10 eval '[ "$(records)" = 1 ]'
  kill -9 $plugin $(pgrep -P $plugin)
  within 10 gone $plugin
  kill -CONT "$agent_pid"
  # Its record alone is enough to be served.
  within 10 eval '[ "$(ways client1)" = "$(ip4 nat1) $(ip6 nat1)" ]'
  run cni DEL c1
  assert_success
  assert_equal "$(records)" 0
  run cni ADD c2
  assert_success
  by_nat1 client1
}

@test "nat: dies at every operation of its start: no client gets through as itself, no stranger at all" {
  by_hand client1 nat1
  by_hand stranger nat1
  nat_until 0
  state_of nat1 >"$work/ready"
  by_nat1 client1
  last='' looked=0
  for ((at = 1; at < limit; at++)); do
    wipe nat1
    nat_until $at
    [ "$died" = yes ] || break
    state=$(state_of nat1)
    [ "$state" != "$last" ] || continue
    last=$state looked=$((looked + 1))
    nobody_as_itself
    nat_until 0
    same_as ready nat1
  done
  by_nat1 client1
  told "$at operations, $looked different states"
  [ "$at" -lt $limit ] && [ "$looked" -ge 5 ]
}
nobody_as_itself() {
  local seen pid
  ways stranger >"$work/stranger" &
  pid=$!
  seen=$(ways client1)
  wait $pid
  seen+=" $(cat "$work/stranger")"
  for host in client1 stranger; do
    [[ " $seen " != *" $(ip4 $host) "* && " $seen " != *" $(ip6 $host) "* ]] ||
      fail "leak after a death at operation $at: $seen: $state"
  done
  [[ ${seen#* * } != *[.:]* ]] || fail "a stranger gets through after operation $at: $seen: $state"
}

@test "nat: dies at every operation of a change of its clients, and the others do not notice" {
  by_hand client1 nat1
  by_hand stranger nat1
  by_hand client2 nat1
  pod client2 egress
  nat_until 0
  state_of nat1 >"$work/both"
  pod client2
  nat_until 0
  state_of nat1 >"$work/one"
  # The least number at which it gets through its start: there the change begins.
  local low=0 start=200 middle
  while [ $((start - low)) -gt 1 ]; do
    middle=$(((low + start) / 2))
    nat_until $middle
    if [ "$died" = yes ]; then low=$middle; else start=$middle; fi
  done
  looked=0 alive=0
  for ((at = 1; at < limit && alive < 2; at++)); do
    alive=0
    for to in both one; do
      if [ $to = both ]; then next="pod client2 egress"; else next="pod client2"; fi
      last=$(state_of nat1)
      faulty_nat $((low + at))
      within 10 gone_or nat_is ready nat1
      $next
      end_of is_there $to
      [ "$died" = yes ] || alive=$((alive + 1))
      state=$(state_of nat1)
      if [ "$state" != "$last" ]; then
        looked=$((looked + 1))
        nobody_as_itself
        by_nat1 client1
      fi
      [ "$died" = no ] || nat_until 0
      same_as $to nat1
    done
  done
  told "$low operations of a start, $at of a change, $looked states"
  [ "$at" -lt $limit ] && [ "$looked" -ge 4 ]
}
is_there() { [ "$(state_of nat1)" = "$(cat "$work/$1")" ]; }
