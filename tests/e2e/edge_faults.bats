#!/usr/bin/env bats
# An API server that fails in every way that the test server knows, for a minute of churn each: what is
# left alone is reached all the while, and in the end the kernel holds what the objects ask for. All
# minutes are the same one: each fault has namespaces, a server and an edge of its own.
# shellcheck disable=SC2030,SC2031,SC2154  # bats: tests are subshells; topology.bash sets variables
bats_require_minimum_version 1.5.0

faults="drop stall garbage busy error unauthorized drip truncate duplicate reorder gone rotation"

setup_file() {
  local fault pids=()
  for fault in $faults; do
    world "$fault" >"$BATS_FILE_TMPDIR/$fault.log" 2>&1 3>&- &
    pids+=("$!")
    sleep 0.5
  done
  wait "${pids[@]}" || true
}

# Everything about one fault, in a process of its own. What it saw is in FAULT.result.
world() {
  local fault=$1 result=$BATS_FILE_TMPDIR/$1.result
  BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR/$fault RANDOM=$BASHPID
  mkdir "$BATS_TEST_TMPDIR"
  load common
  load topology
  load cluster
  trap teardown_network EXIT
  setup_cluster
  (
    set -e
    in_cluster served web "tcp:80:8080" 1
    in_cluster mapping web "addresses: [$vip], ports: [{port: 80}]"
    if [ "$fault" = rotation ]; then
      sed "s|token: .*|tokenFile: $kubeconfig.token|" "$kubeconfig" >"$kubeconfig.edge"
      echo admin >"$kubeconfig.token"
    else
      cp "$kubeconfig" "$kubeconfig.edge"
    fi
    start_edge --kubeconfig "$kubeconfig.edge" --instance-name "$fault"
    within 10 answers 'pod1 ' tcp "$vip" 80
    spawn client "$result.probes" python3 "$tools/probe.py" "$vip" 80 "$work/over"
    at edge python3 "$tools/churn.py" "$kubeconfig" 60 "$fault" "$vip2" "$manifests" >"$result.churn"
    cp "$objects"/*.yaml "$manifests"
    # A watch that says nothing is given up after three minutes, and not before.
    local patience=40
    [ "$fault" != stall ] || patience=180
    within "$patience" settled && echo settled >"$result"
    touch "$work/over"
    within 10 grep -q asked "$result.probes"
    "$PONA" edge status --json --socket "$work/edge.sock" >"$result.status"
  )
}

# What a plan of the objects alone would change. Edges of a cluster use the second slot layout.
settled() {
  at edge "$PONA" edge --dry-run --manifests "$manifests" --external-interfaces '^ext' \
    --slot-layout 2 >"$work/plan" 2>&1
  grep -q 'no change' "$work/plan"
}

came_through() {
  local result=$BATS_FILE_TMPDIR/$1.result
  tail -n 5 "$BATS_FILE_TMPDIR/$1.log" "$BATS_FILE_TMPDIR/$1"/{edge.log,plan} "$result".* || true
  [ "$(cat "$result")" = settled ]
  grep -q '^asked often, failed 0, lost 0$' "$result.probes"
  grep -qE '^[0-9]{3} changes, [0-9]{2,} times spoiled$' "$result.churn"
  python3 -c 'import json, sys; sys.exit(not json.load(open(sys.argv[1]))["process"]["healthy"])' \
    "$result.status"
}

@test "faults: connections that break" { came_through drop; }
@test "faults: answers that do not go on" { came_through stall; }
@test "faults: bytes that are no answer" { came_through garbage; }
@test "faults: a server that is too busy" { came_through busy; }
@test "faults: a server with errors of its own" { came_through error; }
@test "faults: a credential that is refused" { came_through unauthorized; }
@test "faults: a few bytes in a second" { came_through drip; }
@test "faults: answers without an end" { came_through truncate; }
@test "faults: everything twice" { came_through duplicate; }
@test "faults: the last event first" { came_through reorder; }
@test "faults: what watches go on from is forgotten" { came_through gone; }
@test "faults: tokens that end all the time" { came_through rotation; }
