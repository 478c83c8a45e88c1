#!/usr/bin/env bats
# An edge of an older version and one of this on the same host, one after the other, under traffic.
# shellcheck disable=SC2154  # the topology's names
bats_require_minimum_version 1.5.0

setup() {
  load ../e2e/common
  load ../e2e/topology
  load old
  need_old
  setup_network
}
teardown() { teardown_network; }

# A Mapping of each kind that leaves something of its own in the kernel.
everything() {
  served web "tcp:80:8080 tcp:81:8080 tcp:82:8080 tcp:83:8080" 1 2
  mapping web "addresses: [$vip, '$vip6'], ports: [{port: 80}]"
  served dns "udp:53:5353" 1 2 3
  mapping dns "addresses: [$vip, '$vip6'], ports: [{port: 53, protocol: udp}]"
  mapping listed "serviceName: web, addresses: [$vip2], ports: [{port: 80}],
    allowedSources: [198.51.100.0/26, 198.51.100.77, '2001:db8:c::/64']"
  mapping limited "serviceName: web, addresses: [$vip2], ports: [{port: 81}],
    maxConnectionsPerSource: 1000, newConnectionsPerSecond: 100000"
  mapping sticky "serviceName: web, addresses: [$vip2], ports: [{port: 82}], sessionAffinity: ClientIP"
  mapping kept "serviceName: web, addresses: [$vip2], ports: [{port: 83}], preserveClientIP: true"
  served many "tcp:9000:9000 tcp:9001:9001 tcp:9002:9002 tcp:9003:9003" 1 3
  mapping many "addresses: [$vip2], ports: [{port: 9000, endPort: 9003}], allowedSources: [198.51.100.0/24]"
  mapping closed "serviceName: web, addresses: [$vip], ports: [{port: 81}], allowedSources: ['2001:db8::/32']"
  mapping lonely "serviceName: nobody, addresses: [$vip2], ports: [{port: 84}]"
}

# old|new OPTION…
run_edge() { EDGE_BINARY=$(binary_of "$1") start_edge "${@:2}"; }
becomes() {
  stop_edge
  run_edge "$@"
}
starts_from_nothing() {
  at edge "$PONA" edge cleanup >/dev/null
  run_edge "$@"
}

# Without what an older version forgets and nobody but cleanup asks for: what a sysctl was before.
settled_state() { kernel_state edge | grep -v tcp-be-liberal-was; }
is_as() { settled_state | diff "$1" -; }

# The kernel's numbers of the tables: others after a table was made anew.
numbers_of_tables() { at edge nft -a list tables | grep pona; }

@test "edge: from old to new, back and on: no connection ends, no table is made anew, nothing is left over" {
  everything
  # What either makes of these objects by itself.
  run_edge new --snat
  settled_state >"$work/new"
  stop_edge
  starts_from_nothing old --snat
  settled_state >"$work/old"
  hold_each "$vip 80" "$vip6 80" "$vip2 80" "$vip2 81" "$vip2 82" "$vip2 83" "$vip2 9003"
  numbers_of_tables >"$work/tables"
  local version
  for version in new old new; do
    becomes "$version" --snat
    within 10 is_as "$work/$version" || fail "$version: $(is_as "$work/$version")"
    numbers_of_tables | diff "$work/tables" -
    # It follows changes, too.
    mapping listed "serviceName: web, addresses: [$vip2], ports: [{port: 80}], allowedSources: [198.51.100.10, 198.51.100.11]"
    within 10 eval '[ "$(ask tcp $vip2 80 --source 198.51.100.77 --timeout 0.3)" = timeout ]'
    answers "pod[12] " tcp "$vip2" 80 --source 198.51.100.11
    everything
    within 10 answers "pod[12] " tcp "$vip2" 80 --source 198.51.100.77
    assert_equal "$(ask tcp "$vip" 81 --timeout 0.3)" timeout
  done
  # Going on to the other slots, which the old one does not know, ends no connection either.
  becomes new --snat --slot-layout 2
  within 10 eval 'at edge nft list chain ip pona-edge flow-12'
  numbers_of_tables | diff "$work/tables" -
  all_held
}

@test "edge: old and new side by side: an address moves between them, and its open connections go on" {
  served web "tcp:80:8080 tcp:82:8080" 1 2 3
  mapping web "addresses: [$vip, '$vip6'], ports: [{port: 80}], allowedSources: [198.51.100.0/24, '2001:db8:c::/64']"
  mapping sticky "serviceName: web, addresses: [$vip], ports: [{port: 82}], sessionAffinity: ClientIP"
  served many "tcp:9000:9000" 1 2 3
  mapping many "addresses: [$vip2], ports: [{port: 9000, endPort: 9003}]"
  second_edge
  run_edge old --masquerade=false
  EDGE_BINARY=$(binary_of new) start_second_edge --masquerade=false
  local move
  for move in "edge edge2" "edge2 edge"; do
    hold_each "$vip 80" "$vip6 80" "$vip 82" "$vip2 9000"
    # shellcheck disable=SC2086  # two hosts
    move_addresses $move
    all_held
  done
}
