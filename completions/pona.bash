# bash completion for pona                                                 -*- shell-script -*-

_pona_edge="--manifests --kubeconfig --context --report --instance-name --lease-namespace \
  --node-name --state-dir --cluster-uid --confirm-deletions-after --confirm-deletions-above \
  --external-interfaces --gateway-offset \
  --masquerade --masquerade-addresses --snat --backend --address-policy --accounting --address-hold \
  --slot-layout --host-ports --limit-when-full \
  --mark-mask --max-ports-per-mapping \
  --max-forwards-per-mapping --max-forwards-per-namespace --max-elements-per-mapping \
  --max-elements-per-namespace --max-sources-per-mapping --max-sources-per-namespace \
  --max-addresses-per-service --resync --monitor-address \
  --monitor-port --monitor-connections --socket --log-format --log-level --config --check-config \
  --dry-run --help"
_pona_fields="--address --port --service --allow --affinity --preserve-client-ip \
  --max-connections-per-source --new-connections-per-second --max-ports --dry-run --wait \
  --force-conflicts"
_pona_where="--manifests --kubeconfig --context --namespace --help"
_pona_install="--in-cluster --image --node-selector --external-interfaces --monitor-address --namespace --output \
  --json --help"
_pona_trust="--cluster-uid --confirm-deletions-after --confirm-deletions-above"
_pona_service="--manifests --kubeconfig --context $_pona_trust --resync --listen --monitor-address \
  --monitor-connections --metrics-port --health-port \
  --probe-port --fou-port --no-udp-checksum --log-format --log-level --help"

# What may follow each command: its subcommands and options.
declare -gA _pona_words=(
  [pona]="edge mapping agent egress nat cni controller install lab diag version completion --help --version"
  [pona edge]="run status cleanup $_pona_edge"
  [pona edge run]="$_pona_edge"
  [pona edge status]="--namespace --address --problems --output --json --watch --socket --config --help"
  [pona edge cleanup]="--dry-run --saved-objects --state-dir --socket --config --help"
  [pona mapping]="add set rm list show --help"
  [pona mapping add]="--file $_pona_fields $_pona_where"
  [pona mapping set]="$_pona_fields $_pona_where"
  [pona mapping rm]="--dry-run $_pona_where"
  [pona mapping list]="--all-namespaces --output --json $_pona_where"
  [pona mapping show]="--output --json $_pona_where"
  [pona agent]="--node-name --exclude --socket --sandboxes --probe-interval --probe-misses
    --acknowledge --install-cni --cni-own-list --uninstall-cni --cni-bin-dir --cni-conf-dir $_pona_service"
  [pona nat]="--egress --address --snat --exclude --drain-seconds --nat-log --dry-run $_pona_service"
  [pona egress]="status list show --output --json --socket --help"
  [pona egress status]="--output --json --socket --help"
  [pona egress list]="--output --json --socket --help"
  [pona egress show]="--output --json --socket --help"
  [pona cni]="--help"
  [pona controller]="--image --image-pull-policy --template-policy --kubeconfig --context $_pona_trust --instance-name
    --lease-namespace --agent-namespace --listen --monitor-address
    --monitor-connections --metrics-port --health-port --log-format --log-level
    --help"
  [pona install]="crds rbac edge controller agent all --help"
  [pona install crds]="--output --json --help"
  [pona install rbac]="--smartnat-finalizers --namespace --output --json --help"
  [pona install edge]="$_pona_install"
  [pona install controller]="--image --namespace --output --json --help"
  [pona install agent]="--image --monitor-address --namespace --output --json --help"
  [pona install all]="--smartnat-finalizers $_pona_install"
  [pona lab]="run up exec shell get takeover status down serve --help"
  [pona lab run]="edge egress --steps --keep --output --json --no-color --lab --dir --help"
  [pona lab up]="edge egress --lab --dir --help"
  [pona lab exec]="--lab --dir --help"
  [pona lab shell]="--lab --dir --help"
  [pona lab get]="--count --from --source --text --timeout --lab --dir --help"
  [pona lab takeover]="--lab --dir --help"
  [pona lab status]="--output --json --lab --dir --help"
  [pona lab down]="--all --lab --dir --help"
  [pona lab serve]="--name --http --echo --help"
  [pona diag]="trace merge check model topology bundle watch --help"
  [pona diag trace]="to --from-netns --manifests --in --udp --icmp --sctp --reply --all-endpoints --rules --no-live \
    --watch --cookie --stop-on-input --kubeconfig --context --namespace --bundle --mark --source-port --ttl-limit \
    --timeout --explain --socket --agent-socket --sandboxes --output --json --help"
  [pona diag merge]="--reply --output --json --help"
  [pona diag check]="pre edge node nat cluster pod --all --fix-script --fail-on --explain --kubeconfig --context \
    --manifests --state-dir --socket --agent-socket --sandboxes --output --json --help"
  [pona diag model]="--manifests --here --bundle --other-manifests --other-pods --network --from-netns --kubeconfig --context \
    --cni --explain --socket --agent-socket --sandboxes --output --json --help"
  [pona version]="--output --json --help"
  [pona diag watch]="--from-netns --address --port --mapping --egress --pod --interval --count --duration --socket \
    --agent-socket --sandboxes --output --json --help"
  [pona diag bundle]="--from-netns --redact --kubeconfig --context --socket --agent-socket --sandboxes --output \
    --help"
  [pona diag topology]="--from-netns --all --depth --socket --agent-socket --sandboxes --output --json --help"
  [pona completion]="bash zsh fish contexts --kubeconfig --help"
)
unset _pona_edge _pona_fields _pona_where _pona_install _pona_service

# What may follow an option, of one applet or of all that have it.
declare -gA _pona_values=(
  [--image-pull-policy]="Always IfNotPresent Never"
  [--affinity]="None ClientIP default"
  [--preserve-client-ip]="true false default"
  [--backend]="endpoints clusterip"
  [--address-policy]="local any"
  [--accounting]="connections traffic"
  [--limit-when-full]="refuse accept"
  [--host-ports]="by-source refuse warn take"
  [--slot-layout]="auto 1 2"
  [--log-format]="text json"
  [--log-level]="debug info warning error"
  [--output]="wide yaml json name"
  [-o]="wide yaml json name"
  [install --output]="yaml json"
  [install -o]="yaml json"
  [edge --kubeconfig]="auto in-cluster"
  [edge --output]="wide json"
  [edge -o]="wide json"
  [egress --output]="json"
  [egress -o]="json"
  [lab --output]="name json"
  [lab -o]="name json"
  [diag --output]="text lines json jsonl mermaid dot svg"
  [diag -o]="text lines json jsonl mermaid dot svg"
  [diag --fail-on]="warn error"
  [version --output]="json"
  [version -o]="json"
  [--monitor-address]="node"
  [install --monitor-address]="loopback node"
  [--template-policy]="baseline any"
  [--steps]="spread source affinity allow udp ipv6 drain add takeover own private annotate failover closed"
)

# What `pona $2…` prints, given those of the options $1 that were typed: names, one a line. A cluster
# that does not answer must not hold up a shell.
_pona_names() {
  local options=$1 given=() pona=${COMP_WORDS[0]} value i
  shift
  [[ ${pona##*/} == pona ]] || pona=pona
  for ((i = 1; i < COMP_CWORD; i++)); do
    [[ " $options " == *" ${COMP_WORDS[i]} "* ]] || continue
    value=$((i + 1))
    [[ ${COMP_WORDS[value]} != = ]] || value=$((i + 2))
    ((value >= COMP_CWORD)) || given+=("${COMP_WORDS[i]}" "${COMP_WORDS[value]}")
  done
  timeout 2 "$pona" "$@" "${given[@]}" 2>/dev/null
}

_pona() {
  local command=pona applet last word values i
  # A link named pona-APPLET is that applet.
  [[ ${COMP_WORDS[0]##*/} != pona-* ]] || command="pona ${COMP_WORDS[0]##*/pona-}"
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    [[ -z ${_pona_words["$command $word"]+known} ]] || command+=" $word"
  done
  word=${COMP_WORDS[COMP_CWORD]}
  last=${COMP_WORDS[COMP_CWORD - 1]}
  applet=${command#pona }
  values=${_pona_values["$last"]-${_pona_words["$command"]}}
  values=${_pona_values["${applet%% *} $last"]-$values}
  case $last in
    --lab) values=$(_pona_names "--dir" lab status -o name) ;;
    --explain)
      if [[ $command == "pona diag model" ]]; then
        values="flat isolated island archipelago node-port vip proxy edge-nat masquerade egress-gateway all"
      else
        values=$(_pona_names "" diag trace --explain all | sed -n 's/^\(PONA-D[0-9]*\) .*/\1/p')
      fi
      ;;
    --from-netns) values=$(ls /run/netns 2>/dev/null) ;;
    --context) values=$(_pona_names "--kubeconfig" completion contexts) ;;
    -*) ;;
    *)
      if [[ $command == "pona mapping "@(set|rm|show) && $word != -* ]]; then
        # In a cluster as kubectl names them: the namespace goes with -n.
        values=$(_pona_names "--manifests --kubeconfig --context --namespace -n" mapping list -o name)
        values=${values//mapping.smartnat.aureacentral.com\//}
      fi
      ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$values" -- "$word")
}

# Where no word of ours fits, files do: values of options are files more often than not.
complete -o default -F _pona pona pona-edge pona-mapping pona-agent pona-egress pona-nat \
  pona-cni pona-controller pona-install pona-lab pona-diag
