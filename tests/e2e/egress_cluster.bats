#!/usr/bin/env bats
# The whole egress side on the test API server: the controller, an agent, the CNI plugin and NAT pods as
# processes, with kubectl as the user. The test is scheduler and kubelet: it makes what they would.
# shellcheck disable=SC2034,SC2154  # read and set in egress.bash

load common.bash
load egress.bash

api=10.64.255.1
pod_uid= # the API server gives them

setup() {
  command -v kubectl >/dev/null || skip "there is no kubectl (Debian: kubernetes-client)"
  server=${PONA_APISERVER:-$top/build/dev/tests/apiserver}
  [ -x "$server" ] || skip "PONA_APISERVER names no API server for tests"
  setup_egress
  at node ip address add $api/32 dev lo
  kubeconfig=$work/kubeconfig objects=$work/objects
  export HOME=$work KUBECONFIG=$kubeconfig
  start_server
  "$PONA" install crds | apply --server-side -f -
  printf 'apiVersion: v1\nkind: Namespace\nmetadata: {name: %s}\n---\n' internet pona-system | apply -f -
  spawn node "$work/controller.log" "$PONA" controller --kubeconfig "$kubeconfig" --image pona:test \
    --metrics-port 0 --health-port 0
}

teardown() { teardown_network; }

start_server() {
  spawn node "$work/server.log" "$server" --kubeconfig "$kubeconfig" --listen $api
  server_pid=$spawned
  within 10 test -s "$kubeconfig"
  within 10 kubectl get --raw /readyz
}

kubectl() { at node kubectl --request-timeout=20s "$@"; }
apply() { kubectl apply --validate=false "$@"; }
# As the functions of egress.bash that write manifests, into the cluster.
in_cluster() {
  rm -rf "$objects" && mkdir "$objects"
  manifests=$objects "$@"
  local file=("$objects"/*)
  apply -f "${file[0]}"
  # kubectl apply leaves the status to whoever runs the pod.
  if [[ ${file[0]##*/} == pod-* ]]; then
    kubectl -n default patch pod "$2" --subresource=status --type=merge \
      -p "{\"status\":{\"phase\":\"Running\",\"podIPs\":[{\"ip\":\"$(ip4 "$2")\"},{\"ip\":\"$(ip6 "$2")\"}],\"podIP\":\"$(ip4 "$2")\"}}"
  fi
}

# NAT-POD, with this cluster
start_nat_pod() {
  spawn "$1" "$work/$1.log" "$PONA" nat --kubeconfig "$kubeconfig" --egress internet/egress \
    --address "$(ip4 "$1"),$(ip6 "$1")"
  printf -v "${1}_pid" %s "$spawned"
  within 15 nat_is ready "$1" || fail "$1 does not get ready: $(cat "$work/$1.log")"
}

start_agent_here() {
  spawn node "$work/agent.log" "$PONA" agent --node-name node1 --kubeconfig "$kubeconfig" \
    --socket "$work/agent.sock" --sandboxes "$work/sandboxes"
  agent_pid=$spawned
  within 15 agent_ready || fail "the agent does not get ready: $(cat "$work/agent.log")"
}

# COMMAND POD: as a container runtime calls the plugin behind others in a chain
cni() {
  local uid
  uid=$(kubectl -n default get pod "$2" -o jsonpath='{.metadata.uid}' 2>/dev/null)
  at node env CNI_COMMAND="$1" CNI_CONTAINERID="c-$2" CNI_NETNS="/run/netns/$net-$2" CNI_IFNAME=eth0 \
    CNI_PATH=/opt/cni/bin CNI_ARGS="IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=$2;K8S_POD_UID=$uid" \
    "$PONA" cni <<JSON
{"cniVersion":"1.0.0","name":"pods","type":"pona-cni","socket":"$work/agent.sock","stateDir":"$work/sandboxes",
 "prevResult":{"cniVersion":"1.0.0","interfaces":[{"name":"eth0","sandbox":"/run/netns/$net-$2"}],
  "ips":[{"address":"$(ip4 "$2")/32","interface":0},{"address":"$(ip6 "$2")/128","interface":0}]}}
JSON
}

lists() { kubectl -n internet get endpointslices -l egress.pona.cybozu.com/clients-of=egress -o json; }

@test "cluster: from an Egress and an annotation to the NAT pod's address, and back" {
  in_cluster egress
  within 10 kubectl -n internet get deployment egress
  within 10 kubectl -n internet get service egress
  in_cluster gateways nat1 nat2
  start_nat_pod nat1
  start_nat_pod nat2
  start_agent_here

  # A pod is created, and its first packet gets through.
  in_cluster pod client1 egress
  run cni ADD client1
  assert_success
  assert_output --partial '"ips"'
  assert_equal "$(ask client1 tcp "$out" 8080 --timeout 0.5 | sed 's/2[12]/N/')" "out 10.64.0.N 8080"
  assert_equal "$(ask client1 tcp "$out6" 8080 --timeout 0.5 | sed 's/::2[12]/::N/')" "out fd00:64::N 8080"
  run lists
  assert_equal "$(jq -r '[.items[].endpoints[].targetRef.name] | unique | join(",")' <<<"$output")" client1
  assert_equal "$(jq -r '[.items[].addressType] | sort | join(",")' <<<"$output")" IPv4,IPv6

  # A pod that asks for nothing is not in the way, and gets its annotation while it runs.
  in_cluster pod client2
  run cni ADD client2
  assert_success
  assert_equal "$(ask client2 tcp "$out" 8080)" "out $(ip4 client2) 8080"
  kubectl -n default annotate pod client2 egress.pona.cybozu.com/internet=egress
  within 10 answers "out 10.64.0.2[12] 8080" client2 tcp "$out" 8080
  kubectl -n default annotate pod client2 egress.pona.cybozu.com/internet-
  within 10 answers "out $(ip4 client2) 8080" client2 tcp "$out" 8080

  # The API server is away: nothing changes, also when everybody starts again.
  kill -STOP "$server_pid"
  kill -9 "$agent_pid" "$nat1_pid"
  for _ in {1..10}; do answers "out 10.64.0.2[12] 8080" client1 tcp "$out" 8080; done
  kill -CONT "$server_pid"
  start_nat_pod nat1
  start_agent_here
  answers "out 10.64.0.2[12] 8080" client1 tcp "$out" 8080

  # The pod goes: its address is nobody's at once, before anybody else may get it.
  run cni DEL client1
  assert_success
  within 5 eval '[ "$(lists | jq "[.items[].endpoints[]?] | length")" = 0 ]'
  # Its namespace is as it was before ADD, for as long as it lives.
  within 5 answers "out $(ip4 client1) 8080" client1 tcp "$out" 8080
}

# NAME LETTERS: a pod of a tenant, with fields that no other reader minds
hostile_pod() {
  python3 - "$1" "$2" <<'PY' | apply -f -
import json, sys
name, letters = sys.argv[1:]
print(json.dumps({
    "apiVersion": "v1", "kind": "Pod",
    "metadata": {"name": name, "namespace": "default", "annotations": {
        "egress.pona.cybozu.com/internet": "egress, a" + letters, "x": "\u202e\u009b2J"}},
    "spec": {"nodeName": "node1", "containers": [{"name": "main", "image": "main"}], "volumes": [
        {"name": "v", "csi": {"driver": "d", "volumeAttributes": {"<<": "x"}}}]}}))
PY
}

@test "cluster: 4.1, 4.3: what one tenant writes into an object costs nobody else" {
  in_cluster egress
  in_cluster gateways nat1
  start_nat_pod nat1
  start_agent_here
  hostile_pod hostile "$(printf 'é%.0s' {1..60})"
  in_cluster pod client1 egress
  run cni ADD client1
  assert_success
  answers "out 10.64.0.21 8080" client1 tcp "$out" 8080
  # The watch that brought it goes on, and so does the agent.
  hostile_pod hostile2 "$(printf '語%.0s' {1..60})"
  in_cluster pod client2 egress
  run cni ADD client2
  assert_success
  answers "out 10.64.0.21 8080" client2 tcp "$out" 8080
  run at node curl -sf http://127.0.0.1:9391/status
  assert_success
  assert_equal "$(jq -r '[.clients[].pod] | sort | join(" ")' <<<"$output")" "client1 client2"
  run grep -E 'cannot read what|'$'\u202e' "$work/agent.log" "$work/controller.log"
  assert_failure 1
  assert_equal "$(kill -0 "$agent_pid" && echo alive)" alive
}
