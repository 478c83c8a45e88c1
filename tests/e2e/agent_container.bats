#!/usr/bin/env bats
# The agent as its DaemonSet runs it, in a container of runc's: no privileges but the manifest's, a
# file system and a /proc/sys that cannot be written, the node's directories where the manifest has
# them. The image has pona and, where that is no static binary, this machine's libraries.
# shellcheck disable=SC2154  # set in egress.bash

setup() {
  load common
  load egress
  command -v runc >/dev/null || skip "runc is not installed"
  setup_egress
  egress
  gateways nat1 nat2
  mkdir -p "$work/sandboxes" "$work/cni-bin" "$work/cni-conf" \
    "$work/bundle/root"/{usr,proc,sys,dev,etc,run,tmp,var/run,host/proc/sys/net}
  local link
  for link in lib lib64; do [ ! -L "/$link" ] || ln -s "usr/$link" "$work/bundle/root/$link"; done
  cp "$PONA" "$work/bundle/root/pona"
}

teardown() {
  runc --root "$work/runc" delete --force "${net:-none}" 2>/dev/null || true
  teardown_network
}

# What the manifest says, as runc's configuration.
configuration() {
  "$PONA" install agent --image none:1 | python3 -c '
import json, sys, yaml
work, net = sys.argv[1:]
documents = yaml.safe_load_all(sys.stdin)
spec = next(d for d in documents if d and d["kind"] == "DaemonSet")["spec"]["template"]["spec"]
container = spec["containers"][0]
security = container["securityContext"]
assert spec["hostNetwork"] and security["capabilities"]["drop"] == ["ALL"]
capabilities = ["CAP_" + name for name in security["capabilities"]["add"]]
# The test has directories of its own for those of the node.
host = {"/run/pona": work, "/opt/cni/bin": work + "/cni-bin", "/etc/cni/net.d": work + "/cni-conf"}
mounts = [
    {"destination": "/proc", "type": "proc", "source": "proc"},
    {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]},
    {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["ro", "nosuid"]},
    {"destination": "/usr", "type": "bind", "source": "/usr", "options": ["rbind", "ro"]},
    {"destination": work, "type": "bind", "source": work, "options": ["rbind", "rprivate"]},
]
volumes = {volume["name"]: volume["hostPath"]["path"] for volume in spec["volumes"]}
for mount in container["volumeMounts"]:
    path = mount["mountPath"]
    source = volumes[mount["name"]]
    slave = mount.get("mountPropagation") == "HostToContainer"
    mounts.append({"destination": path, "type": "bind", "source": host.get(source, source),
                   "options": ["rbind", "rslave" if slave else "rprivate"]})
arguments = ["/pona", "agent", "--node-name", "node1", "--manifests", work + "/manifests",
             "--sandboxes", "/run/pona/sandboxes", "--socket", "/run/pona/agent.sock", *container["args"]]
json.dump({
    "ociVersion": "1.0.2",
    "root": {"path": "root", "readonly": security["readOnlyRootFilesystem"]},
    "process": {"user": {"uid": 0, "gid": 0}, "cwd": "/", "env": ["PATH=/usr/bin:/bin"], "args": arguments,
                "noNewPrivileges": not security["allowPrivilegeEscalation"],
                "capabilities": {kind: capabilities for kind in ("bounding", "effective", "permitted")}},
    "mounts": mounts,
    "linux": {"namespaces": [{"type": "mount"}, {"type": "pid"}, {"type": "ipc"}, {"type": "uts"},
                             {"type": "network", "path": "/run/netns/" + net + "-node"}],
              "cgroupsPath": "/" + net,
              "maskedPaths": ["/proc/kcore", "/proc/keys", "/proc/timer_list"],
              "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]},
}, sys.stdout)' "$work" "$net" >"$work/bundle/config.json"
}

@test "agent: in its container it has clients, NAT pods and the plugin as it must" {
  configuration
  start_nat nat1
  start_nat nat2
  at client2 sysctl -qw net.ipv4.ip_forward=0
  # A NAT pod of this node, whose parameters it sets, and a namespace that comes later than it.
  put pod-nat3.yaml <<YAML
apiVersion: v1
kind: Pod
metadata:
  name: nat3
  namespace: internet
  uid: uid-nat3
  labels: {app.kubernetes.io/name: pona, app.kubernetes.io/instance: egress, app.kubernetes.io/component: egress}
spec: {nodeName: node1, containers: [{name: egress, image: pona, securityContext: {capabilities: {add: [NET_ADMIN]}}}]}
status: {phase: Running, podIPs: [{ip: $(ip4 nat3)}, {ip: '$(ip6 nat3)'}]}
YAML
  pod client1 egress
  runc --root "$work/runc" run --bundle "$work/bundle" "$net" >"$work/agent.log" 2>&1 3>&- &
  echo "$!" >>"$work/pids"
  within 15 agent_ready || fail "$(tail -n 20 "$work/agent.log")"
  sandbox client1
  within 5 answers "out 10.64.0.2[12] 8080" client1 tcp "$out" 8080
  within 5 answers "out fd00:64::2[12] 8080" client1 tcp "$out6" 8080

  add_pod nat3
  sandbox nat3
  sed -i 's/"namespace":"default"/"namespace":"internet"/' "$work/sandboxes/c-nat3:eth0.json"
  within 5 eval '[ "$(at nat3 sysctl -n net.ipv4.ip_forward net.ipv6.conf.all.forwarding | paste -sd " ")" = "1 1" ]'
  assert_equal "$(at node cat /proc/sys/net/ipv4/fwmark_reflect)" 0

  assert_equal "$(readlink "$work/cni-bin/pona-cni")" pona
  [ -x "$work/cni-bin/pona" ]
  runc --root "$work/runc" kill "$net" TERM
  within 10 eval '! runc --root "$work/runc" state "$net" | grep -q running'
}
