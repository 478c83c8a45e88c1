#!/usr/bin/env bats
# `pona agent` and `pona nat` together, with manifests: pods that ask for an Egress leave by its NAT
# pods, and never any other way.

bats_require_minimum_version 1.5.0

load common.bash
load egress.bash

setup() {
  setup_egress
  egress
  pod client1 egress
  gateways nat1 nat2
}

teardown() { teardown_network; }

@test "agent: a running pod that is annotated leaves by the NAT pods, both families" {
  pod client1
  sandbox client1
  start_nat nat1
  start_nat nat2
  start_agent
  assert_equal "$(ask client1 tcp "$out" 8080)" "out $(ip4 client1) 8080"
  pod client1 egress
  within 5 answers "out 10.64.0.2[12] 8080" client1 tcp "$out" 8080
  within 5 answers "out fd00:64::2[12] 8080" client1 tcp "$out6" 8080
  within 5 answers "out 10.64.0.2[12] 5353" client1 udp "$out" 5353
}

# All of ours in a client's namespace.
held() {
  at "$1" ip -d link show group 11217
  at "$1" ip rule show | grep -E '1900|1890' || true
  at "$1" ip -6 rule show | grep -E '1900|1890' || true
  at "$1" ip route show table 117 2>/dev/null || true
  at "$1" ip -6 route show table 117 2>/dev/null || true
  at "$1" ip nexthop show
  at "$1" nft list tables
}
start_all() {
  sandbox client1
  start_nat nat1
  start_nat nat2
  start_agent
  within 5 answers "out 10.64.0.2[12] 8080" client1 tcp "$out" 8080
}

@test "agent: pitfall 5: without a NAT pod nothing leaves, in neither family; Bypass lets it" {
  gateways
  sandbox client1
  start_agent
  within 5 refused_at client1
  assert_equal "$(ask client1 tcp "$out6" 8080)" unreachable
  # What is private, and what is no destination, goes its own way.
  at client1 ping -c 1 -W 2 "$(ip4 client2)"
  egress "destinations: [203.0.113.0/24], onUnavailable: Bypass"
  within 5 leaves_by client1 client1
}

@test "agent: the annotation goes, and with it everything that was made" {
  local before
  before=$(held client1)
  start_all
  assert_not_equal "$(held client1)" "$before"
  pod client1
  within 5 leaves_by client1 client1
  within 5 eval '[ "$(held client1)" = "$before" ]'
}

@test "agent: pitfall 21: an Egress that is deleted leaves its clients' destinations closed, and comes back live" {
  start_all
  remove egress
  within 5 refused_at client1
  # An agent that starts again knows no more of the Egress than the kernel does.
  kill -9 "$agent_pid"
  within 5 gone "$agent_pid"
  start_agent
  assert_equal "$(ask client1 tcp "$out" 8080)" unreachable
  egress
  within 5 answers "out 10.64.0.2[12] 8080" client1 tcp "$out" 8080
}

@test "agent: a NAT pod dies and the other takes over, without the cluster saying so" {
  start_all
  kill -9 "$nat1_pid"
  at nat1 ip link set eth0 down
  within 5 eval 'agent_status | grep -q "\"address\":\"$(ip4 nat1)\",\"state\":\"dead\""'
  within 2 leaves_by client1 nat2
  for _ in {1..10}; do assert_equal "$(ask client1 tcp "$out" 8080)" "out $(ip4 nat2) 8080"; done
}

# CLIENT NAT-POD: how many of them it reaches by this NAT pod
by_nat() {
  local host count=0
  for host in {20..43}; do
    [ "$(ask "$1" tcp "203.0.113.$host" 8080)" != "out $(ip4 "$2") 8080" ] || count=$((count + 1))
  done
  echo "$count"
}
none_broke() {
  local pid
  touch "$work/stop"
  for pid in "${holders[@]}"; do within 15 gone "$pid"; done
  assert_equal "$(cat "$work"/hold-* | grep -c '^1 alive, 0 broken$')" 24
}

@test "agent: pitfall 2: more NAT pods break no connection" {
  many_hosts
  sandbox client1
  gateways nat1
  start_nat nat1
  start_agent
  within 5 leaves_by client1 nat1
  hold_all client1
  start_nat nat2
  gateways nat1 nat2
  within 5 eval '[ "$(at client1 ip nexthop show | grep -c "group.*/.*/")" = 2 ]'
  sleep 1
  none_broke
}

# Over IPv6 the kernel looks for a connection's route before it has its source, and later again.
@test "agent: more NAT pods break no connection over IPv6" {
  local host
  for host in {20..43}; do ip -n "$net-out" address add "2001:db8:f::$host/64" dev eth0 nodad; done
  sandbox client1
  gateways nat1
  start_nat nat1
  start_agent
  within 5 answers "out $(ip6 nat1) 8080" client1 tcp "$out6" 8080
  hold_all client1 2001:db8:f::
  start_nat nat2
  gateways nat1 nat2
  within 5 eval '[ "$(at client1 ip nexthop show | grep -c "group.*/.*/")" = 2 ]'
  sleep 1
  none_broke
}

@test "agent: a NAT pod that drains keeps what it carries and gets nothing new" {
  many_hosts
  egress "destinations: [203.0.113.0/24], drainSeconds: 600"
  start_all
  spawn client1 "$work/hold-1" python3 "$tools/client.py" hold "$out" 8080 --stop "$work/stop"
  local holder=$spawned carrier other
  within 10 eval '[ "$(at out ss -Htn state established sport = 8080 | wc -l)" = 1 ]'
  carrier=$(at out ss -Htn state established sport = 8080 | grep -oE '10\.64\.0\.2[12]')
  [ "$carrier" = "$(ip4 nat1)" ] && carrier=nat1 other=nat2 || carrier=nat2 other=nat1
  local pid=${carrier}_pid
  kill -TERM "${!pid}"
  within 5 eval '! nat_is ready "$carrier"'
  gateways "$carrier:ready: false, serving: true, terminating: true" "$other"
  within 5 eval 'at client1 ip nexthop show | grep -q "group.*,255"'
  # A connection whose hash falls into the bucket of the one that stays goes with it.
  local fresh
  fresh=$(by_nat client1 "$other")
  [ "$fresh" -ge 22 ] || fail "$fresh of 24 go to $other: $(at client1 ip nexthop bucket show | awk '{print $NF}' | sort | uniq -c)"
  kill -0 "${!pid}"
  touch "$work/stop"
  within 10 gone "$holder"
  assert_equal "$(tail -n 1 "$work/hold-1")" "1 alive, 0 broken"
  within 20 gone "${!pid}"
}

@test "agent: pitfall 17: kill -9 and a start change nothing that is right, and mend what is not" {
  start_all
  local before
  before=$(held client1)
  kill -9 "$agent_pid"
  within 5 gone "$agent_pid"
  at client1 ip route del throw 10.0.0.0/8 table 117 metric 500
  at client1 ip -6 route del unreachable 2001:db8:f::/64 table 117 metric 9000
  at client1 ip rule del pref 1900
  start_agent
  within 5 eval '[ "$(held client1)" = "$before" ]'
  answers "out 10.64.0.2[12] 8080" client1 tcp "$out" 8080
}

@test "agent: pitfall 4: ADD waits until the NAT pods know the pod: the first packet gets through" {
  start_nat nat1
  start_nat nat2
  start_agent
  pod client2 egress
  sandbox client2
  # By hand and not by the file: that one is noticed, too.
  assert_equal "$(call_agent ADD client2)" '{"version":1}'
  for _ in 1 2 3; do answers "out 10.64.0.2[12] 8080" client2 tcp "$out" 8080 --timeout 0.5; done
  run call_agent CHECK client2
  assert_output '{"version":1}'
}

@test "agent: 2.16: DEL of a pod whose namespace lives on takes back all that ADD made" {
  local before
  start_nat nat1
  start_nat nat2
  start_agent
  before=$(held client2)
  pod client2 egress
  sandbox client2
  assert_equal "$(call_agent ADD client2)" '{"version":1}'
  [ "$(held client2)" != "$before" ]
  run call_agent DEL client2
  assert_output '{"version":1}'
  assert_equal "$(held client2)" "$before"
}

@test "agent: ADD of a pod whose Egress is not there is refused, and says why" {
  start_agent
  pod client2 nowhere
  sandbox client2
  run call_agent ADD client2
  assert_output --partial '"code":11'
  assert_output --partial "Egress internet/nowhere"
}

@test "agent: 2.4: an annotation that cannot be understood opens nothing and starts nothing" {
  egress
  gateways nat1
  start_nat nat1
  local value
  for value in ' ' 'Bad_Name' 'egress nosuch' 'egress,Bad_Name' 'internet/egress'; do
    pod client1 egress
    sandbox client1
    [ -n "${agent_pid:-}" ] || start_agent
    within 5 leaves_by client1 nat1
    # A running client stays closed: its packets leave by the NAT pod, or not at all.
    pod client1 "$value"
    within 5 eval 'agent_status | grep -q "annotation egress.pona.cybozu.com/internet"'
    for _ in {1..5}; do
      [[ "$(ask client1 tcp "$out" 8080)" != *"$(ip4 client1)"* ]] || fail "'$value' opens a client"
      [[ "$(ask client1 tcp "$out6" 8080)" != *"$(ip6 client1)"* ]] || fail "'$value' opens a client"
    done
    # A new one does not start.
    pod client2 "$value"
    sandbox client2
    run call_agent ADD client2
    assert_output --partial '"code":11'
    assert_output --partial 'cannot be understood'
    call_agent DEL client2
  done
  # Taken off, everything goes.
  pod client1
  within 5 answers "out $(ip4 client1) 8080" client1 tcp "$out" 8080
}

@test "agent: 2.2: no port and no ICMP type is a way out past the NAT pod's translation" {
  gateways nat1
  sandbox client1
  start_nat nat1
  start_agent
  spawn out "$work/ports.log" python3 "$tools/server.py" out - 4790,5555
  within 10 grep -q ready "$work/ports.log"
  spawn out "$work/seen.log" tcpdump -lnni eth0 "host $(ip4 client1) or host $(ip6 client1)"
  within 10 grep -q listening "$work/seen.log"
  within 5 leaves_by client1 nat1
  for port in 4790 5555; do
    assert_equal "$(ask client1 udp "$out" $port)" "out $(ip4 nat1) $port"
    assert_equal "$(ask client1 udp "$out6" $port)" "out $(ip6 nat1) $port"
  done
  # Neighbour discovery and multicast listeners, which conntrack does not look at.
  at client1 python3 - "$out6" <<'PY'
import socket, sys
with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as sock:
    for kind in (133, 134, 135, 136, 137, 143):
        sock.sendto(bytes([kind, 0]) + bytes(26), (sys.argv[1], 0))
PY
  leaves_by client1 nat1
  run grep -E '^[0-9:.]+ IP' "$work/seen.log"
  assert_output ''
}

@test "agent: pitfall 3: a client of VXLAN takes tunnel packets from its NAT pods only" {
  start_all
  run at client1 nft list table ip pona-egress
  assert_output --partial "udp dport 4790 ip saddr != @gateways drop"
  # A stranger sends a whole inner packet; nothing may come of it.
  at stranger ip link add vx0 mtu 1400 type vxlan external gpe dstport 4790 nolearning
  at stranger ip link set vx0 up
  at stranger ip route add 198.18.0.1/32 encap ip id 117 dst "$(ip4 client1)" csum dev vx0
  at client1 ip address add 198.18.0.1/32 dev lo
  spawn client1 "$work/inner" python3 "$tools/server.py" inner - 7777
  within 5 grep -q ready "$work/inner"
  assert_equal "$(ask stranger udp 198.18.0.1 7777)" timeout
}

@test "agent: pona egress tells which Egress serves what, through which NAT pod, and what is wrong" {
  start_all
  run pona egress --socket "$work/agent.sock"
  assert_success
  assert_line --regexp \
    '^internet/egress +Direct +VXLAN +203\.0\.113\.0/24,2001:db8:f::/64 +10\.64\.0\.21,10\.64\.0\.22,fd00:64::21,fd00:64::22 +1$'
  run pona egress list --socket "$work/agent.sock"
  assert_line --regexp '^default/client1 +203\.0\.113\.0/24 +internet/egress +tunnel +10\.64\.0\.21,10\.64\.0\.22$'
  run pona egress show default/client1 --json --socket "$work/agent.sock"
  assert_equal "$(jq -r '.clients[0].destinations[0].way' <<<"$output")" tunnel
  pod client1 egress,nowhere
  within 5 eval 'pona egress show default/client1 --socket "$work/agent.sock" | grep -q "Egress internet/nowhere does not exist"'
  run pona egress show default/nobody --socket "$work/agent.sock"
  assert_failure
  assert_output --partial "neither a pod on this node"
  run pona egress --socket "$work/nothing.sock"
  assert_failure
  assert_output --partial 'does "pona agent" run on this node?'
}

# The configuration of a container runtime, of which pona is no part yet.
conflist() {
  mkdir -p "$work/net.d"
  cat >"$work/net.d/.new" <<<'{"cniVersion":"1.0.0","name":"pods","plugins":[{"type":"bridge"}]}'
  mv "$work/net.d/.new" "$work/net.d/10.conflist"
}
joined() { grep -q '"pona-cni"' "$work/net.d/10.conflist"; }
start_with_cni() {
  start_agent --install-cni --cni-bin-dir "$work/bin" --cni-conf-dir "$work/net.d"
}

@test "agent: --install-cni puts the plugin there and keeps it; --uninstall-cni takes it out" {
  conflist
  start_with_cni
  within 5 joined
  cmp "$work/bin/pona" "$PONA"
  assert_equal "$(readlink "$work/bin/pona-cni")" pona
  grep -q "$work/agent.sock" "$work/net.d/10.conflist"
  conflist
  within 5 joined
  refute agent_tells net.d
  rm "$work/net.d/10.conflist"
  within 5 agent_tells "there is no CNI configuration yet"
  within 5 grep -q "there is no CNI configuration yet" "$work/agent.log"
  conflist
  within 5 joined
  kill -TERM "$agent_pid"
  within 5 gone "$agent_pid"
  joined
  run -0 "$PONA" agent --uninstall-cni --cni-conf-dir "$work/net.d"
  assert_output --partial 10.conflist
  refute joined
  grep -q bridge "$work/net.d/10.conflist"
  [ -x "$work/bin/pona-cni" ]
}

@test "agent: 2.7: a list that is rewritten at boot, before the agent runs, starts no pod without the plugin" {
  conflist
  start_agent --install-cni --cni-own-list --cni-bin-dir "$work/bin" --cni-conf-dir "$work/net.d"
  # What a runtime takes: the first by name.
  first() { find "$work/net.d" -name '*.conf*' | sort | head -n 1; }
  served() { jq -e '[.plugins[].type] == ["bridge", "pona-cni"]' "$(first)" >/dev/null; }
  within 5 served
  refute joined
  kill -TERM "$agent_pid"
  within 5 gone "$agent_pid"
  conflist
  served
  run -0 "$PONA" agent --uninstall-cni --cni-conf-dir "$work/net.d"
  assert_equal "$(ls "$work/net.d")" 10.conflist
  refute joined
}

@test "agent: 2.7: a pod that runs unserved is named by a metric" {
  start_agent
  unserved() { at node curl -sf --max-time 5 http://127.0.0.1:9391/metrics | grep -Fx 'pona_agent_pod_unserved{namespace="default",pod="client1"} 1'; }
  within 5 unserved
  sandbox client1
  within 5 refute unserved
}
agent_tells() { agent_status | grep -q -- "$1"; }

@test "agent: a plugin that cannot be put there is no reason to name it, nor to stop" {
  conflist
  touch "$work/bin"
  start_with_cni
  within 5 agent_tells "the CNI plugin: "
  refute joined
  rm "$work/bin"
  within 20 joined
  within 5 refute agent_tells "the CNI plugin: "
}

# What a NAT pod's network namespace needs, as its own runtime leaves it: not set.
parameters=(net.ipv4.ip_forward net.ipv4.fwmark_reflect net.ipv6.conf.all.forwarding
  net.ipv6.fwmark_reflect)
forwards() { at "$1" sysctl -n "${parameters[@]}" | paste -sd ' '; }
# NAME [APP [WHAT-IT-MAY]]
nat_pod() {
  local may='capabilities: {add: [NET_ADMIN]}'
  [ $# -lt 3 ] || may=$3
  put "pod-$1.yaml" <<YAML
apiVersion: v1
kind: Pod
metadata:
  name: $1
  namespace: default
  uid: uid-$1
  labels: {app.kubernetes.io/name: ${2:-pona}, app.kubernetes.io/instance: egress, app.kubernetes.io/component: egress}
spec: {nodeName: node1, containers: [{name: egress, securityContext: {$may}}]}
status: {phase: Pending}
YAML
}

@test "agent: a NAT pod on its node forwards from its ADD on, and is kept so" {
  nat_pod nat1
  nat_pod nat2 other
  start_agent --resync 1
  assert_equal "$(forwards nat1)" "0 0 0 0"
  sandbox nat1
  sandbox nat2
  assert_equal "$(call_agent ADD nat1)" '{"version":1}'
  assert_equal "$(forwards nat1)" "1 1 1 1"
  # Neither does a pod that only looks like one, nor one that is a client.
  assert_equal "$(call_agent ADD nat2)" '{"version":1}'
  sandbox client1
  within 15 refused_at client1
  assert_equal "$(forwards nat2)" "0 0 0 0"
  # A client's fwmark_reflect is for replies to whom the mark leads back.
  assert_equal "$(forwards client1)" "0 1 0 1"
  at nat1 sysctl -qw net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0
  within 5 eval '[ "$(forwards nat1)" = "1 1 1 1" ]'
  # What is gone is a trouble, and harms no other pod.
  ip netns del "$net-nat1"
  within 5 agent_tells "NAT pod default/nat1: "
  assert_equal "$(call_agent ADD nat2)" '{"version":1}'
}

@test "agent: 4.9: labels of a NAT pod alone get a tenant's pod no forwarding" {
  nat_pod nat1 pona ""
  nat_pod nat2
  start_agent
  sandbox nat1
  sandbox nat2
  assert_equal "$(call_agent ADD nat1)" '{"version":1}'
  assert_equal "$(call_agent ADD nat2)" '{"version":1}'
  assert_equal "$(forwards nat2)" "1 1 1 1"
  assert_equal "$(forwards nat1)" "0 0 0 0"
}

@test "agent: what pona nat made in a NAT pod of this node is left alone" {
  nat_pod nat1
  sandbox nat1
  gateways nat1
  start_nat nat1
  sandbox client1
  start_agent
  kill -HUP "$agent_pid"
  within 5 answers "out $(ip4 nat1) 8080" client1 tcp "$out" 8080
  run cat "$work/agent.log"
  refute_output --partial "pod=default/nat1 changes"
}

@test "agent: 4.4: slow connections to health stop neither health, nor a pod's start, nor flood the log" {
  pod client1
  sandbox client1
  # As many descriptors as many hosts give a service.
  (
    ulimit -S -n 1024
    start_agent
  )
  spawn node "$work/slow.log" python3 "$tools/slow_connections.py" 127.0.0.1 9391 1600 "$work/stop"
  within 30 grep -q open "$work/slow.log"
  for _ in 1 2 3 4 5; do
    run call_agent ADD client1
    assert_output '{"version":1}'
    agent_ready
  done
  touch "$work/stop"
  assert [ "$(wc -l <"$work/agent.log")" -lt 100 ]
  # It says how many it did not wait for.
  run at node curl -sf --max-time 5 http://127.0.0.1:9391/metrics
  assert_output --regexp 'pona_http_connections_cut_off_total [1-9]'
}

@test "agent: 4.4: health and metrics are on loopback, or where they are wanted" {
  start_agent
  address=$(at node ip -4 -o address show scope global | awk '{sub("/.*", "", $4); print $4; exit}')
  run ! at node curl -sf --max-time 2 -o /dev/null "http://$address:9391/readyz"
  kill "$agent_pid"
  within 5 gone "$agent_pid"
  NODE_ADDRESS=$address spawn node "$work/agent.log" "$PONA" agent --node-name node1 \
    --manifests "$manifests" --socket "$work/agent.sock" --sandboxes "$work/sandboxes" \
    --monitor-address node
  within 10 at node curl -sf --max-time 2 -o /dev/null "http://$address:9391/readyz"
  run ! at node curl -sf --max-time 2 -o /dev/null http://127.0.0.1:9391/readyz
  run "$PONA" agent --node-name node1 --manifests "$manifests" --monitor-address node
  assert_failure 2
  assert_output --partial NODE_ADDRESS
}
