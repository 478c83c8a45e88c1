#!/usr/bin/env bats
# pona diag model: which network model a cluster is, by real routes and rules, CNI files, objects of an
# API server and of files; and that what is not known stays unknown.
# shellcheck disable=SC2030,SC2031,SC2154  # bats: tests are subshells; network.bash sets variables
bats_require_minimum_version 1.5.0

setup() {
  load common
  load network
}
teardown() { teardown_network; }

#   pod --- cni0 node eth0 --- out      10.244.1.0/24, 10.240.0.0/24; node-2 has 10.244.2.0/24
setup_node() {
  begin_network
  mkdir "$work/cni"
  export HOME=$work
  unset KUBECONFIG
  add_host node 0 1
  add_host out 0 0
  add_host pod 0 0
  add_leg node eth0 out eth0 - 10.240.0.1/24 fd00:240::1/64
  ip -n "$net-out" address add 10.240.0.254/24 dev eth0
  add_bridge node cni0 10.244.1.1/24 fd00:244:1::1/64
  add_leg pod eth0 node vpod cni0 10.244.1.2/24 fd00:244:1::2/64
  ip -n "$net-pod" route add default via 10.244.1.1
  ip -n "$net-node" route add default via 10.240.0.254
  ip -n "$net-node" route add 10.244.2.0/24 via 10.240.0.2
  objects <<<''
}

# The nodes, and each line of standard input as an object more.
objects() {
  {
    cat <<YAML
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: Node, metadata: {name: node-1}, spec: {podCIDRs: [10.244.1.0/24]}, status: {addresses: [{type: InternalIP, address: 10.240.0.1}]}}
- {apiVersion: v1, kind: Node, metadata: {name: node-2}, spec: {podCIDRs: [10.244.2.0/24]}, status: {addresses: [{type: InternalIP, address: 10.240.0.2}]}}
- {apiVersion: v1, kind: Service, metadata: {name: kubernetes, namespace: default}, spec: {type: ClusterIP, ports: [{port: 443}]}}
YAML
    sed 's/^./- &/'
  } >"$work/objects.yaml"
}

daemons() { printf '%s\n' --socket "$work/edge.sock" --agent-socket "$work/none.sock" --sandboxes "$work/sandboxes"; }
# HOST WORDS…: seen from there, with the objects.
model_at() {
  local host=$1 places
  shift
  mapfile -t places < <(daemons)
  "$PONA" diag model --from-netns "$net-$host" --cni "$work/cni" --manifests "$work/objects.yaml" --here \
    "${places[@]}" "$@"
}
# HOST EXPRESSION WORDS…: of Python, in which `r` is the report.
of_model() {
  local host=$1 expression=$2
  shift 2
  model_at "$host" --json "$@" >"$work/report.json" || [ $? = 3 ]
  python3 - "$work/report.json" "$expression" <<'PY'
import json, sys
r = json.load(open(sys.argv[1]))
models = [(m["model"], m["confidence"]) for m in r["models"]]
forms = {p["form"]: p for p in r["passages"]}
facts = {f["question"]: f["answer"] for f in r["facts"]}
print(eval(sys.argv[2]))
PY
}
# The output of the last command, as one line.
said() { output=$(tr -s ' \n' ' ' <<<"$output") assert_output --partial "$1"; }
nft_at() { at "$1" nft -f -; }

masquerade() {
  nft_at node <<'NFT'
table ip pods {
  chain out { ip saddr 10.244.0.0/16 ip daddr != 10.244.0.0/16 masquerade comment "pods leave as their node"; }
  chain post { type nat hook postrouting priority srcnat; jump out; }
}
NFT
}

@test "model: a pod's packet that leaves as it is makes a flat network, and a route outside a sure one" {
  setup_node
  assert_equal "$(of_model node 'models, facts["pods to network"], facts["pods to nodes"]')" \
    "([('flat', 'medium')], 'own address', 'own address')"
  run -0 model_at node
  assert_output --partial 'BUT       a router further on may translate'
  assert_output --partial 'run   ip route get 10.244.1.2'
  # Outside, a route to pods; what pods send is not seen from there.
  ip -n "$net-out" route add 10.244.0.0/16 via 10.240.0.1
  assert_equal "$(of_model out 'models, r["evidence"]["where"]')" "([('flat', 'low')], 'outside')"
}

@test "model: rules of nft that masquerade pods make an island, and are named" {
  setup_node
  objects <<'YAML'
{apiVersion: v1, kind: Service, metadata: {name: web, namespace: shop}, spec: {type: NodePort, ports: [{port: 80, nodePort: 30080}]}}
{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: shop, namespace: shop}, spec: {ingressClassName: nginx}}
YAML
  masquerade
  run -0 model_at node
  assert_output --partial 'MODEL     island, confidence high'
  said 'with the source 10.240.0.1'
  said 'nft ip pods out #1'
  said 'pods leave as their node'
  said '2 of 2 ways in lose the client'
  assert_equal "$(of_model node '{f: (p["senderAddress"], p["lostAtStep"]) for f, p in forms.items()}')" \
    "{'node port': ('lost', 2), 'proxy': ('lost', 2), 'masquerade': ('lost', 2)}"
  # Towards another range of the network it is another matter.
  nft_at node <<<'insert rule ip pods post ip daddr 172.16.0.0/12 accept'
  assert_equal "$(of_model node models --network 172.16.0.0/12)" "[('flat', 'medium')]"
  assert_equal "$(of_model node models --network 172.16.0.0/12 --network 10.0.0.0/8)" "[('flat', 'low')]"
}

@test "model: so do those of iptables-nft, and an ipset that is not read leaves it open" {
  command -v iptables-nft >/dev/null || skip "there is no iptables-nft"
  setup_node
  at node iptables-nft -t nat -A POSTROUTING -s 10.244.0.0/16 ! -d 10.244.0.0/16 \
    -m comment --comment 'masquerade pods' -j MASQUERADE
  run -0 model_at node
  assert_output --partial 'MODEL     island, confidence high'
  said 'masquerade pods'
  at node iptables-nft -t nat -F
  at node ipset create pools hash:net 2>/dev/null || skip "there are no ipsets"
  at node iptables-nft -t nat -A POSTROUTING -m set --match-set pools src -j MASQUERADE
  run -3 model_at node
  assert_output --partial 'MODEL     not known'
  assert_output --partial 'pona diag trace pod/NAMESPACE/NAME to 10.240.0.253:80'
}

@test "model: what a node does to clients of node ports counts more than what the Service says" {
  setup_node
  objects <<'YAML'
{apiVersion: v1, kind: Service, metadata: {name: web, namespace: shop}, spec: {type: NodePort, externalTrafficPolicy: Local, ports: [{port: 80, nodePort: 30080}]}}
YAML
  nft_at node <<'NFT'
table ip proxy {
  chain pre { type nat hook prerouting priority dstnat; fib daddr type local tcp dport 30080 dnat to 10.244.1.2:8080; }
  chain post { type nat hook postrouting priority srcnat; }
}
NFT
  assert_equal "$(of_model node 'forms["node port"]["senderAddress"], forms["node port"]["seen"] != ""')" \
    "('kept', True)"
  nft_at node <<<'add rule ip proxy post oifname "cni0" masquerade'
  assert_equal "$(of_model node 'forms["node port"]["senderAddress"], forms["node port"]["lostAtStep"]')" \
    "('lost', 2)"
}

@test "model: no way beyond the own subnets and no gateway is isolation; with a gateway it is none" {
  setup_node
  ip -n "$net-node" route del default
  assert_equal "$(of_model node models)" "[('isolated', 'high')]"
  objects <<<'{apiVersion: pona.cybozu.com/v1, kind: Egress, metadata: {name: out, namespace: internet}}'
  assert_equal "$(of_model node '"isolated" in dict(models), forms["egress gateway"]["objects"]')" \
    "(False, ['Egress internet/out'])"
  ip -n "$net-node" route add default via 10.240.0.254
  objects <<<''
  nft_at node <<<'add table ip fw; add chain ip fw forward { type filter hook forward priority 0; policy drop; }'
  run -0 model_at node
  assert_output --partial 'MODEL     isolated, confidence high'
  said 'dropped by the policy of ip fw forward'
}

@test "model: other clusters that are reached untranslated make an archipelago, and ranges used twice do not" {
  setup_node
  masquerade
  assert_equal "$(of_model node models --other-pods 10.245.0.0/16)" "[('island', 'high')]"
  nft_at node <<<'insert rule ip pods post ip daddr 10.245.0.0/16 accept'
  assert_equal "$(of_model node models --other-pods 10.245.0.0/16)" "[('archipelago', 'low')]"
  ip -n "$net-node" route add 10.245.0.0/16 via 10.240.0.7
  assert_equal "$(of_model node models --other-pods 10.245.0.0/16)" "[('archipelago', 'high')]"
  sed 's/10\.244\./10.245./' "$work/objects.yaml" >"$work/east.yaml"
  assert_equal "$(of_model node 'models, facts["other clusters"].count("east.yaml")' \
    --other-manifests "$work/east.yaml")" "([('archipelago', 'high')], 2)"
  run -0 model_at node --other-pods 10.244.0.0/15
  assert_output --partial 'MODEL     island, confidence high'
  said 'used twice'
}

@test "model: IPv4 and IPv6 that differ are told apart" {
  setup_node
  masquerade
  sed -i 's/podCIDRs: \[10.244.1.0\/24\]/podCIDRs: [10.244.1.0\/24, "fd00:244:1::\/64"]/' "$work/objects.yaml"
  ip -n "$net-node" -6 route add default via fd00:240::fe
  assert_equal "$(of_model node '[(m["family"], m["model"]) for m in r["models"]]')" \
    "[('ip', 'island'), ('ip6', 'flat')]"
}

@test "model: CNI files give ranges; a bad one is named, and costs itself" {
  setup_node
  echo '{"plugins": [' >"$work/cni/00-bad.conflist"
  cat >"$work/cni/10-net.conflist" <<'JSON'
{"cniVersion": "1.0.0", "name": "net", "plugins": [{"type": "bridge", "ipMasq": true,
  "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.244.1.0/24"}]]}}]}
JSON
  echo '{"type": "ptp", "ipam": {"subnet": "10.9.0.0/16"}}' >"$work/cni/20-unused.conf"
  mapfile -t places < <(daemons)
  # Without objects, the range is of the CNI configuration alone.
  run -0 "$PONA" diag model --from-netns "$net-node" --cni "$work/cni" "${places[@]}"
  assert_output --partial '10-net.conflist'
  refute_output --partial 10.9.0.0
  assert_output --partial 'MODEL     flat, confidence medium'
  said 'says type bridge, ipMasq: true, and the rules of'
  said "CNI configuration $work/cni/00-bad.conflist: line 1: not JSON"
  said 'no kubeconfig is known here'
}

@test "model: manifests alone tell gateways and configurations; what they cannot tell is not guessed" {
  begin_network
  mkdir "$work/dump"
  cat >"$work/dump/services.yaml" <<'YAML'
{apiVersion: v1, kind: Service, metadata: {name: api, namespace: shop}, spec: {type: LoadBalancer, externalTrafficPolicy: Local, ports: [{port: 443}]}, status: {loadBalancer: {ingress: [{ip: 203.0.113.9}]}}}
---
{apiVersion: smartnat.aureacentral.com/v1alpha1, kind: Mapping, metadata: {name: web, namespace: shop}, spec: {addresses: [203.0.113.5], preserveClientIP: true, serviceName: web, ports: [{port: 443}]}}
---
kind: [
YAML
  run -3 "$PONA" diag model --manifests "$work/dump"
  assert_output --partial 'MODEL     not known'
  assert_output --partial 'Service shop/api at 203.0.113.9, port 443/tcp'
  said 'is kept (preserveClientIP: true)'
  said "$work/dump/services.yaml:6: not YAML"
  assert_output --partial 'run   sudo pona diag model'
  cat >"$work/dump/pool.json" <<'JSON'
{"apiVersion": "crd.projectcalico.org/v1", "kind": "IPPool", "metadata": {"name": "default"},
 "spec": {"cidr": "10.244.0.0/16", "natOutgoing": true, "ipipMode": "Always"}}
JSON
  run -0 "$PONA" diag model --manifests "$work/dump"
  assert_output --partial 'MODEL     island, confidence medium'
  said 'IPPool default says natOutgoing: true'
  run -2 "$PONA" diag model --manifests "$work/none"
  assert_output --partial "there is no file or directory $work/none"
  run -2 "$PONA" diag model --manifests "$work/dump" --other-pods ten
  assert_output --partial '"ten" is no pod range'
}

@test "model: words are explained, and a wrong one is told which there are" {
  run -0 "$PONA" diag model --explain Island
  said 'gateways, which translate it'
  run -0 "$PONA" diag model --explain all
  assert_output --partial 'Egress gateway: '
  run -2 "$PONA" diag model --explain continent
  assert_output --partial 'archipelago'
}

@test "model: without rights to read rules nothing is guessed" {
  setup_node
  run -3 ip netns exec "$net-node" setpriv --reuid 65534 --clear-groups env HOME=/nonexistent "$PONA" diag model \
    --manifests /dev/null --here --cni "$work/none" --socket "$work/none.sock"
  assert_output --partial 'sudo pona diag model'
}

@test "model: a cluster's objects are read by the kubeconfig, and what may not be read is told" {
  load topology
  load cluster
  setup_cluster
  apply -f - <<'YAML'
apiVersion: v1
kind: Node
metadata: {name: node-1}
spec: {podCIDRs: [10.1.0.0/24]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {type: NodePort, selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: cilium-config, namespace: kube-system}
data: {enable-ipv4-masquerade: "true", routing-mode: tunnel}
YAML
  places=(--socket "$work/none.sock" --agent-socket "$work/none.sock" --cni "$work/none")
  run -0 at edge "$PONA" diag model "${places[@]}"
  said "of kubeconfig $kubeconfig"
  assert_output --partial 'Service shop/web, port '
  said 'cilium-config: enable-ipv4-masquerade: true'
  assert_output --partial 'MODEL     island, confidence medium'

  server=$(sed -n 's/ *server: //p' "$kubeconfig")
  at edge curl -sSfk -H 'Authorization: Bearer admin' "$server/_test/tokens" \
    -d '{"token": "guest", "user": "guest", "groups": ["system:authenticated"]}'
  sed 's/token: .*/token: guest/' "$kubeconfig" >"$work/guest.kubeconfig"
  run -3 at edge "$PONA" diag model "${places[@]}" --kubeconfig "$work/guest.kubeconfig"
  said 'services of the cluster: this user may not list them'
  assert_output --partial 'run   kubectl get services -A'

  kill -9 "$server_pid"
  within 10 gone "$server_pid"
  run -3 at edge "$PONA" diag model "${places[@]}"
  assert_output --partial "the cluster's objects"
}

@test "model: a running edge tells what it maps, and its rules what becomes of clients" {
  load topology
  setup_network
  served web "tcp:80:8080" 1 2
  mapping web "addresses: [$vip], ports: [{port: 80}]"
  mapping kept "serviceName: web, addresses: [$vip2], preserveClientIP: true, ports: [{port: 80}]"
  start_edge
  within 10 is_state web active
  places=(--socket "$work/edge.sock" --agent-socket "$work/none.sock" --cni "$work/none")
  run -0 at edge "$PONA" diag model "${places[@]}" --manifests "$manifests" --here
  assert_output --partial 'where an edge runs'
  assert_output --partial 'MODEL     island, confidence low'
  said 'the client'"'"'s address is lost at step 2'
  said 'with the source 10.1.0.2'
  said 'is kept (preserveClientIP: true)'
  # Without objects, by its own word.
  run -0 at edge env HOME="$work" KUBECONFIG= "$PONA" diag model "${places[@]}"
  said 'told by the running edge'
  said 'with the source 10.1.0.2'
}
