#!/usr/bin/env bats
# What pona diag trace says to who asks: mistakes of the command line, missing privileges, remedies that
# are commands which work as they are printed.
# shellcheck disable=SC2154  # the network's names
bats_require_minimum_version 1.5.0

setup() {
  load common
  load network
  begin_network
  for host in client router server; do add_host "$host" 0 1; done
  add_leg client eth0 router in - 10.1.0.2/24 fd01::2/64
  add_leg server eth0 router out - 10.2.0.2/24 fd02::2/64
  ip -n "$net-router" address add 10.1.0.1/24 dev in
  ip -n "$net-router" address add 10.2.0.1/24 dev out
  ip -n "$net-client" route add default via 10.1.0.1
  ip -n "$net-server" route add default via 10.2.0.1
}
teardown() { teardown_network; }

trace() { "$PONA" diag trace --sandboxes "$work/sandboxes" --socket "$work/edge.sock" "$@"; }
from_client() { trace --from-netns "$net-client" "$@"; }

serve() {
  spawn server "$work/server" python3 -I -m http.server 8080 --bind 10.2.0.2
  within 5 at server python3 -I -c 'import socket; socket.create_connection(("10.2.0.2", 8080))'
}

# Commands of the text, without their letters.
fixes() { sed -n 's/^FIX  *[a-z]) //p' <<<"$output"; }

# CODE: it fails by this code; the first remedy, run as it is printed, mends it.
mended() {
  run -1 from_client 10.2.0.2:8080
  assert_line --regexp "^FAIL +$1 "
  local command
  command=$(fixes | head -n 1)
  bash -c "$command" || fail "does not work: $command"
  run -0 from_client 10.2.0.2:8080
  assert_line --regexp '^OK +delivered and answered'
}

@test "diag: mistakes of the command line end with 2, and the words say what to write" {
  wrong() {
    local said=$1
    shift
    run -2 --separate-stderr trace "$@"
    assert_equal "$output" ""
    [[ $stderr == *"$said"* ]] || fail "$* says: $stderr"
  }
  wrong 'where to?'
  wrong 'no destination: say an address and a port' shop
  wrong 'names are not looked up' web.example.com:80
  wrong 'Say 10.2.0.2:PORT, or --icmp' 10.2.0.2
  wrong 'Say [fd02::2]:PORT' fd02::2
  wrong '"99999" is no port' 10.2.0.2:99999
  wrong '"10.2.0.9:3" is one word too many' 10.2.0.1 to 10.2.0.2:80 10.2.0.9:3
  wrong 'say pod/NAMESPACE/NAME' pod/web to 10.2.0.2:80
  wrong 'pod shop/web is not known on this node' pod/shop/web to 10.2.0.2:80
  wrong 'say a name of "ip netns list"' --from-netns nowhere 10.2.0.2:80
  wrong 'is no network namespace' --from-netns /etc/passwd 10.2.0.2:80
  wrong "say \"to\", or quote '->'" 10.1.0.2 - 10.2.0.2:80
  wrong 'are of different families' 10.1.0.2 to '[fd02::2]:80'
  wrong "there is no interface eth7 at $net-router" --from-netns "$net-router" 10.1.0.9 to 10.2.0.2:80 --in eth7
  wrong 'there is no code "999"' --explain 999
  wrong 'excludes' --udp --icmp 10.2.0.2:80
}

@test "diag: the arrow, to, and no word between source and destination are the same" {
  serve
  run -0 from_client 10.1.0.2 '->' 10.2.0.2:8080
  run -0 from_client 10.1.0.2 to 10.2.0.2:8080
  run -0 from_client 10.1.0.2 10.2.0.2:8080
}

@test "diag: codes are explained by number and name, without a trace and without privileges" {
  run -0 trace --explain PONA-D104
  assert_line 'PONA-D104 policy-drop: dropped by a chain'"'"'s policy'
  local first=$output one
  for one in pona-d104 D104 104 policy-drop; do
    run -0 setpriv --reuid=nobody --regid=nogroup --clear-groups "$PONA" diag trace --explain "$one"
    assert_equal "$output" "$first"
  done
}

@test "diag: without privileges nothing is said to be well: exit status 5, and why" {
  serve
  local how
  for how in --no-live --json --reply; do
    run -5 --separate-stderr setpriv --reuid=nobody --regid=nogroup --clear-groups \
      "$PONA" diag trace "$how" --from-netns "$net-client" 10.2.0.2:8080
    assert_equal "$output" ""
    [[ $stderr == *'nothing was traced'*'needs root'* ]] || fail "$stderr"
  done
}

@test "diag: records of pods that must not be read: exit status 5, and not that there is no such pod" {
  mkdir -m 700 "$work/sandboxes"
  chmod 711 "$work"
  run -5 setpriv --reuid=nobody --regid=nogroup --clear-groups \
    "$PONA" diag trace --sandboxes "$work/sandboxes" pod/shop/web to 10.2.0.2:80
  assert_output --partial 'needs root'
}

@test "diag: rules that cannot be read: exit status 5, whatever they are" {
  serve
  at router nft -f - <<<'table inet fw { chain f { type filter hook forward priority 0; policy drop; }; }'
  local how
  for how in --reply --no-live; do
    run -5 setpriv --bounding-set=-net_admin --inh-caps=-net_admin \
      "$PONA" diag trace "$how" --from-netns "$net-client" 10.2.0.2:8080
    assert_output --partial 'rules cannot be read'
    assert_output --partial 'CAP_NET_ADMIN'
    refute_line --regexp '^OK'
  done
}

@test "diag: remedies run as they are printed: forwarding, routes, rp_filter, links" {
  serve
  run -0 from_client 10.2.0.2:8080
  at router sysctl -qw net.ipv4.conf.in.forwarding=0
  mended PONA-D202
  at router ip route add blackhole 10.2.0.2/32
  mended PONA-D212
  at router ip route add 10.1.0.2/32 dev out
  at router sysctl -qw net.ipv4.conf.in.rp_filter=1
  run -1 from_client 10.2.0.2:8080
  assert_line --regexp '^FAIL +PONA-D201 '
  at router ip route del 10.1.0.2/32 dev out
  at router sysctl -qw net.ipv4.conf.in.rp_filter=0
  at router ip link set out down
  run -1 from_client 10.2.0.2:8080
  refute_line --regexp '^OK'
  at router ip link set out up
}

@test "diag: remedies run as they are printed: rules by nft and by iptables" {
  serve
  at router nft -f - <<<'table inet fw { chain f { type filter hook forward priority 0; policy drop; ct state established accept; }; }'
  mended PONA-D104
  at router nft delete table inet fw
  at router nft -f - <<<'table inet fw { chain f { type filter hook forward priority 0; tcp dport 8080 reject; }; }'
  mended PONA-D102
  at router nft delete table inet fw
  at router iptables-nft -A FORWARD -p tcp --dport 8080 -j DROP
  mended PONA-D101
}

@test "diag: a packet to this host itself is not taken for one with a forged source" {
  run -1 from_client 127.0.0.1:9
  assert_line --regexp '^FAIL +PONA-D301 '
  assert_line --partial 'connection refused'
  run -1 from_client 10.1.0.2:9
  assert_line --regexp '^FAIL +PONA-D301 '
  run -0 from_client --icmp 127.0.0.1
}

@test "diag: an ICMP error about a translated packet is led back to who sent it" {
  at router nft -f - <<<'table ip n { chain post { type nat hook postrouting priority srcnat; oifname "out" masquerade; }; }'
  run -1 from_client --udp 10.2.0.2:9
  assert_line --regexp '^FAIL +PONA-D301 '
  assert_equal "$(grep -cE '^(FAIL|WARN)' <<<"$output")" 1
}

@test "diag: a UDP probe and its answer are seen where they pass" {
  at server python3 -I -c 'import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("10.2.0.2", 5353))
while True: s.sendto(b"something else", s.recvfrom(99)[1])' >"$work/udp" 2>&1 3>&- &
  echo $! >>"$work/pids"
  within 5 eval 'at server ss -Hlun sport = :5353 | grep -q .'
  run -0 from_client --udp 10.2.0.2:5353
  assert_line --regexp '^LIVE +a real packet was seen at [0-9]+ of [0-9]+ steps, its answer came after'
}

@test "diag: what it comes to has a colour on a terminal, and nowhere else" {
  serve
  local esc=$'\e'
  run -0 from_client 10.2.0.2:8080
  refute_output --partial "$esc"
  TERM=xterm run -0 script -qec "$PONA diag trace --from-netns $net-client 10.2.0.2:8080" /dev/null
  assert_output --partial "${esc}[1;32mOK${esc}[0m"
  TERM=xterm NO_COLOR=1 run -0 script -qec "$PONA diag trace --from-netns $net-client 10.2.0.2:8080" /dev/null
  refute_output --partial "$esc"
}
