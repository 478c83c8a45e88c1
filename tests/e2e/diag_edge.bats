#!/usr/bin/env bats
# pona diag trace on the way through an edge: each fault is injected by hand, and is named with its code
# and the place of its step; the same way without it is well. Real packets.
# shellcheck disable=SC2030,SC2031,SC2154  # bats: tests are subshells; topology.bash sets variables
bats_require_minimum_version 1.5.0

setup() {
  load common
  load topology
  load faults
  setup_network
  served web "tcp:80:8080 udp:53:5353" 1
  mapping web "addresses: [$vip, '$vip6'], ports: [{port: 80}, {port: 53, protocol: UDP}]"
}
teardown() { teardown_network; }

start() {
  start_edge
  within 10 answers 'pod1 ' tcp "$vip" 80
}

@test "diag: a healthy edge is well, from the client and simulated, TCP, UDP and echo, both families" {
  start
  healthy trace_client
  assert_equal "$(of_trace 't["object"], t["seenSource"], t["symmetric"]')" "('Mapping shop/web', '10.1.0.2', True)"
  healthy trace_wire
  healthy trace_client --udp "$vip:53"
  healthy trace_client "[$vip6]:80"
  healthy trace_client --icmp "$vip"
  trace --from-netns "$net-edge" "$client6" to "[$vip6]:80"
  assert_equal "$trace_status" 0
  # Nothing of it remains.
  run at edge nft list tables
  refute_output --partial pona-diag
}

@test "diag: a client is simulated without bpf(2) where the other end of the link is seen, else that is said" {
  start
  local -a without=(python3 -I -S "$tools/without_bpf.py")
  trace_status=0
  "${without[@]}" "$PONA" diag trace --socket "$work/edge.sock" --agent-socket "$work/agent.sock" \
    --sandboxes "$work/sandboxes" -o json --from-netns "$net-edge" "$client" to "$vip:80" \
    >"$work/trace.json" 2>"$work/trace.err" || trace_status=$?
  assert_equal "$trace_status $(of_trace 't["result"], t["live"], t["findings"]')" "0 ('ok', True, [])"
  run of_trace 't["assumptions"]'
  assert_output --partial "drop reason: not available"
  # As on a machine of its own: the model alone, and what to do.
  run ip netns exec "$net-edge" unshare --mount --pid --fork --mount-proc sh -c \
    'mount -t tmpfs none /run/netns && exec "$@"' sh "${without[@]}" "$PONA" diag trace \
    --socket "$work/edge.sock" "$client" to "$vip:80" -o json
  echo "$output" >"$work/trace.json"
  run of_trace 't["live"], t["liveNote"]'
  assert_output --partial "(False, "
  assert_output --partial "no packet was sent: cannot simulate a packet from the wire at ext"
  assert_output --partial "--watch"
}

@test "diag: the edge tells what concerns one destination, and only that" {
  served other "tcp:81:8080" 1
  mapping other "addresses: [$vip, '$vip6'], ports: [{port: 81}]"
  start
  about() { ask_edge edge "status?about=$1" -g | jq -c '[.mappings[] | .name, .ports[].endpoints[].address, .ports[].connections]'; }
  assert_equal "$(about "$vip:81/tcp")" '["other","10.1.0.11:8080",null]'
  assert_equal "$(about "[$vip6]:53/udp" | jq -c '.[0]')" '"web"'
  assert_equal "$(about "$vip:82/tcp")" '[]'
  assert_equal "$(ask_edge edge "status?about=x" -o /dev/null -w '%{http_code}')" 400
  assert_equal "$(ask_edge edge status | jq -c '[.mappings[].name]')" '["other","web"]'
}

@test "diag: a process without privileges has the trace done by the edge, by its unix socket alone" {
  start
  run --separate-stderr setpriv --inh-caps=-all --bounding-set=-all --ambient-caps=-all -- "$PONA" diag trace \
    --agent-socket "$work/no.sock" --socket "$work/edge.sock" "$client" to "$vip:80" -o json
  assert_success
  echo "$output" >"$work/trace.json"
  assert_equal "$(of_trace 't["result"], t["live"], t["object"]')" "('ok', True, 'Mapping shop/web')"
  [[ $stderr == *"traced by the edge at"* ]]
  assert_equal "$(ask_edge edge 'diag?words=x' -o /dev/null -w '%{http_code}')" 400
  run at edge curl -s -g 'http://127.0.0.1:9090/diag?words=["192.0.2.1:1"]'
  refute_output --partial '"exit"'
}

@test "diag: D104: a chain of a firewall on the edge drops by its policy" {
  start
  at edge nft -f - <<<'table inet fw { chain forward { type filter hook forward priority 0; policy drop; }; }'
  fails_with PONA-D104 edge trace_client
  agreed
  assert_equal "$(of_trace 't["steps"][t["findings"][0]["step"]-1]["rule"]["chain"]')" forward
  at edge nft delete table inet fw
  healthy trace_client
}

@test "diag: D101: a rule of a pod drops, which is named with its text and comment" {
  start
  at pod1 nft -f - <<<'table inet fw { chain in { type filter hook input priority 0; tcp dport 8080 drop comment "deny web"; }; }'
  fails_with PONA-D101 pod1 trace_client
  agreed
  assert_equal "$(of_trace 't["steps"][t["findings"][0]["step"]-1]["rule"]["comment"]')" "deny web"
  at pod1 nft delete table inet fw
  healthy trace_client
}

@test "diag: D101: a rule by iptables-nft is mended by iptables" {
  start
  at edge iptables-nft -A FORWARD -p tcp --dport 8080 -m conntrack --ctstate NEW -m comment --comment "no new ones" -j DROP
  fails_with PONA-D101 edge trace_client
  agreed
  run of_trace 't["findings"][0]["fix"][0]["command"]'
  assert_output --partial "iptables -I FORWARD -s $client"
  # shellcheck disable=SC2086  # its words
  $output
  healthy trace_client
}

@test "diag: D102: a rule rejects with a reset" {
  start
  at pod1 nft -f - <<<'table inet fw { chain in { type filter hook input priority 0; tcp dport 8080 reject with tcp reset; }; }'
  fails_with PONA-D102 pod1 trace_client
  agreed
}

@test "diag: D106: legacy iptables drop what the model does not read" {
  start
  at edge iptables-legacy -A FORWARD -p tcp --dport 8080 -j DROP
  fails_with PONA-D106 edge trace_client
  agreed
  run of_trace 't["findings"][0]["why"]'
  assert_output --partial "legacy iptables, table filter, chain FORWARD"
  run of_trace 't["findings"][0]["fix"][0]["command"]'
  # shellcheck disable=SC2086  # its words
  at edge $output
  healthy trace_client
}

@test "diag: D107: what a raw rule does not track is not translated" {
  start
  at edge nft -f - <<<"table ip mine { chain raw { type filter hook prerouting priority -300; ip daddr $vip notrack; }; }"
  fails_with PONA-D107 edge trace_client
}

@test "diag: D108: another program translates it first" {
  start
  at edge nft -f - <<<"table ip mine { chain pre { type nat hook prerouting priority -150; ip daddr $vip tcp dport 80 dnat to 10.1.0.13:9000; }; }"
  diagnosed PONA-D108 edge trace_client
}

@test "diag: D201: the reverse path filter of a router" {
  start
  at router ip route add "$client/32" dev ext1
  at router sysctl -qw net.ipv4.conf.client.rp_filter=1
  fails_with PONA-D201 router trace_client
  agreed
  at router ip route del "$client/32" dev ext1
  healthy trace_client
}

@test "diag: D202: a router does not forward" {
  start
  at router sysctl -qw net.ipv4.conf.client.forwarding=0
  fails_with PONA-D202 router trace_client
  agreed
  run of_trace 't["findings"][0]["fix"][0]["command"]'
  assert_output --partial "net.ipv4.conf.client.forwarding=1"
  at router sysctl -qw net.ipv4.conf.client.forwarding=1
  healthy trace_client
}

@test "diag: D203: a router has no route" {
  start
  at router ip route del 203.0.113.0/24 dev ext2
  fails_with PONA-D203 router trace_client
  agreed
}

@test "diag: D212: blackhole and unreachable routes" {
  start
  at router ip route add blackhole "$vip/32"
  fails_with PONA-D212 router trace_client
  agreed
  run of_trace 't["findings"][0]["why"]'
  assert_output --partial "blackhole $vip"
  at router ip route del blackhole "$vip/32"
  at router ip route add unreachable "$vip/32"
  fails_with PONA-D212 router trace_client
  agreed
  at router ip route del unreachable "$vip/32"
  healthy trace_client
}

@test "diag: D212: routing rules that refuse are named, and deleted as it is printed" {
  local word command
  start
  for word in unreachable prohibit blackhole; do
    at router ip rule add to "$vip" ipproto tcp priority 100 "$word"
    fails_with PONA-D212 router trace_client
    agreed
    run of_trace 't["findings"][0]["why"]'
    assert_output --partial "rule 100: from all to $vip ipproto tcp $word"
    command=$(of_trace 't["findings"][0]["fix"][0]["command"]')
    at router sh -c "${command#ip netns exec "$net-router" }"
    healthy trace_client
  done
}

@test "diag: D204: an endpoint's address is gone, and nobody answers for it" {
  start
  at pod1 ip address del 10.1.0.11/24 dev eth0
  at edge ip neigh flush dev cluster
  fails_with PONA-D204 edge trace_client
  agreed
}

@test "diag: D205: the two ends of a link have different MTUs" {
  start
  at pod1 ip link set eth0 mtu 1300
  warns_of PONA-D205 pod1 trace_client
  at pod1 ip link set eth0 mtu 1500
  healthy trace_client
}

@test "diag: D209: nothing is ready behind the Service" {
  served web "tcp:80:8080 udp:53:5353"
  start_edge
  within 10 eval 'fails_with PONA-D209 edge trace_client'
  served web "tcp:80:8080 udp:53:5353" 1
  within 10 answers 'pod1 ' tcp "$vip" 80
  healthy trace_client
}

@test "diag: D210: the answer leaves by another interface" {
  start
  stop_edge KILL
  at edge ip rule del priority 1121
  at edge ip rule del priority 1121 || true
  diagnosed PONA-D210 edge trace_wire
}

@test "diag: D210: a pod answers by its other router, past the edge" {
  second_edge
  mapping web "addresses: [$vip], ports: [{port: 80}], preserveClientIP: true"
  start
  healthy trace_client
  at pod1 ip route replace default via 10.1.0.3
  # The router believes no source of the pods.
  fails_with PONA-D210 pod1 trace_client
  agreed
  fails_with PONA-D210 pod1 trace_wire
  agreed
  assert_equal "$(of_trace 't["steps"][t["findings"][0]["step"] - 1]["action"], t["findings"][0]["fix"][0]["command"]')" \
    "('route', 'ip netns exec $net-pod1 ip route replace $client via 10.1.0.2')"
  # It believes them, and the client is asked by nobody whom it knows.
  at router ip route add 10.1.0.0/24 via 192.0.2.3
  fails_with PONA-D210 pod1 trace_client
  fails_with PONA-D210 pod1 trace_wire
  # As the finding says.
  bash -c "$(of_trace 't["findings"][0]["fix"][0]["command"]')"
  healthy trace_client
  healthy trace_wire
}

@test "diag: D213: an old entry of connection tracking decides" {
  start
  at edge conntrack -I -p udp -s "$client" -d "$vip" --sport 40000 --dport 53 --timeout 100 \
    --reply-src 10.1.0.99 --reply-dst "$client" --reply-port-src 5353 --reply-port-dst 40000
  diagnosed PONA-D213 edge trace_client --udp --source-port 40000 "$vip:53"
  at edge conntrack -D -p udp --orig-port-src 40000
  healthy trace_client --udp --source-port 40000 "$vip:53"
}

@test "diag: D214: an interface on the way is down" {
  start
  at pod1 ip link set eth0 down
  fails_with PONA-D214 pod1 trace_client
}

@test "diag: D213: an old entry of TCP leads to an endpoint that is gone" {
  start
  at edge conntrack -I -p tcp -s "$client" -d "$vip" --sport 40001 --dport 80 --timeout 100 --state SYN_SENT \
    --reply-src 10.1.0.99 --reply-dst 10.1.0.2 --reply-port-src 8080 --reply-port-dst 40001
  diagnosed PONA-D213 edge trace_client --source-port 40001 "$vip:80"
  at edge conntrack -D -p tcp --orig-port-src 40001
  healthy trace_client --source-port 40001 "$vip:80"
}

@test "diag: D214: the mapped address is on an interface that is down" {
  start
  at edge ip link set ext2 down
  fails_with PONA-D214 edge trace_wire "$vip:80" --in ext2
}

@test "diag: D215: the mapped address is on no interface" {
  start
  at edge ip address del "$vip/24" dev ext2
  within 10 eval 'fails_with PONA-D215 edge trace_wire "$vip:80" --in ext2'
}

@test "diag: D220: somebody else has the pod's address, too" {
  start
  at pod2 ip address add fd00:1::11/64 dev eth0 nodad
  at pod1 ip address del fd00:1::11/64 dev eth0
  at pod1 sysctl -qw net.ipv6.conf.eth0.accept_dad=1
  at pod1 ip address add fd00:1::11/64 dev eth0
  within 10 eval 'at pod1 ip -6 address show dev eth0 dadfailed | grep -q fd00:1::11'
  at edge ip -6 neigh flush dev cluster
  # pod1 is no place of the way, which leads to the other one.
  trace --from-netns "$net-pod1" --in eth0 "fd00:1::12" to "[fd00:1::11]:8080"
  assert_equal "$(of_trace 't["findings"][0]["code"]')" PONA-D220
}

@test "diag: D217: IPv6 is disabled in the pod" {
  start
  at pod1 sysctl -qw net.ipv6.conf.all.disable_ipv6=1
  fails_with PONA-D204 edge trace_client "[$vip6]:80"
}

@test "diag: D221: the pod has no way back to the client" {
  mapping web "addresses: [$vip], ports: [{port: 80}], preserveClientIP: true"
  start
  at pod1 ip route del default
  fails_with PONA-D221 pod1 trace_client
  at pod1 ip route add default via 10.1.0.1
  healthy trace_client
}

@test "diag: D221: a pod that reaches itself and its neighbour by a hand-made DNAT without masquerade" {
  start
  at edge nft -f - <<<'table ip mine { chain pre { type nat hook prerouting priority -150; ip daddr 10.1.0.1 tcp dport 80 dnat to 10.1.0.12:8080; }; }'
  diagnosed PONA-D221 pod1 trace --from-netns "$net-pod1" 10.1.0.1:80
}

@test "diag: D301: the server does not listen" {
  start
  served web "tcp:80:7777" 1
  within 10 eval 'trace_client; [ "$(of_trace "t[\"findings\"][0][\"code\"]")" = PONA-D301 ]'
  fails_with PONA-D301 pod1 trace_client
  agreed
}

@test "diag: D103: a source that the Mapping does not allow" {
  mapping web "addresses: [$vip], ports: [{port: 80}], allowedSources: [192.0.2.0/24]"
  start_edge
  within 10 eval 'trace_client; [ "$trace_status" = 1 ]'
  fails_with PONA-D103 edge trace_client
  agreed
}

@test "diag: D105: a client with more connections than it may have" {
  mapping web "addresses: [$vip], ports: [{port: 80}], maxConnectionsPerSource: 2"
  start
  hold() { spawn client "$work/hold-$1" python3 -I -S "$tools/client.py" hold "$vip" 80 --stop "$work/stop"; }
  hold 1
  hold 2
  hold 3
  within 10 eval '[ "$(at pod1 ss -Htn state established sport = 8080 | wc -l)" = 2 ]'
  fails_with PONA-D105 edge trace_client
  touch "$work/stop"
}

@test "diag: D401 and D402: the Service is not there, or has no such port" {
  mapping gone "serviceName: nothing, addresses: [$vip2], ports: [{port: 80}]"
  mapping port "serviceName: web, addresses: [$vip2], ports: [{port: 81}]"
  start
  fails_with PONA-D401 edge trace_wire "$vip2:80"
  fails_with PONA-D402 edge trace_wire "$vip2:81"
}

@test "diag: D403: another object has the address and port" {
  start
  served other "tcp:80:8081" 2
  mapping other "addresses: [$vip, $vip2], ports: [{port: 80}]"
  within 10 eval 'status_of | grep -q Conflict'
  # The one that has it goes on; whoever asks what became of the other is told.
  warns_of PONA-D403 client trace_client
  run of_trace 't["findings"][0]["why"]'
  assert_output --partial "Mapping shop/other asks for it as well"
  healthy trace_client "$vip2:80"
}

@test "diag: where no edge answers, manifests say what was promised" {
  start
  healthy trace_wire "$vip:80" --manifests "$manifests"
  assert_equal "$(of_trace 't["object"]')" 'Mapping shop/web'
  mapping other "addresses: [$vip], ports: [{port: 81}]"
  diagnosed PONA-D401 edge trace_wire "$vip:81" --manifests "$manifests"
}

@test "diag: D408: nobody maps this port" {
  start
  diagnosed PONA-D408 edge trace_wire "$vip:81"
}

@test "diag: D219: no source port is left" {
  start
  at pod3 nft -f - <<<'table ip mine { chain post { type nat hook postrouting priority 100; tcp dport 8080 snat to 10.1.0.13:40000-40001; }; }'
  hold() { spawn pod3 "$work/hold-$1" python3 -I -S "$tools/client.py" hold 10.1.0.12 8080 --stop "$work/stop"; }
  hold 1
  hold 2
  within 10 eval '[ "$(at pod2 ss -Htn state established sport = 8080 | wc -l)" = 2 ]'
  fails_with PONA-D219 pod3 trace --from-netns "$net-pod3" 10.1.0.12:8080
  touch "$work/stop"
  healthy trace --from-netns "$net-pod3" 10.1.0.11:8080
}

@test "diag: D302: something in between takes connections, which no rule that is read shows" {
  start
  at router python3 -I -S "$tools/server.py" router 8888 5399 >"$work/proxy.log" 2>&1 3>&- &
  echo $! >>"$work/pids"
  within 10 grep -q ready "$work/proxy.log"
  at router iptables-legacy -t nat -A PREROUTING -p tcp --dport 80 -j REDIRECT --to-ports 8888
  warns_of PONA-D302 router trace_client
  at router iptables-legacy -t nat -F
  trace_client
  assert_equal "$trace_status" 0
}
