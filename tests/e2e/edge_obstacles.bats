#!/usr/bin/env bats
# What other programs do to mapped traffic on the edge's host: whose rules drop it is said, with what
# lets it pass; who masquerades does not get it; who deletes the edge's routes is named.
# shellcheck disable=SC2030,SC2031,SC2154  # bats: tests are subshells; topology.bash sets variables
bats_require_minimum_version 1.5.0

setup() {
  load common
  load topology
  setup_network
  served web "tcp:80:8080" 1
  mapping web "addresses: [$vip], ports: [{port: 80}]"
}
teardown() { teardown_network; }

text() { "$PONA" edge status --socket "$work/edge.sock"; }
warns() { text | grep -qF -- "$1"; }
silent() { ! text | grep -qE "drops mapped traffic|would translate"; }
counts() { [ "$(metric pona_edge_dropping_chains)" = "$1" ]; }

# The command of the warning, as it is printed.
remedy() { text | sed -n 's/.*; let it pass with: //p' | head -n 1; }

# It drops, the edge says so, its own advice mends it, and then it says nothing more.
drops_and_mends() {
  start_edge
  within 30 warns "$1 drops mapped traffic: "
  refute answers 'pod1 ' tcp "$vip" 80 --timeout 1
  run text
  assert_failure 1
  assert_output --partial "not healthy"
  assert_output --partial "for example Mapping shop/web, $vip:80/tcp to 10.1.0.11:8080"
  counts 1
  grep -qF "$1 drops mapped traffic" "$work/edge.log"
  local command
  command=$(remedy)
  echo "the remedy: $command"
  # shellcheck disable=SC2086  # its words
  at edge $command
  within 30 silent
  answers 'pod1 ' tcp "$vip" 80
  within 10 counts 0
  within 10 text
}

@test "a hand-made chain with policy drop is named, with the rule that mends it" {
  at edge nft -f - <<RULES
table inet mine {
  chain forward {
    type filter hook forward priority filter; policy drop;
    ct state vmap { established : accept, related : accept, invalid : drop }
    iifname { "docker0", "wg0" } accept
    oifname "virbr*" accept
    ip daddr 10.9.0.0/16 accept
    tcp dport { 22, 443, 9000-9100 } accept
  }
}
RULES
  drops_and_mends "chain forward of table inet mine"
}

@test "a rule that rejects at the end of a chain is an obstacle, too" {
  at edge nft -f - <<RULES
table inet mine {
  chain zones { iifname "docker0" accept; }
  chain forward {
    type filter hook forward priority filter + 10;
    ct state established,related accept
    jump zones
    reject with icmpx admin-prohibited
  }
}
RULES
  drops_and_mends "chain forward of table inet mine"
}

# What --dry-run says before an edge is here, of the plan and of one more Mapping.
foreseen() {
  run at edge "$PONA" edge --dry-run --manifests "$manifests" --external-interfaces '^ext'
  assert_output --regexp "warning: what comes from .* for Mapping shop/web, $vip:80/tcp to 10.1.0.11:8080, $1"
  run at edge "$PONA" mapping add shop/more --service web --address "$vip" --port 81:80 --dry-run --manifests "$manifests"
  echo "$output"
  assert_success
  assert_output --regexp "warning: what comes from .* for Mapping shop/more, $vip:81/tcp to 10.1.0.11:8080, $1"
}
nothing_foreseen() {
  run at edge "$PONA" edge --dry-run --manifests "$manifests" --external-interfaces '^ext'
  refute_output --partial "what comes from"
  run at edge "$PONA" mapping add shop/more --service web --address "$vip" --port 81:80 --dry-run --manifests "$manifests"
  refute_output --partial "what comes from"
}

@test "--dry-run names the rule of nftables that will drop, refuse or divert what is planned" {
  nothing_foreseen
  at edge nft -f - <<RULES
table inet firewalld {
  chain filter_FORWARD {
    type filter hook forward priority filter + 10; policy accept;
    ct state established,related accept
    tcp dport 8080 drop comment "no servers"
  }
}
RULES
  foreseen 'will be dropped by firewalld: nft inet firewalld filter_FORWARD #2 handle [0-9]+ +tcp dport 8080 drop'
  local command
  command=$(at edge "$PONA" edge --dry-run --manifests "$manifests" --external-interfaces '^ext' |
    sed -n 's/.*; let it pass with: //p' | head -n 1)
  # shellcheck disable=SC2086  # its words
  at edge $command
  nothing_foreseen
  at edge nft flush ruleset
  # Of whom the rule asks decides: who connects is not from there.
  at edge nft -f - <<RULES
table inet mine {
  chain forward {
    type filter hook forward priority filter; policy accept;
    ip saddr 192.0.2.128/25 drop
  }
}
RULES
  nothing_foreseen
  at edge nft add chain inet mine early '{ type nat hook prerouting priority -150; }'
  at edge nft add rule inet mine early ip daddr "$vip" tcp dport '{ 80, 81 }' dnat ip to 192.0.2.99
  foreseen 'will be translated to something else first, by another program: nft inet mine early #1'
}

@test "--dry-run names the rule of iptables that will refuse what is planned, of both kinds" {
  local iptables
  for iptables in iptables iptables-legacy; do
    at edge "$iptables" -w -A FORWARD -p tcp --dport 8080 -j REJECT
    if [ "$iptables" = iptables ]; then
      foreseen 'will be refused by another program: nft ip filter FORWARD #1 handle [0-9]+ '
    else
      foreseen 'will be dropped by .*legacy iptables'
    fi
    at edge "$iptables" -w -F FORWARD
    nothing_foreseen
  done
}

# COMMAND-restore: as Docker 28 leaves it.
docker_rules() {
  at edge "$1-restore" <<RULES
*filter
:FORWARD DROP [0:0]
:DOCKER - [0:0]
:DOCKER-BRIDGE - [0:0]
:DOCKER-CT - [0:0]
:DOCKER-FORWARD - [0:0]
:DOCKER-ISOLATION-STAGE-1 - [0:0]
:DOCKER-ISOLATION-STAGE-2 - [0:0]
:DOCKER-USER - [0:0]
-A FORWARD -j DOCKER-USER
-A FORWARD -j DOCKER-FORWARD
-A DOCKER ! -i docker0 -o docker0 -j DROP
-A DOCKER-BRIDGE -o docker0 -j DOCKER
-A DOCKER-CT -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A DOCKER-FORWARD -j DOCKER-CT
-A DOCKER-FORWARD -j DOCKER-ISOLATION-STAGE-1
-A DOCKER-FORWARD -j DOCKER-BRIDGE
-A DOCKER-FORWARD -i docker0 -j ACCEPT
-A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2
-A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP
COMMIT
RULES
}

@test "Docker's FORWARD by iptables-nft is named, and DOCKER-USER as the place for the rule" {
  docker_rules iptables-nft
  start_edge
  within 30 warns "chain FORWARD of table ip filter drops mapped traffic"
  [ "$(remedy)" = "iptables -I DOCKER-USER -m conntrack --ctstate DNAT -j ACCEPT" ]
  at edge iptables-nft -I DOCKER-USER -m conntrack --ctstate DNAT -j ACCEPT
  within 30 silent
  answers 'pod1 ' tcp "$vip" 80
}

@test "Docker's FORWARD by legacy iptables likewise" {
  at edge iptables-legacy -t filter -L -n || skip "the kernel has no legacy iptables"
  docker_rules iptables-legacy
  start_edge
  within 30 warns "chain FORWARD of table filter of legacy iptables drops mapped traffic"
  refute answers 'pod1 ' tcp "$vip" 80 --timeout 1
  [ "$(remedy)" = "iptables-legacy -I DOCKER-USER -m conntrack --ctstate DNAT -j ACCEPT" ]
  at edge iptables-legacy -I DOCKER-USER -m conntrack --ctstate DNAT -j ACCEPT
  within 30 silent
  answers 'pod1 ' tcp "$vip" 80
}

@test "what lets mapped traffic pass, or might, is no obstacle" {
  local rules number=0
  for rules in \
    "ct status dnat accept" \
    "ct state { new, established } accept" \
    "iifname \"ext*\" accept; ct state established accept" \
    "ip daddr 10.1.0.0/16 accept; ip saddr 10.1.0.0/16 accept" \
    "meta mark and 0x4000 == 0x4000 accept; ct state established accept" \
    "ip saddr 198.51.100.0/24 accept; ct state established accept" \
    "limit rate 1000/second accept" \
    "fib daddr type unicast accept"; do
    number=$((number + 1))
    at edge nft -f - <<RULES
table inet mine$number {
  chain forward { type filter hook forward priority $number; policy drop; $rules; }
}
RULES
  done
  # One that the edge must find: when it has, all have been looked at.
  at edge nft -f - <<<"table inet marker { chain forward { type filter hook forward priority 100; policy drop; }; }"
  start_edge
  within 30 warns "chain forward of table inet marker drops"
  counts 1
  [ "$(text | grep -c "drops mapped traffic")" = 1 ]
}

# RULES…: a nat table of another program that masquerades whatever leaves for the pods.
masqueraded_by_others() {
  served web "tcp:80:8080" 1
  mapping web "addresses: [$vip], ports: [{port: 80}], preserveClientIP: true"
  start_edge
  answers "pod1 $client " tcp "$vip" 80
  "$@"
  answers "pod1 $client " tcp "$vip" 80
  # And what is not the edge's is theirs as before.
  at edge python3 -I -S "$tools/client.py" tcp 10.1.0.11 8080 | grep -q 'pod1 10\.1\.0\.[12] '
}

@test "a client's address is preserved although others masquerade: nftables" {
  masqueraded_by_others at edge nft "add table ip flannel
    add chain ip flannel post { type nat hook postrouting priority srcnat; }
    add rule ip flannel post ip saddr != 10.1.0.0/16 ip daddr 10.1.0.0/16 masquerade fully-random"
}

@test "a client's address is preserved although others masquerade: iptables, of both kinds" {
  masqueraded_by_others at edge iptables-nft -t nat -A POSTROUTING ! -s 10.1.0.0/16 -d 10.1.0.0/16 -j MASQUERADE
  at edge nft flush ruleset
  at edge iptables-legacy -t nat -S >/dev/null 2>&1 || return 0
  at edge iptables-legacy -t nat -A POSTROUTING ! -s 10.1.0.0/16 -d 10.1.0.0/16 -j MASQUERADE
  within 10 answers "pod1 $client " tcp "$vip" 80
}

# COMMAND: the cluster IP of the Service web, as kube-proxy's mode iptables has it.
cluster_ip_by_iptables() {
  at edge "$1-restore" <<RULES
*nat
:KUBE-SERVICES - [0:0]
:KUBE-SVC-WEB - [0:0]
:KUBE-SEP-ONE - [0:0]
:KUBE-SEP-TWO - [0:0]
-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A KUBE-SERVICES -d 10.96.0.10/32 -p tcp -m comment --comment "shop/web cluster IP" -m tcp --dport 80 -j KUBE-SVC-WEB
-A KUBE-SVC-WEB -m statistic --mode random --probability 0.5 -j KUBE-SEP-ONE
-A KUBE-SVC-WEB -j KUBE-SEP-TWO
-A KUBE-SEP-ONE -p tcp -m tcp -j DNAT --to-destination 10.1.0.11:8080
-A KUBE-SEP-TWO -p tcp -m tcp -j DNAT --to-destination 10.1.0.12:8080
COMMIT
RULES
}

# COMMAND CHAIN
cluster_ip_is_lost() {
  start_edge --backend clusterip
  cluster_ip_by_iptables "$1"
  within 30 warns "$2 would translate the Service's cluster IP to a pod"
  run text
  assert_failure 1
  assert_output --partial "use --backend endpoints, or kube-proxy's mode ipvs"
}

@test "--backend clusterip beside kube-proxy's mode iptables says that it leads nowhere" {
  cluster_ip_is_lost iptables-nft "chain PREROUTING of table ip nat"
}

@test "--backend clusterip beside kube-proxy's mode iptables of the old kind likewise" {
  at edge iptables-legacy -t nat -S >/dev/null 2>&1 || skip "this kernel has no old iptables"
  cluster_ip_is_lost iptables-legacy "chain PREROUTING of table nat of legacy iptables"
}

@test "--backend clusterip where the cluster IP is local, as in mode ipvs, is fine" {
  # There it is on a dummy device, which not every kernel has.
  at edge ip address add 10.96.0.10/32 dev lo
  cluster_ip_by_iptables iptables-nft
  start_edge --backend clusterip
  at edge nft add table inet marker
  at edge nft add chain inet marker forward '{ type filter hook forward priority 5; policy drop; }'
  # What is local is not forwarded: neither is in its way.
  within 5 is_state web active
  silent
}

@test "who deletes the edge's rules is told of, with what keeps systemd-networkd from it" {
  start_edge
  answers 'pod1 ' tcp "$vip" 80
  rules() { at edge ip rule show | grep -c '^1121:'; }
  local before
  before=$(rules)
  at edge ip rule del pref 1121
  restored() { [ "$(rules)" = "$before" ]; }
  within 10 restored
  within 10 grep -q "deleted routes or rules of pona edge, which are put back; .*ManageForeignRoutes=no" "$work/edge.log"
  answers 'pod1 ' tcp "$vip" 80
}
