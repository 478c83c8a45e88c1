#!/usr/bin/env bats
# The edge on a node of the cluster, beside the rules that kube-proxy has there for the same address:
# the edge's ports are the edge's, the others are kube-proxy's, and nobody's rules change.
# shellcheck disable=SC2030,SC2031,SC2154  # bats: tests are subshells; topology.bash sets variables
bats_require_minimum_version 1.5.0

setup() {
  load common
  load topology
  setup_network
}

# The node's own address on the network that its default route leads to: replies need no help.
node=192.0.2.2

teardown() { teardown_network; }

# COMMAND: as kube-proxy's mode iptables has it for a load balancer's address with ports 80 and 81,
# all to pod3.
proxy_by_iptables() {
  at edge "$1-restore" <<RULES
*nat
:KUBE-SERVICES - [0:0]
:KUBE-POSTROUTING - [0:0]
:KUBE-MARK-MASQ - [0:0]
:KUBE-EXT-WEB - [0:0]
:KUBE-SVC-WEB - [0:0]
:KUBE-SEP-WEB - [0:0]
-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A OUTPUT -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING
-A KUBE-SERVICES -d $node/32 -p tcp -m tcp --dport 80 -j KUBE-EXT-WEB
-A KUBE-SERVICES -d $node/32 -p tcp -m tcp --dport 81 -j KUBE-EXT-WEB
-A KUBE-EXT-WEB -j KUBE-MARK-MASQ
-A KUBE-EXT-WEB -j KUBE-SVC-WEB
-A KUBE-SVC-WEB -j KUBE-SEP-WEB
-A KUBE-SEP-WEB -p tcp -m tcp -j DNAT --to-destination 10.1.0.13:8080
-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000
-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
-A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0
-A KUBE-POSTROUTING -j MASQUERADE --random-fully
COMMIT
*filter
:KUBE-FORWARD - [0:0]
-A FORWARD -m comment --comment "kubernetes forwarding rules" -j KUBE-FORWARD
-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP
-A KUBE-FORWARD -m mark --mark 0x4000/0x4000 -j ACCEPT
-A KUBE-FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
COMMIT
RULES
}

# Likewise as its mode nftables has it.
proxy_by_nftables() {
  at edge nft -f - <<RULES
table ip kube-proxy {
  map service-ips {
    type ipv4_addr . inet_proto . inet_service : verdict
    elements = { $node . tcp . 80 : goto external-web, $node . tcp . 81 : goto external-web }
  }
  chain filter-forward {
    type filter hook forward priority filter; policy accept;
    ct state invalid drop
  }
  chain nat-prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    ip daddr . meta l4proto . th dport vmap @service-ips
  }
  chain nat-output {
    type nat hook output priority -100; policy accept;
    ip daddr . meta l4proto . th dport vmap @service-ips
  }
  chain nat-postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    meta mark & 0x4000 == 0x4000 jump masquerading
  }
  chain masquerading {
    meta mark set meta mark ^ 0x4000
    masquerade fully-random
  }
  chain external-web {
    meta mark set meta mark | 0x4000
    meta l4proto tcp dnat to 10.1.0.13:8080
  }
}
RULES
}

# SAVE…: the command that prints the rules.
coexists() {
  save() { at edge "$@" | sed 's/\[[0-9:]*\]//; /^#/d'; }
  answers 'pod3 ' tcp "$node" 80
  save "$@" >"$work/before"
  [ -s "$work/before" ]

  served web "tcp:80:8080" 1
  mapping web "addresses: [$node], ports: [{port: 80}]"
  start_edge
  answers 'pod1 ' tcp "$node" 80
  answers 'pod3 ' tcp "$node" 81
  served web "tcp:80:8080" 2
  within 5 answers 'pod2 ' tcp "$node" 80

  stop_edge
  at edge "$PONA" edge cleanup --socket "$work/edge.sock"
  answers 'pod3 ' tcp "$node" 80
  save "$@" >"$work/after"
  diff "$work/before" "$work/after"
}

@test "kube-proxy: mode iptables, kept by nftables" {
  proxy_by_iptables iptables-nft
  coexists iptables-nft-save
}

@test "kube-proxy: mode iptables, of the old kind" {
  at edge iptables-legacy -t nat -S >/dev/null 2>&1 || skip "this kernel has no old iptables"
  proxy_by_iptables iptables-legacy
  coexists iptables-legacy-save
}

@test "kube-proxy: mode nftables" {
  proxy_by_nftables
  coexists nft list table ip kube-proxy
}
