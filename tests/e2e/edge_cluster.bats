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

# A pod's view: the service account's files and the variables of the service "kubernetes". The
# namespace of mounts is the process' own.
in_pod() {
  local account=/var/run/secrets/kubernetes.io/serviceaccount url
  url=$(sed -n 's/ *server: //p' "$kubeconfig")
  cat >"$work/pod" <<SH
#!/bin/sh -e
mount -t tmpfs none /run
mkdir -p $account /run/pona
sed -n 's/ *certificate-authority-data: //p' "$kubeconfig" | base64 -d >$account/ca.crt
sed -n 's/ *token: //p' "$kubeconfig" >$account/token
echo shop >$account/namespace
export KUBERNETES_SERVICE_HOST=127.0.0.1 KUBERNETES_SERVICE_PORT=${url##*:}
unset KUBECONFIG
exec "\$@"
SH
  chmod +x "$work/pod"
}

@test "cluster: in a pod the cluster is its own, for the edge and for pona mapping" {
  in_cluster served web "tcp:80:8080" 1
  in_pod
  at edge "$work/pod" "$PONA" mapping add web --service web --address "$vip" --port 80
  [ "$(kubectl get mapping web -n shop -o 'jsonpath={.spec.serviceName}')" = web ]
  spawn edge "$work/edge.log" "$work/pod" "$PONA" edge --external-interfaces '^ext' \
    --socket "$work/edge.sock" --instance-name pod
  within 10 answers 'pod1 ' tcp "$vip" 80
  at edge "$work/pod" "$PONA" mapping list | grep -q 'shop/web.*Programmed\|web.*Programmed'
}

is_over_host_ports() { [ "$(metric 'pona_edge_objects_over_limit.*host-ports')" = 1 ]; }

@test "cluster: 4.6: a tenant gets no port of the host's own, and keeps what it has" {
  spawn edge "$work/local.log" python3 "$tools/server.py" host 22 53
  within 10 grep -q ready "$work/local.log"
  in_cluster served web "tcp:80:8080 udp:53:5353" 1
  in_cluster mapping web "addresses: [192.0.2.2, '2001:db8:1::2', $vip], ports: [{port: 22, servicePort: 80}, {port: 80}, {port: 53, protocol: udp}]"
  start_edge_on_cluster
  within 5 answers 'pod1 ' tcp 192.0.2.2 80
  # The address that is for clients is theirs: a socket for all addresses does not mean it.
  within 5 answers 'pod1 ' tcp "$vip" 22
  for address in 192.0.2.2 2001:db8:1::2; do
    run ask tcp "$address" 22
    assert_output --partial 'host '
    run ask udp "$address" 53
    assert_output --partial 'host '
  done
  within 5 grep -q 'there is no AddressPool' "$work/edge.log"
  within 5 eval 'kubectl get mapping web -n shop -o yaml | grep -q "192.0.2.2:22/tcp is in use"'
  within 5 is_over_host_ports

  # What came later changes nothing, at the next start neither.
  spawn edge "$work/late.log" python3 "$tools/server.py" late 80 -
  within 10 grep -q ready "$work/late.log"
  stop_edge KILL
  start_edge_on_cluster
  for _ in 1 2 3; do
    run ask tcp 192.0.2.2 80
    assert_output --partial 'pod1 '
    run ask tcp 192.0.2.2 22
    assert_output --partial 'host '
  done
  within 5 grep -q 'Mapping shop/web takes 192.0.2.2:80/tcp, where this host itself listens' "$work/edge.log"
}
