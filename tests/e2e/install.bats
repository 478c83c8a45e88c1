#!/usr/bin/env bats
# pona install: what is printed, read by the readers that there are. No cluster is asked.
# shellcheck disable=SC2154  # bats: run --separate-stderr sets stderr
bats_require_minimum_version 1.5.0

setup() {
  load common
  out=$BATS_TEST_TMPDIR/out
  export KUBECONFIG=/dev/null
}

install() { "$PONA" install "$@"; }
inside=(--in-cluster --image registry.example.com/pona:1 --node-selector edge=yes)

# Kinds and names of a List in JSON, one per line.
names() { python3 -c 'import json, sys
for item in json.load(sys.stdin)["items"]: print(item["kind"] + "/" + item["metadata"]["name"])'; }

@test "each part prints its objects" {
  assert_equal "$(install crds -o json | names | paste -sd ' ')" \
    "CustomResourceDefinition/mappings.smartnat.aureacentral.com \
CustomResourceDefinition/addresspools.pona.dev \
CustomResourceDefinition/egresses.pona.cybozu.com"
  rbac="Namespace/pona-system ServiceAccount/pona-edge ClusterRole/pona-edge \
ClusterRoleBinding/pona-edge Role/pona-edge RoleBinding/pona-edge"
  assert_equal "$(install rbac -o json | names | paste -sd ' ')" "$rbac"
  assert_equal "$(install edge -o json | names | paste -sd ' ')" "$rbac Secret/pona-edge"
  assert_equal "$(install edge "${inside[@]}" -o json | names | paste -sd ' ')" \
    "$rbac DaemonSet/pona-edge"
  assert_equal "$(install all -n kube-system -o json | names | wc -l)" 9
  assert_equal "$(install controller --image pona:1 -o json | names | paste -sd ' ')" \
    "Namespace/pona-system ServiceAccount/pona-controller ClusterRole/pona-controller \
ClusterRoleBinding/pona-controller Role/pona-controller RoleBinding/pona-controller \
Deployment/pona-controller"
  assert_equal "$(install agent --image pona:1 -o json | names | paste -sd ' ')" \
    "Namespace/pona-system ServiceAccount/pona-agent ClusterRole/pona-agent \
ClusterRoleBinding/pona-agent DaemonSet/pona-agent"
  assert_equal "$(install rbac --smartnat-finalizers -o json | names | paste -sd ' ')" \
    "$rbac ClusterRole/pona-edge-smartnat-finalizers ClusterRoleBinding/pona-edge-smartnat-finalizers"
}

@test "another YAML reader reads the same from YAML as from JSON" {
  python3 -c 'import yaml' || skip "no python3-yaml"
  for arguments in crds rbac edge all "controller --image pona:1" "agent --image pona:1" \
    "all -n edge ${inside[*]} --smartnat-finalizers"; do
    # shellcheck disable=SC2086  # words
    install $arguments >"$out.yaml"
    # shellcheck disable=SC2086
    install $arguments -o json >"$out.json"
    python3 - "$out.yaml" "$out.json" <<'EOF'
import json, sys, yaml
documents = list(yaml.safe_load_all(open(sys.argv[1])))
assert documents == json.load(open(sys.argv[2]))["items"], "YAML and JSON differ"
EOF
  done
}

@test "kubectl reads it, and every object has a kind and a name" {
  command -v kubectl >/dev/null || skip "no kubectl"
  install all "${inside[@]}" >"$out.yaml"
  run -0 kubectl label --local -f "$out.yaml" -o name checked=yes
  assert_line "customresourcedefinition.apiextensions.k8s.io/mappings.smartnat.aureacentral.com"
  assert_line "customresourcedefinition.apiextensions.k8s.io/addresspools.pona.dev"
  assert_line "customresourcedefinition.apiextensions.k8s.io/egresses.pona.cybozu.com"
  assert_line "daemonset.apps/pona-edge"
  assert_line "rolebinding.rbac.authorization.k8s.io/pona-edge"
  assert_equal "${#lines[@]}" 10
}

@test "the DaemonSets have no field that Kubernetes does not know" {
  command -v kubectl >/dev/null || skip "no kubectl"
  install edge "${inside[@]}" --external-interfaces '^eth[1-9]' -o json >"$out.list"
  only_known_fields edge
  install agent --image pona:1 -o json >"$out.list"
  only_known_fields agent
}
# CONTAINER: the last object in $out.list, and the container that it has
only_known_fields() {
  python3 -c 'import json, sys; print(json.dumps(json.load(sys.stdin)["items"][-1]))' \
    <"$out.list" >"$out.json"
  # Through kubectl's own types, which drop what they do not have.
  kubectl set image --local -f "$out.json" -o json "$1=registry.example.com/pona:2" \
    >"$out.typed.json"
  python3 - "$out.json" "$out.typed.json" <<'EOF'
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
check(ours, typed, "")
assert typed["spec"]["template"]["spec"]["containers"][0]["image"].endswith(":2")
EOF
}

@test "the edge takes the options that the DaemonSet gives it" {
  mapfile -t arguments < <(
    install edge "${inside[@]}" --external-interfaces '^eth[1-9]$' -o json | python3 -c 'import json, sys
edge = json.load(sys.stdin)["items"][-1]["spec"]["template"]["spec"]["containers"][0]
print(*edge["command"][1:], *edge["args"], sep="\n")'
  )
  assert_equal "${arguments[0]}" edge
  run -0 "$PONA" "${arguments[@]}" --manifests "$BATS_TEST_TMPDIR" --check-config
  assert_output --partial '^eth[1-9]$'
  assert_output --partial 11280
}

@test "comments tell how to make a kubeconfig, and the commands are of a shell" {
  install edge -n edges >"$out.yaml"
  sed -n 's/^#   //p' "$out.yaml" >"$out.sh"
  assert_file_contains "$out.sh" 'kubectl get secret pona-edge -n "edges"'
  bash -n "$out.sh"
  # Against a kubectl that has a cluster, but no network.
  command -v kubectl >/dev/null || skip "no kubectl"
  cd "$BATS_TEST_TMPDIR"
  cat >admin.kubeconfig <<'EOF'
apiVersion: v1
kind: Config
clusters: [{name: k, cluster: {server: "https://192.0.2.1:6443"}}]
contexts: [{name: k, context: {cluster: k}}]
current-context: k
EOF
  mkdir bin
  cat >bin/kubectl <<EOF
#!/bin/sh
[ "\$1 \$2" != "get secret" ] || case "\$*" in
  *token*) printf dG9rZW4=; exit ;;
  *) printf Y2VydGlmaWNhdGU=; exit ;;
esac
exec "$(command -v kubectl)" "\$@"
EOF
  chmod +x bin/kubectl
  KUBECONFIG=$PWD/admin.kubeconfig PATH=$PWD/bin:$PATH bash -e "$out.sh"
  run -0 kubectl config --kubeconfig edge.kubeconfig view --raw --minify -o \
    jsonpath='{.clusters[0].cluster.server} {.users[0].user.token} {.contexts[0].context.namespace} {.clusters[0].cluster.certificate-authority-data}'
  assert_output "https://192.0.2.1:6443 token edges Y2VydGlmaWNhdGU="
  assert_equal "$(stat -c %a edge.kubeconfig)" 600
}

@test "what cannot be meant is refused" {
  run -2 --separate-stderr install edge --in-cluster
  assert_equal "$stderr" "pona install: --in-cluster needs --image: name an image with the program \
pona in its path, like registry.example.com/pona:0.1.0"
  run -2 --separate-stderr install all --node-selector edge=yes
  assert_equal "$output" ""
  run -2 install edge "${inside[@]}" --node-selector edge
  assert_output --partial 'write KEY=VALUE'
  run -2 install rbac -n 'a b'
  run -2 install edge "${inside[@]}" --external-interfaces '['
  run -2 install crds -n edge
  run -2 install crds --smartnat-finalizers
  run -2 install
  run -2 install everything
  run -2 install crds -o xml
}

@test "help has examples" {
  for part in '' crds rbac edge controller agent all; do
    # shellcheck disable=SC2086  # words
    run -0 install $part --help
    assert_output --partial "pona install crds | kubectl apply -f -"
  done
}

@test "output that cannot be written is a failure" {
  [ -c /dev/full ] || skip "no /dev/full"
  run -1 bash -c "'$PONA' install all >/dev/full"
  assert_output --partial "cannot write"
}
