#include "cmd/applets.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include "cmd/print.hpp"
#include "core/error.hpp"
#include "core/nearest.hpp"

namespace cmd {
namespace {

constexpr int failed = 1;
constexpr int usage = 2;

const Applet* find(std::span<const Applet> applets, std::string_view name) {
  const auto found = std::ranges::find(applets, name, &Applet::name);
  return found == applets.end() ? nullptr : &*found;
}

std::string_view base_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

void print_table(std::ostream& out, std::span<const Applet> applets) {
  std::size_t width = 0;
  for (const Applet& applet : applets) width = std::max(width, applet.name.size());
  out << "pona: Kubernetes networks, in one binary\n\nUsage: pona APPLET [OPTION...]\n\nApplets:\n";
  for (const Applet& applet : applets) {
    out << "  " << applet.name << std::string(width - applet.name.size() + 2, ' ') << applet.help
        << '\n';
  }
  out << "\nEach applet has --help and, as pona-APPLET(8), a man page. A link named pona-APPLET "
         "runs\n"
         "that applet.\n\n"
         "Examples:\n"
         "  pona lab run edge\n"
         "  pona mapping add web --address 203.0.113.10 --port 443:8443/tcp --service shop/web\n"
         "  pona edge --manifests /etc/pona/manifests\n"
         "  pona edge status\n"
         "\nExit status: 0 done, 1 failed, 2 usage.\n";
}

int unknown(std::span<const Applet> applets, std::string_view word) {
  std::vector<std::string_view> names;
  for (const Applet& applet : applets) names.push_back(applet.name);
  const auto near = core::nearest(word, names);
  print_line(std::cerr, "pona: there is no applet \"" + std::string(word) +
                            (near ? "\"; did you mean \"" + std::string(*near) + "\"?"
                                  : "\"; \"pona --help\" lists them"));
  return usage;
}

// A full disk or a closed pipe behind standard output shows only at the end.
int finish(const std::string& name, int status) {
  std::cout.flush();
  if (status == 0 && (!std::cout || std::fflush(stdout) != 0)) {
    print_line(std::cerr, name + ": cannot write all of the standard output");
    return failed;
  }
  return status;
}

int run(const Applet& applet, int argc, char** argv) {
  int status = failed;
  try {
    status = applet.run(argc, argv);
  } catch (const core::Error& error) {
    print_line(std::cerr, "pona " + std::string(applet.name) + ": " + error.what());
    return error.kind() == core::Error::Kind::usage ? usage : failed;
  } catch (const std::exception& error) {
    print_line(std::cerr, "pona " + std::string(applet.name) + ": " + error.what());
    return failed;
  }
  return finish("pona " + std::string(applet.name), status);
}

}  // namespace

int run_applet(std::span<const Applet> applets, int argc, char** argv) {
  constexpr std::string_view prefix = "pona-";
  const std::string_view called = argc > 0 ? base_name(argv[0]) : "pona";
  if (called.starts_with(prefix)) {
    const std::string_view name = called.substr(prefix.size());
    if (const Applet* applet = find(applets, name)) return run(*applet, argc, argv);
  }

  if (argc < 2) {
    // As a plugin it may be installed under its own name: a runtime runs the file named like
    // "type".
    const Applet* const plugin = std::getenv("CNI_COMMAND") ? find(applets, "cni") : nullptr;
    if (plugin != nullptr) return run(*plugin, argc, argv);
    print_table(std::cout, applets);
    return finish("pona", 0);
  }
  const std::string_view word = argv[1];
  if (word == "--help" || word == "-h" || word == "help") {
    print_table(std::cout, applets);
    return finish("pona", 0);
  }
  const Applet* applet = find(applets, word == "--version" ? "version" : word);
  return applet ? run(*applet, argc - 1, argv + 1) : unknown(applets, word);
}

}  // namespace cmd
