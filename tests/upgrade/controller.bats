#!/usr/bin/env bats
# Controllers of an older version and of this one: what one has made is neither rolled nor torn down by
# the other, with the permissions of either.
# shellcheck disable=SC2034,SC2154  # read and set in what is loaded
bats_require_minimum_version 1.5.0

load ../e2e/common
load ../e2e/topology
load ../e2e/cluster
load old

setup() {
  need_old
  setup_cluster
  printf 'apiVersion: v1\nkind: Namespace\nmetadata: {name: internet}\n' | apply -f -
}
teardown() { teardown_network; }

# old|new: kinds and roles as that version installs them, and $account, a kubeconfig with the
# controller's account.
install_of() {
  "$(binary_of "$1")" install crds | apply --server-side --force-conflicts -f - >/dev/null
  "$(binary_of "$1")" install controller --image pona:test | apply --server-side --force-conflicts -f - >/dev/null
  account=$work/account
  account_of pona-controller >"$account"
}

# old|new
run_controller() {
  spawn edge "$work/controller-$1.log" "$(binary_of "$1")" controller --kubeconfig "$account" \
    --image pona:test --instance-name "$1" --metrics-port 0 --health-port 0
  printf -v "pid_of_$1" %s "$spawned"
}
end_controller() {
  local pid=pid_of_$1
  kill "${!pid}"
  within 10 gone "${!pid}"
}
leads() { [[ $(kubectl -n pona-system get lease pona-controller -o 'jsonpath={.spec.holderIdentity}') == "$1"_* ]]; }

# One with what no new Egress may have any more, and keeps who has it.
egresses() {
  apply -f - <<'YAML'
apiVersion: v1
kind: ServiceAccount
metadata: {name: mine, namespace: internet}
---
apiVersion: pona.cybozu.com/v1
kind: Egress
metadata: {name: plain, namespace: internet}
spec: {destinations: [203.0.113.0/24], replicas: 2}
---
apiVersion: pona.cybozu.com/v1
kind: Egress
metadata: {name: odd, namespace: internet}
spec:
  destinations: [198.51.100.0/24]
  replicas: 1
  podDisruptionBudget: {maxUnavailable: 1}
  template:
    metadata: {annotations: {container.apparmor.security.beta.kubernetes.io/egress: unconfined}}
    spec:
      serviceAccountName: mine
      hostPID: true
      volumes: [{name: host, hostPath: {path: /}}]
      containers: [{name: egress, securityContext: {privileged: true}}]
YAML
}
of() { kubectl -n internet get "$1" -o "jsonpath=$2"; }
applied() { [ "$(of "egress/$1" '{.status.conditions[?(@.type=="Applied")].status}')" = True ]; }
# EGRESS…: what its pods are made of, and who may what: neither may change. What Kubernetes fills in
# and this server does not is filled in here.
made() {
  local name
  for name; do
    kubectl -n internet get "deployment/$name" "service/$name" -o json |
      jq -S '.items[] | [.metadata.uid, (.spec | walk(if type == "object" and has("fieldRef")
        then .fieldRef.apiVersion = "v1" else . end))]'
    kubectl -n internet get roles,rolebindings,serviceaccounts -o json | jq -S --arg name "$name" '.items[] |
      select(.metadata.name | endswith("-" + $name)) |
      [.kind, .metadata.name, .metadata.uid, .rules, .roleRef, .subjects]'
  done
  kubectl -n internet get poddisruptionbudgets -o json | jq -S '.items[] | [.metadata.uid, .spec]'
}
unchanged() { made "${kept[@]}" | diff "$work/made" -; }

# FIRST ROLES EGRESS…: who of two makes them, with whose roles; which must stay as they are
take_turns() {
  local first=$1 second=old kept=("${@:3}")
  [ "$first" != old ] || second=new
  install_of "$2"
  run_controller "$first"
  egresses
  within 20 applied plain
  within 20 applied odd
  made "${kept[@]}" >"$work/made"
  # Beside it, and then without it.
  run_controller "$second"
  sleep 2
  leads "$first"
  unchanged
  end_controller "$first"
  within 40 leads "$second"
  within 20 applied plain
  # It has looked at all when it has made another one.
  apply -f - <<'YAML'
apiVersion: pona.cybozu.com/v1
kind: Egress
metadata: {name: later, namespace: internet}
spec: {destinations: [192.0.2.0/24], replicas: 1}
YAML
  within 20 applied later
  unchanged
  # And it follows changes.
  kubectl -n internet patch egress plain --type=merge -p '{"spec":{"replicas":3}}'
  within 20 eval '[ "$(of deployment/plain "{.spec.replicas}")" = 3 ]'
  kubectl -n internet delete deployment odd
  within 20 of deployment/odd '{.metadata.uid}'
}

@test "controller: what the old one made the new one leaves as it is, with the old roles" {
  take_turns old old plain odd
  # What it would do beyond that is told.
  grep -q 'not allowed to get the namespace kube-system' "$work/controller-new.log"
}
@test "controller: what the old one made the new one leaves as it is, with the new roles" { take_turns old new plain odd; }
@test "controller: what the new one made the old one leaves as it is" { take_turns new new plain; }
