#!/usr/bin/env bats
# The applet table, the man pages and the completions say the same. What there is comes from the
# binary's own --help, so a new option fails here until all of them have it.
bats_require_minimum_version 1.5.0

setup() {
  load common
}

applets() { "$PONA" --help | sed -n '/^Applets:/,/^$/s/^  \([a-z]*\) .*/\1/p'; }

# The subcommands and long options that a command's help lists. Subcommands have none of their own.
subcommands() {
  [ $# = 1 ] || return 0
  "$PONA" "$@" --help | sed -n '/^\(Subc\|C\)ommands:/,/^$/s/^  \([a-z][a-z-]*\) .*/\1/p'
}
options() {
  "$PONA" "$@" --help | grep -E '^  -' | grep -oE '(^  |,)(-[A-Za-z],)?--[a-z][a-z0-9-]*' |
    grep -oE -- '--[a-z][a-z0-9-]*' | grep -vx -e --help | sort -u
}

# Every command of an applet, one per line: "edge", "edge status", …
commands() {
  local subcommand
  echo "$1"
  for subcommand in $(subcommands "$1"); do echo "$1 $subcommand"; done
}

manual() {
  case $1 in
    version | completion) echo "$top/man/pona.8" ;;
    *) echo "$top/man/pona-$1.8" ;;
  esac
}

# man's text writes a hyphen as \-.
in_manual() {
  [ -f "$(manual "$1")" ] || return
  sed 's/\\-/-/g; s/\\fB//g' "$(manual "$1")" | grep -qE -- "(^|[^a-z-])$2([^a-z-]|\$)"
}

missing=()
finish() {
  [ ${#missing[@]} -eq 0 ] || fail "$(printf '%s\n' "${missing[@]}")"
}

@test "help is understood: applets, subcommands and options are found in it" {
  assert_equal "$(applets | tr '\n' ' ')" 'edge mapping agent egress nat cni controller install lab diag version completion '
  assert_equal "$(subcommands mapping | tr '\n' ' ')" 'add set rm list show '
  assert_equal "$(options version | xargs)" "--json --output"
  options edge | grep -qx -e --manifests
  options mapping list | grep -qx -e --output
}

@test "every applet has a man page, and pona.8 lists it" {
  for applet in $(applets); do
    [ -f "$(manual "$applet")" ] || missing+=("no man page: pona $applet")
    grep -qE "pona(\\\\)?-$applet|pona $applet|^\.B.*$applet" "$top/man/pona.8" ||
      missing+=("pona.8 does not name $applet")
  done
  finish
}

@test "every man page belongs to an applet" {
  for page in "$top"/man/pona-*.8; do
    [ -e "$page" ] || continue
    applet=$(basename "$page" .8)
    grep -qx "${applet#pona-}" <(applets) || missing+=("$page describes no applet")
  done
  finish
}

@test "every subcommand and option is in the applet's man page" {
  for applet in $(applets); do
    while read -r -a command; do
      for word in "${command[@]:1}"; do
        in_manual "$applet" "$word" || missing+=("$(manual "$applet"): ${command[*]}")
      done
      for option in $(options "${command[@]}"); do
        in_manual "$applet" "$option" || missing+=("$(manual "$applet"): ${command[*]} $option")
      done
    done < <(commands "$applet")
  done
  finish
}

@test "pona-diag(8) has each code that the binary has, in its words" {
  run diff "$top/man/pona-diag.8" <("$top/packaging/write-codes" "$PONA")
  assert_success  # else: packaging/write-codes PONA >page && mv page man/pona-diag.8
  run -0 "$PONA" diag trace --explain all
  assert [ "$(grep -c '^PONA-D' <<<"$output")" -gt 40 ]
}

@test "bash completes every applet, subcommand and option" {
  # shellcheck source=/dev/null
  . "$top/completions/pona.bash"
  # The words offered after the given ones, the last of which is being typed.
  offered() {
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
    _pona
    printf '%s\n' "${COMPREPLY[@]}"
  }
  for applet in $(applets); do
    grep -qx -- "$applet" <(offered pona "${applet:0:1}") || missing+=("$applet")
    while read -r -a command; do
      for subcommand in $(subcommands "${command[@]}"); do
        grep -qx -- "$subcommand" <(offered pona "${command[@]}" "${subcommand:0:1}") ||
          missing+=("${command[*]} $subcommand")
      done
      for option in $(options "${command[@]}"); do
        grep -qx -- "$option" <(offered pona "${command[@]}" --) ||
          missing+=("${command[*]} $option")
      done
    done < <(commands "$applet")
  done
  finish
}

@test "bash offers no option that the applet does not have" {
  # shellcheck source=/dev/null
  . "$top/completions/pona.bash"
  for applet in $(applets); do
    while read -r -a command; do
      COMP_WORDS=(pona "${command[@]}" --) COMP_CWORD=$((${#command[@]} + 1)) COMPREPLY=()
      _pona
      for option in "${COMPREPLY[@]}"; do
        [ "$option" = --help ] || grep -qx -- "$option" <(options "${command[@]}") ||
          missing+=("${command[*]} $option")
      done
    done < <(commands "$applet")
  done
  finish
}

@test "1.25: values of options are completed that are values of the parsers" {
  # shellcheck source=/dev/null
  . "$top/completions/pona.bash"
  offered() {
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
    _pona
    printf '%s\n' "${COMPREPLY[@]}"
  }
  local seen=0
  for applet in $(applets); do
    while read -r -a command; do
      # --option one|two, as help has them; true|false belongs to flags.
      while read -r option values; do
        for value in ${values//|/ }; do
          [[ $value != [A-Z][A-Z]* ]] || continue
          seen=$((seen + 1))
          grep -qx -- "$value" <(offered pona "${command[@]}" "$option" "") ||
            missing+=("bash: ${command[*]} $option $value")
          for file in _pona pona.fish; do
            grep -q -- "${option#--}.*[^a-z]${value}[^a-z]" "$top/completions/$file" ||
              missing+=("$file: ${command[*]} $option $value")
          done
        done
      done < <("$PONA" "${command[@]}" --help | sed -nE 's/^ +(-[A-Za-z],)?(--[a-z-]+) ([A-Za-z-]+(\|[A-Za-z-]+)+)( .*)?$/\2 \3/p')
    done < <(commands "$applet")
  done
  assert [ "$seen" -gt 30 ]
  for step in $("$PONA" lab run --help | sed -n '/--steps/,/--keep/{/--keep/d;p}' | tr -s ' ' '\n' |
    sed -n '/^edge:/,$p' | grep -E '^[a-z]+$' | sort -u); do
    for file in _pona pona.bash pona.fish; do
      grep -qE -- "steps.*[^a-z]${step}[^a-z]" "$top/completions/$file" || missing+=("$file: --steps $step")
    done
  done
  finish
}

# A kubeconfig with two contexts, a directory of manifests with a Mapping, and two labs.
make_names() {
  cat >"$BATS_TEST_TMPDIR/kubeconfig" <<'YAML'
apiVersion: v1
kind: Config
contexts:
- {name: north, context: {cluster: a}}
- {name: south@site, context: {cluster: b}}
YAML
  manifests=$BATS_TEST_TMPDIR/manifests labs=$BATS_TEST_TMPDIR/labs
  mkdir -p "$manifests" "$labs/first" "$labs/second"
  "$PONA" mapping add shop/web --manifests "$manifests" --address 203.0.113.10 --port 443 --service web
  export KUBECONFIG=$BATS_TEST_TMPDIR/kubeconfig PATH=$BATS_TEST_TMPDIR/bin:$PATH
  mkdir -p "$BATS_TEST_TMPDIR/bin"
  ln -sf "$PONA" "$BATS_TEST_TMPDIR/bin/pona"
}

@test "1.25: bash completes names of Mappings, contexts and labs" {
  make_names
  # shellcheck source=/dev/null
  . "$top/completions/pona.bash"
  offered() {
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
    _pona
    printf '%s ' "${COMPREPLY[@]}"
  }
  assert_equal "$(offered pona mapping show --manifests "$manifests" "")" 'shop/web '
  assert_equal "$(offered pona mapping rm --manifests = "$manifests" "")" 'shop/web '
  assert_equal "$(offered pona mapping show --context "")" 'north south@site '
  assert_equal "$(offered pona edge --context s)" 'south@site '
  assert_equal "$(offered pona lab down --dir "$labs" --lab "")" 'first second '
}

@test "1.25: fish completes names of Mappings, contexts and labs" {
  make_names
  offered() {
    fish --no-config -c "source $top/completions/pona.fish; complete --do-complete '$*'" | cut -f1 | paste -sd ' '
  }
  assert_equal "$(offered "pona mapping show --manifests $manifests ")" 'shop/web'
  assert_equal "$(offered "pona mapping show --context ")" 'north south@site'
  assert_equal "$(offered "pona lab down --dir=$labs --lab ")" 'first second'
}

@test "1.25: zsh completes names of Mappings, contexts and labs" {
  make_names
  # As the completion system calls them: what was typed is in opt_args.
  named() {
    zsh -fc "
      compadd() { shift; print -r -- \${(P)1}; }
      typeset -A opt_args=($2)
      _arguments() { :; }; _describe() { :; }; words=(pona) CURRENT=2
      . $top/completions/_pona
      $1"
  }
  assert_equal "$(named _pona_mappings "--manifests $manifests")" 'shop/web'
  assert_equal "$(named _pona_contexts "")" 'north south@site'
  assert_equal "$(named _pona_labs "--dir $labs")" 'first second'
  # Who asks for them.
  assert [ "$(grep -c ':_pona_contexts' "$top/completions/_pona")" -ge 4 ]
  grep -q "'--lab.*:_pona_labs" "$top/completions/_pona"
  assert [ "$(grep -c ':_pona_mappings' "$top/completions/_pona")" = 3 ]
}

@test "zsh knows every applet, subcommand and option" {
  zsh -n "$top/completions/_pona"
  for applet in $(applets); do
    section=$(sed -n "/^_pona_$applet()/,/^}/p" "$top/completions/_pona")
    [ -n "$section" ] || missing+=("no function _pona_$applet")
    while read -r -a command; do
      for word in "${command[@]:1}" $(options "${command[@]}"); do
        grep -qE -- "(^|[^a-z-])$word([^a-z-]|\$)" <<<"$section" ||
          missing+=("${command[*]}: $word")
      done
    done < <(commands "$applet")
  done
  finish
}

@test "fish completes every applet, subcommand and option" {
  offered() {
    fish --no-config -c "source $top/completions/pona.fish; complete --do-complete '$*'" | cut -f1
  }
  for applet in $(applets); do
    grep -qx -- "$applet" <(offered "pona ${applet:0:1}") || missing+=("$applet")
    while read -r -a command; do
      # fish offers files too; the words wanted must be among what is offered.
      words=$(offered "pona ${command[*]} ")
      for subcommand in $(subcommands "${command[@]}"); do
        grep -qx -- "$subcommand" <<<"$words" || missing+=("${command[*]} $subcommand")
      done
      words=$(offered "pona ${command[*]} --")
      for option in $(options "${command[@]}"); do
        grep -qx -- "$option" <<<"$words" || missing+=("${command[*]} $option")
      done
    done < <(commands "$applet")
  done
  finish
}

@test "the pitfalls of egress and the tests that are named after them are the same" {
  local listed named
  listed=$(sed -n 's/^| \([0-9]*\) |.*| \(`.*`\) |$/\1 \2/p' "$top/tests/e2e/egress_pitfalls.md" |
    while read -r number files; do
      for file in ${files//\`/}; do echo "$number $file"; done
    done | sort)
  named=$(cd "$top" && grep -roE '(@test|TEST_CASE\().*pitfall [0-9]+:' tests --include='*.bats' --include='*_test.cpp' |
    sed -E 's/^([^:]*):.*pitfall ([0-9]+):$/\2 \1/' | sort -u)
  assert_equal "$named" "$listed"
  assert_equal "$(cut -d' ' -f1 <<<"$named" | sort -nu | paste -sd ' ')" "$(seq -s ' ' 1 24)"
}
