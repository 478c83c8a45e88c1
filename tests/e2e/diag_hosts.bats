#!/usr/bin/env bats
# pona diag trace over several hosts, from a workstation: by pods/exec of an API server for tests, whose
# containers are namespaces that see nothing of each other. Real packets.
# shellcheck disable=SC2030,SC2031,SC2154  # bats: tests are subshells; network.bash sets variables
bats_require_minimum_version 1.5.0

setup() {
  load common
  load network
  load cluster
  load faults
  command -v kubectl >/dev/null || skip "there is no kubectl (Debian: kubernetes-client)"
  [ -x "${PONA_APISERVER:-}" ] || skip "PONA_APISERVER names no API server for tests"
  begin_network
  network
  containers
  kubeconfig=$work/kubeconfig
  export HOME=$work KUBECONFIG=$kubeconfig APISERVER_EXEC=$work/container
  start_server
  objects
}
teardown() { teardown_network; }

# HOST PEER HOST-ADDRESS PEER-ADDRESS: a cable, whose ends are called like the other one
cable() {
  add_leg "$1" "$2" "$2" "$1" - "$3"
  ip -n "$net-$2" address add "$4" dev "$1"
}

# A pod on node-a, a server on node-b, a router between that nobody looks into; and node-c, where
# nothing comes by. The workstation is called edge, as cluster.bash has it.
network() {
  local host
  for host in pod node-b node-c edge; do add_host "$host" 0 0; done
  for host in node-a router; do add_host "$host" 0 1; done
  cable pod node-a 10.0.5.1/24 10.0.5.2/24
  cable node-a router 10.0.1.1/24 10.0.1.2/24
  cable node-b router 10.0.2.1/24 10.0.2.2/24
  at pod ip route add default via 10.0.5.2
  at node-a ip route add default via 10.0.1.2
  at node-b ip route add default via 10.0.2.2
  at router ip route add 10.0.5.0/24 via 10.0.1.1
  spawn node-b "$work/node-b.log" python3 -I -S "$tools/server.py" node-b 8080 5353
  within 10 grep -q ready "$work/node-b.log"
}

# What stands for the containers of pona's pods: NAMESPACE POD CONTAINER pona WORDS…
containers() {
  : >"$work/pod.ns"
  mkdir "$work/records" "$work/no-records"
  echo '{"containerID": "c1", "ifName": "eth0", "netns": "'"$work/pod.ns"'", "netnsCookie": "", "pod":
    {"namespace": "shop", "name": "web-1", "uid": "u1"}, "addresses": ["10.0.5.1"], "network": "n"}' |
    tr -d '\n' >"$work/records/c1:eth0.json"
  cat >"$work/container" <<SH
#!/bin/bash
host=\${2#agent-}
shift 4
records=$work/no-records
[ "\$host" != node-a ] || records=$work/records
exec ip netns exec "$net-\$host" unshare --mount --pid --fork --kill-child --mount-proc bash -c '
  mount --bind /run/netns/$net-pod $work/pod.ns
  mount -t tmpfs none /run && mkdir -p /run/pona/sandboxes
  cp "\$1"/* /run/pona/sandboxes/ 2>/dev/null
  shift
  exec "\$@"' bash "\$records" "$PONA" "\$@"
SH
  chmod +x "$work/container"
}

objects() {
  local name host
  for name in shop pona-system; do
    printf 'apiVersion: v1\nkind: Namespace\nmetadata: {name: %s}\n---\n' "$name"
  done | apply -f -
  {
    for host in node-a node-b node-c; do
      printf 'apiVersion: v1\nkind: Pod\nmetadata: {name: agent-%s, namespace: pona-system, labels: {app.kubernetes.io/name: pona-agent}}\nspec: {nodeName: %s, containers: [{name: agent, image: x}]}\n---\n' "$host" "$host"
    done
    printf 'apiVersion: v1\nkind: Pod\nmetadata: {name: web-1, namespace: shop}\nspec: {nodeName: node-a, containers: [{name: c, image: x}]}\n---\n'
    printf 'apiVersion: v1\nkind: Pod\nmetadata: {name: web-2, namespace: shop}\nspec: {nodeName: node-d, containers: [{name: c, image: x}]}\n'
  } | apply -f -
}

# From the workstation.
trace_remote() {
  trace_status=0
  at edge "$PONA" diag trace --kubeconfig "${as:-$kubeconfig}" -o json "$@" >"$work/trace.json" \
    2>"$work/trace.err" || trace_status=$?
}

@test "hosts: a trace from a workstation crosses two nodes, and is one trace" {
  trace_remote pod/shop/web-1 to 10.0.2.1:8080
  assert_equal "$trace_status" 0
  assert_equal "$(of_trace 't["result"], t["live"], t["answered"], t["findings"]')" "('ok', True, True, [])"
  run of_trace '[s["place"] for s in t["steps"]]'
  assert_output --partial "node-a: pod shop/web-1"
  assert_output --partial "'node-b'"
  refute_output --partial "node-c"
  # node-c waited for it, which is no trouble.
  run of_trace '[a["text"] for a in t["assumptions"]]'
  refute_output --partial "nobody waited"
  assert_equal "$(of_trace 't["symmetric"]')" True
  trace_remote --udp pod/shop/web-1 to 10.0.2.1:5353
  assert_equal "$(of_trace 't["result"], t["live"]')" "('ok', True)"
  # Nothing of it remains.
  local host
  for host in pod node-a node-b node-c; do
    run at "$host" nft list tables
    refute_output --partial pona-diag
  done
}

@test "hosts: a drop on the second node is named with its code, node and rule" {
  at node-b nft -f - <<<'table inet fw { chain in { type filter hook input priority 0; tcp dport 8080 drop comment "deny web"; }; }'
  trace_remote pod/shop/web-1 to 10.0.2.1:8080
  assert_equal "$trace_status" 1
  assert_equal "$(of_trace '[f["code"] for f in t["findings"]]')" "['PONA-D101']"
  run of_trace 't["steps"][t["findings"][0]["step"]-1]'
  assert_output --partial "'place': 'node-b'"
  assert_output --partial "deny web"
  # The same for people.
  run at edge "$PONA" diag trace --kubeconfig "$kubeconfig" pod/shop/web-1 to 10.0.2.1:8080
  assert_failure 1
  assert_output --regexp 'FAIL +PONA-D101 .* at node-b, step'
  assert_output --partial "At node-b: dropped by a rule"
  assert_output --partial "deny web"
  refute_output --partial "answer:"
}

@test "hosts: who may not run commands in pona's pods is told which right is missing" {
  apply -f - <<'YAML'
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: looks}
rules: [{apiGroups: [""], resources: [pods], verbs: [get, list]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: looks}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: looks}
subjects: [{kind: User, name: ann, apiGroup: rbac.authorization.k8s.io}]
YAML
  server=$(sed -n 's/ *server: //p' "$kubeconfig")
  at edge curl -sSfk -H 'Authorization: Bearer admin' "$server/_test/tokens" -d '{"token": "ann", "user": "ann"}'
  sed 's/token: .*/token: ann/' "$kubeconfig" >"$work/ann.kubeconfig"
  chmod 600 "$work/ann.kubeconfig"
  as=$work/ann.kubeconfig trace_remote pod/shop/web-1 to 10.0.2.1:8080
  assert_equal "$trace_status" 1
  run cat "$work/trace.err"
  assert_output --partial "not allowed to run a command in pod pona-system/agent-node-a"
  assert_output --partial 'pods/exec'
  assert_output --partial 'namespace pona-system'
  # Of nodes where only the waiting is refused, it is said, and the trace goes on.
  apply -f - <<'YAML'
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: one, namespace: pona-system}
rules: [{apiGroups: [""], resources: [pods/exec], resourceNames: [agent-node-a], verbs: [get, create]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: one, namespace: pona-system}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: one}
subjects: [{kind: User, name: ann, apiGroup: rbac.authorization.k8s.io}]
YAML
  as=$work/ann.kubeconfig trace_remote pod/shop/web-1 to 10.0.2.1:8080
  assert_equal "$(of_trace 't["live"]')" True
  run of_trace '[a["text"] for a in t["assumptions"]]'
  assert_output --partial "on node node-b nobody waited for the packet: not allowed"
}

@test "hosts: a node without an agent, and a pod that is not there" {
  trace_remote pod/shop/web-2 to 10.0.2.1:8080
  assert_equal "$trace_status" 1
  run cat "$work/trace.err"
  assert_output --partial "no pona agent runs on node node-d"
  assert_output --partial "run pona diag trace as root on that node"
  trace_remote pod/shop/web-3 to 10.0.2.1:8080
  run cat "$work/trace.err"
  assert_output --partial 'web-3'
  assert_output --partial 'not found'
  trace_remote 192.0.2.7 to 10.0.2.1:8080
  assert_equal "$trace_status" 2
  run cat "$work/trace.err"
  assert_output --partial "a packet begins in a pod"
}

@test "hosts: hosts that know the packet's number wait for it, without an API server" {
  local cookie=5a17c0de-1235-0101010101010101
  APISERVER_EXEC='' "$work/container" pona-system agent-node-b agent pona diag trace --watch --cookie "$cookie" \
    -o json >"$work/far.json" 2>"$work/far.err" 3>&- </dev/null &
  local watcher=$!
  echo "$watcher" >>"$work/pids"
  within 10 grep -q "waiting for the packet" "$work/far.err"
  "$work/container" pona-system agent-node-a agent pona diag trace --cookie "$cookie" -o json \
    pod/shop/web-1 to 10.0.2.1:8080 >"$work/near.json" </dev/null || true
  wait "$watcher" || true
  run "$PONA" diag merge "$work/near.json" "$work/far.json"
  assert_success
  assert_output --partial "delivered and answered"
  # A cookie is what it says.
  run "$PONA" diag trace --cookie nonsense 10.0.2.1:8080
  assert_failure 2
  assert_output --partial "--cookie"
}
