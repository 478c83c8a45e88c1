# shellcheck shell=bash
# Hosts and cables of the end-to-end tests, in namespaces of their own, and the processes in them; all
# of it removed by name at the end. What the networks look like stands in the files that load this.

# shellcheck disable=SC2034  # of who loads this
tools=$(dirname "${BASH_SOURCE[0]}")/tools

# What teardown_network ends and removes is listed from here on.
begin_network() {
  work=$BATS_TEST_TMPDIR
  net=pona-e2e-$$-$RANDOM
  manifests=$work/manifests
  mkdir "$manifests"
  : >"$work/pids"
  : >"$work/namespaces"
}

gone() { ! kill -0 "$1"; }

# Runs a command at a host of the network.
at() {
  local host=$1
  shift
  ip netns exec "$net-$host" "$@"
}

# The same without waiting; its process ends with the test.
spawn() {
  local host=$1 log=$2
  shift 2
  ip netns exec "$net-$host" "$@" >"$log" 2>&1 3>&- &
  spawned=$!
  echo "$spawned" >>"$work/pids"
}

# Until the command succeeds, or N seconds are over; a slow machine is given that many times as long.
# Asked ever more seldom: asking takes the time that what is waited for, and other tests, could use.
patience=3
within() {
  local end=$((SECONDS + $1 * patience + 1)) pauses=(0.02 0.03 0.05 0.1 0.2) asked=0
  shift
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep "${pauses[asked < 4 ? asked++ : 4]}"
  done
}

add_host() {
  ip netns add "$net-$1"
  echo "$net-$1" >>"$work/namespaces"
  ip netns exec "$net-$1" sysctl -qw net.ipv4.conf.all.rp_filter="$2" \
    net.ipv4.conf.default.rp_filter="$2" net.ipv4.ip_forward="$3" \
    net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.disable_ipv6=0 \
    net.ipv6.conf.all.forwarding="$3" net.ipv6.conf.default.accept_dad=0 \
    net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_ra=0
  ip -n "$net-$1" link set lo up
}

# HOST LINK PEER-HOST PEER-LINK BRIDGE(or -) ADDRESS…
add_leg() {
  local host=$1 link=$2 peer=$3 port=$4 bridge=$5
  shift 5
  ip -n "$net-$host" link add "$link" type veth peer name "$port" netns "$net-$peer"
  for address; do ip -n "$net-$host" address add "$address" dev "$link"; done
  ip -n "$net-$host" link set "$link" up
  if [ "$bridge" != - ]; then ip -n "$net-$peer" link set "$port" master "$bridge"; fi
  ip -n "$net-$peer" link set "$port" up
}

add_bridge() {
  local host=$1 bridge=$2
  shift 2
  ip -n "$net-$host" link add "$bridge" type bridge
  for address; do ip -n "$net-$host" address add "$address" dev "$bridge"; done
  ip -n "$net-$host" link set "$bridge" up
}

teardown_network() {
  local pid
  [ -n "${work:-}" ] || return 0
  while read -r pid; do
    disown "$pid" 2>/dev/null || true
    kill -9 "$pid" 2>/dev/null || true
  done <"$work/pids"
  while read -r namespace; do ip netns del "$namespace" || true; done <"$work/namespaces"
}

# Written beside and renamed: nobody ever sees half of one.
put() {
  cat >"$manifests/.$1.new"
  mv "$manifests/.$1.new" "$manifests/$1"
}

remove() { rm "$manifests/$1.yaml"; }
