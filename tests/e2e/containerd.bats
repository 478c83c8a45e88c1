#!/usr/bin/env bats
# A real container runtime calls the plugin: containerd with its CRI service and runc, behind Debian's
# bridge and host-local. The test is the kubelet. Everything of it is in the test's own directory and
# in namespaces of its own.
# shellcheck disable=SC2154  # set in egress.bash

setup() {
  load common
  load egress
  command -v containerd >/dev/null || skip "containerd is not installed"
  command -v runc >/dev/null || skip "runc is not installed"
  busybox=$(command -v busybox) || skip "busybox-static is not installed"
  [ -x /usr/lib/cni/bridge ] || skip "containernetworking-plugins is not installed"
  setup_egress
  sandbox_ids=()
  export CRI_CGROUP=/$net
  # Few addresses: who gets which is known beforehand.
  at node ip route add 10.64.1.0/24 dev lo metric 4000 # until there is a bridge
  mkdir -p "$work/bin" "$work/net.d" "$work/sandboxes"
  ln -s "$PONA" "$work/bin/pona-cni"
  ln -s /usr/lib/cni/{bridge,host-local,loopback} "$work/bin/"
  cat >"$work/net.d/10-pods.conflist" <<JSON
{"cniVersion": "1.0.0", "name": "pods", "plugins": [
  {"type": "bridge", "bridge": "cni0", "isGateway": true, "ipam": {
    "type": "host-local", "dataDir": "$work/ipam", "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}],
    "ranges": [[{"subnet": "10.64.1.0/24", "rangeStart": "10.64.1.5", "rangeEnd": "10.64.1.6"}],
               [{"subnet": "fd00:65::/64", "rangeStart": "fd00:65::5", "rangeEnd": "fd00:65::6"}]]}},
  {"type": "pona-cni", "capabilities": {"io.kubernetes.cri.pod-annotations": true},
   "socket": "$work/agent.sock", "stateDir": "$work/sandboxes"}]}
JSON
  cat >"$work/containerd.toml" <<TOML
version = 2
root = "$work/containerd"
state = "$work/containerd.run"
disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs"]
[grpc]
  address = "$work/cri.sock"
[ttrpc]
  address = "$work/ttrpc.sock"
[plugins."io.containerd.internal.v1.opt"]
  path = "$work/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "pona.test/pause:1"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "native"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "$work/bin"
    conf_dir = "$work/net.d"
TOML
  # Not by `ip netns exec`, which hides the control groups, and the namespaces that come later.
  in_node "$work/containerd.log" containerd --config "$work/containerd.toml"
  within 20 cri version || skip "containerd does not run here: $(tail -n 3 "$work/containerd.log")"
  python3 "$tools/cri.py" image "$work/pause.tar" pona.test/pause:1 "$busybox"
  ctr --address "$work/cri.sock" --namespace k8s.io images import "$work/pause.tar"
}

teardown() {
  local id
  for id in "${sandbox_ids[@]}"; do cri stop "$id" 2>/dev/null || true; done
  teardown_network
  rmdir /sys/fs/cgroup/{,*/}"${net:-none}" 2>/dev/null || true
}

in_node() {
  local log=$1
  shift
  nsenter --net="/run/netns/$net-node" "$@" >"$log" 2>&1 3>&- &
  spawned=$!
  echo "$spawned" >>"$work/pids"
}
cri() { python3 "$tools/cri.py" "$work/cri.sock" "$@"; }

start_agent_beside_it() {
  in_node "$work/agent.log" "$PONA" agent --node-name node1 --manifests "$manifests" \
    --socket "$work/agent.sock" --sandboxes "$work/sandboxes" --metrics-port 9391 --health-port 9391
  agent_pid=$spawned
  within 10 agent_ready
}

# NAME UID ADDRESS-NUMBER [ANNOTATION-VALUE]
pod_object() {
  put "pod-$1.yaml" <<YAML
apiVersion: v1
kind: Pod
metadata: {name: $1, namespace: default, uid: $2, ${4:+annotations: {egress.pona.cybozu.com/internet: '$4'\}}}
spec: {nodeName: node1, containers: [{name: main, image: main}]}
status: {phase: Running, podIPs: [{ip: 10.64.1.$3}, {ip: 'fd00:65::$3'}]}
YAML
}
# NAME UID [ANNOTATION-VALUE]
run_pod() {
  id=$(cri run default "$1" "$2" ${3:+"egress.pona.cybozu.com/internet=$3"} 2>"$work/cri.err") || return
  sandbox_ids+=("$id")
}
netns_of() { jq -r .netns "$work/sandboxes/$1:eth0.json"; }
asks() { nsenter --net="$(netns_of "$1")" python3 "$tools/client.py" "${@:2}"; }

@test "containerd: a pod with an Egress, one without, and their ends" {
  egress
  gateways nat1 nat2
  pod_object first uid-first 5 egress
  pod_object second uid-second 6
  start_nat nat1
  start_nat nat2
  start_agent_beside_it

  # Its very first packet has its way.
  run_pod first uid-first egress || fail "$(cat "$work/cri.err")"
  first=$id
  assert_regex "$(asks "$first" tcp "$out" 8080 --timeout 0.5)" '^out 10.64.0.2[12] 8080$'
  assert_regex "$(asks "$first" tcp "$out6" 8080 --timeout 0.5)" '^out fd00:64::2[12] 8080$'
  assert_equal "$(jq -r '"\(.pod.namespace)/\(.pod.name) \(.pod.uid) \(.addresses | join(","))"' \
    "$work/sandboxes/$first:eth0.json")" "default/first uid-first 10.64.1.5,fd00:65::5"

  # The agent is away: who asks for an Egress is told so, and leaves nothing behind; all others start.
  kill "$agent_pid"
  within 10 gone "$agent_pid"
  run_pod second uid-second || fail "$(cat "$work/cri.err")"
  second=$id
  assert_equal "$(asks "$second" tcp "$out" 8080)" "out 10.64.1.6 8080"
  cri stop "$second"
  sandbox_ids=("$first")
  run run_pod third uid-third egress
  assert_failure
  assert_regex "$(cat "$work/cri.err")" "pona's agent does not answer"
  within 5 eval '[ "$(ls "$work/sandboxes")" = "$first:eth0.json" ]'
  assert_regex "$(asks "$first" tcp "$out" 8080)" '^out 10.64.0.2[12] 8080$'

  # It comes back, and knows its pods.
  start_agent_beside_it
  within 5 eval 'agent_status | jq -e ".clients[0].destinations | length > 0"'
  gateways nat2
  within 5 eval '[ "$(asks "$first" tcp "$out" 8080)" = "out $(ip4 nat2) 8080" ]'

  cri stop "$first"
  sandbox_ids=()
  assert_equal "$(ls "$work/sandboxes")" ''
  within 5 eval '[ "$(agent_status | jq ".clients | length")" = 0 ]'
}
