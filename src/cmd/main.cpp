#include "cmd/applets.hpp"

namespace {

constexpr cmd::Applet applets[] = {
    {"version", "what was built, from which commit, with which libraries", cmd::version},
    {"completion", "print the completion script for bash, zsh or fish", cmd::completion},
};

}  // namespace

int main(int argc, char** argv) { return cmd::run_applet(applets, argc, argv); }
