# An API server for tests with pona's kinds, and kubectl for it, in the host "edge" of topology.bash.
# Loaded after that by files whose edges have a cluster.
# shellcheck shell=bash disable=SC2034,SC2154

setup_cluster() {
  command -v kubectl >/dev/null || skip "there is no kubectl (Debian: kubernetes-client)"
  [ -x "${PONA_APISERVER:-}" ] || skip "PONA_APISERVER names no API server for tests"
  setup_network
  objects=$work/objects kubeconfig=$work/kubeconfig
  mkdir "$objects"
  export HOME=$work KUBECONFIG=$kubeconfig
  start_server
  prepare_server
}

# Where $server_address is set, other hosts reach it too.
start_server() {
  spawn edge "$work/server.log" "$PONA_APISERVER" --kubeconfig "$kubeconfig" \
    --listen "${server_address:-127.0.0.1}"
  server_pid=$spawned
  within 10 test -s "$kubeconfig"
  within 10 kubectl get --raw /readyz
}

prepare_server() {
  "$PONA" install crds | kubectl apply --server-side --validate=false -f -
  local name
  for name in shop pona-system; do
    printf 'apiVersion: v1\nkind: Namespace\nmetadata: {name: %s}\n' "$name"
    echo ---
  done | apply -f -
}

kubectl() { at edge kubectl --request-timeout=20s "$@"; }
apply() { kubectl apply --validate=false "$@"; }

# As topology.bash's functions that write manifests, into the cluster.
in_cluster() {
  manifests=$objects "$@"
  apply -f "$objects"
}

start_second_edge_on_cluster() {
  second_edge
  start_second_edge --kubeconfig "$kubeconfig" --state-dir "$work/state2" "$@"
}
start_edge_on_cluster() { start_edge --kubeconfig "$kubeconfig" "$@"; }
