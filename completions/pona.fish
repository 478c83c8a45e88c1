# fish completion for pona

# The words typed so far, options left out; the name pona-APPLET counts as pona APPLET.
function __pona_typed
    commandline --tokenize --cut-at-cursor --current-process | string match --invert -- '-*' \
        | string replace --regex '^(.*/)?pona-' '' | string match --invert --regex '^(.*/)?pona$'
end

# True while the typed words are just these.
function __pona_at
    set -l typed (__pona_typed)
    test "$typed" = "$argv"
end

# True when the typed words begin with these.
function __pona_in
    set -l typed (__pona_typed)
    set -l last (count $argv)
    test "$typed[1..$last]" = "$argv"
end

# True where an option of the edge itself may stand: not behind its other commands.
function __pona_in_edge
    __pona_in edge; and not __pona_in edge status; and not __pona_in edge cleanup
end

# Names that pona tells, given those of the options in the first argument that were typed. A cluster that
# does not answer must not hold up a shell; its Mappings are named as kubectl does, without namespace.
function __pona_names
    set -l words (commandline --tokenize --cut-at-cursor --current-process)
    set -l given
    for option in (string split ' ' -- $argv[1])
        for i in (seq 2 (count $words))
            if string match --quiet -- "$option=*" "$words[$i]"
                set -a given "$words[$i]"
            else if test "$words[$i]" = "$option"; and test $i -lt (count $words)
                set -l next (math $i + 1)
                set -a given $option "$words[$next]"
            end
        end
    end
    timeout 2 pona $argv[2..-1] $given 2>/dev/null \
        | string replace mapping.smartnat.aureacentral.com/ ''
end

for name in pona pona-edge pona-mapping pona-agent pona-egress pona-nat pona-cni pona-controller pona-install pona-lab pona-diag
    complete -c $name -n '__pona_at' -f -a edge -d 'Carry traffic for external addresses and ports to pods'
    complete -c $name -n '__pona_at' -f -a mapping -d 'Add, change, show and remove what an edge carries'
    complete -c $name -n '__pona_at' -f -a agent -d 'Run on each node: route traffic of pods that use an Egress to its NAT pods'
    complete -c $name -n '__pona_at' -f -a nat -d 'Run in a NAT pod: let the clients of an Egress out'
    complete -c $name -n '__pona_at' -f -a egress -d 'Show who leaves this node by which NAT pods'
    complete -c $name -n '__pona_at' -f -a cni -d 'The CNI plugin, which container runtimes call'
    complete -c $name -n '__pona_at' -f -a controller -d 'Create NAT pods for Egresses'
    complete -c $name -n '__pona_at' -f -a install -d 'Print what a cluster needs'
    complete -c $name -n '__pona_at' -f -a lab -d 'Try pona in a network of its own'
    complete -c $name -n '__pona_at' -f -a diag -d 'Say what happens to a packet, and why'
    complete -c $name -n '__pona_at' -f -a version -d 'What was built, from which commit, with which libraries'
    complete -c $name -n '__pona_at' -f -a completion -d 'Print the completion script of a shell'
    complete -c $name -n '__pona_at' -l version -d 'The same as version'
    complete -c $name -s h -l help -d 'Show help'

    complete -c $name -n '__pona_at edge' -f -a run -d 'Serve (the default)'
    complete -c $name -n '__pona_at edge' -f -a status -d 'Mappings, endpoints, counters, rejected objects'
    complete -c $name -n '__pona_at edge' -f -a cleanup -d 'Remove everything of pona edge from the kernel'
    complete -c $name -n '__pona_in_edge' -l manifests -x -a '(__fish_complete_directories)' -d 'Directory of manifests'
    complete -c $name -n '__pona_in_edge' -l kubeconfig -r -F -d 'The cluster whose objects are served; auto, in-cluster'
    complete -c $name -n '__pona_in_edge' -l context -x -a '(__pona_names --kubeconfig completion contexts)' -d 'Context of the kubeconfig'
    complete -c $name -n '__pona_in_edge' -l report -d 'Write statuses, Events and addresses to the cluster'
    complete -c $name -n '__pona_in_edge' -l instance-name -x -d 'Name of this edge in what it writes'
    complete -c $name -n '__pona_in_edge' -l lease-namespace -x -d 'Where the Lease of the edges is'
    complete -c $name -n '__pona_in_edge' -l node-name -x -d 'The node of the cluster that this host is'
    complete -c $name -n '__pona_in_edge' -l state-dir -x -a '(__fish_complete_directories)' -d 'Where the objects of the cluster are saved'
    complete -c $name -n '__pona_in_edge' -l cluster-uid -x -d 'UID of the namespace kube-system of the cluster to serve'
    complete -c $name -n '__pona_in_edge' -l confirm-deletions-after -x -d 'Seconds until a second list is asked for'
    complete -c $name -n '__pona_in_edge' -l confirm-deletions-above -x -d 'Per cent of a loss that needs a second list'
    complete -c $name -n '__pona_in_edge' -l external-interfaces -x -d 'Client-facing interfaces, a regular expression'
    complete -c $name -n '__pona_in_edge' -l gateway-offset -x -d 'Next hop, counted from the start of the subnet'
    complete -c $name -n '__pona_in_edge' -l masquerade -d 'Pods see the address of the appliance'
    complete -c $name -n '__pona_in_edge' -l masquerade-addresses -x -d 'Addresses of this host that pods see'
    complete -c $name -n '__pona_in_edge' -l snat -d 'Connections of pods leave with the address of their Mapping'
    complete -c $name -n '__pona_in_edge' -l backend -x -a 'endpoints clusterip' -d 'Where traffic is sent'
    complete -c $name -n '__pona_in_edge' -l address-policy -x -a 'local any' -d 'Which addresses are served'
    complete -c $name -n '__pona_in_edge' -l accounting -x -a 'connections traffic' -d 'What is counted of Mappings'
    complete -c $name -n '__pona_in_edge' -l limit-when-full -x -a 'refuse accept' -d 'Sources that a limit cannot remember'
    complete -c $name -n '__pona_in_edge' -l slot-layout -x -a 'auto 1 2' -d 'How connections are spread over endpoints'
    complete -c $name -n '__pona_in_edge' -l host-ports -x -a 'by-source refuse warn take' -d 'Claims on ports at which the host listens'
    complete -c $name -n '__pona_in_edge' -l address-hold -x -d 'Seconds that connections outlive an address that left'
    complete -c $name -n '__pona_in_edge' -l mark-mask -x -d 'Bits of the packet mark to use'
    complete -c $name -n '__pona_in_edge' -l max-ports-per-mapping -x -d 'Reject Mappings with more entries in ports'
    complete -c $name -n '__pona_in_edge' -l max-forwards-per-mapping -x -d 'Reject objects that come to more forwards'
    complete -c $name -n '__pona_in_edge' -l max-forwards-per-namespace -x -d 'The same for a namespace'
    complete -c $name -n '__pona_in_edge' -l max-elements-per-mapping -x -d 'Reject objects that take more map elements'
    complete -c $name -n '__pona_in_edge' -l max-elements-per-namespace -x -d 'The same for a namespace'
    complete -c $name -n '__pona_in_edge' -l max-sources-per-mapping -x -d 'Reject objects that allow more sources'
    complete -c $name -n '__pona_in_edge' -l max-sources-per-namespace -x -d 'The same for a namespace'
    complete -c $name -n '__pona_in_edge' -l max-addresses-per-service -x -d 'Give no addresses to Services that ask for more'
    complete -c $name -n '__pona_in_edge' -l resync -x -d 'Seconds between comparisons of everything'
    complete -c $name -n '__pona_in_edge' -l monitor-address -x -d 'Where health and metrics are served'
    complete -c $name -n '__pona_in_edge' -l monitor-port -x -d 'TCP port of the same'
    complete -c $name -n '__pona_in_edge' -l monitor-connections -x -d 'Connections to the same at a time'
    complete -c $name -n '__pona_in_edge' -l log-format -x -a 'text json' -d 'Form of the log'
    complete -c $name -n '__pona_in_edge' -l log-level -x -a 'debug info warning error' -d 'Least important lines to log'
    complete -c $name -n '__pona_in_edge' -l check-config -d 'Print the effective options and problems'
    complete -c $name -n '__pona_in_edge' -l dry-run -d 'Print the changes that would be made'
    complete -c $name -n '__pona_in edge' -l socket -r -F -d 'Unix socket of the running process'
    complete -c $name -n '__pona_in edge' -l config -r -F -d 'Configuration file'
    complete -c $name -n '__pona_in edge status' -l json -d 'Print JSON'
    complete -c $name -n '__pona_in edge status' -s o -l output -x -a 'wide json' -d 'Form'
    complete -c $name -n '__pona_in edge status' -s n -l namespace -x -d 'Only this namespace'
    complete -c $name -n '__pona_in edge status' -l address -x -d 'Only this external address or network'
    complete -c $name -n '__pona_in edge status' -l problems -d 'Only what is not fully in effect'
    complete -c $name -n '__pona_in edge status' -l watch -d 'Again and again'
    complete -c $name -n '__pona_in edge cleanup' -l dry-run -d 'Print what would be removed'
    complete -c $name -n '__pona_in edge cleanup' -l state-dir -x -a '(__fish_complete_directories)' -d 'Where the objects of the cluster are saved'
    complete -c $name -n '__pona_in edge cleanup' -l saved-objects -d 'Remove the saved objects, too'

    complete -c $name -n '__pona_at mapping' -f -a add -d 'Add a Mapping'
    complete -c $name -n '__pona_at mapping' -f -a set -d 'Change what is given, leave the rest'
    complete -c $name -n '__pona_at mapping' -f -a rm -d 'Remove Mappings'
    complete -c $name -n '__pona_at mapping' -f -a list -d 'List Mappings'
    complete -c $name -n '__pona_at mapping' -f -a show -d 'Show a Mapping and its problems'
    for command in add set
        complete -c $name -n "__pona_in mapping $command" -l address -x -d 'External address'
        complete -c $name -n "__pona_in mapping $command" -l port -x -d 'PORT[-END][:SERVICE-PORT][/PROTOCOL]'
        complete -c $name -n "__pona_in mapping $command" -l service -x -d 'The Service that gets the traffic'
        complete -c $name -n "__pona_in mapping $command" -l allow -x -d 'Only these sources'
        complete -c $name -n "__pona_in mapping $command" -l affinity -x -a 'None ClientIP default' -d 'Session affinity'
        complete -c $name -n "__pona_in mapping $command" -l preserve-client-ip -d 'Pods see the address of the client'
        complete -c $name -n "__pona_in mapping $command" -l max-connections-per-source -x -d 'At most so many at a time'
        complete -c $name -n "__pona_in mapping $command" -l new-connections-per-second -x -d 'At most so many from one source'
        complete -c $name -n "__pona_in mapping $command" -l max-ports -x -d 'Limit of entries of ports'
        complete -c $name -n "__pona_in mapping $command" -l wait -d 'Wait until an edge carries it'
        complete -c $name -n "__pona_in mapping $command" -l force-conflicts -d 'Take over fields of other field managers'
    end
    for command in add set rm
        complete -c $name -n "__pona_in mapping $command" -l dry-run -d 'Change nothing'
    end
    for command in add set rm list show
        complete -c $name -n "__pona_in mapping $command" -l manifests -x -a '(__fish_complete_directories)' -d 'Directory of manifests, instead of a cluster'
        complete -c $name -n "__pona_in mapping $command" -l kubeconfig -r -F -d 'Kubeconfig of the cluster'
        complete -c $name -n "__pona_in mapping $command" -l context -x -a '(__pona_names --kubeconfig completion contexts)' -d 'Context of the kubeconfig'
        complete -c $name -n "__pona_in mapping $command" -s n -l namespace -x -d 'The namespace'
    end
    complete -c $name -n '__pona_in mapping add' -l file -r -F -d 'Where to write it'
    complete -c $name -n '__pona_in mapping list' -s A -l all-namespaces -d 'Of all namespaces'
    complete -c $name -n '__pona_in mapping list' -s o -l output -x -a 'wide yaml json name' -d 'Form'
    complete -c $name -n '__pona_in mapping show' -s o -l output -x -a 'wide yaml json name' -d 'Form'
    for command in list show
        complete -c $name -n "__pona_in mapping $command" -l json -d 'Print JSON'
    end
    for command in set rm show
        complete -c $name -n "__pona_in mapping $command" -f -a "(__pona_names '--manifests --kubeconfig --context --namespace -n' mapping list -o name)"
    end

    for command in agent nat
        complete -c $name -n "__pona_in $command" -l manifests -x -a '(__fish_complete_directories)' -d 'Directory of manifests, instead of a cluster'
        complete -c $name -n "__pona_in $command" -l kubeconfig -r -F -d 'The cluster; in-cluster'
        complete -c $name -n "__pona_in $command" -l context -x -a '(__pona_names --kubeconfig completion contexts)' -d 'Context of the kubeconfig'
        complete -c $name -n "__pona_in $command" -l cluster-uid -x -d 'UID of the namespace kube-system of the cluster to serve'
        complete -c $name -n "__pona_in $command" -l confirm-deletions-after -x -d 'Seconds until a second list is asked for'
        complete -c $name -n "__pona_in $command" -l confirm-deletions-above -x -d 'Per cent of a loss that needs a second list'
        complete -c $name -n "__pona_in $command" -l resync -x -d 'Seconds between comparisons of everything'
        complete -c $name -n "__pona_in $command" -l listen -x -d 'Where health and metrics are served'
        complete -c $name -n "__pona_in $command" -l monitor-address -x -a 'all node' -d 'Where health and metrics are served'
        complete -c $name -n "__pona_in $command" -l monitor-connections -x -d 'Connections to them at a time'
        complete -c $name -n "__pona_in $command" -l metrics-port -x -d 'TCP port of metrics'
        complete -c $name -n "__pona_in $command" -l health-port -x -d 'TCP port of health'
        complete -c $name -n "__pona_in $command" -l probe-port -x -d 'UDP port where NAT pods answer'
        complete -c $name -n "__pona_in $command" -l fou-port -x -d 'UDP port of FoU'
        complete -c $name -n "__pona_in $command" -l no-udp-checksum -d 'Send tunnel packets without UDP checksums'
        complete -c $name -n "__pona_in $command" -l log-format -x -a 'text json' -d 'Form of the log'
        complete -c $name -n "__pona_in $command" -l log-level -x -a 'debug info warning error' -d 'Least important lines to log'
    end
    complete -c $name -n '__pona_in agent' -l node-name -x -d 'Name of this node in the cluster'
    complete -c $name -n '__pona_in agent' -l exclude -x -d 'Ranges of the cluster'
    complete -c $name -n '__pona_in agent' -l socket -r -F -d 'Unix socket of the CNI plugin and of pona egress'
    complete -c $name -n '__pona_in agent' -l sandboxes -x -a '(__fish_complete_directories)' -d 'Where the CNI plugin leaves what it knows'
    complete -c $name -n '__pona_in agent' -l probe-interval -x -d 'Milliseconds between questions to a NAT pod'
    complete -c $name -n '__pona_in agent' -l probe-misses -x -d 'Without an answer so often, a NAT pod is dead'
    complete -c $name -n '__pona_in agent' -l acknowledge -x -d 'Milliseconds that a starting pod waits'
    complete -c $name -n '__pona_in agent' -l install-cni -d 'Put the CNI plugin on this node'
    complete -c $name -n '__pona_in agent' -l cni-own-list -d 'By a list of its own, which comes first'
    complete -c $name -n '__pona_in agent' -l uninstall-cni -d 'Only take it out of the configuration'
    complete -c $name -n '__pona_in agent' -l cni-bin-dir -x -a '(__fish_complete_directories)' -d 'Where the runtime finds plugins'
    complete -c $name -n '__pona_in agent' -l cni-conf-dir -x -a '(__fish_complete_directories)' -d 'Where their configuration is'
    complete -c $name -n '__pona_in nat' -l egress -x -d 'Its Egress, NAMESPACE/NAME'
    complete -c $name -n '__pona_in nat' -l address -x -d 'Addresses of the pod'
    complete -c $name -n '__pona_in nat' -l snat -x -d 'Clients leave with these'
    complete -c $name -n '__pona_in nat' -l exclude -x -d 'Ranges of the cluster'
    complete -c $name -n '__pona_in nat' -l drain-seconds -x -d 'Instead of what the Egress says'
    complete -c $name -n '__pona_in nat' -l nat-log -d 'Print a line for each new connection'
    complete -c $name -n '__pona_in nat' -l dry-run -d 'Print the changes that would be made'

    complete -c $name -n '__pona_at egress' -f -a status -d 'Egresses, their NAT pods, problems (the default)'
    complete -c $name -n '__pona_at egress' -f -a list -d 'Each destination of each pod'
    complete -c $name -n '__pona_at egress' -f -a show -d 'One pod, or one Egress with its clients'
    complete -c $name -n '__pona_in egress' -s o -l output -x -a json -d 'Form'
    complete -c $name -n '__pona_in egress' -l json -d 'Print JSON'
    complete -c $name -n '__pona_in egress' -l socket -r -F -d 'Unix socket of the agent'

    complete -c $name -n '__pona_in controller' -l image -x -d 'Image of NAT pods'
    complete -c $name -n '__pona_in controller' -l image-pull-policy -x -a 'Always IfNotPresent Never' -d 'Of that image'
    complete -c $name -n '__pona_in controller' -l template-policy -x -a 'baseline any' -d 'What templates may ask for'
    complete -c $name -n '__pona_in controller' -l kubeconfig -r -F -d 'The cluster; in-cluster'
    complete -c $name -n '__pona_in controller' -l context -x -a '(__pona_names --kubeconfig completion contexts)' -d 'Context of the kubeconfig'
    complete -c $name -n '__pona_in controller' -l cluster-uid -x -d 'UID of the namespace kube-system of the cluster to serve'
    complete -c $name -n '__pona_in controller' -l confirm-deletions-after -x -d 'Seconds until a second list is asked for'
    complete -c $name -n '__pona_in controller' -l confirm-deletions-above -x -d 'Per cent of a loss that needs a second list'
    complete -c $name -n '__pona_in controller' -l instance-name -x -d 'Name of this controller in what it writes'
    complete -c $name -n '__pona_in controller' -l lease-namespace -x -d 'Where the Lease of the controllers is'
    complete -c $name -n '__pona_in controller' -l agent-namespace -x -d 'Where the account of the agents is'
    complete -c $name -n '__pona_in controller' -l listen -x -d 'Where health and metrics are served'
    complete -c $name -n '__pona_in controller' -l monitor-address -x -a 'all node' -d 'Where health and metrics are served'
    complete -c $name -n '__pona_in controller' -l monitor-connections -x -d 'Connections to them at a time'
    complete -c $name -n '__pona_in controller' -l metrics-port -x -d 'TCP port of metrics'
    complete -c $name -n '__pona_in controller' -l health-port -x -d 'TCP port of health'
    complete -c $name -n '__pona_in controller' -l log-format -x -a 'text json' -d 'Form of the log'
    complete -c $name -n '__pona_in controller' -l log-level -x -a 'debug info warning error' -d 'Least important lines to log'

    complete -c $name -n '__pona_at install' -f -a crds -d 'The kinds Mapping, AddressPool and Egress'
    complete -c $name -n '__pona_at install' -f -a rbac -d 'What an edge may do in the cluster'
    complete -c $name -n '__pona_at install' -f -a edge -d 'The same, with the edge or its credentials'
    complete -c $name -n '__pona_at install' -f -a controller -d 'The controller of Egresses'
    complete -c $name -n '__pona_at install' -f -a agent -d 'The agents that lead pods to NAT pods'
    complete -c $name -n '__pona_at install' -f -a all -d 'All that edges need'
    for command in crds rbac edge controller agent all
        complete -c $name -n "__pona_in install $command" -s o -l output -x -a 'yaml json' -d 'Form'
        complete -c $name -n "__pona_in install $command" -l json -d 'Print JSON'
    end
    for command in rbac edge controller agent all
        complete -c $name -n "__pona_in install $command" -s n -l namespace -x -d 'The namespace'
    end
    for command in rbac all
        complete -c $name -n "__pona_in install $command" -l smartnat-finalizers -d 'The edge may remove the finalizer of SmartNat'
    end
    for command in controller agent
        complete -c $name -n "__pona_in install $command" -l image -x -d 'The image with pona'
    end
    for command in edge agent all
        complete -c $name -n "__pona_in install $command" -l monitor-address -x -a 'loopback node' -d 'Where health and metrics are'
    end
    for command in edge all
        complete -c $name -n "__pona_in install $command" -l in-cluster -d 'A DaemonSet on nodes of the cluster'
        complete -c $name -n "__pona_in install $command" -l image -x -d 'The image with pona'
        complete -c $name -n "__pona_in install $command" -l node-selector -x -d 'Only nodes with this label'
        complete -c $name -n "__pona_in install $command" -l external-interfaces -x -d 'Client-facing interfaces'
    end

    complete -c $name -n '__pona_at diag' -f -a check -d 'Look for what keeps pona from its work'
    complete -c $name -n '__pona_at diag check' -f -a 'pre edge node nat cluster pod'
    complete -c $name -n '__pona_in diag check' -l all -d 'Each check, not only what is wrong'
    complete -c $name -n '__pona_in diag check' -l fix-script -d 'Print a shell script of the fixes'
    complete -c $name -n '__pona_in diag check' -l fail-on -x -a 'warn error' -d 'From what on the exit status is 1'
    complete -c $name -n '__pona_in diag check' -l explain -x -d 'Say what a code means'
    complete -c $name -n '__pona_in diag check' -l kubeconfig -r -F -d 'How to reach the API server'
    complete -c $name -n '__pona_in diag check' -l context -x -a '(__pona_names --kubeconfig completion contexts)' -d 'Of the kubeconfig'
    complete -c $name -n '__pona_in diag check' -l manifests -x -a '(__fish_complete_directories)' -d 'Directory of manifests'
    complete -c $name -n '__pona_in diag check' -l state-dir -x -a '(__fish_complete_directories)' -d 'Where the edge saves its state'
    complete -c $name -n '__pona_in diag check' -l socket -r -F -d 'Unix socket of a running edge'
    complete -c $name -n '__pona_in diag check' -l agent-socket -r -F -d 'Unix socket of a running agent'
    complete -c $name -n '__pona_in diag check' -l sandboxes -x -a '(__fish_complete_directories)' -d 'Where the CNI plugin leaves its records'
    complete -c $name -n '__pona_in diag check' -s o -l output -x -a 'text json' -d 'Form'
    complete -c $name -n '__pona_in diag check' -l json -d 'Print JSON'

    complete -c $name -n '__pona_at lab' -f -a run -d 'Build the lab, show each step, remove it'
    complete -c $name -n '__pona_at lab' -f -a up -d 'Build the lab and leave it up'
    complete -c $name -n '__pona_at lab' -f -a exec -d 'Run a command inside'
    complete -c $name -n '__pona_at lab' -f -a shell -d 'Open a shell inside'
    complete -c $name -n '__pona_at lab' -f -a get -d 'Ask a server from a host of the lab'
    complete -c $name -n '__pona_at lab' -f -a takeover -d 'Move the addresses to the other appliance'
    complete -c $name -n '__pona_at lab' -f -a status -d 'Which labs are up'
    complete -c $name -n '__pona_at lab' -f -a down -d 'Remove a lab'
    complete -c $name -n '__pona_at lab' -f -a serve -d 'The servers of one pod'
    for command in run up exec shell get takeover status down
        complete -c $name -n "__pona_in lab $command" -l lab -x -a '(__pona_names --dir lab status -o name)' -d 'Which lab'
        complete -c $name -n "__pona_in lab $command" -l dir -x -a '(__fish_complete_directories)' -d 'Directory of the labs'
    end
    for command in run up
        complete -c $name -n "__pona_at lab $command" -f -a edge -d 'The edge appliance'
        complete -c $name -n "__pona_at lab $command" -f -a egress -d 'The way out through NAT pods'
    end
    for command in exec shell
        complete -c $name -n "__pona_at lab $command" -f -a 'client router appliance standby pod1 pod2 pod3 client1 client2 client3 nat1 nat2 node1 node2 outside'
    end
    complete -c $name -n '__pona_in lab run' -l steps -x -a 'spread source affinity allow udp ipv6 drain add takeover own private annotate failover closed' -d 'Only these steps'
    complete -c $name -n '__pona_in lab run' -l keep -d 'Leave the lab up'
    complete -c $name -n '__pona_in lab run' -s o -l output -x -a json -d 'Form'
    complete -c $name -n '__pona_in lab run' -l json -d 'Print one JSON object'
    complete -c $name -n '__pona_in lab run' -l no-color -d 'No colours'
    complete -c $name -n '__pona_in lab get' -s n -l count -x -d 'How many times'
    complete -c $name -n '__pona_in lab get' -l from -x -a 'client router appliance standby client1 client2 client3 node1 node2 outside' -d 'Where to ask from'
    complete -c $name -n '__pona_in lab get' -l source -x -d 'An address of the client'
    complete -c $name -n '__pona_in lab get' -l text -x -d 'What to send'
    complete -c $name -n '__pona_in lab get' -l timeout -x -d 'Milliseconds to wait'
    complete -c $name -n '__pona_in lab status' -s o -l output -x -a 'name json' -d 'Form'
    complete -c $name -n '__pona_in lab status' -l json -d 'Print JSON'
    complete -c $name -n '__pona_in lab down' -l all -d 'Every lab that is not in use'
    complete -c $name -n '__pona_in lab serve' -l name -x -d 'Who answers'
    complete -c $name -n '__pona_in lab serve' -l http -x -d 'Port of HTTP'
    complete -c $name -n '__pona_in lab serve' -l echo -x -d 'Port of TCP and UDP echo'

    complete -c $name -n '__pona_at diag' -f -a merge -d 'Join what several hosts saw of one packet'
    complete -c $name -n '__pona_in diag merge' -F
    complete -c $name -n '__pona_in diag merge' -l reply -d 'Show the steps of the answer, too'
    complete -c $name -n '__pona_in diag merge' -s o -l output -x -a 'text json jsonl mermaid dot' -d 'Form'
    complete -c $name -n '__pona_in diag merge' -l json -d 'Print JSON'
    complete -c $name -n '__pona_at diag' -f -a trace -d 'Follow a packet step by step, and its answer'
    complete -c $name -n '__pona_in diag trace' -l from-netns -x -a '(ls /run/netns 2>/dev/null)' -d 'Network namespace to begin in'
    complete -c $name -n '__pona_in diag trace' -l manifests -x -a '(__fish_complete_directories)' -d 'Directory of objects'
    complete -c $name -n '__pona_in diag trace' -l in -x -a '(__fish_print_interfaces)' -d 'Interface that a client comes in by'
    complete -c $name -n '__pona_in diag trace' -l udp -d 'UDP in place of TCP'
    complete -c $name -n '__pona_in diag trace' -l icmp -d 'An echo request'
    complete -c $name -n '__pona_in diag trace' -l sctp -d 'SCTP in place of TCP'
    complete -c $name -n '__pona_in diag trace' -l reply -d 'Show the steps of the answer, too'
    complete -c $name -n '__pona_in diag trace' -l all-endpoints -d 'Each way that load balancing may choose'
    complete -c $name -n '__pona_in diag trace' -l rules -d 'Show each rule that was looked at'
    complete -c $name -n '__pona_in diag trace' -l no-live -d 'Send no packet'
    complete -c $name -n '__pona_in diag trace' -l watch -d 'Send nothing: follow the next real packet'
    complete -c $name -n '__pona_in diag trace' -l bundle -r -F -d 'Ask this bundle in place of this machine'
    complete -c $name -n '__pona_in diag trace' -l cookie -x -d 'What the packet is known by on each host'
    complete -c $name -n '__pona_in diag trace' -l stop-on-input -d 'Wait no longer once standard input has a line'
    complete -c $name -n '__pona_in diag trace' -l kubeconfig -r -F -d 'Run it in the cluster of this file'
    complete -c $name -n '__pona_in diag trace' -l context -x -a '(__pona_names --kubeconfig completion contexts)' -d 'Of the kubeconfig'
    complete -c $name -n '__pona_in diag trace' -s n -l namespace -x -d 'Where the agents of pona run there'
    complete -c $name -n '__pona_in diag trace' -l mark -x -d 'Packet mark that the sender sets'
    complete -c $name -n '__pona_in diag trace' -l source-port -x -d 'Port that it comes from'
    complete -c $name -n '__pona_in diag trace' -l ttl-limit -x -d 'Routers that it may pass'
    complete -c $name -n '__pona_in diag trace' -l timeout -x -d 'Seconds to wait for the packet'
    complete -c $name -n '__pona_in diag trace' -l explain -x -a '(pona diag trace --explain all 2>/dev/null | string match --regex "^PONA-D\d+")' -d 'Say what a code means'
    complete -c $name -n '__pona_in diag trace' -l socket -r -F -d 'Unix socket of a running edge'
    complete -c $name -n '__pona_in diag trace' -l agent-socket -r -F -d 'Unix socket of a running agent'
    complete -c $name -n '__pona_in diag trace' -l sandboxes -x -a '(__fish_complete_directories)' -d 'Where the CNI plugin leaves its records'
    complete -c $name -n '__pona_in diag trace' -s o -l output -x -a 'text json jsonl mermaid dot' -d 'Form'
    complete -c $name -n '__pona_in diag trace' -l json -d 'Print JSON'
    complete -c $name -n '__pona_at diag' -f -a watch -d 'Show connections as they come, drops and rates'
    complete -c $name -n '__pona_in diag watch' -l from-netns -x -a '(ls /run/netns 2>/dev/null)' -d 'Network namespace to watch'
    complete -c $name -n '__pona_in diag watch' -l address -x -d 'Only with this address or network'
    complete -c $name -n '__pona_in diag watch' -l port -x -d 'Only with this port'
    complete -c $name -n '__pona_in diag watch' -l mapping -x -d 'Only those of this Mapping'
    complete -c $name -n '__pona_in diag watch' -l egress -x -d 'Only those of this Egress'
    complete -c $name -n '__pona_in diag watch' -l pod -x -d 'Only those of this pod'
    complete -c $name -n '__pona_in diag watch' -l interval -x -d 'How often rates are shown'
    complete -c $name -n '__pona_in diag watch' -l count -x -d 'End after so many'
    complete -c $name -n '__pona_in diag watch' -l duration -x -d 'End after this time'
    complete -c $name -n '__pona_in diag watch' -l socket -r -F -d 'Unix socket of a running edge'
    complete -c $name -n '__pona_in diag watch' -l agent-socket -r -F -d 'Unix socket of a running agent'
    complete -c $name -n '__pona_in diag watch' -l sandboxes -x -a '(__fish_complete_directories)' -d 'Records of the CNI plugin'
    complete -c $name -n '__pona_in diag watch' -s o -l output -x -a 'text lines json' -d 'Form'
    complete -c $name -n '__pona_in diag watch' -l json -d 'Print JSON'
    complete -c $name -n '__pona_at diag' -f -a bundle -d 'Collect all that support asks for, as one file'
    complete -c $name -n '__pona_in diag bundle' -l from-netns -r -F -d 'Network namespace that traces begin in'
    complete -c $name -n '__pona_in diag bundle' -l redact -d 'Other addresses and names in place of yours'
    complete -c $name -n '__pona_in diag bundle' -l kubeconfig -r -F -d 'How to reach the API server'
    complete -c $name -n '__pona_in diag bundle' -l context -x -d 'Of the kubeconfig'
    complete -c $name -n '__pona_in diag bundle' -l socket -r -F -d 'Unix socket of a running edge'
    complete -c $name -n '__pona_in diag bundle' -l agent-socket -r -F -d 'Unix socket of a running agent'
    complete -c $name -n '__pona_in diag bundle' -l sandboxes -x -a '(__fish_complete_directories)' -d 'Records of the CNI plugin'
    complete -c $name -n '__pona_in diag bundle' -s o -l output -r -F -d 'File to write'
    complete -c $name -n '__pona_at diag' -f -a model -d 'Say which network model a cluster is'
    complete -c $name -n '__pona_in diag model' -l manifests -r -F -d 'Objects from files, not the API server'
    complete -c $name -n '__pona_in diag model' -l here -d 'With --manifests: look at this host, too'
    complete -c $name -n '__pona_in diag model' -l bundle -r -F -d 'Judge the evidence of this bundle'
    complete -c $name -n '__pona_in diag model' -l other-manifests -r -F -d 'Objects of another cluster'
    complete -c $name -n '__pona_in diag model' -l other-pods -x -d 'Pod range of another cluster'
    complete -c $name -n '__pona_in diag model' -l network -x -d 'Range of the network around'
    complete -c $name -n '__pona_in diag model' -l from-netns -x -a '(ls /run/netns 2>/dev/null)' -d 'Network namespace to take for the host'
    complete -c $name -n '__pona_in diag model' -l kubeconfig -r -F -d 'How to reach the API server'
    complete -c $name -n '__pona_in diag model' -l context -x -a '(__pona_names --kubeconfig completion contexts)' -d 'Of the kubeconfig'
    complete -c $name -n '__pona_in diag model' -l cni -x -a '(__fish_complete_directories)' -d 'Where the CNI configuration is'
    complete -c $name -n '__pona_in diag model' -l explain -x -a 'flat isolated island archipelago node-port vip proxy edge-nat masquerade egress-gateway all' -d 'Say what a word means'
    complete -c $name -n '__pona_in diag model' -l socket -r -F -d 'Unix socket of a running edge'
    complete -c $name -n '__pona_in diag model' -l agent-socket -r -F -d 'Unix socket of a running agent'
    complete -c $name -n '__pona_in diag model' -l sandboxes -x -a '(__fish_complete_directories)' -d 'Where the CNI plugin leaves its records'
    complete -c $name -n '__pona_in diag model' -s o -l output -x -a 'text json' -d 'Form'
    complete -c $name -n '__pona_in diag model' -l json -d 'Print JSON'
    complete -c $name -n '__pona_at diag' -f -a topology -d 'Show namespaces, cables, tunnels, mappings and egresses as one picture'
    complete -c $name -n '__pona_in diag topology' -l from-netns -r -F -d 'Network namespace to begin in'
    complete -c $name -n '__pona_in diag topology' -l all -d 'Namespaces that no cable leads to, too'
    complete -c $name -n '__pona_in diag topology' -l depth -x -d 'How many cables to follow'
    complete -c $name -n '__pona_in diag topology' -l socket -r -F -d 'Unix socket of a running edge'
    complete -c $name -n '__pona_in diag topology' -l agent-socket -r -F -d 'Unix socket of a running agent'
    complete -c $name -n '__pona_in diag topology' -l sandboxes -x -a '(__fish_complete_directories)' -d 'Records of the CNI plugin'
    complete -c $name -n '__pona_in diag topology' -s o -l output -x -a 'text json mermaid dot svg' -d 'Form'
    complete -c $name -n '__pona_in diag topology' -l json -d 'Print JSON'

    complete -c $name -n '__pona_in version' -s o -l output -x -a json -d 'Form'
    complete -c $name -n '__pona_in version' -l json -d 'Print JSON'
    complete -c $name -n '__pona_at completion' -f -a 'bash zsh fish contexts'
    complete -c $name -n '__pona_in completion' -l kubeconfig -r -F -d 'Whose contexts'
end
