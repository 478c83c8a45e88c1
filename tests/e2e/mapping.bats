#!/usr/bin/env bats
# pona mapping against a real directory of manifests: what an operator types, and what comes of it.
# shellcheck disable=SC2030,SC2031,SC2154  # bats: tests are subshells; run --separate-stderr sets stderr
bats_require_minimum_version 1.5.0

setup() {
  load common
  export PONA_MANIFESTS=$BATS_TEST_TMPDIR/manifests
  unset NO_COLOR
}

mapping() { "$PONA" mapping "$@"; }

add_web() {
  mapping add web --address 203.0.113.10 --port 443:8443/tcp --port 5000-5010/udp \
    --service shop/web --allow 198.51.100.0/24 "$@"
}

add_service() {
  mkdir -p "$PONA_MANIFESTS"
  cat >"$PONA_MANIFESTS/service.yaml" <<EOF
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {ports: [{port: 8443}]}
EOF
}

@test "add writes a manifest, and list shows it" {
  add_service
  run --separate-stderr add_web
  assert_success
  assert_output "mapping shop/web created in $PONA_MANIFESTS/shop_web.yaml"
  assert_equal "$stderr" ""
  run -0 cat "$PONA_MANIFESTS/shop_web.yaml"
  assert_output "apiVersion: smartnat.aureacentral.com/v1alpha1
kind: Mapping
metadata:
  name: web
  namespace: shop
spec:
  addresses:
  - \"203.0.113.10\"
  allowedSources:
  - \"198.51.100.0/24\"
  serviceName: web
  mode: service
  ports:
  - port: 443
    servicePort: 8443
    protocol: tcp
  - port: 5000
    endPort: 5010
    servicePort: 5000
    protocol: udp"
  run -0 mapping list
  assert_line --index 0 \
    "NAME      ADDRESSES     PORTS                       SERVICE  SOURCES"
  assert_line --index 1 \
    "shop/web  203.0.113.10  443:8443/tcp,5000-5010/udp  web      198.51.100.0/24"
  assert_equal "${#lines[@]}" 2
}

@test "what is written can be piped back in" {
  add_service
  add_web
  mapping show web -o yaml >"$BATS_TEST_TMPDIR/copy.yaml"
  run -0 diff "$BATS_TEST_TMPDIR/copy.yaml" "$PONA_MANIFESTS/shop_web.yaml"
  mapping show web -o json >"$PONA_MANIFESTS/copy.json"
  rm "$PONA_MANIFESTS/shop_web.yaml"
  mapping show web -o yaml | diff - "$BATS_TEST_TMPDIR/copy.yaml"
  mapping list -o yaml | diff - "$BATS_TEST_TMPDIR/copy.yaml"
  run -0 mapping list -o name
  assert_output shop/web
}

@test "a missing Service is a warning" {
  run -0 --separate-stderr add_web
  assert_output --partial "created in"
  assert_equal "$stderr" "pona mapping: warning: there is no Service shop/web in $PONA_MANIFESTS: \
the mapping carries nothing until there is one"
}

@test "--dry-run prints the file and the manifest, and writes nothing" {
  add_service
  run -0 add_web --dry-run
  assert_line --index 0 "# would be created in $PONA_MANIFESTS/shop_web.yaml"
  assert_line "kind: Mapping"
  assert_file_not_exists "$PONA_MANIFESTS/shop_web.yaml"
  add_web
  before=$(cat "$PONA_MANIFESTS/shop_web.yaml")
  run -0 mapping set web --affinity ClientIP --dry-run
  assert_line "  sessionAffinity: ClientIP"
  run -0 mapping rm web --dry-run
  assert_output --partial "would be removed"
  assert_equal "$(cat "$PONA_MANIFESTS/shop_web.yaml")" "$before"
}

@test "a name that exists, and an address and port that are taken, are refused" {
  add_service
  add_web
  run -1 mapping add web --address 203.0.113.11 --port 80 --service shop/web
  assert_output --partial 'exists already in'
  run -1 mapping add zoo --address 203.0.113.10 --port 5005/udp --service zoo/web
  assert_output --partial "203.0.113.10:5005/udp belongs to shop/web ($PONA_MANIFESTS/shop_web.yaml:1)"
  run -1 mapping add bar --address 203.0.113.10 --port 443 --service bar/web
  assert_output --partial "belongs to shop/web"
  assert_equal "$(mapping list -o name)" shop/web
  mapping add ok --address 203.0.113.10 --port 443/udp --service shop/web
}

@test "wrong usage has status 2 and says what is wanted" {
  while IFS='|' read -r arguments message; do
    # shellcheck disable=SC2086
    run -2 mapping $arguments
    assert_output --partial "$message"
  done <<'EOF'
|subcommand is required
add|NAME is required
add web|--address is required
add web --address 203.0.113.10 --port 443|--service is required
add web --address 203.0.113 --port 443 --service web|--address "203.0.113": not an IPv4 or IPv6 address
add web --address 127.0.0.1 --port 443 --service web|loopback
add web --address 203.0.113.10 --port 0 --service web|--port "0": write PORT
add web --address 203.0.113.10 --port 443/icmp --service web|tcp, udp or sctp
add web --address 203.0.113.10 --port 443 --port 400-500 --service web|overlaps
add web --address 203.0.113.10 --port 443 --service web --allow all|--allow "all"
add web --address 203.0.113.10 --port 443 --service web --affinity sticky|None, ClientIP or default
add Web --address 203.0.113.10 --port 443 --service web|is not an object's name
add web --address 203.0.113.10 --port 443 --service shop/web -n other|namespace of its Service
add shop/web --address 203.0.113.10 --port 443 --service web --file x.txt|name a .yaml file
add web --address 203.0.113.10 --port 1,2,3 --service web --max-ports 2|3 ports, the limit is 2
set web|nothing to set
list -o table|not in {wide,yaml,json,name}
list --colour|--colour
EOF
  assert_not_exists "$PONA_MANIFESTS"
}

@test "set changes what is given; every other byte and document stays" {
  mkdir "$PONA_MANIFESTS"
  cat >"$PONA_MANIFESTS/all.yaml" <<'EOF'
# Who may come in.
apiVersion: smartnat.aureacentral.com/v1alpha1
kind: Mapping
metadata: {name: web, namespace: shop, labels: {team: shop}}
spec:
  addresses: ["203.0.113.10"]  # uplink 1
  allowedSources:
  # the office
  - 198.51.100.0/24
  serviceName: web
  ports: [{port: 443}]
---
# The Service.
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {ports:   [{port: 443}]}
EOF
  cp "$PONA_MANIFESTS/all.yaml" "$BATS_TEST_TMPDIR/before.yaml"
  run -0 mapping set web --allow 192.0.2.1,2001:db8::/32 --preserve-client-ip
  assert_output "mapping shop/web changed in $PONA_MANIFESTS/all.yaml:2"
  run diff "$BATS_TEST_TMPDIR/before.yaml" "$PONA_MANIFESTS/all.yaml"
  assert_output '8,9c8,9
<   # the office
<   - 198.51.100.0/24
---
>   - "192.0.2.1/32"
>   - "2001:db8::/32"
11a12
>   preserveClientIP: true'
  mapping set web --allow '' --preserve-client-ip=default
  run diff "$BATS_TEST_TMPDIR/before.yaml" "$PONA_MANIFESTS/all.yaml"
  assert_output '7,9c7
<   allowedSources:
<   # the office
<   - 198.51.100.0/24
---
>   allowedSources: []'
  run -0 mapping set web --allow ''
  assert_output --partial "unchanged"
  run -1 mapping set api --allow ''
  assert_output --partial "there is no mapping api"
}

@test "rm says what it did, and deletes a file that held nothing else" {
  add_service
  add_web --file shop/all.yaml
  mapping add api --address 203.0.113.11 --port 443 --service shop/web --file shop/all.yaml
  run -0 mapping rm web
  assert_output "mapping shop/web removed from $PONA_MANIFESTS/shop/all.yaml:1"
  assert_equal "$(mapping list -o name)" shop/api
  run -1 mapping rm api web
  assert_output --partial "there is no mapping web"
  assert_equal "$(mapping list -o name)" shop/api
  run -0 mapping rm shop/api
  assert_output "mapping shop/api removed, and $PONA_MANIFESTS/shop/all.yaml deleted: it held nothing else"
  assert_file_not_exists "$PONA_MANIFESTS/shop/all.yaml"
  assert_file_exists "$PONA_MANIFESTS/service.yaml"
}

@test "list -n and -A choose the namespaces; a name in two of them must be told apart" {
  mapping add web --address 203.0.113.10 --port 1 --service a/web
  mapping add web --address 203.0.113.10 --port 2 --service b/web
  mapping add web --address 203.0.113.10 --port 3 --service web
  assert_equal "$(mapping list -o name | paste -sd' ')" "a/web b/web default/web"
  assert_equal "$(mapping list -n b -o name)" b/web
  assert_equal "$(mapping list -n b -A -o name | wc -l)" 3
  run -2 mapping show web
  assert_output --partial "a/web b/web default/web; add -n NAMESPACE"
  run -0 mapping show web -n b -o name
  assert_output b/web
}

@test "show tells everything, the file and the problems" {
  add_service
  add_web --preserve-client-ip --max-connections-per-source 5
  echo "  colour: red" >>"$PONA_MANIFESTS/shop_web.yaml"
  run -0 mapping show web
  assert_line "Name:            shop/web"
  assert_line "Service:         shop/web"
  assert_line "Client address:  preserved"
  assert_line "Connections:     5 per source"
  assert_line "File:            $PONA_MANIFESTS/shop_web.yaml:1"
  assert_line "Problems:        $PONA_MANIFESTS/shop_web.yaml:23: spec.colour: unknown field, it has no effect"
  refute_output --partial $'\e'
}

@test "documents with mistakes are named, and are in nobody's way" {
  add_service
  add_web
  printf 'kind: [\n' >"$PONA_MANIFESTS/broken.yaml"
  sed 's/port: 443/port: "443"/; s/name: web/name: bad/' "$PONA_MANIFESTS/shop_web.yaml" \
    >"$PONA_MANIFESTS/bad.yaml"
  run -0 --separate-stderr mapping list -o name
  assert_output shop/web
  assert_equal "${#stderr_lines[@]}" 2
  [[ ${stderr_lines[0]} == *"bad.yaml:14: Mapping shop/bad: spec.ports[0].port: \"443\" is a text: write the number without quotes" ]]
  run -1 mapping show bad
  assert_output --partial "has mistakes"
  run -1 mapping add bad --address 203.0.113.12 --port 1 --service shop/web
  assert_output --partial "exists already, with mistakes"
  run -0 mapping set web --affinity None
  assert_output --partial "2 problems in"
}

@test "many at once lose nothing" {
  mkdir "$PONA_MANIFESTS"
  pids=()
  for i in {1..20}; do
    mapping add "m$i" --address 203.0.113.10 --port "$i" --service shop/web --file all.yaml \
      2>/dev/null 3>&- &
    pids+=($!)
  done
  for pid in "${pids[@]}"; do wait "$pid"; done
  assert_equal "$(mapping list -o name | wc -l)" 20
  assert_equal "$(find "$PONA_MANIFESTS" -type f)" "$PONA_MANIFESTS/all.yaml"
}

@test "a directory that is not there is an error, but add makes it" {
  run -1 mapping list
  assert_output "pona mapping: there is no directory $PONA_MANIFESTS: name the manifests' by --manifests, or a cluster by --kubeconfig"
  PONA_MANIFESTS=$BATS_TEST_TMPDIR/a/b/c
  add_web
  run -0 mapping list --manifests "$BATS_TEST_TMPDIR/a/b/c" -o name
  assert_output shop/web
}

@test "a directory that cannot be written to is an error" {
  [ "$(id -u)" -eq 0 ] || skip "must be root to mount a read-only file system"
  add_service
  run unshare -m bash -c "mount --bind '$PONA_MANIFESTS' '$PONA_MANIFESTS' &&
    mount -o remount,ro,bind '$PONA_MANIFESTS' &&
    '$PONA' mapping add web --address 203.0.113.10 --port 1 --service shop/web"
  assert_equal "$status" 1
  assert_output --partial "cannot write into $PONA_MANIFESTS: Read-only file system"
}

@test "bold headers are for terminals only" {
  add_service
  add_web
  run -0 script -qec "TERM=xterm '$PONA' mapping list" /dev/null
  assert_output --partial $'\e[1mNAME'
  run -0 script -qec "TERM=xterm NO_COLOR=1 '$PONA' mapping list" /dev/null
  refute_output --partial $'\e'
}
