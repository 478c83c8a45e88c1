// The applets and how one of them is chosen. The table itself is in main.cpp; each applet is a file
// of its name in this folder. Only the chosen applet may build its command line parser.
#pragma once

#include <span>
#include <string_view>

namespace cmd {

struct Applet {
  std::string_view name;
  std::string_view help;  // one line, no full stop
  // argv[0] is the program's own name as it was called; the applet's arguments start at argv[1].
  // Returns the exit status: 0 done, 1 failed, 2 usage. May throw core::Error.
  int (*run)(int argc, char** argv);
};

int edge(int argc, char** argv);
int mapping(int argc, char** argv);
int agent(int argc, char** argv);
int egress(int argc, char** argv);
int nat(int argc, char** argv);
int cni(int argc, char** argv);
int controller(int argc, char** argv);
int install(int argc, char** argv);
int lab(int argc, char** argv);
int diag(int argc, char** argv);
int version(int argc, char** argv);
int completion(int argc, char** argv);

// Runs the applet that argv[0] ("pona-edge", "/opt/bin/pona-edge") or else argv[1] names; without
// either, the CNI plugin where a container runtime calls (CNI_COMMAND in the environment). Turns
// what it throws into a message on standard error and an exit status.
int run_applet(std::span<const Applet> applets, int argc, char** argv);

}  // namespace cmd
