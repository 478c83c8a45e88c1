# shellcheck shell=bash disable=SC2154  # the network's names
# What the tests of FoU share: what is on the wire, the Service, and peers made by hand.

# CLIENT NAT-POD(S, as a pattern's last digit)
leaves_by_all() {
  answers "out 10\.64\.0\.2$2 8080" "$1" tcp "$out" 8080 &&
    answers "out fd00:64::2$2 8080" "$1" tcp "$out6" 8080 &&
    answers "out 10\.64\.0\.2$2 5353" "$1" udp "$out" 5353 &&
    answers "out fd00:64::2$2 5353" "$1" udp "$out6" 5353
}
refused() { [ "$(ask "$1" tcp "$2" 8080)" = unreachable ]; }

# What goes over client1's link from here on, until `captured`.
capture() {
  spawn node "$work/capture.log" tcpdump -U -ni client1 -w "$work/wire"
  capturing=$spawned
  within 10 grep -q 'listening on' "$work/capture.log"
}
captured() {
  sleep 0.5 # what tcpdump has not read yet
  kill -INT "$capturing"
  within 10 gone "$capturing"
}
# FILTER: how many packets of those it took
wire() { tcpdump -nr "$work/wire" "$1" 2>/dev/null | wc -l; }

# --- the Service ---------------------------------------------------------------------------------
service4=10.96.0.10
service6=fd00:96::10
service() {
  put service.yaml <<YAML
apiVersion: v1
kind: Service
metadata: {name: egress, namespace: internet}
spec: {type: ClusterIP, clusterIP: $service4, clusterIPs: [$service4, '$service6'], ports: [{port: 5555, protocol: UDP, targetPort: 5555}]}
YAML
}
# NAT-POD…: leads the Service's packets to them as kube-proxy does
kube_proxy() {
  local nat four="" six="" turn=0
  for nat; do
    four+="${four:+, }$turn : $(ip4 "$nat")"
    six+="${six:+, }$turn : $(ip6 "$nat")"
    turn=$((turn + 1))
  done
  at node nft -f - <<NFT
table ip kube-proxy {
  chain services {
    type nat hook prerouting priority dstnat
    ip daddr $service4 udp dport 5555 dnat to numgen random mod $turn map { $four }
  }
}
table ip6 kube-proxy {
  chain services {
    type nat hook prerouting priority dstnat
    ip6 daddr $service6 udp dport 5555 dnat to numgen random mod $turn map { $six }
  }
}
NFT
}

# --- peers made by hand --------------------------------------------------------------------------
# HOST: what both sides have
fou_by_hand() {
  at "$1" ip fou add port 5555 ipproto 4
  at "$1" ip -6 fou add port 5555 ipproto 41
  at "$1" ip link add catch4 type ipip external
  at "$1" ip link add catch6 type ip6tnl external
  at "$1" ip link set catch4 up
  at "$1" ip link set catch6 up
}
# HOST REMOTE4 REMOTE6 ENCAPLIMIT: the tunnels fou4 and fou6; checksums are 0, as those have it
tunnels_by_hand() {
  local encap="encap fou encap-sport auto encap-dport 5555 noencap-csum noencap-udp6-csum"
  # shellcheck disable=SC2086  # words
  at "$1" ip link add fou4 type ipip remote "$2" local "$(ip4 "$1")" ttl 225 $encap
  # shellcheck disable=SC2086
  at "$1" ip link add fou6 type ip6tnl mode any remote "$3" local "$(ip6 "$1")" hoplimit 225 \
    encaplimit "$4" $encap
  at "$1" ip link set fou4 up
  at "$1" ip link set fou6 up
}
