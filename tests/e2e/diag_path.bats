#!/usr/bin/env bats
# pona diag trace where no pona runs: any path of a Linux host, and tunnels by hand.
# shellcheck disable=SC2030,SC2031,SC2154  # bats: tests are subshells; egress.bash sets variables
bats_require_minimum_version 1.5.0

setup() {
  load common
  load network
  load faults
  begin_network
}
teardown() { teardown_network; }

# HOST PEER HOST-ADDRESS PEER-ADDRESS: a cable, whose ends are called like the other one
cable() {
  add_leg "$1" "$2" "$2" "$1" - "$3"
  ip -n "$net-$2" address add "$4" dev "$1"
}
listen() {
  spawn "$1" "$work/$1.log" python3 -I -S "$tools/server.py" "$1" "$2" 5353
  within 10 grep -q ready "$work/$1.log"
}

@test "diag: D210: a triangle of routes: the answer takes another way, and arrives" {
  local host
  for host in near far; do add_host "$host" 0 0; done
  for host in r1 r2; do add_host "$host" 0 1; done
  cable near r1 10.0.1.1/24 10.0.1.2/24
  cable r1 far 10.0.2.2/24 10.0.2.1/24
  cable far r2 10.0.3.1/24 10.0.3.2/24
  cable r2 near 10.0.4.2/24 10.0.4.1/24
  at near ip route add 10.0.2.0/24 via 10.0.1.2
  at far ip route add 10.0.1.0/24 via 10.0.3.2
  at r2 ip route add 10.0.1.1/32 via 10.0.4.1
  listen far 8080
  warns_of PONA-D210 r2 trace --from-netns "$net-near" 10.0.2.1:8080
  run of_trace 't["symmetric"]'
  assert_output False
  at far ip route change 10.0.1.0/24 via 10.0.2.2
  healthy trace --from-netns "$net-near" 10.0.2.1:8080
}

@test "diag: next hops are ways of their own, and the one that the kernel takes is traced" {
  local host
  for host in near far; do add_host "$host" 0 0; done
  for host in r1 r2; do add_host "$host" 0 1; done
  cable near r1 10.0.1.1/24 10.0.1.2/24
  cable r1 far 10.0.2.2/24 10.0.2.1/24
  cable far r2 10.0.3.1/24 10.0.3.2/24
  cable r2 near 10.0.4.2/24 10.0.4.1/24
  at near ip address add 192.0.2.1/32 dev lo
  at far ip address add 198.51.100.1/32 dev lo
  at near ip route add 198.51.100.1/32 src 192.0.2.1 nexthop via 10.0.1.2 weight 1 nexthop via 10.0.4.2 weight 3
  at far ip route add 192.0.2.1/32 nexthop via 10.0.2.2 nexthop via 10.0.3.2
  at r1 ip route add 198.51.100.1/32 via 10.0.2.1
  at r1 ip route add 192.0.2.1/32 via 10.0.1.1
  at r2 ip route add 198.51.100.1/32 via 10.0.3.1
  at r2 ip route add 192.0.2.1/32 via 10.0.4.1
  listen far 8080
  trace --from-netns "$net-near" 198.51.100.1:8080
  assert_equal "$(of_trace 't["result"], t["live"], t["differences"]')" "('ok', True, [])"
  run of_trace 't["choices"]'
  assert_output --partial "via 10.0.1.2 dev r1 weight 1"
  assert_output --partial "via 10.0.4.2 dev r2 weight 3"
  # One of them is broken: it is found, whichever the kernel takes.
  at r1 ip route replace blackhole 198.51.100.1/32
  at r2 ip route replace blackhole 198.51.100.1/32
  trace --from-netns "$net-near" 198.51.100.1:8080
  assert_equal "$(of_trace 't["findings"][0]["code"]')" PONA-D212
  at r1 ip route replace 198.51.100.1/32 via 10.0.2.1
  run "$PONA" diag trace --from-netns "$net-near" 198.51.100.1:8080 --all-endpoints --no-live
  echo "$output"
  assert_output --partial "PONA-D212"
  assert_output --partial "delivered and answered"
}

@test "diag: D227: an IPsec policy blocks, and what one takes is said to leave inside IPsec" {
  line
  ip -n "$net-router" xfrm policy || skip "a kernel without IPsec"
  healthy trace --from-netns "$net-near" 10.0.2.1:8080
  local direction command
  for direction in fwd out; do
    at router ip xfrm policy add src 10.0.1.0/24 dst 10.0.2.0/24 dir "$direction" action block
    fails_with PONA-D227 router trace --from-netns "$net-near" 10.0.2.1:8080
    agreed
    command=$(of_trace 't["findings"][0]["fix"][1]["command"]')
    at router sh -c "${command#ip netns exec "$net-router" }"
    healthy trace --from-netns "$net-near" 10.0.2.1:8080
  done
  # Without keys nothing leaves.
  at router ip xfrm policy add src 10.0.1.0/24 dst 10.0.2.0/24 dir out tmpl src 10.0.2.2 dst 10.0.2.9 proto esp reqid 1 mode tunnel
  trace --from-netns "$net-near" 10.0.2.1:8080 --no-live
  assert_equal "$trace_status" 3
  run of_trace 't["steps"][-1]["text"], t["assumptions"]'
  assert_output --partial 'IPsec policy "src 10.0.1.0/24 dst 10.0.2.0/24 dir out tmpl esp to 10.0.2.9" takes it'
  assert_output --partial 'no security association'
  run of_trace '[s["text"] for s in t["steps"] if s["action"] == "leave"]'
  assert_output --partial 'leaves inside IPsec to 10.0.2.9'
}

@test "diag: D228: a transparent proxy needs its routing rule, and takes what is for others" {
  line
  healthy trace --from-netns "$net-near" 10.0.2.1:8080
  at router nft -f - <<<'table inet tp { chain pre { type filter hook prerouting priority mangle; tcp dport 8080 meta l4proto tcp tproxy to :50080 meta mark set 1 accept; }; }'
  # Nobody listens there: it goes on.
  healthy trace --from-netns "$net-near" 10.0.2.1:8080
  spawn router "$work/proxy.log" python3 -I -S -c '
import socket, time
s = socket.socket(); s.setsockopt(socket.SOL_IP, 19, 1); s.bind(("0.0.0.0", 50080)); s.listen(5)
print("ready", flush=True); time.sleep(600)'
  within 10 grep -q ready "$work/proxy.log"
  fails_with PONA-D228 router trace --from-netns "$net-near" 10.0.2.1:8080
  agreed
  local i command
  for i in 0 1; do
    command=$(of_trace 't["findings"][0]["fix"]['$i']["command"]')
    at router sh -c "${command#ip netns exec "$net-router" }"
  done
  healthy trace --from-netns "$net-near" 10.0.2.1:8080
  run of_trace '[s["text"] for s in t["steps"]]'
  assert_output --partial 'to the transparent proxy on port 50080'
}

@test "diag: SCTP: a real INIT is answered by an INIT ACK, or refused" {
  line
  trace --from-netns "$net-near" --sctp 10.0.2.1:3868
  assert_equal "$(of_trace 't["live"], t["findings"][0]["code"]')" "(True, 'PONA-D301')"
  run of_trace 't["findings"][0]["why"]'
  assert_output --partial "10.0.2.1 was reached, and refuses it with an ICMP error: nothing listens on port 3868"
  spawn far "$work/sctp.log" python3 "$tools/sctp.py" answer
  within 5 grep -q ready "$work/sctp.log"
  trace --from-netns "$net-near" --sctp 10.0.2.1:3868
  assert_equal "$(of_trace 't["result"], t["live"], t["answered"], t["differences"]')" "('ok', True, True, [])"
  grep -q "10.0.1.1 [0-9]* 3868 good" "$work/sctp.log"
}

@test "diag: D205: what is too large is so before the rules of what is forwarded see it" {
  line
  at router ip link set far mtu 1400
  at router nft -f - <<<'table inet fw { chain forward { type filter hook forward priority 0; ip saddr 10.0.1.1 icmp type echo-request counter drop; }; }'
  "$PONA" diag trace --from-netns "$net-router" --watch --icmp --in near 10.0.1.1 to 10.0.2.1 -o json \
    >"$work/trace.json" 2>"$work/trace.err" 3>&- &
  local watcher=$!
  echo "$watcher" >>"$work/pids"
  within 10 eval 'at router nft list tables | grep -q pona-diag'
  run at near ping -c 1 -W 1 -M "do" -s 1450 10.0.2.1
  assert_failure
  wait "$watcher" || true
  show_trace
  assert_equal "$(of_trace 't["findings"][0]["code"]')" PONA-D205
  assert_equal "$(of_trace 't["differences"]')" "[]"
  run at router nft list chain inet fw forward
  assert_output --partial "counter packets 0"
}

@test "diag: D208: a tunnel through a Service clashes with an entry the other way round" {
  local host
  for host in client nat; do add_host "$host" 0 1; done
  add_host node 0 1
  cable client node 10.0.1.1/24 10.0.1.2/24
  cable nat node 10.0.2.1/24 10.0.2.2/24
  at client ip route add default via 10.0.1.2
  at nat ip route add default via 10.0.2.2
  at node nft -f - <<<'table ip kube { chain pre { type nat hook prerouting priority -100; ip daddr 10.96.0.10 dnat to 10.0.2.1; }; }'
  at client ip link add vx type vxlan id 7 remote 10.96.0.10 dstport 4790 srcport 4790 4791 nolearning
  at nat ip link add vx type vxlan id 7 remote 10.0.1.1 dstport 4790 srcport 4790 4791 nolearning
  # Nothing else speaks through it.
  at client sysctl -qw net.ipv6.conf.vx.disable_ipv6=1
  at nat sysctl -qw net.ipv6.conf.vx.disable_ipv6=1
  at client ip address add 172.31.0.1/24 dev vx
  at nat ip address add 172.31.0.2/24 dev vx
  at client ip link set vx up
  at nat ip link set vx up
  listen nat 8080
  # What was said until now was remembered in the order in which it came.
  at node conntrack -F 2>/dev/null || true
  at node conntrack -I -p udp -s 10.0.2.1 -d 10.0.1.1 --sport 4790 --dport 4790 --timeout 100 \
    --reply-src 10.0.1.1 --reply-dst 10.0.2.1 --reply-port-src 4790 --reply-port-dst 4790
  warns_of PONA-D208 node trace --from-netns "$net-client" 172.31.0.2:8080
}

# HOST WORDS…: as on a machine of its own, which sees no namespace but this one
alone() {
  local host=$1
  shift
  ip netns exec "$net-$host" unshare --mount --pid --fork --mount-proc \
    sh -c 'mount -t tmpfs none /run/netns && exec "$@"' sh "$PONA" diag "$@"
}

line() {
  add_host near 0 0
  add_host router 0 1
  add_host far 0 0
  cable near router 10.0.1.1/24 10.0.1.2/24
  cable far router 10.0.2.1/24 10.0.2.2/24
  at near ip route add default via 10.0.1.2
  at far ip route add default via 10.0.2.2
  listen far 8080
}

@test "diag: --watch follows the next real packet, and sends none" {
  line
  "$PONA" diag trace --from-netns "$net-router" --watch --in near 10.0.1.1 to 10.0.2.1:8080 -o json \
    >"$work/trace.json" 2>"$work/trace.err" 3>&- &
  local watcher=$!
  echo "$watcher" >>"$work/pids"
  within 10 eval 'at router nft list tables | grep -q pona-diag'
  at near python3 -I -S "$tools/client.py" tcp 10.0.2.1 8080
  wait "$watcher"
  assert_equal "$(of_trace 't["result"], t["answered"], t["findings"]')" "('ok', True, [])"
  assert_equal "$(of_trace 't["probe"]["source"]')" 10.0.1.1
  run at router nft list tables
  refute_output --partial pona-diag
  # Nothing comes: that is said, and is no failure of the path.
  trace --from-netns "$net-router" --watch --timeout 0.2 --in near 10.0.1.1 to 10.0.2.1:8080
  assert_equal "$trace_status" 3
}

@test "diag: merge joins what the hosts saw of one packet, whose namespaces neither sees" {
  line
  alone far trace --watch 10.0.1.1 to 10.0.2.1:8080 -o json >"$work/far.json" 2>"$work/far.err" 3>&- &
  local watcher=$!
  echo "$watcher" >>"$work/pids"
  within 10 eval 'at far nft list tables | grep -q pona-diag'
  run alone near trace 10.0.2.1:8080 -o json
  echo "$output" >"$work/near.json"
  wait "$watcher" || true
  run --separate-stderr "$PONA" diag merge "$work/near.json" "$work/far.json" --reply
  echo "$output$stderr"
  assert_success
  assert_output --partial "delivered and answered"
  assert_output --partial "DELIVERED"
  # The same the other way round; another packet's trace is refused.
  run --separate-stderr "$PONA" diag merge "$work/far.json" "$work/near.json" -o json
  assert_success
  alone near trace 10.0.2.1:8080 -o json >"$work/other.json"
  run "$PONA" diag merge "$work/other.json" "$work/far.json"
  assert_failure 2
  assert_output --partial "different packets"
  echo '{"schema": 1}' >"$work/no.json"
  run "$PONA" diag merge "$work/near.json" "$work/no.json"
  assert_failure 2
  assert_output --partial "no.json: it is no trace of pona diag"
}
