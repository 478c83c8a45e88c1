#!/usr/bin/env bats
# pona diag check of a cluster: rights, kinds, the clock and the kubeconfig.
bats_require_minimum_version 1.5.0

setup() {
  load common
  load topology
  load cluster
}

teardown() { teardown_network; }

check() { at edge "$PONA" diag check "$@" --socket "$work/none.sock" --agent-socket "$work/none.sock"; }
codes() {
  check "$@" --json | python3 -c '
import json, sys
print(*sorted(r["code"] for r in json.load(sys.stdin)["results"] if r["state"] in ("warn", "error")))'
}
mend() {
  check "$@" --fix-script >"$work/fix.sh" || true
  bash -n "$work/fix.sh"
  PATH=$work/bin:$PATH at edge sh "$work/fix.sh"
}

@test "check: rights that the edge's user lacks are named, and given by the printed fix" {
  setup_cluster
  mkdir "$work/bin"
  ln -s "$PONA" "$work/bin/pona"
  chmod 600 "$kubeconfig"
  # The daemon's own user, who may nothing yet.
  server=$(sed -n 's/ *server: //p' "$kubeconfig")
  at edge curl -sSfk -H 'Authorization: Bearer admin' "$server/_test/tokens" \
    -d '{"token": "edge", "user": "system:serviceaccount:pona-system:pona-edge", "groups": ["system:authenticated"]}'
  sed 's/token: .*/token: edge/' "$kubeconfig" >"$work/edge.kubeconfig"
  chmod 600 "$work/edge.kubeconfig"

  run check cluster
  assert_success
  refute_output --partial ERROR
  assert_output --regexp 'ok +clock +1 check'

  run check edge --kubeconfig "$work/edge.kubeconfig"
  assert_output --partial PONA-C702
  assert_output --partial 'patch mappings.smartnat.aureacentral.com/status'
  refute_output --partial egresses
  # By an administrator, whose kubeconfig the environment names.
  PATH=$work/bin:$PATH at edge sh -c 'pona install rbac | kubectl apply --validate=false -f -'
  run check edge --kubeconfig "$work/edge.kubeconfig"
  refute_output --partial PONA-C702

  chmod 644 "$work/edge.kubeconfig"
  [[ " $(codes cluster --kubeconfig "$work/edge.kubeconfig") " == *' PONA-C801 '* ]]
  check cluster --kubeconfig "$work/edge.kubeconfig" --fix-script | grep -x "chmod .* $work/edge.kubeconfig"
  chmod 600 "$work/edge.kubeconfig"

  kubectl delete crd mappings.smartnat.aureacentral.com
  run check cluster
  assert_failure 1
  assert_output --partial PONA-C703
  mend cluster
  run check cluster
  assert_success

  # Its clock is another one.
  kill -9 "$server_pid"
  within 10 gone "$server_pid"
  rm "$kubeconfig"
  PONA_APISERVER_AHEAD=3600 start_server
  prepare_server
  run check cluster
  assert_failure 1
  assert_output --partial PONA-C711
  assert_output --regexp '(3599|3600|3601) seconds behind'

  kill -9 "$server_pid"
  run check cluster
  assert_failure 1
  assert_output --partial PONA-C701
}
