# fish completion for pona

# True while the words typed so far, options left out, are just these.
function __pona_at
    set -l typed (commandline --tokenize --cut-at-cursor --current-process | string match --invert -- '-*')
    test "$typed[2..]" = "$argv"
end

# True when the words typed so far begin with these.
function __pona_in
    set -l typed (commandline --tokenize --cut-at-cursor --current-process | string match --invert -- '-*')
    set -l last (math 1 + (count $argv))
    test "$typed[2..$last]" = "$argv"
end

complete -c pona -n '__pona_at' -f -a version -d 'What was built, from which commit, with which libraries'
complete -c pona -n '__pona_at' -f -a completion -d 'Print the completion script of a shell'
complete -c pona -n '__pona_at' -l help -d 'List the applets'
complete -c pona -n '__pona_at' -l version -d 'The same as version'

complete -c pona -n '__pona_in version' -f
complete -c pona -n '__pona_in version' -l json -d 'Print JSON'
complete -c pona -n '__pona_in version' -l help -d 'Show help'

complete -c pona -n '__pona_in completion' -f
complete -c pona -n '__pona_at completion' -a 'bash zsh fish'
complete -c pona -n '__pona_in completion' -l help -d 'Show help'
