#!/usr/bin/env bats
# What all commands have in common.
bats_require_minimum_version 1.5.0

setup() { load common; }

applets() { "$PONA" --help | sed -n '/^Applets:/,/^$/s/^  \([a-z]*\) .*/\1/p'; }
subcommands() { "$PONA" "$1" --help | sed -n '/^\(Subc\|C\)ommands:/,/^$/s/^  \([a-z][a-z-]*\) .*/\1/p'; }
# Every command, with its words.
commands() {
  local applet subcommand
  for applet in $(applets); do
    echo "$applet"
    for subcommand in $(subcommands "$applet"); do echo "$applet $subcommand"; done
  done
}

@test "1.25: a misspelt command is answered with the one that is meant, everywhere" {
  local tried=0
  for applet in $(applets); do
    run -2 "$PONA" "${applet}x"
    assert_output --partial "did you mean \"$applet\"?"
    for subcommand in $(subcommands "$applet"); do
      run -2 "$PONA" "$applet" "${subcommand}q"
      assert_output --partial "pona $applet: there is no command \"${subcommand}q\"; did you mean \"$subcommand\"?"
      tried=$((tried + 1))
    done
  done
  assert [ "$tried" -gt 20 ]
  run -2 "$PONA" edge statsu
  assert_output 'pona edge: there is no command "statsu"; did you mean "status"?'
  run -2 "$PONA" lab something-else
  assert_output 'pona lab: there is no command "something-else"; "pona lab --help" lists them'
  run -2 "$PONA" mapping list --jsno
  assert_output --partial 'Did you mean --json?'
  run -2 "$PONA" mapping
  assert_output --partial 'subcommand is required'
}

@test "1.25: --json and -o json are both there where either is" {
  local found=0
  while read -r -a command; do
    "$PONA" "${command[@]}" --help >"$BATS_TEST_TMPDIR/help"
    json=$(grep -cE '^ +--json' "$BATS_TEST_TMPDIR/help" || true)
    output=$(grep -cE '^ +-o,--output .*json' "$BATS_TEST_TMPDIR/help" || true)
    [ "$json" = "$output" ] || fail "${command[*]}: $json --json, $output -o json"
    found=$((found + json))
  done < <(commands)
  assert [ "$found" -ge 14 ]
  mkdir "$BATS_TEST_TMPDIR/manifests"
  while read -r line; do
    # shellcheck disable=SC2086  # words
    diff <("$PONA" $line --json) <("$PONA" $line -o json)
    # shellcheck disable=SC2086  # words
    "$PONA" $line -o json | jq -e . >/dev/null
  done <<END
version
install crds
install all
mapping list --manifests $BATS_TEST_TMPDIR/manifests
lab status --dir $BATS_TEST_TMPDIR/labs
END
}
