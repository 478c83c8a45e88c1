#!/usr/bin/env bats
# pona mapping against a cluster: the test server, with kubectl as the other one who writes to it.
# shellcheck disable=SC2030,SC2031,SC2154  # bats: tests are subshells; run --separate-stderr sets stderr
bats_require_minimum_version 1.5.0

setup() {
  load common
  command -v kubectl >/dev/null || skip "there is no kubectl (Debian: kubernetes-client)"
  server=${PONA_APISERVER:-$top/build/dev/tests/apiserver}
  [ -x "$server" ] || skip "PONA_APISERVER names no API server for tests"
  unset NO_COLOR PONA_MANIFESTS
  export HOME=$BATS_TEST_TMPDIR KUBECONFIG=$BATS_TEST_TMPDIR/kubeconfig
  "$server" --kubeconfig "$KUBECONFIG" >"$HOME/url" 3>&- &
  server_pid=$!
  until_true test -s "$HOME/url"
  url=$(cat "$HOME/url")
  "$PONA" install crds | apply --server-side -f -
  printf 'apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n' | apply -f -
  printf 'apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\nspec: {ports: [{port: 443}]}\n' |
    apply -f -
}

teardown() {
  [ -n "${server_pid:-}" ] || return 0
  kill "$server_pid" || true
  wait "$server_pid" || true
}

until_true() {
  for _ in {1..100}; do
    ! "$@" 2>/dev/null || return 0
    sleep 0.1
  done
  fail "never true: $*"
}

kubectl() { command kubectl --request-timeout=20s "$@"; }
apply() { kubectl apply --validate=false "$@" >/dev/null; }
mapping() { "$PONA" mapping "$@"; }
add_web() {
  mapping add web --address 203.0.113.10 --port 443:8443/tcp --service shop/web \
    --allow 198.51.100.0/24 "$@"
}
field() { kubectl get mapping web -n shop -o "jsonpath={$1}"; }

# What kubectl before 1.24 cannot: PATCH of the subresource.
patch_status() {
  curl --silent --fail --insecure --request PATCH --data "$2" --output /dev/null \
    --header "Authorization: Bearer admin" --header "Content-Type: application/merge-patch+json" \
    "$url/apis/smartnat.aureacentral.com/v1alpha1/namespaces/shop/mappings/$1/status"
}

# NAME ACCEPTED REASON PROGRAMMED REASON MESSAGE [INSTANCES]
report() {
  local time generation
  time=$(date -u +%Y-%m-%dT%H:%M:%SZ)
  generation=$(field .metadata.generation)
  condition() {
    printf '{"type":"%s","status":"%s","reason":"%s","message":"%s","observedGeneration":%s,"lastTransitionTime":"%s"}' \
      "$1" "$2" "$3" "$4" "$generation" "$time"
  }
  patch_status "$1" "{\"status\":{\"observedGeneration\":$generation,\"conditions\":[
    $(condition Accepted "$2" "$3" "$6"),$(condition Programmed "$4" "$5" "$6")],
    \"instances\":[${7:-}]}}"
}
instance() {
  printf '{"name":"%s","state":"%s","addresses":["203.0.113.10"],"observedGeneration":1,"heartbeatTime":"%s"}' \
    "$1" "$2" "$(date -u +%Y-%m-%dT%H:%M:%SZ)"
}

@test "add creates by server-side apply, list and show tell of it, rm removes it" {
  run -0 --separate-stderr add_web
  assert_output "mapping shop/web created"
  assert_equal "$stderr" ""
  assert_equal "$(field '.metadata.managedFields[*].manager}{.metadata.managedFields[*].operation')" \
    pona-mappingApply
  assert_equal "$(field '.spec.allowedSources[*]')" 198.51.100.0/24
  run -0 mapping list -n shop
  assert_line --index 0 --regexp \
    '^NAME +ADDRESSES +PORTS +SERVICE +SOURCES +STATE +INSTANCES +AGE$'
  assert_line --index 1 --regexp \
    '^shop/web +203.0.113.10 +443:8443/tcp +web +198.51.100.0/24 +Pending +0/0 +[0-9]+s$'
  run -0 mapping show shop/web
  assert_line --regexp '^State: +Pending: no edge has looked at it yet$'
  assert_line --regexp '^Service: +shop/web$'
  assert_line --regexp '^Edges: +none$'
  run -0 mapping rm shop/web
  assert_output "mapping shop/web removed"
  run -1 kubectl get mapping web -n shop
  run -1 mapping rm shop/web
  assert_output "pona mapping: there is no mapping shop/web in context \"test\" of kubeconfig $KUBECONFIG"
}

@test "a name that exists is not overwritten, and an address and port of another is refused" {
  add_web
  run -1 mapping add shop/web --address 203.0.113.11 --port 1 --service web
  assert_output --partial "the mapping shop/web exists already: use \"pona mapping set\""
  assert_equal "$(field '.spec.allowedSources[*]')" 198.51.100.0/24
  run -1 mapping add other/web --address 203.0.113.10 --port 443 --service web
  assert_output --partial "203.0.113.10:443/tcp belongs to shop/web"
}

@test "the namespace is the context's, or -n's, or the Service's; -A lists all" {
  add_web
  run -0 --separate-stderr mapping add api --address 203.0.113.11 --port 443 --service api
  assert_output "mapping default/api created"
  assert_equal "$stderr" "pona mapping: warning: there is no Service default/api in context \"test\" \
of kubeconfig $KUBECONFIG: the mapping carries nothing until there is one"
  assert_equal "$(mapping list -o name)" mapping.smartnat.aureacentral.com/api
  assert_equal "$(mapping list -n shop -o name)" mapping.smartnat.aureacentral.com/web
  assert_equal "$(mapping list -A -o name | wc -l)" 2
  kubectl config set-context --current --namespace=shop
  assert_equal "$(mapping list -o name)" mapping.smartnat.aureacentral.com/web
  run -0 mapping set web --affinity ClientIP
  assert_output "mapping shop/web changed"
  run -0 mapping list -n empty
  assert_output "no mappings in namespace empty, context \"test\" of kubeconfig $KUBECONFIG"
  run -1 mapping add web --address 203.0.113.12 --port 1 --service none/web
  assert_output --partial 'namespaces "none" not found'
}

@test "the output is what kubectl takes" {
  add_web
  run -0 mapping show web -n shop -o name
  kubectl get -n shop "$output"
  mapping show web -n shop -o yaml >"$HOME/web.yaml"
  assert_equal "$(head -1 "$HOME/web.yaml")" "apiVersion: smartnat.aureacentral.com/v1alpha1"
  run -1 grep managedFields "$HOME/web.yaml"
  mapping list -A -o yaml | diff - "$HOME/web.yaml"
  kubectl get mapping web -n shop -o json >"$HOME/web.json"
  mapping show web -n shop -o json | diff <(jq -S 'del(.metadata.managedFields)' "$HOME/web.json") <(jq -S .)
  kubectl delete mapping web -n shop
  apply -f "$HOME/web.yaml"
  assert_equal "$(field '.spec.allowedSources[*]')" 198.51.100.0/24
  mapping list -A -o json >"$HOME/list.json"
  kubectl delete mapping web -n shop
  apply -f "$HOME/list.json"
  assert_equal "$(field '.spec.ports[0].servicePort')" 8443
}

@test "--dry-run sends nothing, --dry-run=server asks the server and keeps nothing" {
  run -0 add_web --dry-run
  assert_line --index 0 "# would be created"
  assert_line "  serviceName: web"
  run -0 add_web --dry-run=server
  assert_line --index 0 "# would be created (server dry run)"
  assert_line --partial "uid: "
  run -1 kubectl get mapping web -n shop
  add_web
  for how in client server; do
    run -0 mapping set web -n shop --affinity ClientIP --dry-run=$how
    assert_line "  sessionAffinity: ClientIP"
    run -0 mapping rm web -n shop --dry-run=$how
    assert_output --partial "mapping shop/web would be removed"
  done
  assert_equal "$(field .spec.sessionAffinity)" ""
  run -2 add_web --dry-run=maybe
  run -2 add_web --dry-run --wait
  assert_output --partial "nothing to wait for in a dry run"
}

@test "set changes what is given, and leaves the fields of others as they are and whose they are" {
  cat >"$HOME/web.yaml" <<'YAML'
apiVersion: smartnat.aureacentral.com/v1alpha1
kind: Mapping
metadata: {name: web, namespace: shop, labels: {team: shop}}
spec:
  addresses: ["203.0.113.10/32"]
  serviceName: web
  ports: [{port: 443}]
  sessionAffinity: None
YAML
  apply --server-side --field-manager=gitops -f "$HOME/web.yaml"
  run -0 mapping set web -n shop --allow 192.0.2.1 --max-connections-per-source 5
  assert_output "mapping shop/web changed"
  assert_equal "$(field '.spec.addresses[*]')" 203.0.113.10/32
  assert_equal "$(field '.spec.ports[0].servicePort')" ""
  run -0 mapping set web -n shop --max-connections-per-source 0
  assert_equal "$(field '.spec.maxConnectionsPerSource')" ""
  assert_equal "$(field '.spec.allowedSources[*]')" 192.0.2.1/32
  run -0 mapping set web -n shop --allow 192.0.2.1
  assert_output "mapping shop/web unchanged"
  # Nothing that the other one applies was taken from it.
  sed -i 's/port: 443/port: 444/' "$HOME/web.yaml"
  apply --server-side --field-manager=gitops -f "$HOME/web.yaml"
  assert_equal "$(field '.spec.ports[0].port')" 444
  assert_equal "$(field '.spec.allowedSources[*]')" 192.0.2.1/32
  assert_equal "$(field '.metadata.labels.team')" shop
}

@test "a field of another manager is refused by name, and taken over by --force-conflicts" {
  cat >"$HOME/web.yaml" <<'YAML'
apiVersion: smartnat.aureacentral.com/v1alpha1
kind: Mapping
metadata: {name: web, namespace: shop}
spec:
  addresses: ["203.0.113.10"]
  serviceName: web
  ports: [{port: 443}]
  sessionAffinity: None
YAML
  apply --server-side --field-manager=gitops -f "$HOME/web.yaml"
  run -1 mapping set web -n shop --port 444
  assert_output "pona mapping: cannot change mapping shop/web: spec.ports belongs to gitops, which \
would set it back: change it there, or take it over by --force-conflicts"
  run -0 mapping set web -n shop --port 444 --force-conflicts
  assert_equal "$(field '.spec.ports[0].port')" 444
  # A field that is to go: an apply would leave it without a word.
  run -1 mapping set web -n shop --affinity default --allow 192.0.2.1
  assert_output --partial "spec.sessionAffinity belongs to gitops"
  assert_equal "$(field '.spec.sessionAffinity}{.spec.allowedSources[*]')" None
  run -0 mapping set web -n shop --affinity default --allow 192.0.2.1 --force-conflicts
  assert_equal "$(field '.spec.sessionAffinity}{.spec.allowedSources[*]')" 192.0.2.1/32
}

@test "several who set at the same time lose nothing" {
  add_web
  mapping set web -n shop --affinity ClientIP >"$HOME/1" 2>&1 3>&- &
  one=$!
  mapping set web -n shop --max-connections-per-source 7 >"$HOME/2" 2>&1 3>&- &
  two=$!
  mapping set web -n shop --preserve-client-ip >"$HOME/3" 2>&1 3>&- &
  three=$!
  for pid in $one $two $three; do wait "$pid"; done
  run field '.spec.sessionAffinity} {.spec.maxConnectionsPerSource} {.spec.preserveClientIP'
  assert_output "ClientIP 7 true"
}

@test "several who add the same: one does, the others are told" {
  pids=()
  for i in 1 2 3 4; do
    mapping add web --address 203.0.113.10 --port "$i" --service shop/web \
      >"$HOME/$i" 2>&1 3>&- &
    pids+=($!)
  done
  failed=0
  for pid in "${pids[@]}"; do wait "$pid" || ((++failed)); done
  assert_equal "$failed" 3
  assert_equal "$(grep -l created "$HOME"/[1-4] | wc -l)" 1
  assert_equal "$(grep -l "exists already" "$HOME"/[1-4] | wc -l)" 3
  winner=$(grep -l created "$HOME"/[1-4])
  assert_equal "$(field '.spec.ports[0].port')" "$(basename "$winner")"
}

@test "--wait ends when an edge carries it, and says which" {
  add_web --wait=30 >"$HOME/out" 2>"$HOME/err" 3>&- &
  waiting=$!
  until_true field .metadata.generation
  run -0 kill -0 "$waiting"
  report web True Accepted True Programmed "carried by edge-a"
  wait "$waiting"
  assert_equal "$(cat "$HOME/out")" "mapping shop/web created
mapping shop/web programmed: carried by edge-a"
  assert_equal "$(cat "$HOME/err")" "waiting for an edge to carry mapping shop/web"

  # What is known of the version before does not count.
  run -1 mapping set web -n shop --affinity None --wait=1
  assert_output --partial \
    "mapping shop/web is there, but not carried after 1 s: no edge has looked at the change yet"
}

@test "--wait ends at once when the mapping is rejected, and tells why it is not carried" {
  add_web --wait=600 >"$HOME/out" 2>&1 3>&- &
  waiting=$!
  until_true field .metadata.generation
  report web False Rejected False NotAccepted "203.0.113.10:443/tcp belongs to zoo/web"
  status=0
  wait "$waiting" || status=$?
  assert_equal "$status" 1
  run cat "$HOME/out"
  assert_line "pona mapping: mapping shop/web is rejected: 203.0.113.10:443/tcp belongs to zoo/web"

  report web True Accepted False NoAddress "no edge has one of its addresses"
  run -1 mapping set web -n shop --allow 198.51.100.0/24 --wait=1s
  assert_output --partial "not carried after 1 s: no edge has one of its addresses"
  run -2 mapping set web -n shop --allow '' --wait=soon
  assert_output --partial "seconds are wanted"
  run -0 script -qec "TERM=xterm '$PONA' mapping set web -n shop --allow 198.51.100.0/24 --wait=1 || true" \
    /dev/null
  assert_output --partial "⠋ an edge to carry mapping shop/web: no edge has one"
}

@test "the state of each edge is in list -o wide and in show" {
  add_web
  report web True Accepted True Programmed "carried by edge-a" \
    "$(instance edge-a active),$(instance edge-b inactive)"
  run -0 mapping list -A -o wide
  assert_line --index 0 --regexp ' STATE +INSTANCES +AGE +AFFINITY .* EDGES$'
  assert_line --index 1 --regexp ' Programmed +1/2 .* edge-a:active,edge-b:inactive$'
  run -0 mapping show web -n shop
  assert_line --regexp '^State: +Programmed: carried by edge-a$'
  assert_line --regexp '^Conditions: +Accepted=True: carried by edge-a \(since [0-9]+s\)$'
  assert_line --regexp '^Edges: +edge-a active with 203.0.113.10 \(heard [0-9]+s ago\)$'
  assert_line --regexp '^ +edge-b inactive with 203.0.113.10 \(heard [0-9]+s ago\)$'
  patch_status web '{"status":{"instances":[
    {"name":"edge-a","state":"active","heartbeatTime":"2024-01-31T23:59:59Z"}]}}'
  run -0 mapping list -A -o wide
  assert_line --index 1 --regexp ' 0/0 .* edge-a:silent$'
}

@test "a cluster without the kind says how to get it" {
  kubectl delete crd mappings.smartnat.aureacentral.com
  for command in "list" "list -A" "show web" "rm web" "set web --allow ''" \
    "add web --address 203.0.113.10 --port 1 --service web"; do
    run -1 eval "mapping $command"
    assert_output --partial \
      'the cluster has no Mappings; "pona install crds | kubectl apply --server-side -f -"'
  done
}

@test "what one is not allowed to do is said in the server's words" {
  curl --silent --fail --insecure --header "Authorization: Bearer admin" --output /dev/null \
    --data '{"token":"guest","user":"guest"}' "$url/_test/tokens"
  add_web
  sed -i 's/token: .*/token: guest/' "$KUBECONFIG"
  run -1 mapping list
  assert_output --regexp \
    '^pona mapping: not allowed to list mappings.*: .*User "guest" cannot list resource "mappings"'
  run -1 add_web
  assert_output --partial 'User "guest" cannot get resource "mappings"'
  sed -i 's/token: .*/token: nobody/' "$KUBECONFIG"
  run -1 mapping list
  assert_output --partial "does not accept the credential of context"
}

@test "who may see one namespace only adds there, and is told what was not compared" {
  curl --silent --fail --insecure --header "Authorization: Bearer admin" --output /dev/null \
    --data '{"token":"guest","user":"guest"}' "$url/_test/tokens"
  apply -f - <<'YAML'
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: keeper, namespace: shop}
rules: [{apiGroups: [smartnat.aureacentral.com], resources: [mappings], verbs: ["*"]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: keeper, namespace: shop}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: keeper}
subjects: [{kind: User, name: guest, apiGroup: rbac.authorization.k8s.io}]
YAML
  sed -i 's/token: .*/token: guest/' "$KUBECONFIG"
  run -0 add_web
  assert_output --partial "only mappings of namespace shop were compared"
  assert_output --partial "mapping shop/web created"
  refute_output --partial "there is no Service"
  run -1 mapping add api --address 203.0.113.10 --port 443 --service shop/web
  assert_output --partial "203.0.113.10:443/tcp belongs to shop/web"
}

@test "a server that is not there, and a busy one" {
  curl --silent --fail --insecure --header "Authorization: Bearer admin" --output /dev/null \
    --data '{"kind":"busy","path":"/mappings"}' "$url/_test/faults"
  run -0 mapping list -A
  kill "$server_pid"
  wait "$server_pid" || true
  run -1 mapping list
  assert_output --regexp '^pona mapping: cannot list .*: cannot reach the API server https://.*refused'
}

@test "a Mapping that the cluster holds and pona cannot read is named, and can be removed" {
  kubectl patch crd mappings.smartnat.aureacentral.com --type json -p \
    '[{"op":"replace","path":"/spec/versions/0/schema/openAPIV3Schema/properties/spec",
       "value":{"type":"object","x-kubernetes-preserve-unknown-fields":true}}]'
  printf 'apiVersion: smartnat.aureacentral.com/v1alpha1\nkind: Mapping
metadata: {name: bad, namespace: shop}\nspec: {addresses: [x]}\n' | apply -f -
  run -0 mapping list -A
  assert_output --partial 'Mapping shop/bad: spec.addresses[0]: "x" is not an IPv4 or IPv6 address'
  run -1 mapping set bad -n shop --allow ''
  assert_output --partial "has mistakes"
  run -0 mapping rm bad -n shop
  assert_output "mapping shop/bad removed"
}

@test "which place is taken: --manifests, --kubeconfig, PONA_MANIFESTS, what there is" {
  add_web
  mkdir -p "$HOME/manifests" "$HOME/.kube"
  config=$KUBECONFIG
  run -0 mapping list --manifests "$HOME/manifests"
  assert_output "no mappings in $HOME/manifests"
  export PONA_MANIFESTS=$HOME/manifests
  run -0 mapping list
  assert_output "no mappings in $HOME/manifests"
  run -0 mapping list -A --kubeconfig "$config" -o name
  assert_output mapping.smartnat.aureacentral.com/web
  unset KUBECONFIG PONA_MANIFESTS
  run -1 mapping list
  assert_output --partial "there is no directory /etc/pona/manifests"
  cp "$config" "$HOME/.kube/config"
  run -0 mapping list -A -o name
  assert_output mapping.smartnat.aureacentral.com/web
  run -2 mapping list --manifests "$HOME/manifests" --context test
  assert_output --partial "give one of them"
  run -2 mapping list --context other
  assert_output --partial '"other"'
  run -2 mapping rm web --manifests "$HOME/manifests" --dry-run=server
  assert_output --partial "--dry-run=server: needs a cluster, but this is for manifests"
  run -2 add_web --manifests "$HOME/manifests" --wait
  assert_output --partial "--wait: needs a cluster"
  run -2 add_web --file x.yaml
  assert_output --partial "--file: names a manifest"
}
