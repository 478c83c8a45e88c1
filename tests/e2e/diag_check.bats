#!/usr/bin/env bats
# pona diag check: each fault has its code, and the fix that is printed mends it, run as it is.
bats_require_minimum_version 1.5.0

setup() {
  load common
  load topology
}

teardown() { teardown_network; }

# HOST OPTION…: an edge, in its namespace
check_at() {
  local host=$1
  shift
  at "$host" "$PONA" diag check --socket "$work/$host.sock" --agent-socket "$work/agent.sock" \
    --sandboxes "$work/sandboxes" --manifests "$manifests" --state-dir "$work" "$@"
}

edge_with_a_mapping() {
  setup_network
  served web tcp:80:8080 1
  mapping web "addresses: [$vip], ports: [{port: 80, protocol: tcp}], allowedSources: []"
  start_edge
  within 10 is_state web active
}

# The codes of what is wrong at the edge, in a line.
codes() {
  check_at edge edge --json | python3 -c '
import json, sys
results = json.load(sys.stdin)["results"]
print(*sorted({r["code"] for r in results if r["state"] in ("warn", "error")}))'
}
has_code() { [[ " $(codes) " == *" $1 "* ]]; }

# CODE [WORDS OF THE FAULT]: it is found, told with evidence, and its printed fix takes it away.
found_and_mended() {
  local code=$1
  has_code "$code" || fail "no $code: $(check_at edge edge)"
  check_at edge edge --fix-script >"$work/fix.sh" || true
  bash -n "$work/fix.sh"
  grep -q "^# $code" "$work/fix.sh"
  at edge sh "$work/fix.sh" >"$work/fix.log" 2>&1 || true
  within 5 mended "$code" || fail "$code is there still: $(check_at edge edge) $(cat "$work/fix.sh" "$work/fix.log")"
}
mended() { ! has_code "$1"; }

@test "check: a healthy edge is quiet, and so is its script" {
  edge_with_a_mapping
  run check_at edge edge
  assert_success
  refute_output --partial PONA-C
  assert_output --regexp 'ok +sysctl +[0-9]+ checks'
  assert_output --partial 'all well'
  run check_at edge
  assert_output --partial 'pona diag check edge'
  check_at edge edge --fix-script >"$work/fix.sh"
  bash -n "$work/fix.sh"
  grep -q 'nothing to run' "$work/fix.sh"
  assert_equal "$(check_at edge edge --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["schema"])')" \
    pona.diag.check/v1
  # It leaves nothing behind, and changes nothing.
  kernel_state edge >"$work/before"
  check_at edge edge --all >/dev/null
  kernel_state edge | diff "$work/before" -
}

@test "check: faults of an edge are found one by one, and their printed fixes mend them" {
  edge_with_a_mapping
  at edge sysctl -qw net.ipv4.ip_forward=0
  run check_at edge edge
  assert_failure 1
  assert_output --partial 'net.ipv4.ip_forward = 0'
  found_and_mended PONA-C201

  at edge sysctl -qw net.ipv4.conf.cluster.forwarding=0
  found_and_mended PONA-C210

  # The edge sees to it by itself where it may: then it is no fault.
  at edge sysctl -qw net.ipv4.conf.all.rp_filter=1
  within 5 mended PONA-C203
  at edge sysctl -qw net.ipv4.conf.all.rp_filter=0

  at edge sysctl -qw net.ipv4.ip_local_port_range="60000 60999"
  run check_at edge edge --fail-on warn
  assert_failure 1
  run check_at edge edge
  assert_success
  found_and_mended PONA-C207

  at edge sysctl -qw net.netfilter.nf_conntrack_tcp_timeout_established=300
  found_and_mended PONA-C502

  at edge nft add table ip filter
  at edge nft add chain ip filter FORWARD '{ type filter hook forward priority 0; policy drop; }'
  run check_at edge edge
  assert_output --partial 'chain FORWARD of table ip filter'
  assert_output --partial 'policy drop'
  found_and_mended PONA-C301
  answers 'pod1' tcp "$vip" 80

  at edge nft add table ip other
  at edge nft add chain ip other pre '{ type nat hook prerouting priority -150; }'
  at edge nft add rule ip other pre ip daddr "$vip" tcp dport 80 dnat to 192.0.2.99
  run check_at edge edge
  assert_output --partial 'nft ip other pre #1'
  found_and_mended PONA-C304

  at edge nft add chain ip other raw '{ type filter hook prerouting priority -300; }'
  at edge nft add rule ip other raw ip daddr "$vip" notrack
  found_and_mended PONA-C305

  ip -n "$net-edge" link set cluster mtu 1400
  found_and_mended PONA-C351

  ip -n "$net-edge" address add 10.1.0.2/24 dev ext2
  found_and_mended PONA-C604

  # A bridge and a port that takes less.
  ip -n "$net-edge" link add br9 type bridge
  ip -n "$net-edge" link add p9 type veth peer name p9x
  ip -n "$net-edge" link set p9 master br9
  # Set by hand, it does not follow its ports.
  ip -n "$net-edge" link set br9 mtu 1400
  ip -n "$net-edge" link set br9 mtu 1500
  ip -n "$net-edge" link set p9 mtu 1300
  ip -n "$net-edge" link set p9x mtu 1300
  found_and_mended PONA-C353

  ip -n "$net-edge" link add vx9 type vxlan id 9 remote 192.0.2.1 dstport 4789
  ip -n "$net-edge" link set vx9 mtu 1500
  found_and_mended PONA-C352
  run check_at edge edge
  assert_success
}

@test "check: what lies on the edge's interfaces and files, and what others left" {
  edge_with_a_mapping
  chmod 666 "$work/edge.sock"
  found_and_mended PONA-C815

  chmod 777 "$manifests"
  found_and_mended PONA-C802

  at edge iptables -w -t nat -N SNM-PREROUTING
  at edge iptables -w -t nat -N MAP-ABCDEFGHIJKLMNOPQRSTUVWX
  at edge iptables -w -t nat -A SNM-PREROUTING -d 203.0.113.99 -j MAP-ABCDEFGHIJKLMNOPQRSTUVWX
  at edge iptables -w -t nat -A PREROUTING -m comment --comment "for SNM" -j SNM-PREROUTING
  run check_at edge edge
  assert_output --partial SNM-PREROUTING
  found_and_mended PONA-C901

  at edge ipset create DNAT-ABCDEFGHIJKLMNOPQRSTUVWX hash:net,port
  found_and_mended PONA-C902

  at edge ip rule add pref 30000 fwmark 0x802 lookup 1234
  found_and_mended PONA-C903

  at edge ip rule add pref 1900 lookup 117
  found_and_mended PONA-C905

  ip -n "$net-edge" link add fou-dummy type bridge
  found_and_mended PONA-C904

  # The mapped address's interface goes down.
  ip -n "$net-edge" link set ext2 down
  found_and_mended PONA-C603
}

@test "check: both kinds of iptables, a listener, and an edge that is gone" {
  edge_with_a_mapping
  at edge iptables -w -A INPUT -s 192.0.2.200 -j DROP
  mended PONA-C302
  at edge iptables-legacy -w -A INPUT -s 192.0.2.200 -j DROP
  has_code PONA-C302
  run check_at edge edge
  assert_output --partial 'legacy: iptables filter'
  at edge iptables-legacy -w -F
  mended PONA-C302

  spawn edge "$work/listener.log" python3 "$tools/server.py" other 80 5999
  within 10 has_code PONA-C306
  run check_at edge edge
  assert_output --partial 'tcp all addresses port 80'

  stop_edge KILL
  run check_at edge edge
  assert_failure 1
  assert_output --partial PONA-C811
}

@test "check: an address of IPv6 that another host has" {
  setup_network
  at edge sysctl -qw net.ipv6.conf.ext2.accept_dad=1 net.ipv6.conf.ext2.dad_transmits=1
  ip -n "$net-router" address add 2001:db8:2::99/64 dev ext2
  ip -n "$net-edge" address add 2001:db8:2::99/64 dev ext2
  within 10 eval 'ip -n "$net-edge" address show dev ext2 | grep -q dadfailed'
  run at edge "$PONA" diag check pre --socket "$work/edge.sock" --json
  assert_output --partial PONA-C602
  at edge "$PONA" diag check pre --socket "$work/edge.sock" --fix-script >"$work/fix.sh" || true
  at edge sh "$work/fix.sh"
  run at edge "$PONA" diag check pre --socket "$work/edge.sock"
  refute_output --partial PONA-C602
}

@test "check: an address that another machine on the link has, too" {
  edge_with_a_mapping
  local mac
  mac=$(ip -n "$net-router" -j link show ext2 | python3 -c 'import json,sys; print(json.load(sys.stdin)[0]["address"])')
  mended PONA-C605
  ip -n "$net-router" address add "$vip/32" dev ext2
  run check_at edge edge
  assert_failure 1
  assert_output --partial PONA-C605
  assert_output --partial "$vip, which Mapping shop/web maps, is another machine's on ext2"
  assert_output --partial "$vip is at $mac on ext2 (ARP)"
  # Nobody but people can tell which of the two is right: the script does nothing.
  check_at edge edge --fix-script >"$work/fix.sh" || true
  run grep -v '^#' "$work/fix.sh"
  refute_output --partial 'address del'
  ip -n "$net-router" address del "$vip/32" dev ext2
  run check_at edge edge --all
  assert_success
  assert_output --regexp 'ok +PONA-C605'
}

@test "check: what an ordinary user cannot read is not known, and not fine" {
  setup_network
  run at edge setpriv --reuid 65534 --clear-groups --bounding-set -all --inh-caps -all \
    "$PONA" diag check pre --socket "$work/none.sock" --json
  assert_failure 5
  python3 - "$output" <<'PY'
import json, sys
results = {r["code"]: r for r in json.loads(sys.argv[1])["results"]}
assert results["PONA-C301"]["state"] == "unknown", results["PONA-C301"]
assert results["PONA-C201"]["state"] == "ok", results["PONA-C201"]
PY
}

@test "check: words that make no sense are a usage error, and codes are explained" {
  run "$PONA" diag check everything
  assert_failure 2
  assert_output --partial 'pre, edge, node, nat, cluster or pod'
  run "$PONA" diag check pod
  assert_failure 2
  run "$PONA" diag check pod shop/web --sandboxes /nonexistent
  assert_failure 2
  run "$PONA" diag check --explain PONA-C301
  assert_success
  assert_output --partial 'ct status dnat accept'
  run "$PONA" diag check --explain PONA-C999
  assert_failure 2
}

@test "check: the manual has the paragraph of each code, word by word" {
  cat "$top"/man/pona-diag* | python3 -c '
import re, subprocess, sys
def words(text): return " ".join(text.split())
manual = sys.stdin.read().replace("\\-", "-").replace("\\(ga", "`").replace("\\(aq", chr(39)).replace("\\&", "")
manual = words(manual.replace("\\e", "\\"))
text = subprocess.run([sys.argv[1], "diag", "check", "--explain", "all"], capture_output=True, text=True, check=True).stdout
blocks = re.split(r"\n(?=PONA-C\d+  )", text.strip())
assert len(blocks) > 50, len(blocks)
for block in blocks:
    head, _, body = block.partition("\n")
    code, name, title = re.match(r"(\S+)  (\S+): (.*)", head).groups()
    wanted = words(f".B {code} {name} {title}. {body}")
    assert wanted in manual, wanted
' "$PONA"
}
