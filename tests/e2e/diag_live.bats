#!/usr/bin/env bats
# The live phase of a trace (net/probe): one packet, and what is seen of it in three namespaces. Asked
# by tests/probe, which prints each observation as a line.
# shellcheck disable=SC2154  # the network's names
bats_require_minimum_version 1.5.0

setup() {
  load common
  load network
  PONA_PROBE=${PONA_PROBE:-$top/build/dev/tests/probe}
  [ -x "$PONA_PROBE" ] || skip "tests/probe is not built"
  begin_network
  places=()
  for host in client router server; do
    add_host "$host" 0 1
    places+=(--place "$host=/run/netns/$net-$host")
  done
  add_leg client eth0 router in - 10.1.0.2/24 fd01::2/64
  add_leg server eth0 router out - 10.2.0.2/24 fd02::2/64
  ip -n "$net-router" address add 10.1.0.1/24 dev in
  ip -n "$net-router" address add fd01::1/64 dev in
  ip -n "$net-router" address add 10.2.0.1/24 dev out
  ip -n "$net-router" address add fd02::1/64 dev out
  ip -n "$net-client" route add default via 10.1.0.1
  ip -n "$net-client" route add default via fd01::1
  ip -n "$net-server" route add default via 10.2.0.1
  ip -n "$net-server" route add default via fd02::1
  at router nft -f - <<'RULES'
table inet lab {
  chain in_nat {
    type nat hook prerouting priority dstnat
    ip daddr 10.9.9.9 tcp dport 80 dnat ip to 10.2.0.2:8080
    ip6 daddr fd09::9 tcp dport 80 dnat ip6 to [fd02::2]:8080
  }
  chain passing {
    type filter hook forward priority filter
    tcp dport 666 drop
  }
  chain out_nat {
    type nat hook postrouting priority srcnat
    oifname "out" masquerade
  }
}
RULES
}
teardown() { teardown_network; }

serve() {
  spawn server "$work/server" python3 -m http.server 8080 --bind ::
  within 5 at server python3 -c 'import socket; socket.create_connection(("127.0.0.1", 8080))'
}

probe() { "$PONA_PROBE" "${places[@]}" "$@"; }

no_trace_left() {
  local host
  for host in client router server; do
    run -0 at "$host" nft list tables
    refute_output --partial pona-diag
  done
}

handle_of() { at router nft -a list chain inet lab "$1" | sed -n "/$2/s/.*# handle //p"; }

@test "live trace: seen at each hook, with the translations and their rules" {
  serve
  run -0 probe --from client tcp 10.1.0.2:40000 10.9.9.9:80
  local route='10\.1\.0\.2:40000 > 10\.9\.9\.9:80 SYN'
  local inside='10\.1\.0\.2:40000 > 10\.2\.0\.2:8080 SYN'
  local behind='10\.2\.0\.1:40000 > 10\.2\.0\.2:8080 SYN'
  assert_line --regexp "^client .* arm-output-tcp .*$route"
  assert_line --regexp "^client .* see-postrouting .*$route"
  assert_line --regexp "^router .* arm-prerouting-tcp .* in in .*$route"
  assert_line --regexp "^router rule inet lab in_nat handle $(handle_of in_nat 10.9.9.9) accept .*$route"
  assert_line --regexp "^router .* see-prerouting .*$inside"
  assert_line --regexp "^router .* see-forward .* in in out out .*$inside"
  assert_line --regexp "^router rule inet lab out_nat handle $(handle_of out_nat masquerade) accept .*$inside"
  assert_line --regexp "^router .* see-postrouting .*$behind"
  assert_line --regexp "^server .* see-input .*$behind"
  # The way back, by packets.
  assert_line --regexp "^server packet out eth0 reply .* 10\.2\.0\.2:8080 > 10\.2\.0\.1:40000 SYN ACK"
  assert_line --regexp "^client packet in eth0 reply .* 10\.9\.9\.9:80 > 10\.1\.0\.2:40000 SYN ACK"
  assert_line --regexp "^router connection new [0-9]+ .*10\.1\.0\.2:40000 > 10\.9\.9\.9:80 .* reply .*10\.2\.0\.2:8080 > 10\.2\.0\.1:40000"
  assert_line --regexp "^router connection found [0-9]+ seen-reply .*snat dnat .*10\.1\.0\.2:40000 > 10\.9\.9\.9:80"
  refute_output --partial lost
  # One packet, no more.
  assert_equal "$(grep -c '^client packet out eth0 request' <<<"$output")" 1
  no_trace_left
}

@test "live trace: IPv6, with a translation" {
  serve
  run -0 probe --from client tcp '[fd01::2]:40000' '[fd09::9]:80'
  assert_line --regexp '^router .* see-postrouting .*\[fd02::1\]:40000 > \[fd02::2\]:8080 SYN'
  assert_line --regexp '^client packet in eth0 reply .*\[fd09::9\]:80 > \[fd01::2\]:40000 SYN ACK'
  assert_line --regexp '^router connection new .*\[fd09::9\]:80'
}

@test "live trace: UDP and echoes of both families" {
  run -0 probe --from client udp 10.1.0.2:40000 10.2.0.2:53
  assert_line --regexp '^server packet in eth0 request .*udp 10\.2\.0\.1:40000 > 10\.2\.0\.2:53'
  assert_line --regexp '^client packet in eth0 error .*icmp 10\.2\.0\.2 > 10\.1\.0\.2 type 3 code 3'
  assert_line --regexp '^router connection new .*udp 10\.1\.0\.2:40000'
  # An entry that was there before is no news, but what the packet met.
  run -0 probe --from client udp 10.1.0.2:40000 10.2.0.2:53
  refute_line --regexp '^router connection new'
  assert_line --regexp '^router connection found [0-9]+ snat .*udp 10\.1\.0\.2:40000'
  run -0 probe --from client icmp 10.1.0.2 10.2.0.2
  assert_line --regexp '^client packet in eth0 reply .*icmp 10\.2\.0\.2 > 10\.1\.0\.2 type 0'
  run -0 probe --from client icmp fd01::2 fd02::2
  assert_line --regexp '^client packet in eth0 reply .*icmpv6 fd02::2 > fd01::2 type 129'
  assert_line --regexp '^router rule inet lab out_nat .*icmpv6 fd01::2 > fd02::2'
  assert_line --regexp '^router connection found [0-9]+ seen-reply .*icmpv6 \[fd01::2\]'
}

@test "live trace: a rule that drops, by its handle, and the kernel's reason" {
  run -0 probe --from client tcp 10.1.0.2:40000 10.2.0.2:666
  assert_line --regexp "^router rule inet lab passing handle $(handle_of passing 666) drop .*10\.2\.0\.2:666"
  refute_line --regexp '^server packet'
  if [[ $output == *'drop reason: not available'* ]]; then return; fi
  assert_line --regexp '^router drop [0-9]+ NETFILTER_DROP request .*10\.1\.0\.2:40000 > 10\.2\.0\.2:666'
}

@test "live trace: no route, and a neighbour that does not answer" {
  run -0 probe --from client tcp 10.1.0.2:40000 192.0.2.1:80
  assert_line --regexp '^client packet in eth0 error .*icmp 10\.1\.0\.1 > 10\.1\.0\.2 type 3 code 0'
  run -0 probe --longest 8000 --from client tcp 10.1.0.2:40000 10.2.0.99:80
  assert_line --regexp '^client packet in eth0 error .*icmp 10\..* type 3 code 1'
  refute_line --regexp '^router packet out out request'
  if [[ $output == *'drop reason: not available'* ]]; then return; fi
  assert_line --regexp '^router drop [0-9]+ NEIGH_FAILED request'
}

@test "live trace: a packet as if from the wire, of a client that is nowhere" {
  serve
  run probe --wire router:in tcp 10.77.0.7:40000 10.9.9.9:80
  assert_success
  assert_line --regexp '^router packet in in request .*10\.77\.0\.7:40000 > 10\.9\.9\.9:80 SYN'
  assert_line --regexp '^server packet in eth0 request .*10\.2\.0\.1:40000 > 10\.2\.0\.2:8080 SYN'
  assert_line --regexp '^router .* see-prerouting .*10\.2\.0\.2:8080 > 10\.77\.0\.7:40000 SYN ACK'
  assert_equal "$(grep -c '^server packet in eth0 request' <<<"$output")" 1
}

@test "live trace: through VXLAN, found inside" {
  ip -n "$net-client" link add tunnel type vxlan id 7 remote 10.2.0.2 dstport 4789 dev eth0
  ip -n "$net-server" link add tunnel type vxlan id 7 remote 10.1.0.2 dstport 4789 dev eth0
  at router nft flush table inet lab
  local host number=2
  for host in client server; do
    ip -n "$net-$host" address add "10.3.0.$number/24" dev tunnel
    ip -n "$net-$host" link set tunnel up
    number=$((number + 1))
  done
  serve
  run -0 probe --tunnel vxlan:4789 --from client tcp 10.3.0.2:40000 10.3.0.3:8080
  assert_line --regexp '^client packet out tunnel request .*10\.3\.0\.2:40000 > 10\.3\.0\.3:8080 SYN'
  assert_line --regexp '^router packet in in request .*10\.1\.0\.2:[0-9]+ > 10\.2\.0\.2:4789 .*\[tcp 10\.3\.0\.2:40000 > 10\.3\.0\.3:8080 SYN'
  assert_line --regexp '^router .* see-forward .*udp 10\.1\.0\.2:[0-9]+ > 10\.2\.0\.2:4789'
  assert_line --regexp '^server .* see-input .* in tunnel .*10\.3\.0\.3:8080 SYN'
  assert_line --regexp '^client packet in tunnel reply '
}

@test "live trace: two at once do not mix" {
  serve
  probe --from client --window 1500 tcp 10.1.0.2:41001 10.9.9.9:80 >"$work/one" 3>&- &
  local one=$!
  probe --from client --window 1500 tcp 10.1.0.2:41002 10.9.9.9:80 >"$work/two" 3>&-
  wait "$one"
  run -0 cat "$work/one"
  assert_line --regexp '^server .* see-input .*:41001 '
  assert_line --regexp '^client packet in eth0 reply'
  refute_output --partial 41002
  run -0 cat "$work/two"
  assert_line --regexp '^server .* see-input .*:41002 '
  refute_output --partial 41001
  no_trace_left
}

@test "live trace: nothing remains of one that is killed" {
  mkfifo "$work/hold"
  sleep 60 >"$work/hold" 3>&- &
  echo $! >>"$work/pids"
  "$PONA_PROBE" "${places[@]}" --hold --from client tcp 10.1.0.2:40000 10.9.9.9:80 \
    <"$work/hold" >"$work/out" 3>&- &
  local pid=$!
  echo "$pid" >>"$work/pids"
  within 5 grep -q '^armed' "$work/out"
  local table
  table=$(sed -n 's/^armed //p' "$work/out")
  run -0 at router nft list tables
  assert_output --partial "$table"
  # Another's flush leaves it in place: it is owned.
  at router nft flush ruleset
  run -0 at router nft list tables
  assert_output --partial "$table"
  kill -9 "$pid"
  wait "$pid" || true
  within 5 gone "$pid"
  no_trace_left
}

@test "live trace: traffic that only looks like the probe is not traced" {
  serve
  # shellcheck disable=SC2094  # it waits for what is written
  probe --hold --from client tcp 10.1.0.2:40000 10.9.9.9:80 < <(
    within 10 grep -q '^armed' "$work/out"
    at client python3 -c '
import socket
for i in range(20): socket.create_connection(("10.9.9.9", 80)).close()'
    echo go
  ) >"$work/out"
  run -0 cat "$work/out"
  assert_line --regexp '^client packet in eth0 reply'
  refute_line --regexp ' > 10\.9\.9\.9:80 .*FIN'
  assert_equal "$(grep -c '^client packet out eth0 request' <<<"$output")" 1
}

@test "live trace: the next real packet of a flow, and no other" {
  serve
  "$PONA_PROBE" "${places[@]}" --watch 20000 tcp - 10.9.9.9:80 10.2.0.2:8080 >"$work/out" 3>&- &
  local pid=$!
  echo "$pid" >>"$work/pids"
  within 5 grep -q '^armed' "$work/out"
  at client python3 -c '
import socket
socket.create_connection(("10.2.0.2", 8080)).close()
for i in range(5):
    s = socket.create_connection(("10.9.9.9", 80))
    s.sendall(b"GET / HTTP/1.0\r\n\r\n")
    while s.recv(4096): pass
    s.close()'
  wait "$pid"
  run -0 cat "$work/out"
  # The first of them was to the other address.
  assert_line --regexp '^client packet out eth0 request .* > 10\.2\.0\.2:8080 SYN'
  assert_line --regexp '^router .* see-postrouting .*10\.2\.0\.1:[0-9]+ > 10\.2\.0\.2:8080 SYN'
  assert_line --regexp '^server .* see-input .* > 10\.2\.0\.2:8080 SYN'
  assert_line --regexp '^client packet in eth0 reply .*10\.2\.0\.2:8080 > .* SYN ACK'
  refute_output --partial 10.9.9.9
  refute_line --regexp 'pona-diag.* FIN'
  assert_equal "$(grep -c '^client packet out eth0 request' <<<"$output")" 1
  no_trace_left
}

@test "live trace: between the ports of a bridge" {
  add_bridge router ports
  add_leg client eth1 router left ports 10.4.0.2/24
  add_leg server eth1 router right ports 10.4.0.3/24
  at router nft -f - <<'RULES'
table bridge lab {
  chain passing {
    type filter hook forward priority filter
    ip daddr 10.4.0.3 tcp dport 666 drop
  }
}
RULES
  serve
  run -0 probe --from client tcp 10.4.0.2:40000 10.4.0.3:8080
  assert_line --regexp '^router .* bridge pona-diag-[0-9a-f]+ see-forward .* in left out right .*10\.4\.0\.3:8080 SYN'
  assert_line --regexp '^client packet in eth1 reply'
  run -0 probe --from client tcp 10.4.0.2:40000 10.4.0.3:666
  assert_line --regexp '^router rule bridge lab passing handle [0-9]+ drop .*10\.4\.0\.3:666'
  refute_line --regexp '^server packet in eth1 request'
  no_trace_left
}
