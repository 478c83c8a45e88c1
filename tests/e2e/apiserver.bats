#!/usr/bin/env bats
# kubectl against the API server of the tests: if it is content, so is whoever does less than it.
# shellcheck disable=SC2030,SC2031  # bats: tests are subshells
bats_require_minimum_version 1.5.0

setup() {
  load common
  command -v kubectl >/dev/null || skip "there is no kubectl (Debian: kubernetes-client)"
  server=${PONA_APISERVER:-$top/build/dev/tests/apiserver}
  export HOME=$BATS_TEST_TMPDIR KUBECONFIG=$BATS_TEST_TMPDIR/kubeconfig
  "$server" --kubeconfig "$KUBECONFIG" >"$HOME/url" 3>&- &
  server_pid=$!
  for _ in {1..100}; do
    [ ! -s "$HOME/url" ] || return 0
    sleep 0.1
  done
  fail "the API server does not answer"
}

teardown() {
  [ -n "${server_pid:-}" ] || return 0
  kill "$server_pid"
  wait "$server_pid"  # ends with 0 on SIGTERM
}

# kubectl before 1.24 validates by OpenAPI v2, which the server does not have.
kubectl() { command kubectl --request-timeout=20s "$@"; }
apply() { kubectl apply --validate=false "$@"; }

definition() {
  cat <<'EOF'
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.dev}
spec:
  group: example.dev
  scope: Namespaced
  names: {plural: widgets, singular: widget, kind: Widget, shortNames: [wd]}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}}
    additionalPrinterColumns:
    - {name: Size, type: integer, jsonPath: .spec.size}
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec: {type: object, properties: {size: {type: integer, minimum: 1, default: 1}}}
          status: {type: object, x-kubernetes-preserve-unknown-fields: true}
EOF
}

widget() {
  printf 'apiVersion: example.dev/v1\nkind: Widget\nmetadata: {name: one}\nspec: {size: %s}\n' "$1"
}

service() {
  printf 'apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {ports: [{port: %s}]}\n' "$1"
}

@test "apply creates, changes and leaves alone" {
  run -0 apply -f - < <(definition)
  assert_output "customresourcedefinition.apiextensions.k8s.io/widgets.example.dev created"
  run -0 kubectl wait --for=condition=Established crd/widgets.example.dev --timeout=10s
  run -0 apply -f - < <(widget 3)
  assert_output "widget.example.dev/one created"
  run -0 apply -f - < <(widget 3)
  assert_output "widget.example.dev/one unchanged"
  run -0 apply -f - < <(widget 4)
  assert_output "widget.example.dev/one configured"
  run -1 apply -f - < <(widget 0)
  assert_output --partial "should be greater than or equal to 1"
  run -0 kubectl get wd
  assert_line --index 0 --regexp '^NAME +SIZE$'
  assert_line --index 1 --regexp '^one +4$'
}

@test "a strategic merge patch changes a service's port and keeps its address" {
  run -0 apply -f - < <(service 80)
  run -0 kubectl get service web -o 'jsonpath={.spec.clusterIP}'
  address=$output
  run -0 apply -f - < <(service 81)
  assert_output "service/web configured"
  run -0 kubectl get service web -o 'jsonpath={.spec.clusterIP} {.spec.ports[*].port}'
  assert_output "$address 81"
}

@test "server-side apply conflicts with another manager, and may be forced" {
  run -0 apply -f - < <(definition)
  run -0 apply --server-side --field-manager=a -f - < <(widget 3)
  run -1 apply --server-side --field-manager=b -f - < <(widget 4)
  assert_output --partial 'conflict with "a": .spec.size'
  run -0 apply --server-side --field-manager=b --force-conflicts -f - < <(widget 4)
  run -0 kubectl get widget one -o 'jsonpath={.spec.size}'
  assert_output 4
}

@test "get --watch shows changes as they come" {
  run -0 apply -f - < <(definition)
  run -0 apply -f - < <(widget 3)
  timeout 20 "$(type -P kubectl)" get widgets --watch >"$HOME/watch" 3>&- &
  watch_pid=$!
  for _ in {1..100}; do
    ! grep -q one "$HOME/watch" || break
    sleep 0.1
  done
  run -0 kubectl patch widget one --type merge -p '{"spec":{"size":9}}'
  run -0 kubectl delete widget one
  for _ in {1..100}; do
    [ "$(wc -l <"$HOME/watch")" -lt 4 ] || break
    sleep 0.1
  done
  kill "$watch_pid"
  run cat "$HOME/watch"
  assert_line --index 1 --regexp '^one +3$'
  assert_line --index 2 --regexp '^one +9$'
  assert_line --index 3 --regexp '^one +9$'
}

@test "delete waits for finalizers and takes a definition's objects along" {
  run -0 apply -f - < <(definition)
  run -0 apply -f - < <(widget 3)
  run -0 kubectl patch widget one --type merge -p '{"metadata":{"finalizers":["x.dev/hold"]}}'
  run -1 kubectl delete widget one --timeout=1s
  run -0 kubectl patch widget one --type merge -p '{"metadata":{"finalizers":null}}'
  run -1 kubectl get widget one
  assert_output --partial 'widgets.example.dev "one" not found'
  run -0 apply -f - < <(widget 3)
  run -0 kubectl delete crd widgets.example.dev
  run -1 kubectl get widgets
}
