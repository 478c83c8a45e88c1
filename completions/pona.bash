# bash completion for pona                                                 -*- shell-script -*-

# What may follow each command: its subcommands and options.
declare -gA _pona_words=(
  [pona]="version completion --help --version"
  [pona version]="--json --help"
  [pona completion]="bash zsh fish --help"
)

_pona() {
  local command=pona word i
  # A link named pona-APPLET is that applet.
  [[ ${COMP_WORDS[0]##*/} != pona-* ]] || command="pona ${COMP_WORDS[0]##*/pona-}"
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    [[ -z ${_pona_words["$command $word"]+known} ]] || command+=" $word"
  done
  word=${COMP_WORDS[COMP_CWORD]}
  mapfile -t COMPREPLY < <(compgen -W "${_pona_words["$command"]}" -- "$word")
}

# Where no word of ours fits, files do: values of options are files more often than not.
complete -o default -F _pona pona
