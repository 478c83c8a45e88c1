# shellcheck shell=bash disable=SC2154  # of who loads this
# Loaded by every test of upgrades: PONA_OLD is the binary of an older version, PONA the one under test.
# `tests/run upgrade` builds both.

need_old() {
  [ -x "${PONA_OLD:-}" ] || skip "PONA_OLD names no binary of an older version (tests/run upgrade builds one)"
}

# old|new
binary_of() { if [ "$1" = old ]; then echo "$PONA_OLD"; else echo "$PONA"; fi; }

# "ADDRESS PORT"…: connections from the client to each, used all the time until `all_held`, and new ones
# without pause to the first.
hold_each() {
  local to number
  rm -f "$work/stop"
  holders=()
  for to; do
    number=${#holders[@]}
    # shellcheck disable=SC2086  # an address and a port
    spawn client "$work/hold-$number" python3 "$tools/client.py" hold $to --count 5 \
      --stop "$work/stop" --limit 300
    holders+=("$spawned")
  done
  for number in "${!holders[@]}"; do
    within 10 grep -q open "$work/hold-$number" || fail "cannot connect: $(cat "$work/hold-$number")"
  done
  # shellcheck disable=SC2086
  spawn client "$work/load" python3 "$tools/client.py" load $1 --count 4 --stop "$work/stop" --limit 300
  loader=$spawned
}

all_held() {
  sleep 1 # each connection is used once more
  touch "$work/stop"
  local number
  for number in "${!holders[@]}"; do
    within 15 gone "${holders[number]}"
    run tail -n 1 "$work/hold-$number"
    assert_output "5 alive, 0 broken"
  done
  none_failed "$loader" "$work/load"
}

# PROCESS LOG of a client that connects without pause. A slow machine may make it slow, which is no
# fault of what is tested.
none_failed() {
  within 15 gone "$1"
  run tail -n 1 "$2"
  assert_output --regexp '^[1-9][0-9]* connections, '
  refute_output --partial Error
}

# NAME: a kubeconfig with the token of that ServiceAccount in pona-system
account_of() {
  local token
  token=$(kubectl create --raw "/api/v1/namespaces/pona-system/serviceaccounts/$1/token" -f - <<<'{
    "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": []}}' |
    jq -r .status.token)
  sed "s/token: .*/token: $token/" "$kubeconfig"
}
