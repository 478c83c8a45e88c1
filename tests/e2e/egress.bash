# shellcheck shell=bash disable=SC2016  # what eval expands
# The network of the egress tests, in namespaces of its own; removed by name at the end.
#
#   client1  client2  stranger  nat1  nat2     pods, each behind a link of its own
#         \      \       |      /    /
#          ------- node (router) --- out       the node; out is beyond the cluster
#
# Pods have 10.64.0.N and fd00:64::N. out (203.0.113.9, 2001:db8:f::9) knows the way to all pods, so
# that a packet that leaves with a client's own address would get an answer, and is seen.

. "$(dirname "${BASH_SOURCE[0]}")/network.bash"

out=203.0.113.9
out6=2001:db8:f::9
export out out6

declare -gA number=([client1]=11 [client2]=12 [stranger]=13 [nat1]=21 [nat2]=22 [nat3]=23)
ip4() { echo "10.64.0.${number[$1]}"; }
ip6() { echo "fd00:64::${number[$1]}"; }

# POD [NODE]
add_pod() {
  local node=${2:-node}
  add_host "$1" 0 0
  add_leg "$1" eth0 "$node" "$1" - "$(ip4 "$1")/32" "$(ip6 "$1")/128"
  at "$1" ip route add 169.254.1.1 dev eth0
  at "$1" ip route add default via 169.254.1.1 dev eth0
  at "$1" ip -6 route add default via fe80::1 dev eth0
  at "$node" ip address add 169.254.1.1/32 dev "$1"
  at "$node" ip address add fe80::1/64 dev "$1" nodad
  at "$node" ip route add "$(ip4 "$1")" dev "$1"
  at "$node" ip -6 route add "$(ip6 "$1")" dev "$1"
}

setup_egress() {
  begin_network
  add_host node 0 1
  add_host out 0 0
  add_leg out eth0 node out - $out/24 203.0.113.10/24 $out6/64
  at node ip address add 203.0.113.1/24 dev out
  at node ip address add 2001:db8:f::1/64 dev out
  at out ip route add default via 203.0.113.1
  at out ip -6 route add default via 2001:db8:f::1
  local pod
  for pod in client1 client2 stranger nat1 nat2; do add_pod "$pod"; done
  spawn out "$work/out.log" python3 "$tools/server.py" out 8080 5353
  within 10 grep -q ready "$work/out.log"
}

# --- objects -----------------------------------------------------------------------------------
# Of which Egress these are: egress_name, else "egress".
# [SPEC]: flow YAML without the braces, added to the destinations
egress() {
  local name=${egress_name:-egress}
  put "$name.yaml" <<YAML
apiVersion: pona.cybozu.com/v1
kind: Egress
metadata: {name: $name, namespace: internet}
spec: {encapsulation: ${encapsulation:-VXLAN}, ${1:-destinations: [203.0.113.0/24, '2001:db8:f::/64']}}
YAML
}

# NAME [ANNOTATION-VALUE] [STATUS]
pod() {
  local annotations=
  [ -z "${2:-}" ] || annotations="annotations: {egress.pona.cybozu.com/internet: '$2'}"
  put "pod-$1.yaml" <<YAML
apiVersion: v1
kind: Pod
metadata: {name: $1, namespace: default, ${pod_uid-uid: uid-$1,} ${annotations}}
spec: {nodeName: node1, containers: [{name: main, image: main}]}
status: {phase: Running, podIPs: [{ip: $(ip4 "$1")}, {ip: '$(ip6 "$1")'}]${3:+, $3}}
YAML
}

# NAT-POD[:CONDITIONS]…: who serves the Egress; conditions as flow YAML
gateways() {
  local nat four=() six=() conditions name=${egress_name:-egress}
  for nat; do
    conditions='ready: true'
    [[ $nat != *:* ]] || conditions=${nat#*:}
    four+=("{addresses: [$(ip4 "${nat%%:*}")], conditions: {$conditions}}")
    six+=("{addresses: ['$(ip6 "${nat%%:*}")'], conditions: {$conditions}}")
  done
  list() {
    local IFS=,
    echo "[$*]"
  }
  # As the Service has them, from which the cluster makes slices.
  local labels="{kubernetes.io/service-name: $name, app.kubernetes.io/name: pona, app.kubernetes.io/component: egress}"
  put "slices-$name.yaml" <<YAML
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: $name-4, namespace: internet, labels: $labels}
addressType: IPv4
ports: [{port: 5555, protocol: UDP}]
endpoints: $(list "${four[@]}")
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: $name-6, namespace: internet, labels: $labels}
addressType: IPv6
ports: [{port: 5555, protocol: UDP}]
endpoints: $(list "${six[@]}")
YAML
}

# NAT-POD: the Egress's Service, 10.96.0.10, and who leads it there as kube-proxy does
service_of() {
  put service.yaml <<'YAML'
apiVersion: v1
kind: Service
metadata: {name: egress, namespace: internet}
spec: {type: ClusterIP, clusterIP: 10.96.0.10, clusterIPs: [10.96.0.10], ports: [{port: 5555, protocol: UDP, targetPort: 5555}]}
YAML
  at node nft -f - <<NFT
table ip kube-proxy {
  chain services {
    type nat hook prerouting priority dstnat
    ip daddr 10.96.0.10 dnat to $(ip4 "$1")
  }
}
NFT
}

# --- NAT pods ------------------------------------------------------------------------------------
# NAT-POD OPTION…
start_nat() {
  local pod=$1
  shift
  spawn "$pod" "$work/$pod.log" "${NAT_BINARY:-$PONA}" nat --manifests "$manifests" --egress "internet/${egress_name:-egress}" \
    --address "$(ip4 "$pod"),$(ip6 "$pod")" "$@"
  printf -v "${pod}_pid" %s "$spawned"
  within 10 nat_is ready "$pod" || fail "$pod does not get ready: $(cat "$work/$pod.log")"
}

nat_get() { at "$1" curl -s --max-time 6 "http://127.0.0.1:$2/$3"; }
nat_is() { [ "$(at "$2" curl -s --max-time 6 -o /dev/null -w '%{http_code}' http://127.0.0.1:8081/readyz)" = 200 ]; }

# A client's side of VXLAN-GPE, by hand, towards one NAT pod; `undo_hand` takes it away.
by_hand() {
  local client=$1 nat=$2
  at "$client" ip link add vx0 mtu 1400 type vxlan external gpe dstport 4790 nolearning
  at "$client" ip link set vx0 addrgenmode none
  at "$client" ip link set vx0 up
  at "$client" ip route add 203.0.113.0/24 encap ip id 117 dst "$(ip4 "$nat")" csum dev vx0
  at "$client" ip -6 route add 2001:db8:f::/64 encap ip6 id 117 dst "$(ip6 "$nat")" csum dev vx0
}

# --- traffic -----------------------------------------------------------------------------------
# CLIENT tcp|udp ADDRESS PORT OPTION…
ask() { at "$1" python3 -I -S "$tools/client.py" "${@:2}"; }
answers() { ask "${@:2}" | grep -qE -- "$1"; }

# CLIENT NAT-POD
leaves_by() { answers "out $(ip4 "$2") 8080" "$1" tcp "$out" 8080; }
refused_at() { [ "$(ask "$1" tcp "$out" 8080)" = unreachable ]; }

# Beyond the cluster there are more hosts than one: on kernels from 6.16 on, connections are spread by
# where they go to.
many_hosts() {
  local host
  for host in {20..43}; do ip -n "$net-out" address add "203.0.113.$host/24" dev eth0; done
}
# CLIENT [PREFIX]: a connection to each, held until $work/stop exists
hold_all() {
  local host
  holders=()
  for host in {20..43}; do
    spawn "$1" "$work/hold-$host" python3 "$tools/client.py" hold "${2:-203.0.113.}$host" 8080 \
      --stop "$work/stop"
    holders+=("$spawned")
  done
  within 20 eval '[ "$(at out ss -Htn state established sport = 8080 | wc -l)" -ge 24 ]'
}

# --- agents --------------------------------------------------------------------------------------
# NAME: what the CNI plugin leaves for a pod
sandbox() {
  mkdir -p "$work/sandboxes"
  cat >"$work/sandboxes/.new" <<JSON
{"containerID":"c-$1","ifName":"eth0","netns":"/run/netns/$net-$1","netnsCookie":"","pod":{"namespace":"default","name":"$1","uid":"uid-$1"},"addresses":["$(ip4 "$1")","$(ip6 "$1")"]}
JSON
  mv "$work/sandboxes/.new" "$work/sandboxes/c-$1:eth0.json"
}

# OPTION…
start_agent() {
  spawn node "$work/agent.log" "${AGENT_BINARY:-$PONA}" agent --node-name node1 \
    --manifests "$manifests" --socket "$work/agent.sock" --sandboxes "$work/sandboxes" \
    --metrics-port 9391 --health-port 9391 "$@"
  # shellcheck disable=SC2034  # of who loads this
  agent_pid=$spawned
  within 10 agent_ready || fail "the agent does not get ready: $(cat "$work/agent.log")"
}

agent_ready() { at node curl -sf --max-time 5 -o /dev/null http://127.0.0.1:9391/readyz; }
agent_status() { at node curl -sf --max-time 5 http://127.0.0.1:9391/status; }

# COMMAND POD: a request as the CNI plugin makes it; prints the answer
call_agent() {
  python3 - "$work/agent.sock" "$1" "$work/sandboxes/c-$2:eth0.json" <<'PY'
import json, socket, sys
path, command, file = sys.argv[1:]
with socket.socket(socket.AF_UNIX) as sock:
    sock.settimeout(20)
    sock.connect(path)
    request = {"version": 1, "command": command, "sandbox": json.load(open(file))}
    sock.sendall(json.dumps(request).encode() + b"\n")
    print(sock.makefile().readline(), end="")
PY
}
