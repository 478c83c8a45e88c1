# bash completion for pona
