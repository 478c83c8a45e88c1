#!/usr/bin/env bats
# pona controller against the test API server, with kubectl as the user: what is made of an Egress,
# what goes again, and who of two works.
# shellcheck disable=SC2030,SC2031,SC2154  # bats: tests are subshells; run --separate-stderr sets stderr
bats_require_minimum_version 1.5.0

setup() {
  load common
  command -v kubectl >/dev/null || skip "there is no kubectl (Debian: kubernetes-client)"
  server=${PONA_APISERVER:-$top/build/dev/tests/apiserver}
  [ -x "$server" ] || skip "PONA_APISERVER names no API server for tests"
  export HOME=$BATS_TEST_TMPDIR KUBECONFIG=$BATS_TEST_TMPDIR/kubeconfig
  spawned=()
  spawn url "$server" --kubeconfig "$KUBECONFIG"
  until_true test -s "$HOME/url"
  "$PONA" install crds | apply --server-side -f -
  for name in egress pona-system; do
    printf 'apiVersion: v1\nkind: Namespace\nmetadata: {name: %s}\n---\n' "$name"
  done | apply -f -
  controller one
}

teardown() {
  local pid
  for pid in "${spawned[@]}"; do
    kill "$pid" 2>/dev/null || true
    wait "$pid" || true
  done
}

spawn() {
  local out=$HOME/$1
  shift
  "$@" >"$out" 2>&1 3>&- &
  spawned+=($!)
}
controller() { # NAME [OPTION...]
  local name=$1
  shift
  spawn "$name.log" "$PONA" controller --kubeconfig "$KUBECONFIG" --image pona:test \
    --instance-name "$name" --metrics-port 0 --health-port 0 "$@"
}

until_true() {
  for _ in {1..300}; do
    ! "$@" 2>/dev/null || return 0
    sleep 0.1
  done
  cat "$HOME"/*.log >&2
  fail "never true: $*"
}

kubectl() { command kubectl --request-timeout=20s "$@"; }
apply() { kubectl apply --validate=false "$@" >/dev/null; }
there() { kubectl get -n egress "$1" >/dev/null; }
gone() { ! there "$1"; }
get() { kubectl get -n egress "$1" -o "jsonpath={$2}"; }
is() { [ "$(get "$1" "$2")" = "$3" ]; }
condition() { get egress/egress ".status.conditions[?(@.type==\"$1\")].$2"; }
says() { [ "$(condition "$1" status)" = "$2" ]; }
# As the Deployment's own controller would.
report() {
  curl --silent --fail --insecure --request PATCH --output /dev/null \
    --data "{\"status\":{\"availableReplicas\":$1,\"readyReplicas\":$1}}" \
    --header "Authorization: Bearer admin" --header "Content-Type: application/merge-patch+json" \
    "$(cat "$HOME/url")/apis/apps/v1/namespaces/egress/deployments/egress/status"
}

# The design document's, unchanged.
example() {
  cat <<'EOF'
apiVersion: pona.cybozu.com/v1
kind: Egress
metadata:
  namespace: egress
  name: egress
spec:
  destinations:
  - 172.20.0.0/16
  - fd04::/64
  replicas: 3
  strategy:
    type: RollingUpdate
    rollingUpdate:
      maxUnavailable: 2
      maxSurge: 0
  template:
    metadata:
      annotations:
        ann1: foo
      labels:
        label1: bar
    spec:
      containers:
      - name: egress
        resources:
          limits:
            memory: 400Mi
  sessionAffinity: ClientIP
  sessionAffinityConfig:
    clientIP:
      timeoutSeconds: 43200
  podDisruptionBudget:
    maxUnavailable: 1
EOF
}

@test "the design's example becomes a Deployment, a Service, a budget and permissions" {
  example | apply -f -
  until_true says Applied True
  for object in deploy/egress svc/egress pdb/egress sa/pona-egress-egress \
    role/pona-egress-egress rolebinding/pona-egress-egress role/pona-agent-egress \
    rolebinding/pona-agent-egress; do
    there "$object" || fail "there is no $object"
  done
  assert_equal "$(get deploy/egress .spec.replicas)" 3
  assert_equal "$(get deploy/egress .spec.strategy.rollingUpdate.maxUnavailable)" 2
  assert_equal "$(get deploy/egress .spec.template.metadata.labels.label1)" bar
  assert_equal "$(get deploy/egress .spec.template.metadata.annotations.ann1)" foo
  container='.spec.template.spec.containers[0]'
  assert_equal "$(get deploy/egress "$container.image")" pona:test
  assert_equal "$(get deploy/egress "$container.resources.limits.memory")" 400Mi
  assert_equal "$(get deploy/egress "$container.securityContext.capabilities.add[*]")" \
    "NET_ADMIN NET_RAW"
  assert_equal "$(get svc/egress .spec.sessionAffinityConfig.clientIP.timeoutSeconds)" 43200
  assert_equal "$(get pdb/egress .spec.maxUnavailable)" 1
  says Valid True
  says Ready False
}

@test "status, columns and scale" {
  example | apply -f -
  until_true there deploy/egress
  report 2
  until_true is egress/egress .status.replicas 2
  until_true says Ready True
  assert_equal "$(condition Ready reason)" PartlyAvailable
  run -0 kubectl get eg -n egress
  assert_line --index 0 --regexp '^NAME +REPLICAS +AVAILABLE +VALID +READY +AGE$'
  assert_line --index 1 --regexp '^egress +3 +2 +True +True '
  kubectl scale egress/egress -n egress --replicas 5
  until_true is deploy/egress .spec.replicas 5
  assert_equal "$(kubectl get --raw \
    /apis/pona.cybozu.com/v1/namespaces/egress/egresses/egress/scale |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["status"]["selector"])')" \
    "app.kubernetes.io/component=egress,app.kubernetes.io/instance=egress,app.kubernetes.io/name=pona"
}

@test "without podDisruptionBudget the budget goes, and a sidecar stays a sidecar" {
  example | apply -f -
  until_true there pdb/egress
  example | sed '/podDisruptionBudget/,$d' | sed 's/^      containers:/&\
      - {name: side, image: "side:1"}/' | apply -f -
  until_true gone pdb/egress
  until_true is deploy/egress '.spec.template.spec.containers[*].name' 'side egress'
  there deploy/egress
}

@test "4.5: a template gets by an Egress what baseline lets pass, and the condition names the rest" {
  account() { # LABELS
    printf '%s\n' 'apiVersion: v1' 'kind: ServiceAccount' \
      "metadata: {name: strong, namespace: egress, labels: {$1}}" | apply -f -
  }
  account ''
  example | sed 's/^      containers:/      hostPID: true\
      serviceAccountName: strong\
      volumes: [{name: root, hostPath: {path: \/}}]\
      securityContext: {sysctls: [{name: net.ipv4.ip_forward, value: "1"}]}\
&\
      - {name: side, image: "side:1", securityContext: {privileged: true}}/' | apply -f -
  until_true is egress/egress '.status.conditions[?(@.type=="Applied")].reason' FieldsLeftOut
  pod=.spec.template.spec
  for field in hostPID 'volumes[*].name'; do
    assert_equal "$(get deploy/egress "$pod.$field")" ""
  done
  assert_equal "$(get deploy/egress "$pod.containers[*].securityContext.privileged")" false
  assert_equal "$(get deploy/egress "$pod.serviceAccountName")" pona-egress-egress
  assert_equal "$(get deploy/egress "$pod.securityContext.sysctls[*].name")" net.ipv4.ip_forward
  run condition Applied message
  for path in hostPID serviceAccountName 'volumes[root].hostPath' \
    'containers[side].securityContext.privileged'; do
    assert_output --partial "spec.template.spec.$path"
  done
  account 'egress.pona.cybozu.com/nat-pods: ""'
  until_true is deploy/egress "$pod.serviceAccountName" strong

  # Whoever runs the controller may allow more; and that is not taken away from what runs.
  kill "${spawned[1]}"
  wait "${spawned[1]}" || true
  controller two --template-policy any
  until_true is deploy/egress "$pod.hostPID" true
  says Applied True
  kill "${spawned[2]}"
  wait "${spawned[2]}" || true
  controller three
  kubectl patch egress -n egress egress --type merge -p '{"spec": {"replicas": 4}}'
  until_true is deploy/egress .spec.replicas 4
  assert_equal "$(get deploy/egress "$pod.hostPID")" true
  assert_equal "$(get deploy/egress "$pod.volumes[0].hostPath.path")" /
}

@test "what is deleted by hand comes back" {
  example | apply -f -
  until_true says Applied True
  uid=$(get deploy/egress .metadata.uid)
  kubectl delete -n egress deploy/egress svc/egress
  until_true there deploy/egress
  until_true there svc/egress
  [ "$(get deploy/egress .metadata.uid)" != "$uid" ]
}

@test "objects of v1beta1 are as those of v1" {
  example | sed s,cybozu.com/v1,cybozu.com/v1beta1, | apply -f -
  until_true says Applied True
  there deploy/egress
  assert_equal "$(kubectl get egresses.v1beta1.pona.cybozu.com -n egress egress \
    -o 'jsonpath={.status.conditions[?(@.type=="Valid")].status}')" True
}

@test "what is wrong is told in the status and by Events" {
  example | sed 's/^  name: egress/  name: bad.name/' | apply -f -
  until_true is egress/bad.name '.status.conditions[?(@.type=="Valid")].status' False
  cat <<'EOF' | apply -f -
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: default, annotations: {egress.pona.cybozu.com/egress: nothing}}
spec: {containers: [{name: c, image: i}]}
EOF
  told() { kubectl get events.events.k8s.io -n default -o 'jsonpath={.items[*].reason}' | grep -q EgressNotFound; }
  until_true told
  run ! kubectl apply --validate=false -f - <<<"$(example | sed s,172.20.0.0/16,172.20.0.0/33,)"
}

@test "of two controllers one works, and the other takes over" {
  controller two
  example | apply -f -
  until_true says Applied True
  leader=$(kubectl get lease -n pona-system pona-controller -o 'jsonpath={.spec.holderIdentity}')
  case $leader in
    one_*) first=${spawned[1]} ;;
    two_*) first=${spawned[2]} ;;
    *) fail "nobody leads: $leader" ;;
  esac
  kill "$first"
  wait "$first"
  kubectl delete -n egress deploy/egress
  until_true there deploy/egress
  now=$(kubectl get lease -n pona-system pona-controller -o 'jsonpath={.spec.holderIdentity}')
  [ "${now%_*}" != "${leader%_*}" ]
}

@test "what is made has no field that Kubernetes does not know" {
  example | sed 's/^  replicas: 3/&\n  encapsulation: VXLAN/' | apply -f -
  until_true says Applied True
  # Through kubectl's own types, which drop what they do not have.
  kubectl get -n egress deploy/egress -o json >"$HOME/ours.json"
  kubectl set image --local -f "$HOME/ours.json" -o json egress=pona:other >"$HOME/typed.json"
  python3 - "$HOME/ours.json" "$HOME/typed.json" <<'EOF'
import json, sys
ours, typed = (json.load(open(name)) for name in sys.argv[1:])
def check(a, b, path):
    if isinstance(a, dict):
        for key in a:
            assert key in b, f"{path}.{key} is not known"
            check(a[key], b[key], f"{path}.{key}")
    elif isinstance(a, list):
        assert len(a) == len(b), path
        for i, pair in enumerate(zip(a, b)): check(*pair, f"{path}[{i}]")
    elif path != ".spec.template.spec.containers[0].image":
        assert a == b, f"{path}: {a} became {b}"
check(ours["spec"], typed["spec"], ".spec")
assert typed["spec"]["template"]["spec"]["containers"][0]["image"] == "pona:other"
EOF
  for object in svc/egress pdb/egress role/pona-egress-egress rolebinding/pona-agent-egress; do
    kubectl get -n egress "$object" -o json >"$HOME/ours.json"
    kubectl label --local -f "$HOME/ours.json" -o json checked=yes |
      python3 -c 'import json, sys
typed = json.load(sys.stdin)
ours = json.load(open(sys.argv[1]))
for key in ("spec", "rules", "roleRef", "subjects"):
    assert ours.get(key) == typed.get(key), key' "$HOME/ours.json"
  done
}
