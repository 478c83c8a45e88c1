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
