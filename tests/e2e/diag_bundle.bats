#!/usr/bin/env bats
# pona diag bundle, and pona diag trace --bundle: what is told offline, as an ordinary user, after the
# network is gone, is what was told on the host; redacted, under other names and addresses.
# shellcheck disable=SC2030,SC2031,SC2154  # bats: tests are subshells; topology.bash sets variables
bats_require_minimum_version 1.5.0

setup() { load common; }
teardown() { teardown_network; }

# WORDS…: a bundle as $work/bundle.tar.gz, unpacked in $work/unpacked
take_bundle() {
  rm -rf "$work/bundle.tar.gz" "$work/unpacked"
  run --separate-stderr "$PONA" diag bundle --socket "$work/edge.sock" --agent-socket "$work/agent.sock" \
    --sandboxes "$work/sandboxes" -o "$work/bundle.tar.gz" "$@"
  echo "$stderr"
  assert_success
  mkdir "$work/unpacked"
  tar -xzf "$work/bundle.tar.gz" -C "$work/unpacked"
}

# WORDS…: as nobody, who may read what is in a directory of everybody's
offline() {
  local open
  open=$(mktemp -d)
  chmod 755 "$open"
  cp "$work/bundle.tar.gz" "$open/" && chmod 644 "$open/bundle.tar.gz"
  cp "$PONA" "$open/pona" && chmod 755 "$open/pona"
  trace_status=0
  setpriv --reuid 65534 --regid 65534 --clear-groups "$open/pona" diag trace \
    --bundle "$open/bundle.tar.gz" --source-port 40000 "$@" >"$work/trace.json" 2>"$work/trace.err" ||
    trace_status=$?
  rm -rf "$open"
}

# What a trace says, without what is another's each time.
story() {
  echo "$trace_status"
  of_trace '"\n".join([str((s["place"], s["direction"], s["where"], s["action"], s["text"], s.get("rule"), str(s["packet"]))) for s in t["steps"]] + [str(f) for f in t["findings"]] + [str((t["object"], t["result"], t["assumptions"]))])'
}
# The same, without names and addresses.
plot() {
  echo "$trace_status"
  of_trace '"\n".join([str((s["direction"], s["action"])) for s in t["steps"]] + [str((f["code"], f["step"])) for f in t["findings"]] + [t["result"]])'
}

# WORDS…: traced on the host, without a packet
on_host() {
  trace --no-live --source-port 40000 "$@"
  story >"$work/story"
  plot >"$work/plot"
}

# WORDS…: says offline what on_host has said
same_offline() {
  offline -o json "$@"
  story | diff "$work/story" - || fail "another story offline: $(show_trace)"
}

# An address, or a kind and a name, in the bundle that was taken with --redact.
other() { sed -n "s|^$* is ||p" "$work/bundle.tar.gz.names"; }

# WORD…: occur nowhere in the bundle, not even in parts of names
nowhere() {
  local word
  for word in "$@"; do
    run grep -rnaF -- "$word" "$work/unpacked"
    [ "$status" = 1 ] || fail "$word occurs: $output"
  done
}

edge_network() {
  load topology
  load faults
  setup_network
  served payroll "tcp:80:8080 udp:53:5353" 1
  mapping payroll "addresses: [$vip, '$vip6'], ports: [{port: 80}, {port: 53, protocol: UDP}]"
  start_edge
  within 10 answers 'pod1 ' tcp "$vip" 80
}

@test "bundle: an edge with mappings is the same offline, when the network is gone" {
  edge_network
  at pod1 nft -f - <<<'table inet fw { set bad { type ipv4_addr; flags interval; elements = { 198.51.100.64/26 }; }
    chain in { type filter hook input priority 0; ip saddr @bad tcp dport 8080 drop comment "deny payroll"; }; }'
  take_bundle
  assert_equal "$(stat -c %a "$work/bundle.tar.gz")" 600
  # What is on the host, and what the same is offline.
  local asked=("--from-netns $net-client $vip:80" "--from-netns $net-client --udp $vip:53"
    "--from-netns $net-client [$vip6]:80" "--from-netns $net-client --icmp $vip"
    "--from-netns $net-edge $client to $vip:80" "--from-netns $net-client 203.0.113.6:80"
    "--from-netns $net-client --reply --rules $vip:80") i
  for i in "${!asked[@]}"; do
    # shellcheck disable=SC2086
    on_host ${asked[i]}
    cp "$work/story" "$work/story.$i"
  done
  stop_edge
  for host in client edge pod1 router switch; do ip netns delete "$net-$host"; done
  for i in "${!asked[@]}"; do
    cp "$work/story.$i" "$work/story"
    # shellcheck disable=SC2086
    same_offline ${asked[i]}
  done
  offline --from-netns "$net-client" "$vip:80"
  run cat "$work/trace.json"
  assert_line --partial "offline: $(hostname) as it was at "
  assert_output --partial "told from a bundle of $(hostname)"
}

@test "bundle: redacted, nothing of before is in it, and traces say the same" {
  edge_network
  at edge nft -f - <<<'table inet payrollfw { set bad { type ipv4_addr; flags interval; elements = { 198.51.100.0-198.51.100.40 }; }
    chain guard { type filter hook forward priority 0; iifname "ext*" ip saddr @bad tcp dport 8080 drop comment "deny payroll"; }; }'
  on_host --from-netns "$net-client" "$vip:80"
  [ "$(of_trace 't["findings"][0]["code"]')" = PONA-D101 ]
  take_bundle --redact
  nowhere "$vip" "$client" "$vip6" "$client6" 10.1.0. 192.0.2. fd00:1: "$net" payroll shop
  run grep -h '"host"' "$work/unpacked/host.json" "$work/unpacked/manifest.json"
  assert_output '  "host": "a redacted host",'
  offline --from-netns "$(other netns "$net-client")" "$(other "$vip"):80" -o json
  plot | diff "$work/plot" - || fail "$(show_trace)"
  assert_equal "$(of_trace 't["object"].split()[0]')" Mapping
  # And without the rule.
  at edge nft delete table inet payrollfw
  on_host --from-netns "$net-client" "[$vip6]:80"
  [ "$trace_status" = 0 ]
  take_bundle --redact
  offline --from-netns "$(other netns "$net-client")" "[$(other "$vip6")]:80" -o json
  plot | diff "$work/plot" - || fail "$(show_trace)"
}

@test "bundle: an egress through a tunnel is the same offline, and pods by their names" {
  load egress
  load faults
  setup_egress
  egress
  pod client1 egress
  gateways nat1
  sandbox client1
  start_nat nat1
  start_agent
  within 10 leaves_by client1 nat1
  on_host pod/default/client1 to "$out:8080"
  assert_equal "$trace_status" 0
  take_bundle
  same_offline pod/default/client1 to "$out:8080"
  assert_equal "$(of_trace 't["object"].split()[0]')" Egress
  # The network model by the bundle is judged from what was seen on the host.
  run "$PONA" diag model --bundle "$work/bundle.tar.gz" --json
  assert_equal "$(jq -c .evidence <<<"$output")" "$(jq -c . "$work/unpacked/model.json")"
  # A policy drop at the NAT pod.
  at nat1 nft -f - <<<'table inet fw { chain f { type filter hook forward priority 5; policy drop; }; }'
  on_host pod/default/client1 to "$out:8080"
  assert_equal "$trace_status" 1
  take_bundle
  same_offline pod/default/client1 to "$out:8080"
  take_bundle --redact
  nowhere client1 nat1 "$out" 10.64.0. fd00:64: "$net"
  offline "pod/$(other namespace default)/$(other pod client1)" to "$(other "$out"):8080" -o json
  plot | diff "$work/plot" - || fail "$(show_trace)"
  offline pod/default/none to "$out:8080"
  assert_equal "$trace_status" 2
}

@test "bundle: no secret is in it; each file has its checksum; what is damaged is said" {
  load network
  begin_network
  add_host near 0 0
  export PONA_TEST_SECRET=hunter2-in-the-environment
  cat >"$work/kubeconfig" <<'YAML'
apiVersion: v1
kind: Config
current-context: c
contexts: [{name: c, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: {server: "http://127.0.0.1:1"}}]
users: [{name: u, user: {token: hunter2-in-the-kubeconfig}}]
YAML
  take_bundle --from-netns "$net-near" --kubeconfig "$work/kubeconfig"
  nowhere hunter2
  run python3 - "$work/unpacked" <<'PY'
import hashlib, json, os, sys
m = json.load(open(os.path.join(sys.argv[1], "manifest.json")))
for f in m["files"]:
    data = open(os.path.join(sys.argv[1], f["name"]), "rb").read()
    assert hashlib.sha256(data).hexdigest() == f["sha256"], f
    assert len(data) == f["size"]
print(len(m["files"]), [o["what"] for o in m["leftOut"]])
PY
  assert_success
  assert_output --partial "'edge'"
  # The beginning alone, another byte in a file of it, no bundle at all, and one that is there already.
  head -c 3000 "$work/bundle.tar.gz" >"$work/cut.tar.gz"
  run "$PONA" diag trace --bundle "$work/cut.tar.gz" 192.0.2.1:80
  assert_failure
  assert_output --partial "damaged or cut off"
  sed -i 's/loopback/loopbacl/' "$work"/unpacked/netns/0/network.jsonl
  (cd "$work/unpacked" && tar --format ustar -czf "$work/changed.tar.gz" -- *)
  run "$PONA" diag trace --bundle "$work/changed.tar.gz" 192.0.2.1:80
  assert_failure
  assert_output --partial "netns/0/network.jsonl in it is damaged"
  run "$PONA" diag trace --bundle "$work/kubeconfig" 192.0.2.1:80
  assert_failure
  assert_output --partial "no bundle"
  run "$PONA" diag bundle -o "$work/bundle.tar.gz"
  assert_failure 2
  assert_output --partial "is there already"
  # By a pipe as well.
  "$PONA" diag bundle -o - 2>/dev/null | tar -tzf - | grep -qx manifest.json
}

@test "bundle: who is killed in the middle leaves no half file under its name" {
  load network
  begin_network
  add_host near 0 0
  local i
  for i in 1 2 3 4 5 6 7 8; do
    "$PONA" diag bundle -o "$work/killed.tar.gz" 2>/dev/null 3>&- &
    local writer=$!
    sleep "0.0$i"
    kill -9 "$writer" 2>/dev/null || true
    wait "$writer" 2>/dev/null || true
    # All of it, or nothing.
    if [ -e "$work/killed.tar.gz" ]; then
      tar -tzf "$work/killed.tar.gz" | grep -qx manifest.json
      rm "$work/killed.tar.gz"
    fi
  done
}
