#!/usr/bin/env bats
# What an edge tells its operator: the status of many Mappings, and the log of what changed and of what
# somebody else did.
# shellcheck disable=SC2154  # topology.bash sets variables
bats_require_minimum_version 1.5.0

setup() {
  load common
  load topology
  setup_network
}

teardown() { teardown_network; }

edge_status() { "$PONA" edge status --socket "$work/edge.sock" "$@"; }
# As on a terminal of these columns and rows.
edge_status_on() {
  local columns=$1 rows=$2
  shift 2
  script -qec "stty cols $columns rows $rows; $PONA edge status --socket $work/edge.sock $*" /dev/null |
    tr -d '\r'
}
names() { jq -r '[.mappings[].name] | join(" ")'; }

three_mappings() {
  served web "tcp:80:8080" 1 2
  mapping web "addresses: [$vip], ports: [{port: 80}]"
  mapping zlate "serviceName: web, addresses: [$vip], ports: [{port: 80}]"
  mapping none "serviceName: missing, addresses: [$vip2], ports: [{port: 81}]"
}

@test "1.23: status is filtered by namespace, address and problems, as text and as JSON" {
  three_mappings
  start_edge
  run -0 edge_status
  assert_line --regexp '^Mappings +3: 1 active, 2 rejected$'
  assert_line --regexp '^Ports +1 on 1 address: 1 in effect$'
  assert_line --regexp '^Problems +2 objects not fully in effect'
  # What is wrong comes first.
  assert [ "$(grep -n 'missing does not exist' <<<"$output" | cut -d: -f1 | head -n 1)" -lt \
    "$(grep -n '^MAPPING' <<<"$output" | cut -d: -f1)" ]

  assert_equal "$(edge_status --json --problems | names)" "none zlate"
  assert_equal "$(edge_status -o json --address "$vip" | names)" "web zlate"
  assert_equal "$(edge_status --json --address 203.0.113.0/24 --namespace shop | names)" "web zlate"
  assert_equal "$(edge_status --json -n elsewhere | names)" ""
  run -0 edge_status --namespace elsewhere
  assert_line "Only namespace elsewhere: 0 of 3 Mappings and Services"
  refute_output --partial shop/
  run -0 edge_status --problems
  assert_output --partial "Only with problems: 2 of 3 Mappings and Services"
  refute_line --regexp '^shop/web'
  # Unfiltered it is what the process says, to the letter.
  diff <(edge_status --json | jq 'del(.process, .conntrack)') \
    <(ask_edge edge status | jq 'del(.process, .conntrack)')

  run -2 edge_status --address somewhere
  assert_output --partial '"somewhere" is not an IP address or network'
  run -2 edge_status --json -o wide

  # Healthy or not is what the exit status says, whatever is shown.
  stop_edge
  run -1 at edge "$PONA" edge status --socket "$work/edge.sock" --problems
  run -1 at edge "$PONA" edge status --socket "$work/edge.sock" --json --namespace elsewhere
}

@test "1.23: on a terminal a status fits its width, and a long one says what it leaves out" {
  three_mappings
  for port in {1..250}; do echo "{port: $((1000 + port)), servicePort: 80}"; done | paste -sd, >"$work/ports"
  mapping many "serviceName: web, addresses: [$vip], ports: [$(cat "$work/ports")]"
  start_edge --max-ports-per-mapping 1000
  edge_status_on 80 24 >"$work/terminal"
  assert [ "$(awk '{ if (length > most) most = length } END { print most }' "$work/terminal")" -le 82 ]
  grep -q 'more lines; filter with --namespace, --address or --problems' "$work/terminal"
  assert [ "$(wc -l <"$work/terminal")" -lt 140 ]
  # A pipe gets all of it, and so does who asks for it.
  assert [ "$(edge_status | wc -l)" -gt 500 ]
  assert [ "$(edge_status_on 80 24 -o wide | wc -l)" -gt 500 ]

  # A watched one is as high as the screen: rejections are on it, and what is not is counted.
  script -qec "stty cols 80 rows 24; timeout 2 $PONA edge status --watch --socket $work/edge.sock" \
    /dev/null >"$work/watched" || true
  grep -q 'missing does not exist' "$work/watched"
  grep -q '… [0-9]* more lines; filter with' "$work/watched"
  refute grep -q '1250/tcp' "$work/watched"
}

@test "1.24: what somebody else took is told in plain words, with who did it and that it is back" {
  served web "tcp:80:8080" 1
  mapping web "addresses: [$vip], ports: [{port: 80}]"
  start_edge
  within 10 answers 'pod1 ' tcp "$vip" 80
  kernel_state edge >"$work/before"
  same() { diff "$work/before" <(kernel_state edge); }
  # Newer kernels let nobody else into the tables.
  if at edge nft delete element ip pona-edge services "{ $vip . tcp . 80 }"; then
    within 5 grep -qE 'info: table ip pona-edge: 1 element was removed by "nft" \(pid [0-9]+\): put back' "$work/edge.log"
    within 5 same
    at edge nft delete table ip6 pona-edge
    within 5 grep -qE 'info: table ip6 pona-edge was deleted by "nft" \(pid [0-9]+\): put back' "$work/edge.log"
    within 5 same
  fi
  at edge ip rule del pref 1121
  within 5 grep -qE 'info: rule pref 1121 .* was removed by (another program|"ip" \(pid [0-9]+\)): put back' "$work/edge.log"
  within 5 same
  table=$(at edge ip -4 route show table all proto 112 | grep -oE 'table [0-9]+' | head -n 1)
  # shellcheck disable=SC2086  # words
  at edge ip -4 route flush $table
  within 5 grep -qE "info: route default via 192.0.2.1 dev ext1 $table .*was removed by .*: put back" "$work/edge.log"
  within 5 same
}

@test "1.24: an endpoint that leaves is one line of the log" {
  served web "tcp:80:8080 tcp:81:8081" 1 2 3
  mapping web "addresses: [$vip, '$vip6'], ports: [{port: 80}, {port: 81}]"
  start_edge
  within 10 answers 'pod[123] ' tcp "$vip" 80
  before=$(wc -l <"$work/edge.log")
  served web "tcp:80:8080 tcp:81:8081" 1 2
  within 5 grep -q 'endpoints 10.1.0.13, fd00:1::13 removed from 2 ports, 2 left' "$work/edge.log"
  sleep 1
  run tail -n "+$((before + 1))" "$work/edge.log"
  assert_equal "$(grep -c . <<<"$output")" 1
  assert_output --partial 'info: Mapping shop/web: '
  # With debug the details are there.
  stop_edge
  start_edge --log-level debug
  served web "tcp:80:8080 tcp:81:8081" 1
  within 5 grep -q 'debug: .* ip pona-edge slots' "$work/edge.log"
}
