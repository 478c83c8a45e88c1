#!/usr/bin/env bats
# No packet of a client reaches an Egress's destination otherwise than by a NAT pod, whatever its
# socket asks for; and what came in otherwise is answered the way it came.

bats_require_minimum_version 1.5.0

load common.bash
load egress.bash

setup() {
  setup_egress
  egress
  pod client1 egress
  gateways nat1
}

teardown() { teardown_network; }

# What leaves the cluster with the client's own address.
watch_leaks() {
  spawn out "$work/leaks" tcpdump -lnni eth0 "host $(ip4 client1) or host $(ip6 client1)"
  within 10 grep -q listening "$work/leaks"
}
# What left before is seen before what leaves now.
no_leaks() {
  at client2 ping -c 1 -W 2 "$out" >/dev/null
  run grep -E '^[0-9:.]+ IP' "$work/leaks"
  assert_output ''
}

nobody() { at client1 setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set -all "$@"; }
ask_past() { nobody python3 -I -S "$tools/client.py" "$@"; }

# What an unprivileged process can do to send past the routes.
ask_all_ways() {
  local host protocol
  for host in "$out" "$out6"; do
    for way in '--device eth0' '--unicast-if eth0'; do
      for protocol in 'tcp:8080' 'udp:5353'; do
        # shellcheck disable=SC2086
        ask_past "${protocol%:*}" "$host" "${protocol#*:}" $way
      done
    done
    ask_past udp "$host" 5353 --pktinfo eth0
  done
}

@test "egress: 2.1: a socket that is bound to a device leaves by a tunnel, or not at all" {
  sandbox client1
  start_nat nat1
  watch_leaks
  start_agent
  within 5 leaves_by client1 nat1
  within 5 answers "out $(ip6 nat1) 8080" client1 tcp "$out6" 8080
  run ask_all_ways
  refute_output --partial "$(ip4 client1)"
  refute_output --partial "$(ip6 client1)"
  no_leaks
  # Bound to the pod's interface, what is no destination is reached as ever.
  assert_equal "$(ask_past tcp "$out" 8080)" "out $(ip4 nat1) 8080"
  at client1 ping -I eth0 -c 1 -W 2 "$(ip4 client2)"
  at client1 ping -I eth0 -c 1 -W 2 "$(ip6 client2)"
  # Neighbours are found and proved reachable.
  at client1 ip -6 neigh flush dev eth0
  at client1 ping -c 1 -W 2 "$(ip6 client2)"

  # Without a NAT pod neither.
  kill -9 "$nat1_pid"
  gateways
  within 5 refused_at client1
  run ask_all_ways
  assert_equal "$(grep -cxE 'refused|forbidden|unreachable' <<<"$output")" 10
  no_leaks
}

@test "egress: 2.1: what an Egress excludes or lets by, a bound socket may reach" {
  egress "destinations: [0.0.0.0/0, '::/0'], excludedDestinations: [203.0.113.0/28, '2001:db8:f::/112']"
  sandbox client1
  start_nat nat1
  start_agent
  within 5 eval 'at client1 ip route show table 117 | grep -q "throw 203.0.113.0/28"'
  assert_equal "$(ask_past tcp "$out" 8080 --device eth0)" "out $(ip4 client1) 8080"
  assert_equal "$(ask_past tcp "$out6" 8080 --device eth0)" "out $(ip6 client1) 8080"
  egress "destinations: [0.0.0.0/0, '::/0'], onUnavailable: Bypass"
  gateways
  within 5 eval '[ "$(ask_past tcp "$out" 8080 --device eth0)" = "out $(ip4 client1) 8080" ]'
  within 5 eval '[ "$(ask_past udp "$out6" 5353 --device eth0)" = "out $(ip6 client1) 5353" ]'
  # Closed again, as a NAT pod is there.
  gateways nat1
  within 5 eval '[ "$(ask_past tcp "$out" 8080 --device eth0)" = refused ]'
  leaves_by client1 nat1
}

rules_of() { for family in ip ip6; do at "$1" nft list table $family pona-egress; done; }

@test "egress: 2.1: the rules of a client are put back, and go with what asked for them" {
  sandbox client1
  start_nat nat1
  start_agent
  within 5 leaves_by client1 nat1
  local rules
  rules=$(rules_of client1)
  at client1 nft delete table ip pona-egress
  at client1 nft flush chain ip6 pona-egress output
  kill -HUP "$agent_pid"
  within 5 eval '[ "$(rules_of client1)" = "$rules" ]'
  # What nft lists, nft can load.
  at stranger nft -f - <<<"$rules"
  pod client1
  within 5 leaves_by client1 client1
  within 5 eval '[ -z "$(at client1 nft list ruleset)" ]'
  # A pod without an Egress has none.
  pod client2
  sandbox client2
  assert_equal "$(call_agent ADD client2)" '{"version":1}'
  assert_equal "$(at client2 nft list ruleset)" ''
}

serve_in_client() {
  spawn client1 "$work/client1-server" python3 "$tools/server.py" client1 8080 5353
  within 10 grep -q ready "$work/client1-server"
}

@test "egress: 2.11: what comes in to a client of the whole Internet is answered the way it came" {
  egress "destinations: [0.0.0.0/0, '::/0']"
  sandbox client1
  serve_in_client
  # As strict as a host may be.
  at client1 sysctl -qw net.ipv4.conf.all.rp_filter=1
  start_nat nat1
  start_agent
  within 5 leaves_by client1 nat1
  within 5 answers "out $(ip6 nat1) 8080" client1 tcp "$out6" 8080
  local family host
  for family in ip4 ip6; do
    host=$($family client1)
    local seen=$out
    [ $family = ip4 ] || seen=$out6
    assert_equal "$(ask out tcp "$host" 8080 --source "$seen")" "client1 $seen 8080"
    assert_equal "$(ask out udp "$host" 5353 --source "$seen")" "client1 $seen 5353"
    at out ping -c 1 -W 2 "$host"
    # A port where nobody listens says so.
    assert_equal "$(ask out tcp "$host" 9 --source "$seen")" refused
    assert_equal "$(ask out udp "$host" 9 --source "$seen")" refused
  done
  # As kubelet probes from a node with a public address.
  assert_equal "$(ask node tcp "$(ip4 client1)" 8080 --source 203.0.113.1)" "client1 203.0.113.1 8080"
  # A connection of its own goes on by the NAT pod, while others come in from the same host.
  leaves_by client1 nat1
  assert_equal "$(ask client1 udp "$out" 5353)" "out $(ip4 nat1) 5353"
}

@test "egress: 2.11: a client without a NAT pod can be reached, and reaches nobody" {
  egress "destinations: [0.0.0.0/0, '::/0']"
  gateways
  sandbox client1
  serve_in_client
  start_agent
  within 5 refused_at client1
  assert_equal "$(ask out tcp "$(ip4 client1)" 8080 --source "$out")" "client1 $out 8080"
  assert_equal "$(ask out tcp "$(ip6 client1)" 8080 --source "$out6")" "client1 $out6 8080"
  at out ping -c 1 -W 2 "$(ip4 client1)"
  at out ping -c 1 -W 2 "$(ip6 client1)"
  assert_equal "$(ask client1 tcp "$out" 8080)" unreachable
  assert_equal "$(ask client1 tcp "$out6" 8080)" unreachable
}

@test "egress: 2.11: nobody makes his own packets pass for replies" {
  egress "destinations: [0.0.0.0/0, '::/0']"
  sandbox client1
  start_nat nat1
  watch_leaks
  start_agent
  within 5 leaves_by client1 nat1
  # With the mark of a reply, which takes privileges to set.
  at client1 python3 - "$out" "$out6" <<'PY'
import socket, sys
for address in sys.argv[1:]:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, (0x80000000).to_bytes(4, sys.byteorder))
        try:
            sock.sendto(b"who", (address, 5353))
        except OSError:
            pass
PY
  no_leaks
}

@test "egress: 2.3: a family that the CNI result does not name is fenced, before it has an address" {
  put pod-client1.yaml <<YAML
apiVersion: v1
kind: Pod
metadata: {name: client1, namespace: default, uid: uid-client1, annotations: {egress.pona.cybozu.com/internet: egress}}
spec: {nodeName: node1, containers: [{name: main, image: main}]}
status: {phase: Running, podIPs: [{ip: $(ip4 client1)}]}
YAML
  at client1 ip -6 address flush dev eth0 scope global
  sandbox client1
  sed -i 's/,"fd00:64::11"//' "$work/sandboxes/c-client1:eth0.json"
  start_nat nat1
  watch_leaks
  start_agent
  within 5 leaves_by client1 nat1
  at client1 ip address add "$(ip6 client1)/128" dev eth0 nodad
  assert_equal "$(ask client1 tcp "$out6" 8080)" unreachable
  assert_equal "$(ask_past tcp "$out6" 8080 --device eth0)" refused
  no_leaks
  # It is told of, as soon as it matters.
  within 5 eval 'pona egress show default/client1 --socket "$work/agent.sock" | grep -q "2001:db8:f::/64.*refused"'
}

@test "egress: 2.3: with more addresses than one, packets leave with the one that NAT pods know" {
  at client1 ip address add 10.64.0.99/32 dev lo
  # As router advertisements do; chosen by the rules for IPv6 sources, because it is more alike.
  at client1 ip address add 2001:db8:f:1::11/64 dev eth0 nodad
  sandbox client1
  start_nat nat1
  start_agent
  within 5 answers "out $(ip4 nat1) 8080" client1 tcp "$out" 8080
  within 5 answers "out $(ip6 nat1) 8080" client1 tcp "$out6" 8080
  assert_equal "$(ask client1 udp "$out6" 5353)" "out $(ip6 nat1) 5353"
  # The address goes and comes: so does its traffic, and nothing else leaves in between.
  at client1 ip address del "$(ip6 client1)/128" dev eth0
  at client1 ip address del "$(ip4 client1)/32" dev eth0
  at client1 ip address add "$(ip4 client1)/32" dev eth0
  at client1 ip address add "$(ip6 client1)/128" dev eth0 nodad
  at client1 ip route replace default via 169.254.1.1 dev eth0 onlink
  within 5 answers "out $(ip6 nat1) 8080" client1 tcp "$out6" 8080
  within 5 answers "out $(ip4 nat1) 8080" client1 tcp "$out" 8080
}

@test "egress: 2.6: open sockets follow when a destination is added, in both families" {
  egress 'destinations: [198.51.100.0/24, "2001:db8:e::/64"]'
  sandbox client1
  start_nat nat1
  start_agent
  within 5 eval 'at client1 ip -6 route show table 117 | grep -q "2001:db8:e::/64"'
  cat >"$work/open.py" <<'PY'
import os, socket, sys, time
again, *hosts = sys.argv[1:]
socks = []
for host in hosts:
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    sock.settimeout(2)
    sock.connect((host, 5353))
    socks.append(sock)
def ask():
    for sock in socks:
        try:
            sock.send(b"who\n")
            print(sock.recv(1000).decode().strip())
        except OSError as error:
            print(error)
ask()
print("open")
while not os.path.exists(again):
    time.sleep(0.02)
ask()
print("ended")
PY
  spawn client1 "$work/open" python3 -u "$work/open.py" "$work/again" "$out" "$out6"
  within 10 grep -q open "$work/open"
  egress
  within 5 answers "out $(ip6 nat1) 8080" client1 tcp "$out6" 8080
  within 5 answers "out $(ip4 nat1) 8080" client1 tcp "$out" 8080
  touch "$work/again"
  within 10 grep -q ended "$work/open"
  assert_equal "$(grep -v -e open -e ended "$work/open" | paste -sd ';')" \
    "out $(ip4 client1) 5353;out $(ip6 client1) 5353;out $(ip4 nat1) 5353;out $(ip6 nat1) 5353"
}

@test "egress: 2.5: without a uid, a pod of the same name and other addresses is waited out" {
  start_nat nat1
  start_agent
  # A StatefulSet's pod before this one, which asked for nothing.
  pod client2
  sed -i "s/$(ip4 client2)/10.64.0.99/; s/$(ip6 client2)/fd00:64::99/" "$manifests/pod-client2.yaml"
  sandbox client2
  sed -i 's/"uid":"uid-client2"/"uid":""/' "$work/sandboxes/c-client2:eth0.json"
  run call_agent ADD client2
  assert_output --partial '"code":11'
  assert_output --partial 'has not yet reported pod default/client2'
  pod client2 egress
  assert_equal "$(call_agent ADD client2)" '{"version":1}'
  assert_equal "$(ask client2 tcp "$out" 8080)" "out $(ip4 nat1) 8080"
}
