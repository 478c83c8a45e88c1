#!/usr/bin/env bats
# The CNI plugin in a chain behind Debian's bridge and ptp with host-local, as a container runtime calls
# it. The agent is a stand-in that answers what it is told to.
# shellcheck disable=SC2154  # the network's names
bats_require_minimum_version 1.5.0

plugins=/usr/lib/cni

setup() {
  load common
  load network
  [ -x $plugins/bridge ] || skip "containernetworking-plugins is not installed"
  begin_network
  add_host node 0 1
  add_host pod 0 0
  mkdir "$work/bin"
  ln -s "$PONA" "$work/bin/pona-cni"
  # A copy under its own name is the plugin as well.
  ln -s "$PONA" "$work/bin/pona"
  pod_args="IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web;K8S_POD_INFRA_CONTAINER_ID=c1;K8S_POD_UID=u1"
  conflist 1.0.0 bridge pona-cni
}
teardown() { teardown_network; }

# VERSION MAIN-PLUGIN(or -) PONA'S-NAME [KEY=JSON]…
conflist() {
  local version=$1 main='' name=$3 more='' pair
  [ "$2" = - ] || main='{"type": "'$2'", "bridge": "cni0", "isGateway": true, "ipam": {
    "type": "host-local", "dataDir": "'$work'/ipam",
    "ranges": [[{"subnet": "10.9.0.0/24"}], [{"subnet": "fd09::/64"}]]}},'
  for pair in "${@:4}"; do more+=", \"${pair%%=*}\": ${pair#*=}"; done
  cat >"$work/10.conflist" <<JSON
{"cniVersion": "$version", "name": "pods", "plugins": [$main
  {"type": "$name", "capabilities": {"io.kubernetes.cri.pod-annotations": true},
   "socket": "$work/agent.sock", "stateDir": "$work/sandboxes"$more}]}
JSON
}

# COMMAND [OPTION…]
runtime() {
  local command=$1
  shift
  at node python3 "$tools/cni_runtime.py" "$command" "$work/10.conflist" \
    --path "$work/bin:$plugins" --cache "$work/result" --netns "/var/run/netns/$net-pod" \
    --args "$pod_args" "$@"
}

agent() {
  spawn node "$work/agent.log" python3 "$tools/cni_agent.py" "$work/agent.sock" "$1"
  within 10 grep -q ready "$work/agent.log"
}
asked() { grep -c "\"command\":\"$1\"" "$work/agent.log" || true; }
json() { python3 -c "import json, sys; print(eval(sys.argv[1], {'it': json.load(sys.stdin)}))" "$1"; }
recorded() { ls "$work/sandboxes"; }

@test "bridge, host-local and pona: ADD, CHECK and DEL, in every version they share" {
  agent yes
  for version in 0.3.0 0.3.1 0.4.0 1.0.0; do
    conflist $version bridge pona-cni
    run --separate-stderr runtime ADD
    assert_success
    assert_equal "$(json 'it["cniVersion"]' <<<"$output")" $version
    address=$(json 'it["ips"][0]["address"].split("/")[0]' <<<"$output")
    address6=$(json 'it["ips"][1]["address"].split("/")[0]' <<<"$output")
    at pod ping -qc 1 -W 5 10.9.0.1
    assert_equal "$(recorded)" c1:eth0.json
    assert_equal "$(stat -c %a "$work/sandboxes/c1:eth0.json")" 600
    assert_equal "$(json 'it["addresses"]' <"$work/sandboxes/c1:eth0.json")" \
      "['$address', '$address6']"
    assert_equal "$(json 'it["pod"]' <"$work/sandboxes/c1:eth0.json")" \
      "{'namespace': 'shop', 'name': 'web', 'uid': 'u1'}"
    [[ $version == 0.3.* ]] || runtime CHECK
    runtime DEL
    assert_equal "$(recorded)" ''
  done
  assert_equal "$(asked ADD) $(asked CHECK) $(asked DEL)" '4 2 4'
  # What the agent is told is what is recorded.
  assert_equal "$(grep ADD "$work/agent.log" | tail -n 1 | json 'it["sandbox"]["netns"]')" \
    "/var/run/netns/$net-pod"
}

@test "the result is the one of the plugin before, whole" {
  agent yes
  runtime ADD >"$work/with"
  runtime DEL
  rm -r "$work/ipam"
  at node ip link del cni0
  python3 - "$work/10.conflist" <<'EDIT'
import json, sys
path = sys.argv[1]
conf = json.load(open(path))
del conf["plugins"][-1]
json.dump(conf, open(path, "w"))
EDIT
  runtime ADD >"$work/without"
  # Each bridge and veth has an address of its own.
  plain() { python3 -c 'import json, re, sys
print(re.sub(r"(..:){5}..|veth\w+", "X", json.dumps(json.load(sys.stdin))))' <"$1"; }
  assert_equal "$(plain "$work/with")" "$(plain "$work/without")"
}

@test "ptp with host-local, and the plugin under its other name" {
  agent yes
  conflist 1.0.0 ptp pona
  runtime ADD
  assert_equal "$(recorded)" c1:eth0.json
  runtime CHECK
  runtime DEL
  assert_equal "$(recorded)" ''
}

@test "the agent's no ends ADD with its code, and leaves no record" {
  agent '{"version":1,"error":{"code":101,"msg":"Egress internet/nat does not exist","details":"x"}}'
  run --separate-stderr runtime ADD
  assert_failure 1
  assert_equal "$output" '{"cniVersion":"1.0.0","code":101,"msg":"Egress internet/nat does not exist","details":"x"}'
  assert_equal "$(recorded)" ''
  runtime DEL
}

@test "an agent that hangs costs ADD its time and DEL half a second, and DEL succeeds" {
  conflist 1.0.0 bridge pona-cni timeoutSeconds=0.3
  agent hang
  run --separate-stderr runtime ADD
  assert_failure 1
  assert_equal "$(json 'it["code"], it["details"]' <<<"$output")" "(11, 'no answer within 300 ms')"
  assert_equal "$(recorded)" ''
  runtime DEL
  # Without the bound, this would not end.
  conflist 1.0.0 bridge pona-cni
  runtime DEL
}

@test "without the agent, pods that may want egress wait, and others do not" {
  run --separate-stderr runtime ADD
  assert_failure 1
  assert_equal "$(json 'it["code"]' <<<"$output")" 11
  assert_regex "$output" "See that pona's agent runs on this node"
  runtime DEL
  run --separate-stderr runtime ADD --annotations '{"egress.pona.cybozu.com/internet": "nat"}'
  assert_failure 1
  assert_equal "$(json 'it["code"]' <<<"$output")" 11
  runtime DEL
  assert_equal "$(recorded)" ''

  # A NAT pod starts, too: what the agent does for it may come later.
  for annotations in '{"kubernetes.io/config.seen": "now"}' '{"pona.dev/nat-pod": "true"}' '{}' null; do
    runtime ADD --annotations "$annotations"
    assert_equal "$(recorded)" c1:eth0.json
    runtime CHECK --annotations "$annotations"
    runtime DEL --annotations "$annotations"
  done
  # No pod of Kubernetes.
  runtime ADD --args 'IgnoreUnknown=1'
  assert_equal "$(recorded)" c1:eth0.json
  runtime DEL --args 'IgnoreUnknown=1'
  assert_equal "$(recorded)" ''
}

@test "annotations without egress: nobody is asked, and the agent finds the record" {
  agent yes
  runtime ADD --annotations '{"a": "b"}'
  assert_equal "$(asked ADD)" 0
  runtime DEL
  runtime ADD --annotations '{"pona.dev/nat-pod": "true"}'
  assert_equal "$(asked ADD)" 1
  runtime DEL
  runtime ADD --annotations '{"egress.pona.cybozu.com/internet": "nat"}'
  assert_equal "$(asked ADD)" 2
}

@test "pitfall 18: DEL succeeds with everything gone, time and again" {
  agent yes
  runtime ADD
  kill -9 "$spawned"
  ip netns del "$net-pod"
  sed -i "/-pod\$/d" "$work/namespaces"
  for _ in 1 2 3; do
    runtime DEL
    rm -rf "$work/sandboxes" "$work/result" "$work/agent.sock"
  done
}

@test "pitfall 19: a namespace that was made anew at the same path is not the one that was added" {
  agent yes
  runtime ADD
  cookie=$(json 'it["netnsCookie"]' <"$work/sandboxes/c1:eth0.json")
  [ -n "$cookie" ] || skip "this kernel has no namespace cookies"
  ip netns del "$net-pod"
  ip netns add "$net-pod"
  conflist 1.0.0 - pona-cni
  run --separate-stderr runtime CHECK
  assert_failure 1
  assert_equal "$(json 'it["code"]' <<<"$output")" 100
}

@test "4.9: a pipe in a record's place holds up neither DEL nor the agent" {
  agent yes
  runtime ADD
  rm "$work/sandboxes/c1:eth0.json"
  mkfifo "$work/sandboxes/c1:eth0.json"
  run timeout 20 env CNI_COMMAND=DEL CNI_CONTAINERID=c1 CNI_IFNAME=eth0 CNI_PATH="$work/bin" \
    CNI_NETNS="/var/run/netns/$net-pod" "$work/bin/pona-cni" <<<"$(plugin_config)"
  assert_success
  assert_equal "$(recorded)" ""
}
plugin_config() {
  echo '{"cniVersion": "1.0.0", "name": "pods", "type": "pona-cni", "socket": "'"$work"'/agent.sock",
    "stateDir": "'"$work"'/sandboxes", "prevResult": '"${1-{\}}"'}'
}

@test "4.9: the records are root's, and a result nested without end is an error" {
  agent yes
  (
    umask 0
    runtime ADD
  )
  assert_equal "$(stat -c %a "$work/sandboxes")" 755
  deep=$(printf '%200000s' '' | tr ' ' '[')$(printf '%200000s' '' | tr ' ' ']')
  plugin_config "{\"ips\": $deep}" >"$work/deep"
  run env CNI_COMMAND=ADD CNI_CONTAINERID=c2 CNI_IFNAME=eth0 CNI_PATH="$work/bin" \
    CNI_NETNS="/var/run/netns/$net-pod" "$work/bin/pona-cni" <"$work/deep"
  assert_failure 1
  assert_output --partial '"code":6'
}

@test "VERSION, STATUS and GC" {
  conflist 1.1.0 - pona-cni
  run --separate-stderr runtime VERSION
  assert_output '{"cniVersion":"1.1.0","supportedVersions":["0.3.0","0.3.1","0.4.0","1.0.0","1.1.0"]}'
  run --separate-stderr runtime STATUS
  assert_failure 1
  assert_equal "$(json 'it["code"]' <<<"$output")" 50
  agent yes
  runtime STATUS

  conflist 1.0.0 bridge pona-cni
  runtime ADD --container c1
  runtime DEL --container c1
  for container in c1 c2; do
    rm -f "$work/result"
    at pod ip link del eth0 2>/dev/null || true
    runtime ADD --container $container
  done
  conflist 1.1.0 - pona-cni
  runtime GC --attachment c2:eth0 --attachment c3:eth0
  assert_equal "$(recorded)" c2:eth0.json
  assert_equal "$(grep GC "$work/agent.log" | json 'len(it["sandboxes"])')" 1
}

@test "called by hand it tells what it is, and never waits for a netconf" {
  run env -u CNI_COMMAND "$work/bin/pona-cni"
  assert_failure 1
  assert_output --partial 'CNI_COMMAND is not set'
  run "$PONA" cni --help
  assert_success
  assert_output --partial 'Usage: pona cni'
  run "$PONA" cni ADD
  assert_failure 2
}
