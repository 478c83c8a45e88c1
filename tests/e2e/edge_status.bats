#!/usr/bin/env bats
# What edges write to a cluster: statuses, Events, addresses of Services, and who of them may.
# shellcheck disable=SC2030,SC2031,SC2154  # bats: tests are subshells; topology.bash sets variables
bats_require_minimum_version 1.5.0

setup() {
  load common
  load topology
  load cluster
  # shellcheck disable=SC2034  # read by cluster.bash
  server_address=10.1.0.2
  setup_cluster
}

teardown() { teardown_network; }

# KIND NAME JSONPATH
field() { kubectl get "$1" "$2" -n shop -o "jsonpath={$3}"; }
is() { [ "$(field "$1" "$2" "$3")" = "$4" ]; }
known_to() {
  [ "$(field mapping web '.status.instances[*].name' | tr ' ' '\n' | sort | xargs)" = "$1" ]
}
condition() { field mapping "$1" ".status.conditions[?(@.type==\"$2\")].$3"; }
condition_is() { [ "$(condition "$1" "$2" "$3")" = "$4" ]; }
holder() { kubectl get lease pona-edge -n pona-system -o 'jsonpath={.spec.holderIdentity}'; }
leads() { [[ $(holder) == "$1"_* ]]; }
events() { kubectl get --raw "/apis/events.k8s.io/v1/namespaces/shop/events" | jq -r "$1"; }

# NAME PORT [ANNOTATION]: a Service of type LoadBalancer before pod1.
balanced() {
  cat >"$objects/balanced-$1.yaml" <<YAML
apiVersion: v1
kind: Service
metadata: {name: $1, namespace: shop, annotations: {${3:-}}}
spec:
  type: LoadBalancer
  loadBalancerClass: pona.dev/edge
  ports: [{port: $2, protocol: TCP, name: http}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: $1-4, namespace: shop, labels: {kubernetes.io/service-name: $1}}
addressType: IPv4
ports: [{name: http, protocol: TCP, port: 8080}]
endpoints: [{addresses: [10.1.0.11], conditions: {ready: true}}]
YAML
}
pool() {
  printf 'apiVersion: pona.dev/v1alpha1\nkind: AddressPool\nmetadata: {name: %s}\nspec: {%s}\n' "$1" "$2" |
    apply -f -
}

@test "status: a Mapping tells what came of it, in ours and in SmartNat's words" {
  in_cluster served web "tcp:80:8080" 1
  in_cluster mapping web "addresses: [$vip], ports: [{port: 80}]"
  start_edge_on_cluster --instance-name one
  within 10 condition_is web Programmed status True
  condition_is web Accepted status True
  condition_is web Programmed message "carried by one"
  is mapping web .status.instances[0].state active
  is mapping web .status.instances[0].addresses "[\"$vip\"]"
  is mapping web .status.invalid no
  is mapping web .status.observedGeneration "$(field mapping web .metadata.generation)"
  [ -n "$(field mapping web ".status.configuredAddresses")" ]
  within 10 eval 'events ".items[].reason" | grep -qx Programmed'

  # Nothing more is written once all is said.
  local version
  version=$(field mapping web .metadata.resourceVersion)
  sleep 3
  is mapping web .metadata.resourceVersion "$version"

  kubectl delete service web -n shop
  within 10 condition_is web Accepted status False
  [[ $(condition web Accepted message) == *"Service shop/web does not exist"* ]]
  [[ $(field mapping web .status.invalid) == *"does not exist"* ]]
  is mapping web .status.instances[0].state rejected
  within 10 eval 'events ".items[] | select(.type == \"Warning\") | .note" | grep -q "does not exist"'
}

@test "status: each edge writes its own entry, and of one that is gone only its entry goes" {
  in_cluster served web "tcp:80:8080" 1
  in_cluster mapping web "addresses: [$vip], ports: [{port: 80}]"
  # An edge of long ago, as it left the status.
  printf '{"apiVersion":"smartnat.aureacentral.com/v1alpha1","kind":"Mapping","metadata":{"name":"web","namespace":"shop"},
    "status":{"instances":[{"name":"dead","state":"active","addresses":["%s"],"heartbeatTime":"2020-01-01T00:00:00Z"}]}}' \
    "$vip" >"$work/dead.json"
  kubectl apply --server-side --subresource=status --field-manager=pona-edge-dead --validate=false -f "$work/dead.json" ||
    skip "this kubectl has no --subresource"
  start_edge_on_cluster --instance-name one
  start_second_edge_on_cluster --instance-name two
  add_edge edge3 4
  edge_at edge3 --kubeconfig "$kubeconfig" --state-dir "$work/state3" --instance-name three
  within 10 is_ready edge3
  within 20 known_to "one three two"
  condition_is web Programmed status True

  # The address is on the first one only; what the others say never takes its word away.
  within 10 eval 'field mapping web ".status.instances[?(@.state==\"active\")].name" | grep -qx one'
  is mapping web '.status.instances[?(@.name=="two")].state' inactive
  condition_is web Programmed message "carried by one"
  in_cluster served web "tcp:80:8080" 1 2
  within 10 eval 'field mapping web .status.configuredAddresses | grep -q 10.1.0.12'
  known_to "one three two"
  local manager managers
  managers=$(kubectl get mapping web -n shop --show-managed-fields -o 'jsonpath={.metadata.managedFields[*].manager}')
  for manager in pona-edge pona-edge-one pona-edge-two pona-edge-three; do
    [[ " $managers " == *" $manager "* ]]
  done
}

@test "status: 3.8: each edge has its heartbeat in a Lease, and leaves Mappings alone" {
  in_cluster served web "tcp:80:8080" 1
  in_cluster mapping web "addresses: [$vip], ports: [{port: 80}]"
  start_edge_on_cluster --instance-name one
  start_second_edge_on_cluster --instance-name two
  within 20 known_to "one two"
  leases() {
    kubectl -n pona-system get leases -l app.kubernetes.io/component=pona-edge-heartbeat \
      -o 'jsonpath={.items[*].metadata.name}'
  }
  assert_equal "$(leases)" "pona-edge-one pona-edge-two"
  renewed() { kubectl -n pona-system get lease pona-edge-two -o 'jsonpath={.spec.renewTime}'; }
  local before
  before=$(renewed)
  again() { [ "$(renewed)" != "$before" ]; }
  within 40 again
  # What was written before the Leases were known is a heartbeat, once more.
  within 90 is mapping web '.status.instances[?(@.name=="one")].heartbeatPeriodSeconds' 86400
  within 90 is mapping web '.status.instances[?(@.name=="two")].heartbeatPeriodSeconds' 86400
  run -0 at edge "$PONA" mapping show web -n shop --kubeconfig "$kubeconfig"
  assert_output --regexp 'one active with .* \(written [0-9]+[sm] ago\)'
}

@test "status: the leader's work goes on with another edge when it stops, is killed, or hangs" {
  in_cluster served web "tcp:80:8080" 1
  start_edge_on_cluster --instance-name one
  local first=$edge_pid
  within 10 leads one
  start_second_edge_on_cluster --instance-name two
  local second=$edge_pid
  sleep 1
  leads one

  # Stopped: it gives the lease back.
  kill -TERM "$first"
  within 10 gone "$first"
  within 6 leads two
  in_cluster mapping web "addresses: [$vip], ports: [{port: 80}]"
  within 10 condition_is web Accepted status True

  # Hanging: others take over after the lease's length, and it does not write when it comes back.
  start_edge_on_cluster --instance-name one
  within 10 known_to "one two"
  kill -STOP "$second"
  within 40 leads one
  kill -CONT "$second"
  sleep 3
  leads one
  kill -KILL "$edge_pid"
  within 40 leads two
}

# The lines of `kubectl get $1`, with single spaces.
shown() { kubectl get "$1" -n shop -o wide --no-headers | tr -s ' ' | sed 's/ *$//'; }
# Of a version that knew neither status.ports nor status.edges.
older_definition() {
  kubectl get crd mappings.smartnat.aureacentral.com -o json |
    jq 'del(.spec.versions[].schema.openAPIV3Schema.properties.status.properties["ports", "edges"])'
}

@test "3.4: kubectl get shows all addresses and ports, and the edges that carry" {
  in_cluster served web "tcp:80:8080" 1
  in_cluster mapping web "addresses: [$vip, 203.0.113.77], allowedSources: [0.0.0.0/0, 10.0.0.0/8], ports: [{port: 443, servicePort: 80}, {port: 80}]"
  start_edge_on_cluster --instance-name one
  # The second one has none of the addresses.
  start_second_edge_on_cluster --instance-name two
  within 10 known_to "one two"
  within 10 eval '[[ "$(shown mappings)" == *" one" ]]'
  [[ "$(shown mappings)" == "web [\"$vip\",\"203.0.113.77\"] 443/tcp, 80/tcp web True True "*" [\"0.0.0.0/0\",\"10.0.0.0/8\"] one" ]]
  pool public "addresses: [$vip/32, 203.0.113.77], allowedNamespaces: [shop, other]"
  [[ "$(shown addresspools)" == "public [\"$vip/32\",\"203.0.113.77\"] true [\"shop\",\"other\"] "* ]]
  printf 'apiVersion: pona.cybozu.com/v1\nkind: Egress\nmetadata: {name: out, namespace: shop}\nspec: {destinations: [192.0.2.0/24, "2001:db8::/32"]}\n' | apply -f -
  [[ "$(shown egresses)" == *" [\"192.0.2.0/24\",\"2001:db8::/32\"] Direct" ]]
}

@test "3.4: a definition of an older version costs the texts, and says how to renew it" {
  older_definition >"$work/older.json"
  kubectl replace --validate=false -f "$work/older.json"
  in_cluster served web "tcp:80:8080" 1
  in_cluster mapping web "addresses: [$vip], ports: [{port: 80}]"
  start_edge_on_cluster --instance-name one
  within 10 condition_is web Programmed status True
  is mapping web .status.ports ""
  within 10 grep -q 'the definition of Mappings in the cluster is of an older version.*pona install crds' "$work/edge.log"
  kubectl get mapping web -n shop -o json | jq -e '.status.conditions | length == 2'

  # Renewed, and a start later.
  "$PONA" install crds | kubectl apply --server-side --force-conflicts --validate=false -f -
  stop_edge
  start_edge_on_cluster --instance-name one
  within 30 is mapping web .status.ports 80/tcp
  is mapping web .status.edges one
}

@test "balance: a Service of type LoadBalancer gets an address of a pool, and traffic" {
  balanced web 80
  apply -f "$objects"
  start_edge_on_cluster --instance-name one
  within 10 eval 'field service web ".status.conditions[*].message" | grep -q "there is no AddressPool"'
  within 10 eval 'events ".items[].reason" | grep -qx AddressRefused'

  pool public "addresses: [$vip]"
  within 10 is service web '.status.loadBalancer.ingress[*].ip' "$vip"
  within 10 answers 'pod1 ' tcp "$vip" 80
  is service web '.status.conditions[?(@.type=="pona.dev/AddressAssigned")].status' True
  # 1.22: what is left of it can be watched.
  assert_equal "$(metric 'pona_edge_pool_addresses.pool="public"') $(metric 'pona_edge_pool_addresses_used.pool="public"')" "1 1"

  # The next one finds none, until there is more; and a wish is granted.
  balanced other 80
  balanced wish 80 "pona.dev/addresses: \"$vip2\""
  apply -f "$objects"
  within 10 eval 'field service other ".status.conditions[*].message" | grep -q "is taken"'
  pool more "addresses: [$vip2], autoAssign: false"
  within 10 is service wish '.status.loadBalancer.ingress[*].ip' "$vip2"
  is service other '.status.loadBalancer.ingress[*].ip' ""

  # What is not its namespace's, it loses; the Mapping that may have it takes over.
  pool public "addresses: [$vip], allowedNamespaces: [elsewhere]"
  within 10 is service web '.status.loadBalancer.ingress[*].ip' ""
  within 10 answers 'refused|timeout' tcp "$vip" 80

  # 3.7: what asks for no address any more is not said to have one, or not to.
  kubectl patch service web -n shop --type merge -p '{"spec":{"type":"ClusterIP","loadBalancerClass":null}}'
  within 10 is service web '.status.conditions' ""
  within 10 is service web '.status.loadBalancer.ingress' ""
}

@test "balance: a Mapping of an address that its namespace may not have is refused with the reason" {
  in_cluster served web "tcp:80:8080" 1
  in_cluster mapping web "addresses: [$vip], ports: [{port: 80}]"
  start_edge_on_cluster --instance-name one
  within 10 answers 'pod1 ' tcp "$vip" 80
  pool public "addresses: [$vip], allowedNamespaces: [elsewhere]"
  within 10 condition_is web Accepted status False
  [[ $(condition web Accepted message) == *"namespace shop may not use $vip of AddressPool public"* ]]
  within 10 answers 'refused|timeout' tcp "$vip" 80
  pool public "addresses: [$vip], allowedNamespaces: [elsewhere, shop]"
  within 10 answers 'pod1 ' tcp "$vip" 80
}
