#!/usr/bin/env bats
# Everything of the egress side at once, for a minute: controller, two nodes' agents and three NAT pods as
# processes, 200 client pods that come, change and go, and all of it dying and failing. Nothing may leak,
# and in the end everything is as the objects demand. PONA_CHURN_SEED repeats what was done,
# PONA_CHURN_SECONDS is for how long.
# shellcheck disable=SC2154  # set in egress.bash

load common.bash
load egress.bash

setup() {
  command -v kubectl >/dev/null || skip "there is no kubectl (Debian: kubernetes-client)"
  server=${PONA_APISERVER:-$top/build/dev/tests/apiserver}
  [ -x "$server" ] || skip "PONA_APISERVER names no API server for tests"
  setup_nodes
  kubeconfig=$work/kubeconfig
  export HOME=$work KUBECONFIG=$kubeconfig
  spawn node1 "$work/server.log" "$server" --kubeconfig "$kubeconfig" --listen 10.64.255.1
  echo "$spawned" >"$work/server.pid"
  within 10 test -s "$kubeconfig"
  within 10 at node1 kubectl get --raw /readyz
  "$PONA" install crds | at node1 kubectl apply --server-side --validate=false -f -
  printf 'apiVersion: v1\nkind: Namespace\nmetadata: {name: %s}\n---\n' internet pona-system |
    at node1 kubectl apply --validate=false -f -
}

teardown() {
  # Of the pods' namespaces, those that there are.
  find /run/netns -name "${net:-none}-*" -printf '%f\n' >"${work:-/nowhere}/namespaces"
  teardown_network
}

# Two nodes side by side; out and the API server are at the first. Any pod may be on any node: what a
# node does not have must be with the other one, which sends nothing back.
setup_nodes() {
  begin_network
  add_host out 0 0
  add_host node1 0 1
  add_host node2 0 1
  add_leg out eth0 node1 out - "$out/24" "$out6/64" 198.51.100.9/32
  # Deprecated: what has no address yet must not take this one.
  at out ip address add 2001:db8:e::9/128 dev eth0 preferred_lft 0
  at node1 ip address add 203.0.113.1/24 dev out
  at node1 ip address add 2001:db8:f::1/64 dev out
  at node1 ip route add 198.51.100.0/24 via "$out"
  at node1 ip -6 route add 2001:db8:e::/64 via "$out6"
  at node1 ip address add 10.64.255.1/32 dev lo
  at out ip route add default via 203.0.113.1
  at out ip -6 route add default via 2001:db8:f::1
  add_leg node2 peer node1 peer - 10.65.0.2/24 fd00:65::2/64
  at node1 ip address add 10.65.0.1/24 dev peer
  at node1 ip address add fd00:65::1/64 dev peer
  at node2 ip route add default via 10.65.0.1
  at node2 ip -6 route add default via fd00:65::1
  at node1 ip route add 10.64.0.0/16 via 10.65.0.2 table 100
  at node1 ip -6 route add fd00:64::/64 via fd00:65::2 table 100
  local family
  for family in -4 -6; do
    at node1 ip $family rule add pref 40000 not iif peer lookup 100
  done
  add_pod nat1 node1
  add_pod nat2 node2
  add_pod nat3 node1
  spawn out "$work/out.log" python3 "$tools/server.py" out 8080 5353
  within 10 grep -q ready "$work/out.log"
}

@test "churn: 200 pods, two nodes, two Egresses, a minute of faults: no leak, and all as demanded in the end" {
  run timeout -k 5 600 nsenter --net="/run/netns/$net-node1" python3 "$tools/egress_churn.py" \
    "$kubeconfig" "$work" "$net" "${PONA_CHURN_SECONDS:-60}" "${PONA_CHURN_SEED:-$RANDOM}"
  echo "# ${output//$'\n'/$'\n# '}" >&3
  assert_success
}
