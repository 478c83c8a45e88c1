#!/usr/bin/env bats
# What the edge does with traffic that is allowed: the way in, the way back, who is chosen, what the
# pods and the client see.
# shellcheck disable=SC2154  # the topology's names
# shellcheck disable=SC2086  # addresses are words
bats_require_minimum_version 1.5.0

setup() {
  load common
  load topology
  setup_network
}
teardown() { teardown_network; }

both="addresses: [203.0.113.5, '2001:db8:2::5']"
web="$both, ports: [{port: 80}, {port: 53, protocol: udp}]"

serve_web() {
  served web "tcp:80:8080 udp:53:5353" "$@"
  mapping web "$web"
}

@test "reply by the right interface: TCP and UDP, IPv4 and IPv6" {
  serve_web 1 2 3
  start_edge
  for address in $vip $vip6; do
    run ask tcp $address 80 --count 8
    assert_output --regexp 'pod[123] (10\.1\.0\.|fd00:1::)[12] 8080'
    refute_output --partial timeout
    run ask udp $address 53 --count 8
    assert_output --regexp 'pod[123] (10\.1\.0\.|fd00:1::)[12] 5353'
    refute_output --partial timeout
  done
}

@test "reply by the right interface: the client's address preserved" {
  serve_web 1
  start_edge --masquerade=false
  run ask tcp $vip 80
  assert_output "pod1 $client 8080"
  run ask tcp $vip6 80
  assert_output "pod1 $client6 8080"
  run ask udp $vip 53
  assert_output "pod1 $client 5353"
}

@test "a Mapping chooses by itself whether the client's address is preserved" {
  served web "tcp:80:8080" 1
  mapping kept "serviceName: web, addresses: [$vip], ports: [{port: 80}], preserveClientIP: true"
  mapping hidden "serviceName: web, addresses: [$vip], ports: [{port: 81, servicePort: 80}], preserveClientIP: false"
  start_edge
  run ask tcp $vip 80
  assert_output "pod1 $client 8080"
  run ask tcp $vip 81
  assert_output --regexp '^pod1 10\.1\.0\.[12] 8080$'
  stop_edge
  start_edge --masquerade=false
  run ask tcp $vip 80
  assert_output "pod1 $client 8080"
  run ask tcp $vip 81
  assert_output --regexp '^pod1 10\.1\.0\.[12] 8080$'
}

@test "4.7: clients are masqueraded to several addresses, and to those only that are here" {
  serve_web 1
  ip -n "$net-edge" address add 10.1.0.101/24 dev cluster
  ip -n "$net-edge" address add 10.1.0.102/24 dev cluster
  start_edge --masquerade-addresses 10.1.0.101,10.1.0.102,10.1.0.103
  run ask tcp $vip 80 --count 40
  assert_output --partial 'pod1 10.1.0.101 8080'
  assert_output --partial 'pod1 10.1.0.102 8080'
  refute_output --regexp 'timeout|refused|10\.1\.0\.[12] '
  run ask udp $vip 53 --count 40
  assert_output --partial 'pod1 10.1.0.101 5353'
  assert_output --partial 'pod1 10.1.0.102 5353'
  # The other family has none.
  run ask tcp $vip6 80
  assert_output --regexp 'pod1 fd00:1::[12] 8080'
  run -0 "$PONA" edge status --socket "$work/edge.sock"
  assert_output --partial '10.1.0.103 of --masquerade-addresses is not on this host'

  # One that moves away takes no new connections, and one that comes gets them.
  ip -n "$net-edge" address del 10.1.0.101/24 dev cluster
  ip -n "$net-edge" address add 10.1.0.103/24 dev cluster
  within 10 answers 'pod1 10.1.0.103 ' tcp $vip 80 --count 20
  run ask tcp $vip 80 --count 40
  assert_output --partial 'pod1 10.1.0.102 8080'
  assert_output --partial 'pod1 10.1.0.103 8080'
  refute_output --regexp 'timeout|refused|10\.1\.0\.(101|[12]) '
  ip -n "$net-edge" address del 10.1.0.102/24 dev cluster
  ip -n "$net-edge" address del 10.1.0.103/24 dev cluster
  within 10 answers 'pod1 10\.1\.0\.[12] ' tcp $vip 80
}

@test "RST and ICMP made by the edge itself come at once, by the right interface" {
  serve_web
  start_edge
  # Half a second is far less than the first retransmission.
  for address in $vip $vip6; do
    run ask tcp $address 80 --timeout 0.5
    assert_output refused
    run ask udp $address 53 --timeout 0.5
    assert_output refused
  done
}

@test "endpoints that are not ready: terminating ones serve while there is nothing better" {
  serve_web 1
  sed -i 's/ready: true/ready: false, serving: true, terminating: true/' \
    "$manifests/service-web.yaml"
  start_edge
  run ask tcp $vip 80
  assert_output --partial 'pod1 '
  serve_web 2
  within 5 answers 'pod2 ' tcp $vip 80
  serve_web
  within 5 answers refused tcp $vip 80
}

@test "VIP not local: mapped ports work, others are dropped and do not loop" {
  served web "tcp:80:8080" 1
  mapping web "addresses: [198.18.0.5], ports: [{port: 80}]"
  mapping none "addresses: [198.18.0.6], ports: [{port: 80}]"
  served none "tcp:80:8080"
  ip -n "$net-router" route add 198.18.0.0/24 via 203.0.113.2
  at router nft -f - <<'RULES'
table ip loop {
  chain prerouting {
    type filter hook prerouting priority raw
    iifname "ext*" ip daddr 198.18.0.0/24 counter
  }
}
RULES
  start_edge --address-policy any
  run ask tcp 198.18.0.5 80
  assert_output --partial 'pod1 '
  # Without endpoints it is the edge that answers, though the address is not its own.
  run ask tcp 198.18.0.6 80 --timeout 0.5
  assert_output refused
  run ask tcp 198.18.0.5 81
  assert_output timeout
  run ask udp 198.18.0.5 80
  assert_output timeout
  run at router nft list table ip loop
  assert_output --partial 'counter packets 0 bytes 0'
}

@test "VIP not local: without --address-policy any the Mapping is inactive" {
  served web "tcp:80:8080" 1
  mapping web "addresses: [198.18.0.5], ports: [{port: 80}]"
  start_edge
  within 5 is_state web inactive
}

@test "an address appears and vanishes at run time" {
  served web "tcp:80:8080" 1
  mapping web "addresses: [203.0.113.9], ports: [{port: 80}]"
  start_edge
  within 5 is_state web inactive
  ip -n "$net-edge" address add 203.0.113.9/24 dev ext2
  within 5 is_state web active
  run ask tcp 203.0.113.9 80
  assert_output --partial 'pod1 '
  ip -n "$net-edge" address del 203.0.113.9/24 dev ext2
  within 5 is_state web inactive
}

@test "hairpin: a pod reaches itself by the mapped address" {
  serve_web 1
  start_edge
  run at pod1 python3 "$tools/client.py" tcp $vip 80
  assert_output --partial 'pod1 '
  run at pod1 python3 "$tools/client.py" udp $vip6 53
  assert_output --partial 'pod1 '
  run at pod2 python3 "$tools/client.py" tcp $vip 80
  assert_output --partial 'pod1 '
}

@test "hairpin: likewise while clients' addresses are preserved" {
  serve_web 1
  mapping kept "serviceName: web, addresses: [$vip], ports: [{port: 81, servicePort: 80}], preserveClientIP: true"
  start_edge
  run at pod1 python3 "$tools/client.py" tcp $vip 81
  assert_output --partial 'pod1 '
  stop_edge
  start_edge --masquerade=false
  for pod in pod1 pod2; do
    run at $pod python3 "$tools/client.py" tcp $vip 80
    assert_output --partial 'pod1 '
    run at $pod python3 "$tools/client.py" tcp $vip6 80
    assert_output --partial 'pod1 '
  done
  run ask tcp $vip 80
  assert_output "pod1 $client 8080"
}

@test "a client on the appliance itself" {
  serve_web 1
  start_edge
  for address in $vip $vip6; do
    run at edge python3 "$tools/client.py" tcp $address 80
    assert_output --partial 'pod1 '
    run at edge python3 "$tools/client.py" udp $address 53
    assert_output --partial 'pod1 '
  done
}

@test "port in use on the edge: the Mapping wins over a local socket" {
  served web "tcp:22:8080" 1
  spawn edge "$work/local.log" python3 "$tools/server.py" local 22 -
  within 10 grep -q ready "$work/local.log"
  start_edge
  # From the same subnet: without a Mapping the edge answers others by table main.
  run at router python3 "$tools/client.py" tcp $vip 22
  assert_output --partial 'local '
  mapping web "addresses: [$vip], ports: [{port: 22}]"
  within 5 answers 'pod1 ' tcp $vip 22
  # Other addresses of the edge keep their own.
  run at router python3 "$tools/client.py" tcp 203.0.113.2 22
  assert_output --partial 'local '
}

@test "port in use on the edge: its own monitor port is refused" {
  served web "tcp:8080:8080" 1
  mapping web "addresses: [$vip], ports: [{port: 8080}]"
  start_edge --monitor-address ''
  within 5 is_state web rejected
  run status_of
  assert_output --partial monitor-port
}

@test "port range: identity, every port, TCP and UDP" {
  served media "tcp:9000:9000 udp:9000:9000" 1 2
  mapping media "$both, ports: [{port: 9000, endPort: 9010}, {port: 9000, endPort: 9010, protocol: udp}]"
  start_edge
  for port in 9000 9005 9010; do
    for address in $vip $vip6; do
      run ask tcp $address $port
      assert_output --regexp "^pod[12] .* $port\$"
      run ask udp $address $port
      assert_output --regexp "^pod[12] .* $port\$"
    done
  done
  run ask tcp $vip 9011 --timeout 0.5
  assert_output refused
  run at edge nft list map ip pona-edge ranges
  assert_output --partial "$vip . tcp . 9000-9010"
  assert_output --partial "$vip . udp . 9000-9010"
  assert_output --partial interval
}

@test "port range: shifted, and an exact port within it goes first" {
  served media "tcp:9000:9000 udp:9000:9000" 1
  served web "tcp:80:8080" 2
  mapping media "addresses: [$vip], ports: [{port: 5000, endPort: 5004, servicePort: 9000}, {port: 5006, endPort: 5010, servicePort: 9000}, {port: 5000, endPort: 5010, servicePort: 9000, protocol: udp}]"
  mapping web "addresses: [$vip], ports: [{port: 5005, servicePort: 80}]"
  start_edge
  run ask tcp $vip 5003
  assert_output --regexp '^pod1 .* 9003$'
  run ask tcp $vip 5006
  assert_output --regexp '^pod1 .* 9000$'
  run ask tcp $vip 5010
  assert_output --regexp '^pod1 .* 9004$'
  run ask tcp $vip 5005
  assert_output --regexp '^pod2 .* 8080$'
  run ask udp $vip 5010
  assert_output --regexp '^pod1 .* 9010$'
}

@test "ClientIP affinity: one pod for a source, several for several" {
  served web "tcp:80:8080" 1 2 3
  mapping web "addresses: [$vip], ports: [{port: 80}], sessionAffinity: ClientIP"
  start_edge
  for source in $client 198.51.100.11 198.51.100.77; do
    ask tcp $vip 80 --count 10 --source $source | cut -d' ' -f1 | sort -u >"$work/chosen-$source"
    assert_equal "$(wc -l <"$work/chosen-$source")" 1
  done
  mapping web "addresses: [$vip], ports: [{port: 80}], sessionAffinity: None"
  spread() { [ "$(ask tcp $vip 80 --count 40 | cut -d' ' -f1 | sort -u | wc -l)" = 3 ]; }
  within 5 spread
}

# PORT: the pod that each of 21 sources meets, a line each.
pods_by_source() {
  local last
  for last in $(seq 33 53); do
    ask tcp $vip "$1" --source "198.51.100.$last" | cut -d' ' -f1
  done
}

@test "1.10: a source meets one pod on all ports of a Mapping, those of a range among them" {
  ip -n "$net-client" route add local 198.51.100.32/27 dev lo
  served web "tcp:80:8080 tcp:81:8081 tcp:5000:9000" 1 2 3
  mapping web "addresses: [$vip], ports: [{port: 80}, {port: 81}], sessionAffinity: ClientIP"
  start_edge
  pods_by_source 80 >"$work/chosen"
  assert_equal "$(sort -u "$work/chosen" | tr '\n' ' ')" "pod1 pod2 pod3 "
  diff "$work/chosen" <(pods_by_source 81)

  mapping web "addresses: [$vip], sessionAffinity: ClientIP,
    ports: [{port: 80}, {port: 81}, {port: 5000, endPort: 5005}]"
  answers_range() { ask tcp $vip 5003 | grep -q ' 9003$'; }
  within 10 answers_range
  pods_by_source 80 >"$work/chosen"
  diff "$work/chosen" <(pods_by_source 81)
  diff "$work/chosen" <(pods_by_source 5003)
}

# The shares of the endpoints of $vip's only port, in slots, the smallest first.
shares() {
  at edge nft -j list map ip pona-edge slots |
    jq -r '[.nftables[].map | select(.) | .elem[][1].concat[0]] | group_by(.) | map(length) |
      sort | map(tostring) | join(" ")'
}

@test "1.10: endpoints have equal shares, and each of 6,000 has one" {
  served web "tcp:80:8080" 1 2 3
  mapping web "addresses: [$vip], ports: [{port: 80}]"
  start_edge --slot-layout 2
  assert_equal "$(shares)" "4 4 4"
  for pod in $(seq 0 5999); do
    echo "- {addresses: [10.200.$((pod / 250)).$((pod % 250 + 1))], conditions: {ready: true}}"
  done >"$work/endpoints"
  put service-web-4.yaml <<YAML
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-many, namespace: shop, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{name: p80-tcp, protocol: TCP, port: 8080}]
endpoints:
$(cat "$work/endpoints")
YAML
  all_have_some() { [ "$(shares | wc -w)" = 6003 ]; }
  within 30 all_have_some
  stop_edge
  start_edge
  within 30 all_have_some
}

@test "SCTP: port and checksum are translated both ways" {
  served diameter "sctp:3868:9868" 1
  mapping diameter "addresses: [$vip], ports: [{port: 3868, protocol: sctp}]"
  start_edge --masquerade=false
  spawn pod1 "$work/sctp.log" python3 "$tools/sctp.py" answer
  within 5 grep -q ready "$work/sctp.log"
  run at client python3 "$tools/sctp.py" ask $client $vip 3868
  assert_output "$vip 3868 40132 good"
  run cat "$work/sctp.log"
  assert_line "$client 40132 9868 good"
}

@test "SNAT mode: what a pod opens leaves with the mapped address by the right interface" {
  serve_web 1
  start_edge --snat
  spawn client "$work/outside.log" python3 "$tools/server.py" outside 7000 7000
  within 10 grep -q ready "$work/outside.log"
  run at pod1 python3 "$tools/client.py" tcp $client 7000
  assert_output "outside $vip 7000"
  run at pod1 python3 "$tools/client.py" udp $client 7000
  assert_output "outside $vip 7000"
  run at pod1 python3 "$tools/client.py" tcp $client6 7000
  assert_output "outside $vip6 7000"
  # A pod behind no Mapping is none of ours: its address is unknown outside.
  run at pod2 python3 "$tools/client.py" tcp $client 7000
  assert_output timeout
}

@test "coexistence: a foreign forward policy is neither changed nor worked around" {
  serve_web 1
  at edge nft -f - <<'RULES'
table inet firewall {
  chain forward { type filter hook forward priority filter; policy drop; }
}
RULES
  before=$(at edge nft list table inet firewall)
  start_edge
  run ask tcp $vip 80
  assert_output timeout
  assert_equal "$(at edge nft list table inet firewall)" "$before"
  at edge nft add rule inet firewall forward ct status dnat accept
  run ask tcp $vip 80
  assert_output --partial 'pod1 '
}

@test "ICMP error/PMTU: the client learns the smaller MTU for the mapped address" {
  serve_web 1
  ip -n "$net-edge" link set cluster mtu 1400
  for setting in --masquerade=true --masquerade=false; do
    start_edge $setting
    for address in $vip $vip6; do
      ip -n "$net-client" route flush cache
      run at client python3 "$tools/path_mtu.py" $address 53 1450
      assert_output 1400
    done
    stop_edge
    within 5 at client ip -6 route flush cache
  done
}

@test "ICMP error/PMTU: MSS is clamped where the cluster leg is smaller" {
  serve_web 1
  ip -n "$net-edge" link set cluster mtu 1400
  start_edge
  # 1400 less the headers, and less the 12 bytes of the timestamp option where it is on.
  run ask tcp $vip 80 --say mss
  assert_output --regexp '^(1360|1348)$'
  run ask tcp $vip6 80 --say mss
  assert_output --regexp '^(1340|1328)$'
  run at client python3 "$tools/path_mtu.py" --mss $vip 80
  assert_output --regexp '^(1360|1348)$'
}
