#!/usr/bin/env bats
# The binary itself: how it is linked, and how an applet of it is chosen.
bats_require_minimum_version 1.5.0

setup() {
  load common
}

# Whether PONA is the release: a developer's build is dynamic, and its link is nobody's promise.
release_only() {
  [ -f "${PONA_MAP:-}" ] || skip "PONA_MAP names no linker map: not the release build"
}

@test "the release is one static position-independent file of at most 10 MB without NSS" {
  release_only
  run "$top/packaging/check-binary" "$PONA" "$PONA_MAP"
  assert_success
  # A check of ours: other compilers' binaries may be larger, and that is no error of who builds one.
  [ "$(stat -c %s "$PONA")" -le 10000000 ]
}

@test "1.20: pona and the libraries that it makes itself are hardened as Debian's programs" {
  release_only
  readelf --wide --program-headers "$PONA" >"$BATS_TEST_TMPDIR/headers"
  assert_file_contains "$BATS_TEST_TMPDIR/headers" GNU_RELRO
  # Its own code is compiled when it is linked: thousands of its functions, which lie where the map says,
  # look after their stack.
  python3 -I -S - "$PONA" "$PONA_MAP" <<'PY'
import re, subprocess, sys
binary, link_map = sys.argv[1], open(sys.argv[2]).read()
found = re.findall(r"^ (?:\.text\S*)?\s+(0x[0-9a-f]+)\s+(0x[0-9a-f]+)\s+\S*(?:ltrans|libpona_(?:net|kube|cmd)\.a)\S*$", link_map, re.M)
text = re.search(r"^\.text\s+(0x[0-9a-f]+)\s+(0x[0-9a-f]+)", link_map, re.M)
begin, length = (int(word, 16) for word in text.groups())
own = [range(int(at, 16), int(at, 16) + int(size, 16)) for at, size in found]
own = [one for one in own if one and one.start in range(begin, begin + length)]
guards = 0
for one in own:
    guards += subprocess.run(["objdump", "--disassemble", "--no-show-raw-insn", f"--start-address={one.start}",
                              f"--stop-address={one.stop}", binary], capture_output=True, text=True, check=True).stdout.count("%fs:0x28")
print(len(own), "parts,", guards, "looks at the guard")
assert guards > 2000
PY
  local archive
  for archive in "$(dirname "$PONA_MAP")"/../deps/lib/lib{curl,crypto,ssl}.a; do
    nm "$archive" >"$BATS_TEST_TMPDIR/symbols"
    assert_file_contains "$BATS_TEST_TMPDIR/symbols" ' U __stack_chk_fail$'
    assert_file_contains "$BATS_TEST_TMPDIR/symbols" ' U __.*_chk$'
  done
}

@test "the check of the binary notices glibc's name service" {
  cat >"$BATS_TEST_TMPDIR/resolve.cpp" <<'END'
#include <netdb.h>
int main(int, char** argv) {
  addrinfo* list = nullptr;
  return getaddrinfo(argv[1], nullptr, nullptr, &list);
}
END
  g++ -static-pie -Wl,-Map="$BATS_TEST_TMPDIR/map" -o "$BATS_TEST_TMPDIR/resolve" \
    "$BATS_TEST_TMPDIR/resolve.cpp" 2>/dev/null
  run "$top/packaging/check-binary" "$BATS_TEST_TMPDIR/resolve" "$BATS_TEST_TMPDIR/map"
  assert_failure 1
  assert_output --partial "glibc's name service is linked"
  assert_output --partial getaddrinfo.o
}

@test "the check of the binary notices a dynamic one" {
  run "$top/packaging/check-binary" /bin/true /dev/null
  assert_failure 1
  assert_output --partial "asks for a loader"
}

@test "version starts in an empty root with nothing but the binary" {
  release_only
  mkdir "$BATS_TEST_TMPDIR/root"
  cp "$PONA" "$BATS_TEST_TMPDIR/root/pona"
  run chroot "$BATS_TEST_TMPDIR/root" /pona version
  assert_success
  assert_line --index 0 --regexp '^pona [0-9]+\.[0-9]+\.[0-9]+ \([0-9a-z-]+, Release static\)$'
}

@test "version --json is JSON that names version, commit, build and libraries" {
  "$PONA" version --json | python3 -c '
import json, sys
version = json.load(sys.stdin)
assert set(version) == {"version", "commit", "build", "libraries"}, version
assert {"OpenSSL", "libnftnl", "libnl", "curl", "c-ares"} <= set(version["libraries"]), version
assert all(number[0].isdigit() for number in version["libraries"].values()), version
'
}

@test "without arguments and with --help the applets are listed" {
  run --separate-stderr pona
  assert_success
  assert_line --regexp '^  version  +[a-z]'
  listed=$output
  run --separate-stderr pona --help
  assert_success
  assert_output "$listed"
}

@test "an unknown applet names the nearest one and exits with 2" {
  run --separate-stderr pona versoin
  assert_failure 2
  assert_output ''
  [ "$stderr" = 'pona: there is no applet "versoin"; did you mean "version"?' ]
}

@test "a link named pona-APPLET runs the applet" {
  ln -s "$PONA" "$BATS_TEST_TMPDIR/pona-version"
  expected=$("$PONA" version --json)
  run "$BATS_TEST_TMPDIR/pona-version" --json
  assert_success
  assert_output "$expected"
}

@test "a link of another name takes the applet from the first word" {
  ln -s "$PONA" "$BATS_TEST_TMPDIR/pona-1.2"
  run "$BATS_TEST_TMPDIR/pona-1.2" version
  assert_success
}

@test "every applet has --help, and refuses unknown options with 2" {
  for applet in $("$PONA" --help | sed -n '/^Applets:/,/^$/s/^  \([a-z]*\) .*/\1/p'); do
    run --separate-stderr pona "$applet" --help
    assert_success
    assert_output --partial Usage
    run --separate-stderr pona "$applet" --no-such-option
    assert_failure 2
    assert_output ''
  done
}

@test "output that cannot be written is a failure" {
  local words
  for words in version --help "" "edge --help" "completion bash"; do
    # shellcheck disable=SC2016
    run bash -c '"$PONA" $1 >/dev/full' - "$words"
    assert_failure 1
    assert_output --partial "cannot write"
  done
}

# Neither how an option is checked, nor what the parser makes of a flag.
@test "help shows names, values and what they do, in 80 columns" {
  local applet command
  for applet in $("$PONA" --help | sed -n '/^Applets:/,/^$/s/^  \([a-z]*\) .*/\1/p'); do
    for command in "$applet" "$applet "{status,cleanup,add,set,rm,list,show,run,up,down,agent,crds}; do
      # shellcheck disable=SC2086
      "$PONA" $command --help >"$BATS_TEST_TMPDIR/help" 2>/dev/null || continue
      run grep -nE '^  -.*[{}]|Excludes:|Needs:|INT in|:INT|TEXT:' "$BATS_TEST_TMPDIR/help"
      assert_failure
      run bash -c 'grep -E "^(  -| {30})" "$1" | grep -E ".{81}"' - "$BATS_TEST_TMPDIR/help"
      assert_failure
    done
  done
  run pona mapping add --help
  assert_line --regexp '^  --wait\[=SECONDS\] +Wait until'
  assert_line --regexp '^  --service \[NAMESPACE/\]SERVICE$'
}

@test "the completion scripts are those of the tree" {
  diff <("$PONA" completion bash) "$top/completions/pona.bash"
  diff <("$PONA" completion zsh) "$top/completions/_pona"
  diff <("$PONA" completion fish) "$top/completions/pona.fish"
  run pona completion tcsh
  assert_failure 2
}
