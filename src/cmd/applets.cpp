#include "cmd/applets.hpp"

#include <algorithm>
#include <cstdio>
#include <exception>
#include <iostream>
#include <numeric>
#include <string>
#include <vector>

#include "core/error.hpp"

namespace cmd {
namespace {

constexpr int failed = 1;
constexpr int usage = 2;

const Applet* find(std::span<const Applet> applets, std::string_view name) {
  const auto found = std::ranges::find(applets, name, &Applet::name);
  return found == applets.end() ? nullptr : &*found;
}

std::string_view base_name(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

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

// Levenshtein's distance: inserted, removed and replaced letters count one each.
std::size_t edit_distance(std::string_view from, std::string_view to) {
  std::vector<std::size_t> row(to.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= from.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= to.size(); ++j) {
      const std::size_t replaced = diagonal + (from[i - 1] == to[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row.back();
}

int unknown(std::span<const Applet> applets, std::string_view word) {
  std::cerr << "pona: there is no applet \"" << word << '"';
  if (const auto near = nearest_name(applets, word)) {
    std::cerr << "; did you mean \"" << *near << "\"?\n";
  } else {
    std::cerr << "; \"pona --help\" lists them\n";
  }
  return usage;
}

int run(const Applet& applet, int argc, char** argv) {
  int status = failed;
  try {
    status = applet.run(argc, argv);
  } catch (const core::Error& error) {
    std::cerr << "pona " << applet.name << ": " << error.what() << '\n';
    return error.kind() == core::Error::Kind::usage ? usage : failed;
  } catch (const std::exception& error) {
    std::cerr << "pona " << applet.name << ": " << error.what() << '\n';
    return failed;
  }
  // A full disk or a closed pipe behind standard output shows only now.
  std::cout.flush();
  if (status == 0 && (!std::cout || std::fflush(stdout) != 0)) {
    std::cerr << "pona " << applet.name << ": cannot write all of the standard output\n";
    return failed;
  }
  return status;
}

}  // namespace

std::optional<std::string_view> nearest_name(std::span<const Applet> applets,
                                             std::string_view word) {
  std::optional<std::string_view> best;
  // More than two slips, or as many as the word has letters, is another word.
  std::size_t limit = std::min<std::size_t>(3, word.size());
  for (const Applet& applet : applets) {
    const std::size_t distance = edit_distance(word, applet.name);
    if (distance < limit) {
      limit = distance;
      best = applet.name;
    }
  }
  return best;
}

int run_applet(std::span<const Applet> applets, int argc, char** argv) {
  constexpr std::string_view prefix = "pona-";
  const std::string_view called = argc > 0 ? base_name(argv[0]) : "pona";
  if (called.starts_with(prefix)) {
    const std::string_view name = called.substr(prefix.size());
    if (const Applet* applet = find(applets, name)) return run(*applet, argc, argv);
  }

  if (argc < 2) {
    print_table(std::cout, applets);
    return 0;
  }
  const std::string_view word = argv[1];
  if (word == "--help" || word == "-h" || word == "help") {
    print_table(std::cout, applets);
    return 0;
  }
  const Applet* applet = find(applets, word == "--version" ? "version" : word);
  return applet ? run(*applet, argc - 1, argv + 1) : unknown(applets, word);
}

}  // namespace cmd
