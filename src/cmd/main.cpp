#include "cmd/applets.hpp"

namespace {

constexpr cmd::Applet applets[] = {
    {"edge", "carry traffic for external addresses and ports to pods", cmd::edge},
    {"mapping", "add, change, show and remove what an edge carries", cmd::mapping},
    {"install", "print what a cluster needs, for kubectl apply -f -", cmd::install},
    {"lab", "try pona in a network of its own, built in namespaces", cmd::lab},
    {"version", "what was built, from which commit, with which libraries", cmd::version},
    {"completion", "print the completion script for bash, zsh or fish", cmd::completion},
};

}  // namespace

int main(int argc, char** argv) { return cmd::run_applet(applets, argc, argv); }
