#!/usr/bin/env bats
# Names of fields, tags, files and objects come from others: what a terminal obeys in them, and ends of
# lines, do not reach a terminal.

setup() {
  load common
  manifests=$BATS_TEST_TMPDIR/manifests
  mkdir "$manifests"
  cat >"$manifests/key.yaml" <<'EOF'
apiVersion: smartnat.aureacentral.com/v1alpha1
kind: Mapping
metadata: {name: k, namespace: shop}
spec: {addresses: ["203.0.113.11"], serviceName: web, ports: [{port: 80}], "\e]0;title\a\nFORGED line \u202e\x9b2J": 1}
EOF
  cat >"$manifests/twice.yaml" <<'EOF'
apiVersion: v1
kind: Service
metadata: {name: d, namespace: shop}
spec: {"\e]0;title\a": 1, "\e]0;title\a": 2}
EOF
  cat >"$manifests/tag.yaml" <<'EOF'
apiVersion: v1
kind: Service
metadata: {name: t, namespace: shop}
spec: !e%1b%5d0;title%07 {}
EOF
  printf 'kind: [\n' >"$manifests/"$'file\e]0;title\aname.yaml'
}

# Whether the output holds no control character but the ends of lines, no forged line, and names what
# is wrong all the same.
harmless() {
  python3 - "$output" <<'EOF'
import re, sys
text = sys.argv[1]
assert "title" in text, "the problem is not named"
found = re.findall("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]|^FORGED", text, re.M)
assert not found, found
EOF
}

@test "terminal: what manifests hold is harmless in every command that prints it" {
  local command
  for command in "edge --check-config" "mapping list -A" "mapping list -A -o wide" \
    "mapping show shop/k"; do
    # shellcheck disable=SC2086  # words
    run "$PONA" $command --manifests "$manifests"
    harmless || { printf '%s: %q\n' "$command" "$output" && false; }
  done
}

@test "terminal: names on the command line are harmless in what it answers" {
  local word=$'\e]0;title\a\nFORGED'
  for applet in "" edge egress cni "mapping show --manifests $manifests" "lab get"; do
    # shellcheck disable=SC2086  # words
    run "$PONA" $applet "$word"
    [ "$status" != 0 ]
    harmless || { printf '%s: %q\n' "$applet" "$output" && false; }
  done
}
