#!/usr/bin/env bats
# The edge as a process beside others: changes come in whole and at once, foreign hands are repaired or
# refused, death at any moment leaves nothing that the next start does not mend.
# shellcheck disable=SC2154  # the topology's names
bats_require_minimum_version 1.5.0

setup() {
  load common
  load topology
  setup_network
}
teardown() { teardown_network; }

serve_web() {
  served web "tcp:80:8080 udp:53:5353" "$@"
  mapping web "addresses: [$vip, '$vip6'], ports: [{port: 80}, {port: 53, protocol: udp}]"
}

@test "atomic: 10,000 endpoint flips under load, no failed connection" {
  served web "tcp:80:8080" 1 2
  cp "$manifests/service-web.yaml" "$work/one"
  served web "tcp:80:8080" 2 3
  cp "$manifests/service-web.yaml" "$work/other"
  mapping web "addresses: [$vip], ports: [{port: 80}]"
  at client sysctl -qw net.ipv4.ip_local_port_range='1024 65535' net.ipv4.tcp_tw_reuse=1
  start_edge --log-level warning
  before=$(metric 'pona_edge_sync_duration_seconds_count')
  spawn client "$work/load.log" python3 "$tools/client.py" load "$vip" 80 --count 8 \
    --stop "$work/stop" --limit 90
  loading=$spawned
  run python3 "$tools/flip.py" "$work/one" "$work/other" "$manifests/service-web.yaml" 10000 60
  echo "# flips and seconds: $output" >&3
  flips=${output% *}
  touch "$work/stop"
  within 15 gone "$loading"
  sleep 1.1
  passes=$(($(metric 'pona_edge_sync_duration_seconds_count') - before))
  echo "# $(tail -n 1 "$work/load.log"); $passes passes" >&3
  assert [ "$flips" = 10000 ]
  # Flips that come during a pass are one: but not all of them.
  assert [ "$passes" -ge 1000 ]
  run tail -n 1 "$work/load.log"
  assert_output --regexp '^[0-9]{3,} connections, 0 failures, 3 pods'
  run metric 'pona_edge_errors_total'
  refute_output --regexp '[1-9]'
}

@test "manifests: a change is live within 100 ms" {
  serve_web 1
  start_edge
  worst=0
  for pod in 2 3 1 2 3 1 2 3 1 2; do
    served web "tcp:80:8080 udp:53:5353" $pod
    begun=${EPOCHREALTIME/./}
    within 5 now_served_by $pod
    took=$(((${EPOCHREALTIME/./} - begun) / 1000))
    [ "$took" -le "$worst" ] || worst=$took
    sleep 0.15
  done
  echo "# the slowest of ten changes was seen after $worst ms" >&3
  # What is promised is 100 ms; a busy machine is forgiven some.
  assert [ "$worst" -lt 2000 ]
}
now_served_by() {
  at edge nft get element ip pona-edge slots "{ $vip . tcp . 80 . 0x0 }" | grep -q "10.1.0.1$1 "
}

@test "manifests: a document that is wrong costs itself only, and the last good version stays" {
  serve_web 1
  served other "tcp:80:8080" 2
  start_edge
  echo 'kind: [' | put service-broken.yaml
  mapping web "addresses: [nonsense], ports: [{port: 80}]"
  mapping other "addresses: [$vip2], ports: [{port: 80}]"
  within 5 answers 'pod2 ' tcp "$vip2" 80
  answers 'pod1 ' tcp "$vip" 80
  within 5 grep -q 'mapping-web.yaml:[0-9]*: ' "$work/edge.log"
  within 5 grep -q 'service-broken.yaml:[0-9]*: ' "$work/edge.log"
  remove mapping-web
  within 5 answers 'refused|timeout' tcp "$vip" 80
}

# The table as it is, without the counters.
table_stands() { at edge nft list map ip pona-edge services | grep -q "$vip . tcp . 80"; }

@test "table deleted or flushed by others: refused, or repaired within 100 ms; traffic goes on" {
  serve_web 1
  start_edge
  kernel_state edge >"$work/before"
  worst=0
  for harm in "flush ruleset" "delete table ip pona-edge" "flush table ip pona-edge" \
    "delete table ip6 pona-edge" "flush chain ip pona-edge nat-prerouting"; do
    begun=${EPOCHREALTIME/./}
    # shellcheck disable=SC2086  # words
    at edge nft $harm >/dev/null 2>&1 || true
    within 5 table_stands
    took=$(((${EPOCHREALTIME/./} - begun) / 1000))
    [ "$took" -le "$worst" ] || worst=$took
    run ask tcp "$vip" 80
    assert_output --partial 'pod1 '
    run ask tcp "$vip6" 80
    assert_output --partial 'pod1 '
    diff "$work/before" <(kernel_state edge)
  done
  echo "# in place again after at most $worst ms" >&3
  assert [ "$worst" -lt 2000 ]
}

@test "routes and rules deleted by others are put back" {
  serve_web 1
  start_edge
  kernel_state edge >"$work/before"
  same() { diff "$work/before" <(kernel_state edge); }
  at edge ip rule del priority 1121
  within 5 same
  at edge ip -6 rule flush protocol 112
  within 5 same
  table=$(at edge ip route show table all proto 112 | grep -oE 'table [0-9]+' | head -n 1)
  # shellcheck disable=SC2086  # words
  at edge ip route flush $table
  within 5 same
  run ask tcp "$vip" 80
  assert_output --partial 'pod1 '
}

# Runs the faulty binary until it dies by itself, or is ready; then ends it as its user would.
run_faulty() {
  PONA_FAULT_AT=${1:-0} PONA_FAULT_COUNT=$work/count EDGE_BINARY=$PONA_FAULTS_BINARY edge_at edge
  within 10 over_or_ready
  kill -TERM "$edge_pid" 2>/dev/null || true
  within 10 gone "$edge_pid"
}
over_or_ready() { gone "$edge_pid" || is_ready edge; }

@test "kill -9 at every netlink operation: the next start converges to the same state" {
  [ -x "$PONA_FAULTS_BINARY" ] || skip "no build with fault injection: PONA_FAULTS_BINARY"
  serve_web 1 2
  mapping media "serviceName: web, addresses: [$vip], ports: [{port: 9000, endPort: 9010, servicePort: 53, protocol: udp}], allowedSources: [198.51.100.0/24], newConnectionsPerSecond: 50"
  at edge nft add table ip foreign

  run_faulty
  kernel_state edge >"$work/clean"
  operations=$(cat "$work/count")
  assert [ "$operations" -ge 5 ]
  tested=0
  for ((at = 1; at <= operations && at <= 60; at++)); do
    at edge "$PONA_FAULTS_BINARY" edge cleanup --socket "$work/edge.sock" >/dev/null
    rm -f "$work/count"
    run_faulty "$at"
    # It died there, and did not live to write its count.
    [ ! -e "$work/count" ] || [ "$at" -ge $((operations - 3)) ] || fail "operation $at was not met"
    run_faulty
    diff "$work/clean" <(kernel_state edge) || fail "after a death at operation $at"
    tested=$at
  done
  echo "# $operations operations, died at each of the first $tested" >&3
  start_edge
  run ask tcp "$vip" 80
  assert_output --partial 'pod'
}

@test "kill -9 at every netlink operation of a change: likewise, and traffic never stops" {
  [ -x "$PONA_FAULTS_BINARY" ] || skip "no build with fault injection: PONA_FAULTS_BINARY"
  serve_web 1 2
  put_b() { served web "tcp:80:8080 udp:53:5353" 3; }
  put_a() { served web "tcp:80:8080 udp:53:5353" 1 2; }
  run_faulty
  start=$(cat "$work/count")
  kernel_state edge >"$work/clean_a"
  put_b
  run_faulty
  kernel_state edge >"$work/clean_b"
  change=$(cat "$work/count")
  # To and fro: where one death has been mended is where the next one begins.
  to=a
  for ((at = 1; at <= change && at <= 60; at++)); do
    "put_$to"
    run_faulty "$at"
    answers 'pod[123] ' tcp "$vip" 80 || fail "no traffic after a death at operation $at"
    run_faulty
    diff "$work/clean_$to" <(kernel_state edge) || fail "after a death at operation $at"
    if [ "$to" = a ]; then to=b; else to=a; fi
  done
  echo "# $start operations at the first start, $change with a change" >&3
}

@test "cleanup removes all of ours and nothing else" {
  serve_web 1
  at edge nft add table ip foreign
  at edge nft add chain ip foreign keep '{ type filter hook input priority 0; }'
  at edge ip rule add fwmark 0x1 lookup 77 priority 900
  at edge ip route add 192.0.2.77 dev ext1 table 77
  at edge ip -6 rule add fwmark 0x1 lookup 77 priority 900
  at edge sysctl -w net.ipv4.conf.cluster.rp_filter=1
  foreign() {
    at edge nft list ruleset
    at edge ip rule show
    at edge ip -6 rule show
    at edge ip route show table all
    at edge ip -6 route show table all
    at edge sysctl net.ipv4.conf.cluster.rp_filter net.ipv4.ip_forward
  }
  foreign >"$work/before"
  start_edge
  run at edge "$PONA" edge cleanup --socket "$work/edge.sock"
  assert_failure
  assert_output --partial 'stop it first'
  stop_edge
  run at edge "$PONA" edge cleanup --dry-run --socket "$work/edge.sock"
  assert_success
  assert_output --partial pona-edge
  within 1 table_stands
  run at edge "$PONA" edge cleanup --socket "$work/edge.sock"
  assert_success
  diff "$work/before" <(foreign)
  run at edge "$PONA" edge cleanup --socket "$work/edge.sock"
  assert_success
  assert_output --partial 'nothing of pona edge is here'
}

@test "--dry-run says what would change and changes nothing" {
  serve_web 1
  kernel_state edge >"$work/before"
  run at edge "$PONA" edge --dry-run --manifests "$manifests" --external-interfaces '^ext'
  assert_success
  assert_output --partial pona-edge
  assert_output --partial "$vip"
  diff "$work/before" <(kernel_state edge)
  start_edge
  run at edge "$PONA" edge --dry-run --manifests "$manifests" --external-interfaces '^ext'
  assert_success
  assert_output --partial 'no change'
  served web "tcp:80:8080 udp:53:5353" 2
  stop_edge KILL
  served web "tcp:80:8080 udp:53:5353" 3
  kernel_state edge >"$work/before"
  run at edge "$PONA" edge --dry-run --manifests "$manifests" --external-interfaces '^ext'
  assert_success
  assert_output --partial 10.1.0.13
  diff "$work/before" <(kernel_state edge)
}

@test "--check-config: options with their origins; what cannot be read is an error" {
  serve_web 1
  run env PONA_EDGE_SNAT=true "$PONA" edge --check-config --manifests "$manifests" --resync 60
  assert_success
  assert_output --regexp 'snat +"true" +PONA_EDGE_SNAT'
  assert_output --regexp 'resync +"60" +--resync'
  run "$PONA" edge --check-config --manifests "$manifests" --resync soon
  assert_failure 2
  assert_output --partial 'resync'
  run env SNCTRLR_GW_ADDRESS_OFFSET=first "$PONA" edge --check-config --manifests "$manifests"
  assert_failure 2
  assert_output --partial SNCTRLR_GW_ADDRESS_OFFSET
  mapping bad "addresses: [nonsense], ports: [{port: 80}]"
  run "$PONA" edge --check-config --manifests "$manifests"
  assert_failure 1
  assert_output --partial 'mapping-bad.yaml:'
}

@test "SNCTRLR_ variables mean what the operator guide says" {
  serve_web 1
  export SNCTRLR_INTERFACES_PATTERN='^ext[0-9]+' SNCTRLR_DEFAULT_GW_INTERFACE=ext1 \
    SNCTRLR_SETUP_MASQUERADE=false SNCTRLR_SETUP_SNAT=true SNCTRLR_IPTABLES_TIMEOUT_SEC=10 \
    SNCTRLR_AUTOREFRESH_PERIOD_SEC=60 SNCTRLR_MAX_FINALIZE_WAIT_MINUTES=60 \
    SNCTRLR_GW_ADDRESS_OFFSET=-254 SNCTRLR_MONITOR_PORT=9099 SNCTRLR_MONITOR_IP=192.0.2.2 \
    SNCTRLR_MAX_PORTS_PER_MAPPING=2 SNCTRLR_DEBUG_ENABLED=true
  spawn edge "$work/edge.log" "$PONA" edge --manifests "$manifests" --socket "$work/edge.sock"
  within 10 is_ready edge
  # The router is the last address but 254 of 203.0.113.0/24.
  run at edge ip route show table all proto 112
  assert_output --partial 'via 203.0.113.1 dev ext2'
  run ask tcp "$vip" 80
  assert_output "pod1 $client 8080"
  run at client curl -s --max-time 3 http://192.0.2.2:9099/healthcheck
  assert_output --partial OK
  mapping many "serviceName: web, addresses: [$vip2], ports: [{port: 80}, {port: 81, servicePort: 80}, {port: 82, servicePort: 80}]"
  within 5 grep -q 'mapping-many.yaml' "$work/edge.log"
  grep -q 'SNCTRLR_DEFAULT_GW_INTERFACE has no effect' "$work/edge.log"
}
