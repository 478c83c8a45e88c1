#include "cmd/applets.hpp"

namespace {

constexpr cmd::Applet applets[] = {
    {"edge", "carry traffic for external addresses and ports to pods", cmd::edge},
    {"mapping", "add, change, show and remove what an edge carries", cmd::mapping},
    {"agent", "run on each node: route traffic of pods that use an Egress to its NAT pods",
     cmd::agent},
    {"egress", "show which pods of this node leave by which NAT pods", cmd::egress},
    {"nat", "run in a NAT pod: let an Egress's clients out", cmd::nat},
    {"cni", "the CNI plugin, which container runtimes call", cmd::cni},
    {"controller", "create NAT pods for Egresses", cmd::controller},
    {"install", "print what a cluster needs, for kubectl apply -f -", cmd::install},
    {"lab", "try pona in a network of its own, built in namespaces", cmd::lab},
    {"diag", "say what happens to a packet, and why", cmd::diag},
    {"version", "what was built, from which commit, with which libraries", cmd::version},
    {"completion", "print the completion script for bash, zsh or fish", cmd::completion},
};

}  // namespace

int main(int argc, char** argv) { return cmd::run_applet(applets, argc, argv); }
