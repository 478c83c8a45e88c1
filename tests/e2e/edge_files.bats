#!/usr/bin/env bats
# Directories of manifests that are not as they should be: files that cannot be read, a kernel that tells
# of no change, and files that ask for the same.
# shellcheck disable=SC2030,SC2031,SC2154  # bats: tests are subshells; topology.bash sets variables
bats_require_minimum_version 1.5.0

setup() {
  load common
  load topology
  setup_network
}
teardown() { teardown_network; }

# A binary that is given less than a root of its own has. SCRIPT runs "$@".
edge_that() {
  printf '#!/bin/sh\n%s\n' "$1" >"$work/edge-that"
  chmod +x "$work/edge-that"
  export EDGE_BINARY=$work/edge-that
}
# Root's eyes see everything otherwise.
edge_that_obeys_modes() {
  edge_that "exec setpriv --bounding-set=-dac_override,-dac_read_search \"$PONA\" \"\$@\""
}

has_problem() { status_of | grep -q "$1"; }
hasnt_problem() { ! has_problem "$1"; }

@test "files: one that cannot be read at a start keeps nothing else from being served" {
  served web "tcp:80:8080" 1
  mapping web "addresses: [$vip], ports: [{port: 80}]"
  mapping secret "addresses: [$vip2], ports: [{port: 80}], serviceName: web"
  chmod 000 "$manifests/mapping-secret.yaml"
  edge_that_obeys_modes
  start_edge --state-dir ''
  answers 'pod1 ' tcp "$vip" 80
  has_problem 'Permission denied; nothing is taken away before it can be read'
  served web "tcp:80:8080" 2
  within 5 answers 'pod2 ' tcp "$vip" 80
  chmod 644 "$manifests/mapping-secret.yaml"
  within 10 answers 'pod2 ' tcp "$vip2" 80
  within 5 hasnt_problem 'Permission denied'
}

@test "files: what one that cannot be read asked for stays, until it is known not to" {
  served web "tcp:80:8080" 1
  mapping web "addresses: [$vip], ports: [{port: 80}]"
  mapping secret "addresses: [$vip2], ports: [{port: 80}], serviceName: web, allowedSources: [$client/32]"
  mapping gone "addresses: [$vip2], ports: [{port: 81, servicePort: 80}], serviceName: web"
  edge_that_obeys_modes
  start_edge --state-dir ''
  within 5 answers 'pod1 ' tcp "$vip2" 80
  stop_edge
  chmod 000 "$manifests/mapping-secret.yaml"
  remove mapping-gone
  mapping web "addresses: [$vip], ports: [{port: 80}, {port: 82, servicePort: 80}]"
  start_edge --state-dir ''
  within 5 answers 'pod1 ' tcp "$vip" 82
  answers 'pod1 ' tcp "$vip2" 80
  run -1 at edge "$work/edge-that" edge --dry-run --manifests "$manifests" --external-interfaces '^ext'
  assert_output --partial 'no change'
  # What cannot be read might have been what asked for this.
  answers 'pod1 ' tcp "$vip2" 81

  rm -f "$manifests/mapping-secret.yaml"
  within 10 answers 'refused|timeout' tcp "$vip2" 80
  within 5 answers 'refused|timeout' tcp "$vip2" 81
  answers 'pod1 ' tcp "$vip" 82
}

@test "files: a directory that cannot be entered is one of them" {
  served web "tcp:80:8080" 1
  mapping web "addresses: [$vip], ports: [{port: 80}]"
  mkdir "$manifests/team"
  mapping secret "addresses: [$vip2], ports: [{port: 80}], serviceName: web"
  mv "$manifests/mapping-secret.yaml" "$manifests/team/"
  edge_that_obeys_modes
  start_edge --state-dir ''
  within 5 answers 'pod1 ' tcp "$vip2" 80
  stop_edge
  for mode in 000 444; do
    chmod "$mode" "$manifests/team"
    start_edge --state-dir ''
    within 5 has_problem 'Permission denied'
    answers 'pod1 ' tcp "$vip" 80
    answers 'pod1 ' tcp "$vip2" 80
    stop_edge
  done
}

@test "files: without an inotify instance changes are looked for" {
  served web "tcp:80:8080" 1
  mapping web "addresses: [$vip], ports: [{port: 80}]"
  # In a user namespace of its own, whose limit is its own; the network stays the host's.
  edge_that "exec unshare --user --map-root-user --net sh -c '
    echo 0 >/proc/sys/user/max_inotify_instances; exec \"\$@\"' sh \"$PONA\" \"\$@\""
  run -0 at edge "$work/edge-that" edge --check-config --manifests "$manifests"
  assert_output --partial '1 Mapping, 1 Service'

  edge_at edge --state-dir '' --monitor-port 0
  has_ports() { status_of | grep -q "\"ports\": \"$1\""; }
  within 10 has_ports 80
  has_problem 'only looked at every second: there is no inotify instance left'
  mapping web "addresses: [$vip], ports: [{port: 81, servicePort: 80}]"
  within 10 has_ports 81
}

@test "files: a new one takes no port away from those that run, over a restart either" {
  served web "tcp:80:8080" 1
  served other "tcp:80:8080" 2
  mapping web "addresses: [$vip], ports: [{port: 80}, {port: 81, servicePort: 80}]"
  start_edge
  within 5 answers 'pod1 ' tcp "$vip" 80
  # By its name it comes first.
  mapping aaa "addresses: [$vip], serviceName: other, ports: [{port: 81, servicePort: 80}, {port: 82, servicePort: 80}]"
  within 5 answers 'pod2 ' tcp "$vip" 82
  answers 'pod1 ' tcp "$vip" 80
  answers 'pod1 ' tcp "$vip" 81
  has_problem "$vip:81/tcp belongs to Mapping shop/web, which had it first"
  hasnt_problem 'the older'
  within 5 grep -q 'Mapping shop web' "$PONA_EDGE_STATE_DIR/edge-claims"

  stop_edge
  mapping aab "addresses: [$vip], serviceName: other, ports: [{port: 80}, {port: 83, servicePort: 80}]"
  start_edge
  within 5 answers 'pod2 ' tcp "$vip" 83
  answers 'pod1 ' tcp "$vip" 80
  answers 'pod1 ' tcp "$vip" 81
  answers 'pod2 ' tcp "$vip" 82
  remove mapping-web
  within 5 answers 'pod2 ' tcp "$vip" 80
  within 5 answers 'pod2 ' tcp "$vip" 81
}

@test "files: an Endpoints object is served, and counts once beside slices" {
  served web "tcp:80:8080" 1
  mapping web "addresses: [$vip], ports: [{port: 80}]"
  python3 - "$manifests/service-web.yaml" <<'PYTHON'
import sys
text = open(sys.argv[1]).read()
open(sys.argv[1], "w").write(text.split("---")[0])
PYTHON
  put endpoints.yaml <<'YAML'
apiVersion: v1
kind: Endpoints
metadata: {name: web, namespace: shop}
subsets: [{addresses: [{ip: 10.1.0.12}], ports: [{name: p80-tcp, port: 8080}]}]
YAML
  start_edge
  within 5 answers 'pod2 ' tcp "$vip" 80
  served web "tcp:80:8080" 3
  within 5 answers 'pod3 ' tcp "$vip" 80
  status_of | python3 -c '
import json, sys
ports = json.load(sys.stdin)["mappings"][0]["ports"]
sys.exit([len(port["endpoints"]) for port in ports] != [1])'
}

@test "files: what is refused for lack of endpoints is no connection" {
  served web "tcp:80:8080"
  mapping web "addresses: [$vip], ports: [{port: 80}]"
  start_edge
  for _ in 1 2 3; do answers 'refused' tcp "$vip" 80; done
  refused() { [ "$(metric 'pona_edge_mapping_refused_total.*reason="endpoints"')" -ge 3 ]; }
  within 5 refused
  [ "$(metric 'pona_edge_mapping_connections_total')" = 0 ]
}

@test "files: of all line ends, in UTF-16 too, with more than one document" {
  served web "tcp:80:8080" 1
  python3 - "$manifests" "$vip" <<'PYTHON'
import sys
directory, vip = sys.argv[1:]
def mapping(port):
    return ("apiVersion: smartnat.aureacentral.com/v1alpha1\nkind: Mapping\n"
            f"metadata: {{name: m{port}, namespace: shop}}\nspec:\n  mode: service\n"
            f"  serviceName: web\n  addresses: [{vip}]\n  ports: [{{port: {hex(port)}, servicePort: 80}}]\n")
forms = {"cr": ("\r", "utf-8"), "ls": ("\u2028", "utf-8"), "utf16": ("\n", "utf-16")}
for number, (name, (end, code)) in enumerate(forms.items()):
    text = mapping(1000 + 2 * number) + "---\n" + mapping(1001 + 2 * number)
    open(f"{directory}/{name}.yaml", "wb").write(text.replace("\n", end).encode(code))
PYTHON
  run -0 "$PONA" edge --check-config --manifests "$manifests"
  assert_output --partial '6 Mapping, 1 Service'
  start_edge
  for port in 1000 1001 1002 1003 1004 1005; do within 5 answers 'pod1 ' tcp "$vip" "$port"; done
}

@test "files: 1.21: the service manager hears what is waited for, and that it is ready" {
  local told=$work/told
  spawn edge "$told" python3 -u -c '
import socket, sys
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
    sock.bind(sys.argv[1])
    while True:
        print(sock.recv(4096).decode())
' "$work/notify"
  within 10 test -S "$work/notify"
  rmdir "$manifests"
  NOTIFY_SOCKET=$work/notify edge_at edge
  within 10 grep -q '^STATUS=waiting; .*the directory of manifests does not exist: waiting for it' "$told"
  run ! grep -q READY "$told"
  mkdir "$manifests"
  within 10 grep -qx READY=1 "$told"
  within 10 grep -qx STATUS=serving "$told"
}
