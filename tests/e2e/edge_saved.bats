#!/usr/bin/env bats
# A start while the API server cannot be reached: traffic flows by the objects that were saved.
# shellcheck disable=SC2030,SC2031,SC2154  # bats: tests are subshells; topology.bash sets variables
bats_require_minimum_version 1.5.0

setup() {
  load common
  load topology
  command -v kubectl >/dev/null || skip "there is no kubectl (Debian: kubernetes-client)"
  [ -x "${PONA_APISERVER:-}" ] || skip "PONA_APISERVER names no API server for tests"
  setup_network
  objects=$work/objects kubeconfig=$work/kubeconfig journal=$PONA_EDGE_STATE_DIR/edge-objects.journal
  mkdir "$objects"
  export HOME=$work KUBECONFIG=$kubeconfig
  start_server
  in_cluster served web "tcp:80:8080" 1
  in_cluster mapping web "addresses: [$vip], ports: [{port: 80}]"
}

teardown() { teardown_network; }

start_server() {
  spawn edge "$work/server.log" "$PONA_APISERVER" --port 6443 --kubeconfig "$kubeconfig"
  server_pid=$spawned
  within 10 test -s "$kubeconfig"
  within 10 kubectl get --raw /readyz
  "$PONA" install crds | kubectl apply --server-side --validate=false -f -
  printf 'apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n' | apply -f -
}

stop_server() {
  kill -9 "$server_pid"
  within 10 gone "$server_pid"
}

# An outage that it survives, with what it holds. Not for kubectl either.
cut_server() {
  at edge nft 'table inet outage { chain output {
    type filter hook output priority 0; tcp dport 6443 reject with tcp reset; }; }'
}
restore_server() { at edge nft delete table inet outage; }

kubectl() { at edge kubectl --request-timeout=20s "$@"; }
apply() { kubectl apply --validate=false "$@"; }
in_cluster() {
  manifests=$objects "$@"
  apply -f "$objects"
}

start_edge_on_cluster() { start_edge --kubeconfig "$kubeconfig"; }

# As a reboot leaves it: nothing of ours is in the kernel.
forget_kernel() {
  at edge "$PONA" edge cleanup --socket "$work/none.sock" >"$work/cleanup.log"
  ! at edge nft list tables | grep -q pona-edge
}

is_stale() { [ "$(metric 'pona_edge_objects_stale')" = "$1" ]; }
has_problem() { status_of | python3 -c '
import json, sys
sys.exit(not any(sys.argv[1] in p["where"] + ": " + p["reason"] for p in json.load(sys.stdin)["problems"]))
' "$1"; }
hasnt_problem() { ! has_problem "$1"; }

@test "saved: after a reboot in an outage traffic flows at once, and what came meanwhile comes" {
  in_cluster served gone "tcp:80:8081" 2
  in_cluster mapping gone "addresses: [$vip2], ports: [{port: 80}]"
  start_edge_on_cluster
  within 5 answers 'pod1 ' tcp "$vip" 80
  within 5 answers 'pod2 ' tcp "$vip2" 80
  is_stale 0
  assert_equal "$(stat -c %a "$journal")" 600
  assert_equal "$(stat -c %a "$PONA_EDGE_STATE_DIR")" 700

  stop_edge
  # What happens while nobody looks.
  kubectl delete mapping gone -n shop
  rm "$objects/mapping-gone.yaml"
  in_cluster served web "tcp:80:8080" 3
  cut_server
  forget_kernel
  grep -q "not removed: $journal" "$work/cleanup.log"
  answers 'refused|timeout' tcp "$vip" 80

  start_edge_on_cluster
  answers 'pod1 ' tcp "$vip" 80
  answers 'pod2 ' tcp "$vip2" 80
  is_stale 1
  run -0 at edge "$PONA" edge status --socket "$work/edge.sock"
  assert_output --partial 'stale: the objects are those saved at 20'
  [ "$(ask_edge edge healthz -o /dev/null -w '%{http_code}')" = 200 ]

  restore_server
  within 40 is_stale 0
  within 5 answers 'pod3 ' tcp "$vip" 80
  within 5 answers 'refused|timeout' tcp "$vip2" 80
  run -0 at edge "$PONA" edge status --socket "$work/edge.sock"
  refute_output --partial stale
}

@test "saved: what was changed last before a kill is in the file, whatever the table holds" {
  start_edge_on_cluster
  for pod in 2 3 1 2; do
    in_cluster served web "tcp:80:8080" "$pod"
    within 5 answers "pod$pod " tcp "$vip" 80
  done
  kubectl delete mapping web -n shop
  within 5 answers 'refused|timeout' tcp "$vip" 80
  in_cluster mapping web "addresses: [$vip2], ports: [{port: 80}]"
  within 5 answers 'pod2 ' tcp "$vip2" 80
  stop_edge KILL
  stop_server
  kernel_state edge >"$work/before"

  start_edge_on_cluster
  is_stale 1
  kernel_state edge >"$work/after"
  diff "$work/before" "$work/after"

  stop_edge KILL
  forget_kernel
  start_edge_on_cluster
  answers 'pod2 ' tcp "$vip2" 80
  answers 'refused|timeout' tcp "$vip" 80
}

@test "saved: the remains of a crash are cut off, a damaged file is set aside" {
  start_edge_on_cluster
  within 5 answers 'pod1 ' tcp "$vip" 80
  stop_edge KILL
  in_cluster served web "tcp:80:8080" 2
  cut_server
  forget_kernel
  printf '0123abcd {"apiVersion":"v1","kind":"Serv' >>"$journal"
  start_edge_on_cluster
  answers 'pod1 ' tcp "$vip" 80
  [ -z "$(tail -c 1 "$journal" | tr -d '\n')" ]

  # Not usable: what the kernel holds stays as it is.
  stop_edge
  printf 'X' | dd of="$journal" bs=1 seek=100 conv=notrunc status=none
  edge_at edge --kubeconfig "$kubeconfig"
  within 10 has_problem "set aside as $journal.corrupt"
  answers 'pod1 ' tcp "$vip" 80
  [ -e "$journal.corrupt" ]
  [ "$(ask_edge edge readyz -o /dev/null -w '%{http_code}')" = 503 ]

  restore_server
  within 40 answers 'pod2 ' tcp "$vip" 80
  within 5 hasnt_problem corrupt
  [ -e "$journal" ]
}

@test "saved: a full disk stops no change, and is made up for" {
  full=$work/full
  mkdir "$full"
  # Seen by the edge's process alone.
  cat >"$work/edge-on-full-disk" <<SCRIPT
#!/bin/sh
mount -t tmpfs -o size=16k,mode=0700 none "$full" && exec "$PONA" "\$@"
SCRIPT
  chmod +x "$work/edge-on-full-disk"
  cat >"$work/private" <<SCRIPT
#!/bin/sh
exec unshare --mount "$work/edge-on-full-disk" "\$@"
SCRIPT
  chmod +x "$work/private"
  EDGE_BINARY=$work/private start_edge --kubeconfig "$kubeconfig" --state-dir "$full/state"
  within 5 answers 'pod1 ' tcp "$vip" 80
  inside=/proc/$edge_pid/root$full
  within 5 test -s "$inside/state/edge-objects.journal"
  dd if=/dev/zero of="$inside/ballast" bs=1k count=64 2>/dev/null || true
  # Until what is left of the file's last page is full, too.
  changes_until_full() {
    for pod in 2 3; do
      in_cluster served web "tcp:80:8080" "$pod"
      within 5 answers "pod$pod " tcp "$vip" 80
    done
    has_problem 'No space left on device'
  }
  for _ in 1 2 3 4 5; do
    if changes_until_full; then break; fi
  done
  has_problem 'the objects are not saved'
  answers 'pod3 ' tcp "$vip" 80

  rm "$inside/ballast"
  within 40 hasnt_problem 'not saved'
  grep -q '"10.1.0.13"' "$inside/state/edge-objects.journal"
}

@test "saved: a second process on the same directory serves and saves nothing" {
  second_edge
  start_edge_on_cluster
  # The server listens in the first one's namespace only: this one is in an outage.
  edge_at edge2 --kubeconfig "$kubeconfig"
  within 10 is_ready edge2
  "$PONA" edge status --json --socket "$work/edge2.sock" | grep -q 'another process saves its objects'
  "$PONA" edge status --json --socket "$work/edge2.sock" | grep -q '"staleSince": 1'
}

@test "saved: who only looks uses the file and leaves it alone; cleanup removes it when told" {
  start_edge_on_cluster
  within 5 answers 'pod1 ' tcp "$vip" 80
  stop_edge
  stop_server
  forget_kernel
  before=$(stat -c '%i %Y %s' "$journal")
  # That the server does not answer is wrong all the same.
  run -1 at edge "$PONA" edge --dry-run --kubeconfig "$kubeconfig" --external-interfaces '^ext'
  assert_output --partial 'these are the objects saved at 20'
  assert_output --partial "add element ip pona-edge services"
  assert_equal "$(stat -c '%i %Y %s' "$journal")" "$before"

  run -0 at edge "$PONA" edge cleanup --dry-run --saved-objects --socket "$work/edge.sock"
  assert_output --partial "delete file $journal"
  [ -e "$journal" ]
  run -0 at edge "$PONA" edge cleanup --saved-objects --socket "$work/edge.sock"
  assert_equal "$(ls "$PONA_EDGE_STATE_DIR")" ''
}
