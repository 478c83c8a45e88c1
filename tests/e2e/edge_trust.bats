#!/usr/bin/env bats
# What a cluster says is not believed too quickly: empty lists, a server that lost its objects, and
# another cluster behind the same address.
# shellcheck disable=SC2030,SC2031,SC2154  # bats: tests are subshells; topology.bash sets variables
bats_require_minimum_version 1.5.0

setup() {
  load common
  load topology
  load cluster
  setup_network
  command -v kubectl >/dev/null || skip "there is no kubectl (Debian: kubernetes-client)"
  [ -x "${PONA_APISERVER:-}" ] || skip "PONA_APISERVER names no API server for tests"
  objects=$work/objects kubeconfig=$work/kubeconfig
  mkdir "$objects"
  export HOME=$work KUBECONFIG=$kubeconfig
  start_cluster
  in_cluster served web "tcp:80:8080" 1
  in_cluster mapping web "addresses: [$vip], ports: [{port: 80}]"
}

teardown() { teardown_network; }

# At one address always. [SEED]: another one is another cluster.
start_cluster() {
  rm -f "$kubeconfig"
  spawn edge "$work/server.log" "$PONA_APISERVER" --port 6443 --kubeconfig "$kubeconfig" \
    --seed "${1:-0}"
  server_pid=$spawned
  within 10 test -s "$kubeconfig"
  within 10 kubectl get --raw /readyz
  # An authority of its own is no other cluster: it is not what this is about.
  sed -i -e '/certificate-authority-data/d' -e 's/^\( *\)server:/\1insecure-skip-tls-verify: true\n&/' \
    "$kubeconfig"
  prepare_server
}

stop_cluster() {
  kill -9 "$server_pid"
  within 10 gone "$server_pid"
}

test_server() { at edge curl -sk -H 'Authorization: Bearer admin' "$@" >/dev/null; }
lists_are_empty() {
  test_server https://127.0.0.1:6443/_test/faults -d '{"kind": "empty", "times": -1}'
}
lists_are_whole() { test_server -X DELETE https://127.0.0.1:6443/_test/faults; }

has_problem() { status_of | grep -q "$1"; }
hasnt_problem() { ! has_problem "$1"; }

@test "trust: an empty list ends nothing, not at a start either" {
  start_edge_on_cluster
  within 5 answers 'pod1 ' tcp "$vip" 80
  stop_edge
  lists_are_empty
  start_edge_on_cluster
  within 20 has_problem 'the list lacks 1 of 1 objects that were known'
  within 10 grep -q 'the list lacks' "$work/edge.log"
  answers 'pod1 ' tcp "$vip" 80
  at edge nft list map ip pona-edge services | grep -q "$vip . tcp . 80"

  # What is watched counts at once, meanwhile.
  in_cluster served web "tcp:80:8080" 2
  within 5 answers 'pod2 ' tcp "$vip" 80
  stop_edge
  lists_are_whole
  start_edge_on_cluster
  within 20 hasnt_problem 'the list lacks'
  within 5 answers 'pod2 ' tcp "$vip" 80
}

@test "trust: a second empty list is believed" {
  start_edge_on_cluster
  within 5 answers 'pod1 ' tcp "$vip" 80
  stop_edge
  lists_are_empty
  start_edge_on_cluster --confirm-deletions-after 3
  within 30 answers 'refused|timeout' tcp "$vip" 80
  within 10 hasnt_problem 'the list lacks'
  grep -q 'the list lacks' "$work/edge.log"
}

@test "trust: a server that comes back without its objects takes nothing away" {
  start_edge_on_cluster --confirm-deletions-after 30
  within 5 answers 'pod1 ' tcp "$vip" 80
  stop_cluster
  start_cluster
  within 60 has_problem 'the list lacks'
  answers 'pod1 ' tcp "$vip" 80
  apply -f "$objects"
  within 90 hasnt_problem 'the list lacks'
  answers 'pod1 ' tcp "$vip" 80
}

@test "trust: another cluster changes nothing until the operator says so" {
  start_edge_on_cluster
  within 5 answers 'pod1 ' tcp "$vip" 80
  stop_cluster
  start_cluster 7
  in_cluster served web "tcp:80:8080" 3
  in_cluster mapping web "addresses: [$vip], ports: [{port: 80}]"
  uid=$(kubectl get namespace kube-system -o 'jsonpath={.metadata.uid}')
  within 60 has_problem "another cluster answers: the UID of its namespace kube-system is $uid"
  within 10 answers 'pod1 ' tcp "$vip" 80
  kubectl get lease pona-edge -n pona-system 2>&1 | grep -q NotFound

  # Nor at a start.
  stop_edge
  start_edge_on_cluster
  within 20 has_problem 'another cluster answers'
  answers 'pod1 ' tcp "$vip" 80

  stop_edge
  start_edge_on_cluster --cluster-uid "$uid"
  within 20 answers 'pod3 ' tcp "$vip" 80
  within 20 kubectl get lease pona-edge -n pona-system
  stop_edge
  start_edge_on_cluster
  within 20 hasnt_problem 'another cluster'
  in_cluster served web "tcp:80:8080" 2
  within 20 answers 'pod2 ' tcp "$vip" 80
}

@test "trust: a kubeconfig that is written anew is read again" {
  start_edge_on_cluster
  within 5 answers 'pod1 ' tcp "$vip" 80
  test_server https://127.0.0.1:6443/_test/tokens \
    -d '{"token": "fresh", "user": "operator", "groups": ["system:masters"]}'
  test_server -X DELETE https://127.0.0.1:6443/_test/tokens/admin
  sed 's/token: .*/token: fresh/' "$kubeconfig" >"$kubeconfig.new"
  mv "$kubeconfig.new" "$kubeconfig"
  # Whatever was open is cut off: only who has the new token comes in again.
  test_server() { at edge curl -sk -H 'Authorization: Bearer fresh' "$@" >/dev/null; }
  at edge nft 'table inet outage { chain output {
    type filter hook output priority 0; tcp dport 6443 reject with tcp reset; }; }'
  within 60 has_problem 'cannot reach the API server'
  at edge nft delete table inet outage
  in_cluster served web "tcp:80:8080" 2
  within 30 answers 'pod2 ' tcp "$vip" 80
}
