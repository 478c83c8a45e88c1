#!/usr/bin/env bats
# Edges of an older version and of this one in one cluster, with the permissions of either, and the
# saved objects that they leave to each other.
# shellcheck disable=SC2034,SC2154  # read and set in what is loaded
bats_require_minimum_version 1.5.0

load ../e2e/common
load ../e2e/topology
load ../e2e/cluster
load old

# One for each Service of type LoadBalancer besides.
addresses_of_service() {
  printf '%s\n' "ext2 $vip/24" "ext2 203.0.113.7/24" "ext2 203.0.113.8/24" "ext2 203.0.113.9/24" \
    "cluster 10.1.0.1/24" "cluster fd00:1::1/64"
}

setup() {
  need_old
  server_address=10.1.0.2
  setup_cluster
}
teardown() { teardown_network; }

# old|new: the kinds and roles as that version installs them, and $account, a kubeconfig with the edge's
# account.
install_of() {
  local part
  for part in crds rbac; do
    "$(binary_of "$1")" install $part | apply --server-side --force-conflicts -f - >/dev/null
  done
  account=$work/account
  account_of pona-edge >"$account"
}

# HOST old|new OPTION…
run_edge_at() {
  local host=$1 version=$2
  shift 2
  EDGE_BINARY=$(binary_of "$version") edge_at "$host" --kubeconfig "$account" --instance-name "$host" \
    --state-dir "$work/state-$host" "$@"
  within 15 is_ready "$host" || fail "$host does not get ready: $(cat "$work/$host.log")"
  printf -v "pid_of_$host" %s "$spawned"
}
end_edge() {
  local pid=pid_of_$1
  kill "${!pid}"
  within 10 gone "${!pid}"
}

# NAME PORT: a Service of type LoadBalancer before pod1
balanced() {
  put "balanced-$1.yaml" <<YAML
apiVersion: v1
kind: Service
metadata: {name: $1, namespace: shop}
spec:
  type: LoadBalancer
  loadBalancerClass: pona.dev/edge
  ports: [{port: $2, protocol: TCP, name: http}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: $1-4, namespace: shop, labels: {kubernetes.io/service-name: $1}}
addressType: IPv4
ports: [{name: http, protocol: TCP, port: 8080}]
endpoints: [{addresses: [10.1.0.11], conditions: {ready: true}}]
YAML
}
pool() {
  put pool.yaml <<YAML
apiVersion: pona.dev/v1alpha1
kind: AddressPool
metadata: {name: all}
spec: {addresses: [203.0.113.7-203.0.113.9]}
---
apiVersion: pona.dev/v1alpha1
kind: AddressPool
metadata: {name: for-mappings}
spec: {addresses: [$vip], autoAssign: false}
YAML
}
of() { kubectl -n shop get "$1" -o "jsonpath=$2"; }
is() { [ "$(of "$1" "$2")" = "$3" ]; }
told_by() { [[ " $(of mapping/web '{.status.instances[*].name}') " == *" $1 "* ]]; }
condition_is() { is "$1" "{.status.conditions[?(@.type==\"$2\")].status}" "$3"; }
leads() { [[ $(kubectl -n pona-system get lease pona-edge -o 'jsonpath={.spec.holderIdentity}') == "$1"_* ]]; }
events() { kubectl get --raw /apis/events.k8s.io/v1/namespaces/shop/events | jq -r '.items[].reason'; }

# All that an edge does in a cluster, by this one alone.
does_its_work() {
  in_cluster served web "tcp:80:8080" 1
  in_cluster mapping web "addresses: [$vip], ports: [{port: 80}]"
  in_cluster pool
  in_cluster balanced "$2" 80"${2#b}"
  within 15 answers "pod1 " tcp "$vip" 80
  within 15 told_by "$1"
  within 15 condition_is mapping/web Programmed True
  within 15 leads "$1"
  within 15 eval '[ -n "$(of "svc/'"$2"'" "{.status.loadBalancer.ingress[0].ip}")" ]'
  within 15 answers "pod1 " tcp "$(of "svc/$2" '{.status.loadBalancer.ingress[0].ip}')" 80"${2#b}"
  within 15 eval 'events | grep -qx Programmed'
}

@test "edge: with the roles of the old version, the new one does all that the old one did" {
  install_of old
  run_edge_at edge new
  does_its_work edge b1
  # What it would do beyond that is told, once.
  run grep -c 'not allowed to' "$work/edge.log"
  assert_output 1
  grep -q 'not allowed to get the namespace kube-system' "$work/edge.log"
}

@test "edge: with the roles of the new version, the old one works on" {
  install_of new
  run_edge_at edge old
  does_its_work edge b1
  run grep -iE 'error|not allowed|forbidden' "$work/edge.log"
  assert_output ""
}

@test "edge: old and new in one cluster: one leads, both tell, either takes over, addresses stay" {
  install_of old
  second_edge
  run_edge_at edge old
  does_its_work edge b1
  run_edge_at edge2 new
  within 15 told_by edge2
  leads edge
  local address
  address=$(of svc/b1 '{.status.loadBalancer.ingress[0].ip}')

  end_edge edge
  within 40 leads edge2
  move_addresses edge edge2
  does_its_work edge2 b2
  run_edge_at edge old
  within 15 told_by edge
  leads edge2

  end_edge edge2
  within 40 leads edge
  move_addresses edge2 edge
  does_its_work edge b3
  assert_equal "$(of svc/b1 '{.status.loadBalancer.ingress[0].ip}')" "$address"
}

# The pod that each of 21 sources meets, a line each.
pods_by_source() {
  local last
  for last in $(seq 33 53); do
    ask tcp "$vip" 80 --source "198.51.100.$last" | cut -d' ' -f1
  done
}

@test "edge: 1.10: a source meets the same pod by the old edge and by the new one" {
  ip -n "$net-client" route add local 198.51.100.32/27 dev lo
  install_of new
  second_edge
  run_edge_at edge old
  in_cluster served web "tcp:80:8080" 1 2 3
  in_cluster mapping web "addresses: [$vip], ports: [{port: 80}], sessionAffinity: ClientIP"
  within 15 told_by edge
  within 15 answers "pod" tcp "$vip" 80
  pods_by_source >"$work/chosen"
  run_edge_at edge2 new
  within 15 told_by edge2
  move_addresses edge edge2
  within 15 answers "pod" tcp "$vip" 80
  same() { diff "$work/chosen" <(pods_by_source); }
  within 30 same
  # Heartbeats stay where the old edge looks for them.
  assert_equal "$(of mapping/web '{.status.instances[?(@.name=="edge2")].heartbeatPeriodSeconds}')" 60

  # Upgraded in place: no source moves, until the last edge knows more.
  move_addresses edge2 edge
  within 15 answers "pod" tcp "$vip" 80
  end_edge edge
  run_edge_at edge new
  within 60 eval 'at edge nft list chain ip pona-edge flow-12'
  within 60 eval 'at edge2 nft list chain ip pona-edge flow-12'
}

@test "edge: the objects that one version saved are read by the other, and those of a later one survive both" {
  install_of new
  in_cluster served web "tcp:80:8080" 1
  in_cluster mapping web "addresses: [$vip], ports: [{port: 80}]"
  local saved=$work/state-edge/edge-objects.journal version
  run_edge_at edge old
  within 15 answers "pod1 " tcp "$vip" 80
  end_edge edge
  kill -STOP "$server_pid"
  for version in new old new; do
    # As a reboot leaves it.
    at edge "$PONA" edge cleanup --socket "$work/none.sock" >/dev/null
    run_edge_at edge "$version"
    within 10 answers "pod1 " tcp "$vip" 80
    end_edge edge
    run grep -E 'corrupt|not as it was|unknown' "$work/edge.log"
    assert_output ""
  done
  kill -CONT "$server_pid"

  for version in old new; do
    python3 - "$saved" <<'PY'
import sys, zlib
lines = open(sys.argv[1], "rb").read().split(b"\n")
head = lines[0][9:].replace(b'"version":1', b'"version":7')
assert head != lines[0][9:]
lines[0] = b"%08x %s" % (zlib.crc32(head), head)
open(sys.argv[1], "wb").write(b"\n".join(lines))
PY
    cp "$saved" "$work/later"
    run_edge_at edge "$version"
    within 15 answers "pod1 " tcp "$vip" 80
    end_edge edge
    run grep -E 'version' "$work/edge.log"
    assert_output --partial 7
    cmp "$work/later" "$saved"."$([ "$version" = old ] && echo corrupt || echo version-7)"
    rm "$saved".*
  done
}
