#!/usr/bin/env bats
# The edge with an API server as its source: the test server, written to by kubectl.
# shellcheck disable=SC2030,SC2031,SC2154  # bats: tests are subshells; topology.bash sets variables
bats_require_minimum_version 1.5.0

setup() {
  load common
  load topology
  load cluster
  setup_cluster
}

teardown() { teardown_network; }

@test "cluster: objects that kubectl applies carry traffic, changes are live, deletion ends it" {
  in_cluster served web "tcp:80:8080" 1
  in_cluster mapping web "addresses: [$vip], ports: [{port: 80}]"
  start_edge_on_cluster
  within 5 answers 'pod1 ' tcp "$vip" 80

  in_cluster served web "tcp:80:8080" 2
  within 5 answers 'pod2 ' tcp "$vip" 80

  kubectl delete mapping web -n shop
  within 5 answers 'refused|timeout' tcp "$vip" 80
}

@test "cluster: beside manifests, and an object of both is the manifests'" {
  in_cluster served web "tcp:80:8080" 1
  in_cluster mapping web "addresses: [$vip], ports: [{port: 80}]"
  served static "tcp:80:8080" 2
  mapping static "addresses: [$vip2], ports: [{port: 80}]"
  start_edge_on_cluster
  within 5 answers 'pod1 ' tcp "$vip" 80
  within 5 answers 'pod2 ' tcp "$vip2" 80

  served web "tcp:80:8080" 3
  within 5 answers 'pod3 ' tcp "$vip" 80
  remove service-web
  within 5 answers 'pod1 ' tcp "$vip" 80
}

@test "cluster: an outage changes nothing, not at a restart either; what came meanwhile comes" {
  in_cluster served web "tcp:80:8080" 1
  in_cluster mapping web "addresses: [$vip], ports: [{port: 80}]"
  start_edge_on_cluster
  within 5 answers 'pod1 ' tcp "$vip" 80
  at edge nft list map ip pona-edge services >"$work/before"

  kill -9 "$server_pid"
  within 10 grep -q 'cannot reach the API server' "$work/edge.log"
  answers 'pod1 ' tcp "$vip" 80

  # Nothing is known to the new process, and so nothing is taken away.
  stop_edge KILL
  edge_at edge --kubeconfig "$kubeconfig"
  within 10 grep -q 'cannot reach the API server' "$work/edge.log"
  sleep 2
  answers 'pod1 ' tcp "$vip" 80
  at edge nft list map ip pona-edge services | grep -q "$vip . tcp . 80"

  # Another server, with other objects, by the same kubeconfig file.
  rm "$kubeconfig"
  start_server
  prepare_server
  in_cluster served web "tcp:80:8080" 3
  stop_edge
  start_edge_on_cluster
  within 10 answers 'pod3 ' tcp "$vip" 80
}
