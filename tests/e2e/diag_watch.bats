#!/usr/bin/env bats
# pona diag watch: connections with their translations, drops with reasons, rates; as lines, as JSON and
# on a terminal, which it leaves as it was; floods; and that nothing of it remains. Real packets.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154  # what eval and awk expand; tests are subshells; the network sets variables
bats_require_minimum_version 1.5.0

setup() { load common; }
teardown() { teardown_network; }

edge_network() {
  load topology
  setup_network
  served web "tcp:80:8080" 1
  mapping web "addresses: [$vip, '$vip6'], ports: [{port: 80}]"
  start_edge
  within 10 answers 'pod1 ' tcp "$vip" 80
  watched=$net-edge
}

# FILE OPTION…: in the background, until it sees
watching() {
  local file=$work/$1
  shift
  "$PONA" diag watch --from-netns "$watched" --socket "${socket:-$work/edge.sock}" \
    --agent-socket "$work/agent.sock" --sandboxes "$work/sandboxes" "$@" >"$file" 2>&1 3>&- &
  watcher=$!
  echo "$watcher" >>"$work/pids"
  within 10 grep -q 'watching\|"start"' "$file" || fail "it does not begin: $(cat "$file")"
}

# Ends it, which is well.
unwatch() {
  kill "-${1:-INT}" "$watcher"
  local status=0
  wait "$watcher" || status=$?
  assert_equal "$status" 0
}

# Whether the file has a line like this.
has() { grep -qE -- "$2" "$work/$1"; }
has_soon() { within 10 has "$@" || fail "no line like $2: $(cat "$work/$1")"; }

# An expression of Python in which `lines` are those of a file of JSON, by their types.
of_lines() {
  python3 - "$work/$1" "$2" <<'PY'
import collections, json, sys
lines = collections.defaultdict(list)
for line in open(sys.argv[1]):
    lines[json.loads(line)["type"]].append(json.loads(line))
print(eval(sys.argv[2]))
PY
}

sees_drops() { ! grep -q 'dropped packets are not shown\|"seesDrops":false' "$work/$1"; }

@test "watch: a connection begins and ends, with its translations and its Mapping, both families" {
  edge_network
  watching seen
  ask tcp "$vip" 80
  has_soon seen "new   tcp $client:[0-9]+ > $vip:80  =>  10\.1\.0\.2:[0-9]+ > 10\.1\.0\.11:8080  Mapping shop/web"
  ask tcp "$vip6" 80
  has_soon seen "new   tcp \[$client6\]:[0-9]+ > \[$vip6\]:80  =>  \[fd00:1::[12]\]:[0-9]+ > \[fd00:1::11\]:8080  Mapping shop/web"
  at edge conntrack -D -p tcp --orig-dst "$vip"
  has_soon seen "end   tcp $client:[0-9]+ > $vip:80  =>  .*  Mapping shop/web"
  unwatch
  has seen 'end of the watch: connections: [0-9]+ new, [0-9]+ ended; dropped packets: [0-9]+; in [0-9]+ s'
  run cat "$work/seen"
  refute_output --partial $'\033'
}

@test "watch: a dropped packet, with the kernel's reason, the Mapping, and what to ask next" {
  edge_network
  at edge nft -f - <<<'table inet fw { chain forward { type filter hook forward priority 0; policy drop; }; }'
  watching seen --interval 0.2
  ask tcp "$vip" 80 || true
  if ! sees_drops seen; then
    has seen 'note  dropped packets are not shown: .'
    skip "this kernel tells no reasons"
  fi
  has_soon seen "drop  tcp $client:[0-9]+ > 10\.1\.0\.11:8080 by ext2: a firewall rule \(NETFILTER_DROP\)  Mapping shop/web"
  has_soon seen "next  why it is dropped: pona diag trace --from-netns $watched $client to 10\.1\.0\.11:8080"
  has_soon seen 'rate  Mapping shop/web: 0 new/s, 0 ended/s, [0-9.]+ drops/s'
  unwatch TERM
  # What the hint says leads to the rule.
  run "$PONA" diag trace --from-netns "$watched" --socket "$work/edge.sock" --no-live "$client" to 10.1.0.11:8080
  assert_output --partial PONA-D104
}

@test "watch: JSON: rates add up to what came, and bytes are counted where the kernel does" {
  edge_network
  at edge sysctl -qw net.netfilter.nf_conntrack_acct=1
  # An older entry has its end told only if somebody listened when it began.
  at edge conntrack -F
  watching seen --json --interval 0.2 --mapping shop/web
  local i
  for ((i = 0; i < 5; ++i)); do ask tcp "$vip" 80; done
  at client ping -c 1 -W 1 "$vip2" || true  # of no Mapping
  within 10 eval '[ "$(of_lines seen "sum(o[\"new\"] for r in lines[\"rates\"] for o in r[\"objects\"])")" = 5 ]' ||
    fail "$(cat "$work/seen")"
  at edge conntrack -D -p tcp --orig-dst "$vip"
  within 10 eval '[ "$(of_lines seen "len(lines[\"ended\"])")" = 5 ]'
  unwatch
  assert_equal "$(of_lines seen 'lines["start"][0]["countsBytes"], len(lines["new"]), {e["object"] for e in lines["new"] + lines["ended"]}')" \
    "(True, 5, {'Mapping shop/web'})"
  assert_equal "$(of_lines seen 'all(e["bytes"]["received"] > 100 and e["bytes"]["sent"] > 100 for e in lines["ended"])')" True
  # The same bytes, by whichever way they came to be known.
  assert_equal "$(of_lines seen 'sum(o["bytes"]["sent"] for r in lines["rates"] for o in r["objects"]) == sum(e["bytes"]["sent"] for e in lines["ended"])')" True
  assert_equal "$(of_lines seen '[(e["new"], e["ended"], e["lost"]) for e in lines["end"]]')" "[(5, 5, 0)]"
  assert_equal "$(at edge sysctl -n net.netfilter.nf_conntrack_acct)" 1
}

@test "watch: bytes of a connection that lives are counted while it does, and nothing is switched on" {
  edge_network
  at edge sysctl -qw net.netfilter.nf_conntrack_acct=1
  watching seen --json --interval 0.2
  spawn client "$work/bulk.log" python3 -I -S "$tools/client.py" hold "$vip" 80 --count 1 --stop "$work/stop"
  within 10 eval '[ "$(of_lines seen "sum(o[\"bytes\"][\"received\"] for r in lines[\"rates\"] for o in r[\"objects\"])")" -gt 500 ]' ||
    fail "$(cat "$work/seen")"
  assert_equal "$(of_lines seen 'lines["ended"]')" "[]"
  touch "$work/stop"
  unwatch
}

@test "watch: nothing that it cannot do is kept quiet, and no parameter is changed" {
  edge_network
  at edge sysctl -qw net.netfilter.nf_conntrack_acct=0
  socket=/nonexistent watching seen --duration 0.2
  wait "$watcher"
  has seen 'note  bytes are not shown: net.netfilter.nf_conntrack_acct is 0'
  has seen 'note  no running edge or agent is found here'
  assert_equal "$(at edge sysctl -n net.netfilter.nf_conntrack_acct)" 0
  at edge sysctl -qw net.netfilter.nf_conntrack_events=0
  watching seen --duration 0.2 --mapping shop/other
  wait "$watcher"
  has seen "note  $watched: connections are not told of: net.netfilter.nf_conntrack_events is 0"
  has seen 'note  Mapping shop/other is not known here now'
  watched=$net-switch watching seen --duration 0.2
  wait "$watcher"
  has seen "note  $net-switch: no connection is tracked now, and none is shown as long as no rule asks"
  assert_equal "$(at edge sysctl -n net.netfilter.nf_conntrack_events)" 0
}

@test "watch: what is selected, and when it ends" {
  edge_network
  watching wanted --json --address 198.51.100.77 --port 8080 --count 1
  ask tcp "$vip" 80
  ask tcp "$vip" 80 --source 198.51.100.77
  wait "$watcher"  # by itself, with exit status 0
  assert_equal "$(of_lines wanted '[e["packet"]["source"].split(":")[0] for e in lines["new"]]')" "['198.51.100.77']"
  run -3 "$PONA" diag watch --from-netns "$watched" --count 1 --port 9 --duration 0.2
  run -0 "$PONA" diag watch --from-netns "$watched" --port 9 --duration 0.2
  run -2 "$PONA" diag watch --address 10.0.0.256
  assert_output --partial 'is no address or network'
  run -2 "$PONA" diag watch --mapping web
  assert_output --partial 'is not NAMESPACE/NAME'
  run -2 "$PONA" diag watch --mapping shop/web --egress shop/web
  run -2 "$PONA" diag watch --sandboxes "$work/none" --pod shop/web-1
  assert_output --partial 'pod shop/web-1 is not known on this node'
  run -2 "$PONA" diag watch --from-netns "$net-none"
  run -2 "$PONA" diag watch --count 0
  run -5 setpriv --bounding-set=-all --inh-caps=-all "$PONA" diag watch --duration 0.2
  assert_output --partial 'this needs root'
}

@test "watch: an Egress, in the NAT pod, and by a pod's name" {
  load egress
  setup_egress
  egress
  pod client1 egress
  gateways nat1
  sandbox client1
  start_nat nat1
  start_agent
  within 10 leaves_by client1 nat1
  watched=$net-nat1
  watching seen --egress internet/egress
  at client1 python3 -I -S "$tools/client.py" tcp "$out" 8080
  has_soon seen "new   tcp $(ip4 client1):[0-9]+ > $out:8080  =>  $(ip4 nat1):[0-9]+ > $out:8080  Egress internet/egress, pod default/client1"
  unwatch
  watching pod --json --pod default/client1 --count 1
  at client1 python3 -I -S "$tools/client.py" tcp "$out" 8080
  wait "$watcher"
  assert_equal "$(of_lines pod 'lines["start"][0]["places"], lines["new"][0]["pod"]')" \
    "(['$net-nat1', 'pod default/client1'], 'pod default/client1')"
}

@test "watch: a terminal is left as it was, after Ctrl-C, SIGTERM and Ctrl-Z, in any size" {
  edge_network
  local end
  for end in key SIGTERM SIGHUP; do
    run "$tools/pty_watch.py" "$end" -- "$PONA" diag watch --from-netns "$watched" --socket "$work/edge.sock" --interval 0.2
    assert_output "as it was"
  done
}

@test "watch: names of others reach no terminal as what it obeys" {
  edge_network
  mkdir "$work/sandboxes"
  printf '{"containerID":"c1","ifName":"eth0","netns":"/run/netns/none","pod":{"namespace":"shop","name":"a\\u001b]0;title\\u0007\\nFORGED\\u202e","uid":"u"},"addresses":["%s"]}\n' \
    "$client" >"$work/sandboxes/c1:eth0.json"
  watching seen --interval 0.2
  ask tcp "$vip" 80
  has_soon seen 'pod shop/a\?\]0;title'
  unwatch
  spawn client "$work/load.log" python3 -I -S "$tools/client.py" load "$vip" 80 --count 1 --stop "$work/stop"
  run "$tools/pty_watch.py" key --screen "$work/screen" -- "$PONA" diag watch --from-netns "$watched" \
    --socket "$work/edge.sock" --sandboxes "$work/sandboxes" --interval 0.2
  assert_output "as it was"
  touch "$work/stop"
  grep -q 'a?\]0;title' "$work/screen"
  run grep -cP '\x1b\]|^FORGED|\x{202e}' "$work/seen" "$work/screen"
  assert_output "$work/seen:0"$'\n'"$work/screen:0"
}

# Of the watcher, in kB.
memory() { awk '/^VmRSS/ { print $2 }' "/proc/$watcher/status"; }
# NUMBER: so many connections of UDP, each its own
flood() {
  at client python3 -I -S - "$vip" "$1" <<'PY'
import socket, sys
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sent = 0
while sent < int(sys.argv[2]):
    if sent % 60000 == 0:
        sock.close()
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.sendto(b"x", (sys.argv[1], 1 + sent % 60000))
    sent += 1
PY
}

@test "watch: a flood is counted, not kept; what the kernel has no room for is told" {
  edge_network
  at edge sysctl -qw net.netfilter.nf_conntrack_acct=1
  watching seen --json --interval 0.2 --address "$client"
  flood 1000
  within 10 eval '[ "$(of_lines seen "sum(o[\"new\"] for r in lines[\"rates\"] for o in r[\"objects\"])")" -gt 900 ]' ||
    fail "$(tail -n 3 "$work/seen")"
  local before after
  before=$(memory)
  flood 20000
  within 20 eval 'of_lines seen "sum(r[\"skipped\"] for r in lines[\"rates\"]) > 0" | grep -q True'
  # It does not read while it is stopped, and the kernel's room for it is bounded.
  kill -STOP "$watcher"
  flood 60000
  kill -CONT "$watcher"
  within 20 eval 'of_lines seen "sum(r[\"lost\"] for r in lines[\"rates\"]) > 0" | grep -q True' ||
    fail "$(grep rates "$work/seen" | tail -n 3)"
  after=$(memory)
  assert [ "$((after - before))" -lt 40000 ]
  unwatch
  # Nothing is shown twice, nothing vanishes without a count.
  assert_equal "$(of_lines seen '[sum(map(len, (lines["new"], lines["ended"], [d for d in lines["drop"] if "more" not in d]))) + e["skipped"] >= e["new"] + e["ended"] for e in lines["end"]]')" "[True]"
  assert [ "$(wc -l <"$work/seen")" -lt 60000 ]
}

@test "watch: lines are bounded, and say how many are not shown" {
  edge_network
  watching seen --interval 0.2 --address "$client"
  flood 3000
  has_soon seen '… and [0-9,]+ more that are not shown'
  unwatch
  run grep -cE ' (new|drop) ' "$work/seen"
  assert [ "$output" -lt 3000 ]
  has seen 'end of the watch: .*; not shown: [0-9,]+'
}

@test "watch: nothing of it remains, not even after SIGKILL" {
  edge_network
  local before programs
  before=$(kernel_state edge)
  watching seen
  programs=$(cat "/proc/$watcher"/fdinfo/* | sed -n 's/^prog_id:[[:space:]]*//p' | sort -u)
  ! sees_drops seen || assert [ -n "$programs" ]
  assert_equal "$(kernel_state edge)" "$before"
  has_sockets() { at edge awk -v pid="$watcher" '$3 % 4194304 == pid { found = 1 } END { exit !found }' /proc/net/netlink; }
  has_sockets
  kill -9 "$watcher"
  wait "$watcher" || true
  within 10 refute has_sockets
  assert_equal "$(kernel_state edge)" "$before"
  # BPF_PROG_GET_FD_BY_ID
  gone_programs() {
    # shellcheck disable=SC2086  # words
    python3 - $programs <<'PY'
import ctypes, struct, sys
bpf = ctypes.CDLL(None, use_errno=True).syscall
for number in sys.argv[1:]:
    attribute = ctypes.create_string_buffer(struct.pack("IIII", int(number), 0, 0, 0), 128)
    machine = __import__("platform").machine()
    if bpf({"x86_64": 321}.get(machine, 280), 13, attribute, 128) >= 0:
        sys.exit(1)
PY
  }
  within 10 gone_programs
}
