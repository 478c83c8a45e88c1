# shellcheck shell=bash
# The network of the edge's end-to-end tests, in namespaces of its own; removed by name at the end.
#
#   client --- router ===ext1=== edge  (192.0.2.2, its default route)
#                    \==ext2===  edge  (203.0.113.2, mapped addresses .5 and .6)   edge --- cluster
#
# cluster is a switch with pod1 … pod3 and, with `second_edge`, edge2 beside edge. The router answers
# only what comes from where it would send to (strict reverse path, both families): a reply that leaves
# the edge by the wrong interface is lost there.

vip=203.0.113.5
vip2=203.0.113.6
vip6=2001:db8:2::5
client=198.51.100.10
client6=2001:db8:c::10
export vip vip2 vip6 client client6

. "$(dirname "${BASH_SOURCE[0]}")/network.bash"

# HOST NUMBER
add_edge() {
  add_host "$1" 0 1
  add_leg "$1" ext1 router "ext1-$1" ext1 "192.0.2.$2/24" "2001:db8:1::$2/64"
  add_leg "$1" ext2 router "ext2-$1" ext2 "203.0.113.$2/24" "2001:db8:2::$2/64"
  add_leg "$1" cluster switch "$1" pods "10.1.0.$2/24" "fd00:1::$2/64"
  ip -n "$net-$1" route add default via 192.0.2.1
  ip -n "$net-$1" -6 route add default via 2001:db8:1::1
}

second_edge() {
  add_edge edge2 3
}

# The mapped addresses, and the one that pods have as their router.
addresses_of_service() {
  printf '%s\n' "ext2 $vip/24" "ext2 $vip2/24" "ext2 $vip6/64" "cluster 10.1.0.1/24" \
    "cluster fd00:1::1/64"
}

give_addresses() {
  local link address
  while read -r link address; do
    ip -n "$net-$1" address add "$address" dev "$link"
  done < <(addresses_of_service)
}

# As a take-over does: one instance loses the addresses, the other has them and tells everybody.
move_addresses() {
  local link address
  while read -r link address; do
    ip -n "$net-$1" address del "$address" dev "$link"
    ip -n "$net-$2" address add "$address" dev "$link"
  done < <(addresses_of_service)
  for host in router pod1 pod2 pod3; do ip -n "$net-$host" neigh flush all; done
}

setup_network() {
  begin_network
  export PONA_EDGE_STATE_DIR=$work/state
  add_host client 1 0
  add_host router 1 1
  add_host switch 0 0
  add_leg client eth0 router client - $client/24 198.51.100.11/24 198.51.100.77/24 $client6/64
  ip -n "$net-client" route add default via 198.51.100.1
  ip -n "$net-client" -6 route add default via 2001:db8:c::1
  ip -n "$net-router" address add 198.51.100.1/24 dev client
  ip -n "$net-router" address add 2001:db8:c::1/64 dev client
  add_bridge router ext1 192.0.2.1/24 2001:db8:1::1/64
  add_bridge router ext2 203.0.113.1/24 2001:db8:2::1/64
  add_bridge switch pods
  at router nft -f - <<'RULES'
table ip6 strict {
  chain prerouting {
    type filter hook prerouting priority raw
    meta l4proto icmpv6 icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
    ip6 saddr 2000::/3 fib saddr . iif oif missing drop
  }
}
RULES
  add_edge edge 2
  give_addresses edge
  for number in 1 2 3; do
    add_host "pod$number" 0 0
    add_leg "pod$number" eth0 switch "pod$number" pods "10.1.0.1$number/24" "fd00:1::1$number/64"
    ip -n "$net-pod$number" route add default via 10.1.0.1
    ip -n "$net-pod$number" -6 route add default via fd00:1::1
    spawn "pod$number" "$work/pod$number.log" \
      python3 "$tools/server.py" "pod$number" 8080,8081,9000-9010 5353,9000-9010
  done
  for number in 1 2 3; do within 10 grep -q ready "$work/pod$number.log"; done
}

# --- objects -----------------------------------------------------------------------------------
# NAME SPEC [METADATA], both as flow YAML without the braces. serviceName is NAME where SPEC has none.
mapping() {
  local spec=$2
  [[ $spec == *serviceName:* ]] || spec="serviceName: $1, $spec"
  put "mapping-$1.yaml" <<YAML
apiVersion: smartnat.aureacentral.com/v1alpha1
kind: Mapping
metadata: {name: $1, namespace: shop${3:+, $3}}
spec: {mode: service, $spec}
YAML
}

# NAME "PROTOCOL:PORT:TARGET …" POD-NUMBER…    a Service and its EndpointSlices of both families
served() {
  local name=$1 entries=$2 entry ports=() targets=() four=() six=()
  shift 2
  for entry in $entries; do
    IFS=: read -r protocol port target <<<"$entry"
    ports+=("{name: p$port-$protocol, protocol: ${protocol^^}, port: $port, targetPort: $target}")
    targets+=("{name: p$port-$protocol, protocol: ${protocol^^}, port: $target}")
  done
  for pod; do
    four+=("{addresses: [10.1.0.1$pod], conditions: {ready: true}}")
    six+=("{addresses: ['fd00:1::1$pod'], conditions: {ready: true}}")
  done
  list() {
    local IFS=,
    echo "[$*]"
  }
  put "service-$name.yaml" <<YAML
apiVersion: v1
kind: Service
metadata: {name: $name, namespace: shop}
spec: {clusterIP: 10.96.0.10, ports: $(list "${ports[@]}")}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: $name-4, namespace: shop, labels: {kubernetes.io/service-name: $name}}
addressType: IPv4
ports: $(list "${targets[@]}")
endpoints: $(list "${four[@]}")
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: $name-6, namespace: shop, labels: {kubernetes.io/service-name: $name}}
addressType: IPv6
ports: $(list "${targets[@]}")
endpoints: $(list "${six[@]}")
YAML
}

# --- the edge ----------------------------------------------------------------------------------
# HOST OPTION…: what every call of `pona edge` here is given.
edge_at() {
  local host=$1
  shift
  spawn "$host" "$work/$host.log" "${EDGE_BINARY:-$PONA}" edge --manifests "$manifests" \
    --external-interfaces '^ext' --socket "$work/$host.sock" "$@"
  edge_pid=$spawned
}

is_ready() { [ "$(ask_edge "$1" readyz -o /dev/null -w '%{http_code}')" = 200 ]; }

# HOST PATH CURL-OPTION…: by the unix socket, so from any namespace.
ask_edge() {
  local host=$1 path=$2
  shift 2
  curl -s --max-time $((5 * patience)) --unix-socket "$work/$host.sock" "$@" "http://edge/$path"
}

start_edge() {
  edge_at edge "$@"
  within 10 is_ready edge || fail "the edge does not get ready: $(cat "$work/edge.log")"
}

start_second_edge() {
  edge_at edge2 "$@"
  within 10 is_ready edge2 || fail "the second edge does not get ready: $(cat "$work/edge2.log")"
}

stop_edge() {
  kill "-${1:-TERM}" "$edge_pid"
  within 10 gone "$edge_pid"
}

status_of() { "$PONA" edge status --json --socket "$work/edge.sock"; }

# MAPPING STATE
is_state() {
  status_of | python3 -c '
import json, sys
name, state = sys.argv[1:]
found = [m for m in json.load(sys.stdin)["mappings"] if m["name"] == name]
sys.exit(not (found and found[0]["state"] == state))
' "$1" "$2"
}

# The first metric whose name and labels match the pattern.
metric() { ask_edge edge metrics | grep -E -- "^$1" | head -n 1 | awk '{print $NF}'; }

# --- traffic -----------------------------------------------------------------------------------
# tcp|udp ADDRESS PORT OPTION…, from the client.
ask() { at client python3 -I -S "$tools/client.py" "$@"; }

answers() { ask "${@:2}" | grep -qE -- "$1"; }

# Everything that pona holds in the kernel of a host, in an order that only the content decides.
kernel_state() {
  at "$1" nft -j list ruleset | python3 "$tools/ruleset.py"
  at "$1" ip rule show | sort
  at "$1" ip -6 rule show | sort
  at "$1" ip route show table all proto 112 | sort
  at "$1" ip -6 route show table all proto 112 | sort
  at "$1" sysctl net.ipv4.conf.{all,ext1,ext2,cluster}.rp_filter
}
