#!/usr/bin/env bats
# Who may come in, how much of it, and whose a port is.
# shellcheck disable=SC2154  # the topology's names
bats_require_minimum_version 1.5.0

setup() {
  load common
  load topology
  setup_network
}
teardown() { teardown_network; }

@test "allow-list: outside sources get nothing, are counted, and reach no local listener" {
  served web "tcp:80:8080 udp:53:5353" 1
  mapping web "addresses: [$vip, '$vip6'], allowedSources: [198.51.100.77, '2001:db8:c::77'], ports: [{port: 80}, {port: 53, protocol: udp}]"
  spawn edge "$work/local.log" python3 "$tools/server.py" local 80 53
  within 10 grep -q ready "$work/local.log"
  start_edge
  for address in "$vip" "$vip6"; do
    run ask tcp "$address" 80 --timeout 0.5
    assert_output timeout
    run ask udp "$address" 53 --timeout 0.5
    assert_output timeout
  done
  run ask tcp "$vip" 80 --source 198.51.100.77
  assert_output --partial 'pod1 '
  run ask udp "$vip" 53 --source 198.51.100.77
  assert_output --partial 'pod1 '
  ip -n "$net-client" address add 2001:db8:c::77/64 dev eth0
  run ask tcp "$vip6" 80 --source 2001:db8:c::77
  assert_output --partial 'pod1 '

  within 3 refused_counted 'pona_edge_mapping_refused_total{.*"web".*reason="source"}'
  status_of >"$work/status"
  python3 - "$work/status" <<'CHECK'
import json, sys
mapping, = json.load(open(sys.argv[1]))["mappings"]
assert all(port["refused"]["source"] >= 1 for port in mapping["ports"]), mapping
CHECK
}
refused_counted() { [ "$(metric "$1")" -ge 1 ]; }

@test "allow-list: ranges, and a Mapping without endpoints does not tell that it is closed" {
  served media "udp:9000:9000" 1
  served none "tcp:80:8080"
  mapping media "addresses: [$vip], allowedSources: [198.51.100.77/32], ports: [{port: 9000, endPort: 9010, protocol: udp}]"
  mapping none "addresses: [$vip], allowedSources: [198.51.100.77/32], ports: [{port: 80}]"
  start_edge
  run ask udp "$vip" 9005 --timeout 0.5
  assert_output timeout
  run ask udp "$vip" 9005 --source 198.51.100.77
  assert_output --regexp '^pod1 .* 9005$'
  run ask tcp "$vip" 80 --timeout 0.5
  assert_output timeout
  run ask tcp "$vip" 80 --timeout 0.5 --source 198.51.100.77
  assert_output refused
}

@test "two Mappings one IP:port: the oldest wins in all orders, the winner is untouched" {
  served old "tcp:80:8080" 1
  served young "tcp:80:8080" 2
  claim_old() { mapping old "addresses: [$vip], ports: [{port: 80}]" 'creationTimestamp: "2024-01-01T00:00:00Z"'; }
  claim_young() { mapping young "addresses: [$vip], ports: [{port: 80}, {port: 81, servicePort: 80}]" 'creationTimestamp: "2024-02-01T00:00:00Z"'; }
  start_edge
  for order in "claim_old claim_young" "claim_young claim_old"; do
    for claim in $order; do
      $claim
      sleep 0.2
    done
    within 5 answers 'pod1 ' tcp "$vip" 80
    within 5 is_state young degraded
    is_state old active
    run status_of
    assert_output --partial 'shop/old'
    # It has the port that nobody else asks for.
    within 5 answers 'pod2 ' tcp "$vip" 81
    remove mapping-old
    within 5 answers 'pod2 ' tcp "$vip" 80
    within 5 is_state young active
    claim_old
    within 5 answers 'pod1 ' tcp "$vip" 80
    remove mapping-young
    sleep 0.2
    answers 'pod1 ' tcp "$vip" 80
    remove mapping-old
    within 5 answers 'refused|timeout' tcp "$vip" 80
  done
}

@test "two Mappings one IP:port: ranges, namespaces and files without a timestamp" {
  served media "udp:9000:9000" 1
  mapping media "addresses: [$vip], ports: [{port: 9000, endPort: 9010, protocol: udp}]"
  served b "udp:9000:9000 tcp:9000:9000" 2
  mapping b "addresses: [$vip], ports: [{port: 9005, servicePort: 9000, protocol: udp}]"
  sed -i 's/namespace: shop/namespace: other/' "$manifests"/{mapping,service}-b.yaml
  start_edge
  # Neither has a timestamp: "other/b" comes before "shop/media".
  within 5 is_state media rejected
  run ask udp "$vip" 9005
  assert_output --regexp '^pod2 .* 9000$'
  run ask udp "$vip" 9000 --timeout 0.5
  refute_output --partial pod
  # Another protocol is another port.
  sed -i 's/protocol: udp/protocol: tcp/' "$manifests/mapping-b.yaml"
  within 5 is_state media active
  run ask udp "$vip" 9005
  assert_output --regexp '^pod1 .* 9005$'
  run ask tcp "$vip" 9005
  assert_output --regexp '^pod2 .* 9000$'
}

@test "newConnectionsPerSecond: a source above its rate is dropped and counted, others are not" {
  served web "tcp:80:8080" 1
  mapping web "addresses: [$vip], ports: [{port: 80}], newConnectionsPerSecond: 5"
  start_edge
  ask tcp "$vip" 80 --count 20 --timeout 0.05 >"$work/answers"
  served=$(grep -c pod1 "$work/answers")
  # A burst and what the time allowed.
  assert [ "$served" -ge 5 ]
  assert [ "$served" -le 15 ]
  grep -q timeout "$work/answers"
  run ask tcp "$vip" 80 --source 198.51.100.11
  assert_output --partial 'pod1 '
  within 3 refused_counted 'pona_edge_mapping_refused_total{.*rate'
}

@test "maxConnectionsPerSource: one more is dropped and counted; a closed one makes room" {
  served web "tcp:80:8080" 1
  mapping web "addresses: [$vip], ports: [{port: 80}], maxConnectionsPerSource: 10"
  start_edge
  spawn client "$work/hold.log" python3 "$tools/client.py" hold "$vip" 80 --count 10 \
    --stop "$work/stop" --limit 30
  within 10 grep -q open "$work/hold.log"
  run ask tcp "$vip" 80 --timeout 0.5
  assert_output timeout
  run ask tcp "$vip" 80 --source 198.51.100.11
  assert_output --partial 'pod1 '
  touch "$work/stop"
  within 10 gone "$spawned"
  run tail -n 1 "$work/hold.log"
  assert_output "10 alive, 0 broken"
  within 3 refused_counted 'pona_edge_mapping_refused_total{.*connections'
  # Ended connections are forgotten after the kernel's time for TIME_WAIT: here at once.
  at edge conntrack -D -p tcp -d "$vip" >/dev/null 2>&1 || true
  within 5 answers 'pod1 ' tcp "$vip" 80
}

@test "4.6: endpoints that are no other host's get nothing, also with route_localnet" {
  at edge sysctl -qw net.ipv4.conf.all.route_localnet=1
  served web "tcp:80:8081" 1
  served mixed "tcp:81:8081" 1 2
  sed -i 's/10.1.0.11/127.0.0.1/' "$manifests"/service-*.yaml
  spawn edge "$work/local.log" python3 "$tools/server.py" local 8081 -
  within 10 grep -q ready "$work/local.log"
  mapping web "addresses: [$vip], ports: [{port: 80}]"
  mapping mixed "addresses: [$vip], ports: [{port: 81}]"
  start_edge
  within 5 answers 'pod2 ' tcp "$vip" 81
  for _ in 1 2 3 4 5 6 7 8; do
    run ask tcp "$vip" 81
    assert_output --partial 'pod2 '
  done
  run ask tcp "$vip" 80
  assert_output refused
  within 5 grep -q 'Mapping shop/web: endpoint 127.0.0.1 of EndpointSlice shop/web-4 is a loopback address' \
    "$work/edge.log"
}

@test "4.6: from files, a port at which the host itself listens is taken with a warning, or refused" {
  served web "tcp:80:8080" 1
  mapping web "addresses: [192.0.2.2, $vip], ports: [{port: 80}]"
  spawn edge "$work/local.log" python3 "$tools/server.py" local 80,8083 -
  within 10 grep -q ready "$work/local.log"
  start_edge
  run ask tcp 192.0.2.2 80
  assert_output --partial 'pod1 '
  within 5 grep -q 'Mapping shop/web takes 192.0.2.2:80/tcp, where this host itself listens at 0.0.0.0:80' "$work/edge.log"
  # A socket for all addresses is the host's own where the default route is.
  run ! grep "takes $vip:80/tcp" "$work/edge.log"
  stop_edge

  start_edge --host-ports refuse
  # It was in effect.
  run ask tcp 192.0.2.2 80
  assert_output --partial 'pod1 '
  mapping more "serviceName: web, addresses: [192.0.2.2, $vip], ports: [{port: 8083, servicePort: 80}]"
  within 5 answers 'pod1 ' tcp "$vip" 8083
  run ask tcp 192.0.2.2 8083
  assert_output --partial 'local '
  run at edge "$PONA" edge --manifests "$manifests" --external-interfaces '^ext' --host-ports refuse --dry-run
  assert_output --partial '192.0.2.2:8083/tcp is in use: this host itself listens at 0.0.0.0:8083'
  refute_output --partial '192.0.2.2:80/tcp is in use'
}

# The number that the limits of a Mapping of namespace shop have (FNV-1a of its name).
limit_of() {
  python3 -c '
import sys
h = 0x811c9dc5
for c in ("shop/" + sys.argv[1]).encode(): h = (h ^ c) * 0x01000193 & 0xffffffff
print(f"{h:08x}")' "$1"
}

# MAPPING RATE: with the one that is there, as many sources are remembered as the kernel takes.
fill_limit() {
  python3 - "rate-$(limit_of "$1")-$2" "$(limit_of "$1")" >"$work/sources.nft" <<'FILL'
import sys
name, number = sys.argv[1:]
for first in range(0, 65534, 5000):
    numbers = range(first, min(first + 5000, 65534))
    elements = ",".join(f"0x{number} . 100.64.{i >> 8}.{i & 255} timeout 1d" for i in numbers)
    print(f"add element ip pona-edge {name} {{ {elements} }}")
FILL
  while read -r part; do at edge nft -f - <<<"$part"; done <"$work/sources.nft"
  # The one that was there may be forgotten by now.
  at edge nft add element ip pona-edge "rate-$(limit_of "$1")-$2" \
    "{ 0x$(limit_of "$1") . 100.63.0.1 timeout 1d }" 2>/dev/null || true
}

@test "4.7: whoever fills the memory of one Mapping's limit opens nothing and shuts no other's" {
  served web "tcp:80:8080 tcp:81:8080" 1
  mapping web "addresses: [$vip], ports: [{port: 80}], newConnectionsPerSecond: 500"
  mapping other "serviceName: web, addresses: [$vip], ports: [{port: 81}], newConnectionsPerSecond: 500"
  start_edge
  within 5 answers 'pod1 ' tcp "$vip" 80
  # While it runs, its tables are nobody else's to write.
  stop_edge
  fill_limit web 500
  run ask tcp "$vip" 80 --source 198.51.100.77 --timeout 0.5
  assert_output timeout
  run ask tcp "$vip" 81 --source 198.51.100.77
  assert_output --partial 'pod1 '

  start_edge --limit-when-full accept
  run ask tcp "$vip" 80 --source 198.51.100.77
  assert_output --partial 'pod1 '
  within 3 refused_counted 'pona_edge_mapping_refused_total{.*"web".*rate'
}

@test "4.7: a source of IPv6 is a /64" {
  served web "tcp:80:8080" 1
  mapping web "addresses: ['$vip6'], ports: [{port: 80}], maxConnectionsPerSource: 10"
  ip -n "$net-router" -6 route add 2001:db8:d::/64 via "$client6" dev client
  start_edge
  spawn client "$work/hold.log" python3 "$tools/client.py" hold "$vip6" 80 --count 10 \
    --stop "$work/stop" --limit 60
  within 10 grep -q open "$work/hold.log"
  ip -n "$net-client" address add 2001:db8:c::77/64 dev eth0 nodad
  ip -n "$net-client" address add 2001:db8:d::77/64 dev eth0 nodad
  run ask tcp "$vip6" 80 --source 2001:db8:c::77 --timeout 0.5
  assert_output timeout
  run ask tcp "$vip6" 80 --source 2001:db8:d::77
  assert_output --partial 'pod1 '
  touch "$work/stop"
  within 10 gone "$spawned"
}
