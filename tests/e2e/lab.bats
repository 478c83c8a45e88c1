#!/usr/bin/env bats
# The lab shows what it says, notices when it does not, and leaves nothing behind however it ends.
bats_require_minimum_version 1.5.0

setup() {
  load common
  base=$BATS_TEST_TMPDIR/pona-lab
}

teardown() {
  [ -z "${saboteur:-}" ] || kill "$saboteur" 2>/dev/null || true
  [ -z "${running:-}" ] || kill -KILL "$running" 2>/dev/null || true
  [ ! -d "$base" ] || "$PONA" lab down --all --dir "$base" >&2
}

lab() { "$PONA" lab "$1" --dir "$base" "${@:2}"; }

# Everything that the lab could have changed on the host. Lifetimes and conntrack's fill move anyway.
host_state() {
  ip -d link
  ip addr | sed 's/valid_lft.*//'
  for family in -4 -6; do
    ip $family route show table all | sed 's/ expires [0-9]*sec//'
    ip $family rule
  done
  nft list ruleset
  sysctl -a 2>/dev/null | grep '^net\.' | grep -v '^net\.netfilter\.nf_conntrack_count'
}

# Nothing on disk, no mount and no name of a namespace is left of a lab.
assert_gone() {
  assert_not_exists "$base/$1"
  refute [ -n "$(compgen -G "/run/netns/pona-lab-$1-*")" ]
  run grep -F "/$1/netns/" /proc/self/mounts
  assert_failure 1
}

# Starts a run in the background and waits until its namespaces and servers are there.
start_run() {
  "$PONA" lab run edge --dir "$base" --lab "$1" "${@:2}" >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
  running=$!
  for _ in {1..500}; do
    [ -e "$base/$1/processes/pod3" ] && break
    kill -0 "$running" || fail "the run has ended: $(cat "$BATS_TEST_TMPDIR/out")"
    sleep 0.01
  done
  namespaces=$(stat -Lc %i "$base/$1"/netns/*)
}

end_of_run() {
  status=0
  wait "$running" || status=$?
  running=
}

# Nobody is left in the namespaces that start_run saw.
assert_deserted() {
  for _ in {1..100}; do
    left=$(for process in /proc/[0-9]*; do
      inode=$(stat -Lc %i "$process/ns/net" 2>/dev/null) || continue
      grep -qx "$inode" <<<"$namespaces" && tr '\0' ' ' <"$process/cmdline"
    done || true)
    [ -n "$left" ] || return 0
    sleep 0.02
  done
  fail "still there: $left"
}

@test "lab: run edge shows every step in less than 30 s and changes nothing outside" {
  host_state >"$BATS_TEST_TMPDIR/before"
  SECONDS=0
  run "$PONA" lab run edge --dir "$base" --lab shown
  took=$SECONDS
  assert_success
  for step in spread source affinity allow udp ipv6 drain add takeover; do
    assert_line --regexp "^[0-9] $step: "
  done
  assert_line --partial '9 of 9 steps as expected'
  refute_output --partial $'\033'
  assert [ "$took" -lt 30 ]
  assert_gone shown
  host_state >"$BATS_TEST_TMPDIR/after"
  run diff "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
  assert_success
}

@test "lab: run --json prints one object and nothing else" {
  run --separate-stderr "$PONA" lab run --json --steps udp,allow --dir "$base"
  assert_success
  assert_equal "$(jq -r '.ok, (.steps | length), .steps[].name' <<<"$output" | xargs)" \
    'true 2 allow udp'
  assert_equal "$stderr" ''
}

@test "lab: 1.25: NO_COLOR and TERM=dumb mean no colours, on a terminal too" {
  coloured() { env "$@" script -qec "$PONA lab run --steps udp --dir $base" /dev/null | grep -c $'\033' || true; }
  assert [ "$(coloured -u NO_COLOR TERM=xterm)" -gt 0 ]
  assert_equal "$(coloured NO_COLOR=1 TERM=xterm)" 0
  assert_equal "$(coloured -u NO_COLOR TERM=dumb)" 0
  assert_equal "$(coloured -u NO_COLOR -u TERM)" 0
}

@test "lab: 1.25: what it tells to type names the lab and the directory that were given" {
  run "$PONA" lab run --steps udp,takeover --dir "$base" --lab hinted
  assert_success
  assert_line --partial "$ pona lab get --dir $base --lab hinted -n 6 udp://"
  assert_line --partial "$ pona lab takeover --dir $base --lab hinted"
  assert_line "  pona lab up --dir $base --lab hinted edge"
  assert_line "  pona lab down --dir $base --lab hinted"
  run "$PONA" lab get --dir "$base" http://203.0.113.10/
  assert_failure 1
  assert_output --partial "pona lab up --dir $base"
}

@test "lab: an unknown step is a usage error, and nothing is built" {
  run "$PONA" lab run --steps spread,nonsense --dir "$base"
  assert_failure 2
  assert_output --partial nonsense
  assert_not_exists "$base"
}

@test "lab: a step that sees something else says so, and the exit status is 1" {
  # From the moment on that it has all its routes, pod2 is cut off.
  (
    exec 3>&-
    until ip -n pona-lab-sabotage-pod2 route 2>/dev/null | grep -q default &&
      ip -n pona-lab-sabotage-pod2 -6 route 2>/dev/null | grep -q default; do sleep 0.01; done
    while ip netns exec pona-lab-sabotage-pod2 ip link set eth0 down 2>/dev/null; do sleep 0.01; done
  ) &
  saboteur=$!
  run "$PONA" lab run edge --steps spread --dir "$base" --lab sabotage
  assert_failure 1
  assert_line --regexp '^    expected: an answer to each of 60 requests'
  assert_line --regexp '^    seen: .*failed'
  assert_line --partial '0 of 1 steps as expected'
  assert_gone sabotage
}

@test "lab: Ctrl-C and SIGTERM remove everything" {
  host_state >"$BATS_TEST_TMPDIR/before"
  for signal in INT TERM HUP; do
    start_run stopped
    kill -"$signal" "$running"
    end_of_run
    assert_equal "$status" $((128 + $(kill -l "$signal")))
    assert_gone stopped
    assert_not_exists "$base"
    assert_deserted
  done
  host_state >"$BATS_TEST_TMPDIR/after"
  run diff "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
  assert_success
}

@test "lab: a reader that goes away does not keep it from cleaning up" {
  "$PONA" lab run edge --steps udp --dir "$base" --lab unread | head -n 1
  assert_gone unread
}

@test "lab: down does not touch a run in progress, and removes what kill -9 left" {
  host_state >"$BATS_TEST_TMPDIR/before"
  start_run killed
  run "$PONA" lab down --dir "$base" --lab killed
  assert_failure 1
  assert_output --partial 'still running'

  kill -KILL "$running"
  end_of_run
  assert_deserted
  assert_exists "$base/killed"
  run "$PONA" lab down --dir "$base"
  assert_success
  assert_gone killed
  host_state >"$BATS_TEST_TMPDIR/after"
  run diff "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
  assert_success
}

@test "lab: up, get, exec, takeover, status, down" {
  host_state >"$BATS_TEST_TMPDIR/before"
  # A name of its own: somebody may have a lab up beside these tests.
  run lab up --lab playing 3>&-
  assert_success
  assert_line "  pona lab shell --dir $base --lab playing client"
  namespaces=$(stat -Lc %i "$base"/playing/netns/*)

  run lab get -n 60 http://203.0.113.10/name
  assert_success
  assert_equal "$(sort -u <<<"$output" | xargs)" 'pod1 pod2 pod3'
  run lab get --source 198.51.100.12 'http://203.0.113.10:80/'
  assert_output --regexp '^pod[123] sees 198\.51\.100\.12$'
  run lab get 'tcp://[2001:db8:2::10]:7' --text polo
  assert_output --regexp '^pod[123] sees 2001:db8:c::10: polo$'
  run lab get udp://203.0.113.10:7 --text polo
  assert_output --regexp '^pod[123] sees 198\.51\.100\.10: polo$'
  run lab get --timeout 200 http://203.0.113.10:8443/
  assert_failure 1
  run lab get --from nobody http://203.0.113.10/
  assert_failure 2
  assert_output --partial 'client, cluster'

  run lab exec client -- ip -brief address show dev eth0
  assert_output --partial 198.51.100.10
  run lab exec client -- sh -c 'exit 7'
  assert_failure 7
  # pona is found inside, wherever it was called.
  run env PATH=/usr/bin:/bin "$PONA" lab exec --dir "$base" pod1 -- pona version
  assert_success

  run lab takeover
  assert_output --partial 'standby holds the addresses now'
  run lab exec standby -- ip -brief address show dev ext2
  assert_output --partial 203.0.113.10
  run lab get http://203.0.113.10/name
  assert_success
  run lab takeover
  assert_output --partial 'appliance holds the addresses now'

  run lab status --json
  assert_equal "$(jq -r '.[0].name, .[0].processes.appliance, .[0].inUse' <<<"$output" | xargs)" \
    'playing running false'
  run lab up --lab playing
  assert_failure 1
  assert_output --partial 'already'

  run lab down
  assert_success
  assert_gone playing
  assert_deserted
  run lab down
  assert_success
  host_state >"$BATS_TEST_TMPDIR/after"
  run diff "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
  assert_success
}

# As a user without any privilege.
as_nobody() {
  copy=$BATS_TEST_TMPDIR/pona
  cp "$PONA" "$copy"
  chmod 755 "$copy"
  env -u XDG_RUNTIME_DIR setpriv --reuid 65534 --regid 65534 --clear-groups "$@"
}

@test "lab: 1.25: without root it runs in a user namespace, and leaves nothing" {
  as_nobody unshare -Urnm true || skip "this system allows no user namespaces"
  host_state >"$BATS_TEST_TMPDIR/before"
  run as_nobody "$BATS_TEST_TMPDIR/pona" lab run edge --steps udp,add
  assert_success
  assert_line --partial '2 of 2 steps as expected'
  assert_line '  sudo pona lab up edge'
  host_state >"$BATS_TEST_TMPDIR/after"
  run diff "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
  assert_success
}

@test "lab: without root it says what it needs where it cannot run" {
  run as_nobody "$BATS_TEST_TMPDIR/pona" lab up --dir /run/pona-lab-of-nobody
  assert_failure 1
  assert_output --partial 'a lab that stays needs root'
}

egress_steps='source spread own private annotate drain failover closed'

@test "lab: run egress shows every step and changes nothing outside" {
  host_state >"$BATS_TEST_TMPDIR/before"
  run "$PONA" lab run egress --dir "$base" --lab shown
  assert_success
  for step in $egress_steps; do assert_line --regexp "^[0-9] $step: "; done
  assert_line --partial '8 of 8 steps as expected'
  assert_line --regexp '^tunnels: (FoU|VXLAN-GPE), '
  assert_line --regexp 'client1 -> 203\.0\.113\.9: arrives from 10\.64\.[12]\.21 \(NAT pod nat[12]\)'
  assert_line --regexp 'client3 -> 2001:db8:f::9: arrives from fd00:64:[12]::21 \(NAT pod nat[12]\)'
  assert_line --partial 'client2 -> 203.0.113.9: arrives from 10.64.1.12 (its own)'
  assert_line --partial 'client1 -> 10.64.2.11: client3 sees 10.64.1.11'
  assert_gone shown
  host_state >"$BATS_TEST_TMPDIR/after"
  run diff "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
  assert_success
}

@test "lab: run egress --json says what of the machine makes a difference" {
  run --separate-stderr "$PONA" lab run egress --json --steps own,private --dir "$base"
  assert_success
  assert_equal "$(jq -r '.ok, (.steps | length), .steps[].name' <<<"$output" | xargs)" \
    'true 2 own private'
  assert_regex "$(jq -r '.notes[0]' <<<"$output")" '^tunnels: '
  assert_equal "$stderr" ''
}

@test "lab: a step of the other kind is a usage error" {
  run "$PONA" lab run egress --steps takeover --dir "$base"
  assert_failure 2
  assert_output --partial 'the lab egress has no step "takeover"'
  assert_not_exists "$base"
}

# A rule of its own leads past a client's, and what rejects its packets is taken away whenever it is
# there: the agent puts it back at once, but not before some have left the pod's own way.
open_fence() {
  (
    exec 3>&-
    until [ -e "/run/netns/pona-lab-$1-client1" ]; do sleep 0.01; done
    while [ -e "/run/netns/pona-lab-$1-client1" ]; do
      ip -n "pona-lab-$1-client1" rule add pref 1 lookup main 2>/dev/null || true
      ip netns exec "pona-lab-$1-client1" nft delete table ip pona-egress 2>/dev/null || sleep 0.001
    done
  ) &
  saboteur=$!
}

@test "lab: run egress sees a client that leaves with its own address, and packets that do" {
  open_fence leaky
  run "$PONA" lab run egress --steps closed --dir "$base" --lab leaky
  assert_failure 1
  assert_line --regexp '^    expected: no attempt that gets through'
  assert_line --regexp '^    seen: +outside sees 10\.64\.1\.11(: marco)?$'
  assert_line --regexp '^    expected: no packet with the own address of a client'
  assert_line --regexp '^    seen: +[1-9][0-9]* packets'
  assert_line --partial '0 of 1 steps as expected'
  assert_gone leaky
}

@test "lab: up egress, get, annotate, kill, exec, status, down" {
  run lab up egress --lab playing 3>&-
  assert_success
  assert_line "  pona lab shell --dir $base --lab playing client1"
  namespaces=$(stat -Lc %i "$base"/playing/netns/*)

  run lab get http://203.0.113.9/
  assert_output --regexp '^outside sees 10\.64\.[12]\.21$'
  run lab get --from client2 'http://[2001:db8:f::9]/'
  assert_output 'outside sees fd00:64:1::12'
  run lab get udp://203.0.113.9:7 --text polo
  assert_output --regexp '^outside sees 10\.64\.[12]\.21: polo$'

  # The command that it printed.
  sed -i 's/# annotations/annotations/' "$base/playing/manifests/pod-client2.yaml"
  leaves_by() { lab get --timeout 300 --from "$1" http://203.0.113.9/ 2>/dev/null | grep -qE "sees $2\$"; }
  for _ in {1..100}; do leaves_by client2 '10\.64\.[12]\.21' && break; done
  leaves_by client2 '10\.64\.[12]\.21'

  kill -9 "$(cut -d' ' -f1 "$base/playing/processes/nat1")"
  shown() { "$PONA" egress show default/client1 --socket "$base/playing/node1.sock"; }
  for _ in {1..100}; do shown | grep -qF '10.64.1.21 (dead)' && break || sleep 0.1; done
  run lab status
  assert_line --regexp '^  nat1: ended$'
  leaves_by client1 '10\.64\.2\.21'

  # node1's agent is not concerned with a pod of node2.
  run "$PONA" egress list --socket "$base/playing/node1.sock"
  assert_output --partial client1
  refute_output --partial client3

  run lab exec client1 -- ip rule show pref 1900
  assert_output --partial 'lookup 117'
  run lab takeover
  assert_failure 2
  assert_output --partial 'has no "standby"'
  run lab down
  assert_success
  assert_gone playing
  assert_deserted
}
