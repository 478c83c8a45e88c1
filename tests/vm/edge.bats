#!/usr/bin/env bats
# The edge on this kernel: that what it programs is taken here, and carries traffic. All it does is
# tested in tests/e2e.
# shellcheck disable=SC2154  # the topology's names
bats_require_minimum_version 1.5.0

setup() {
  load ../e2e/common
  load ../e2e/topology
  export patience=10
  setup_network
}
teardown() { teardown_network; }

# A range of ports needs the most of nf_tables: intervals in a concatenation, and a key that is looked up.
@test "the edge carries a port of TCP and a range of UDP to pods, IPv4 and IPv6" {
  served web "tcp:80:8080 udp:9000:9000" 1 2 3
  mapping web "addresses: [$vip, '$vip6'], ports: [{port: 80}, {port: 9000, endPort: 9010, protocol: udp}], newConnectionsPerSecond: 1000"
  start_edge
  for address in "$vip" "$vip6"; do
    run ask tcp "$address" 80 --count 8 --timeout 30
    assert_output --regexp 'pod[123] (10\.1\.0\.|fd00:1::)[12] 8080'
    refute_output --partial timeout
    run ask udp "$address" 9005 --count 8 --timeout 30
    assert_output --regexp 'pod[123] (10\.1\.0\.|fd00:1::)[12] 9005'
    refute_output --partial timeout
  done
}
