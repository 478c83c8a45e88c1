// `pona edge cleanup`.
#include <iostream>
#include <set>

#include "cmd/edge/claim_memory.hpp"
#include "cmd/edge/run.hpp"
#include "cmd/print.hpp"
#include "core/constants.hpp"
#include "core/edge/tables/static_state.hpp"
#include "core/error.hpp"
#include "core/state/diff.hpp"
#include "core/state/text.hpp"
#include "kube/source/saved_objects.hpp"
#include "net/kernel.hpp"
#include "os/listen.hpp"

namespace cmd {
namespace {

// Whatever the edge may have made, under any options: all of its scope.
core::State find_ours(net::Kernel& kernel) {
  core::State expected;
  for (const core::Family family : {core::Family::ipv4, core::Family::ipv6}) {
    expected.tables[family] = {family, std::string(core::constants::edge_table), {}, {}};
  }
  core::State found = kernel.observe(expected);
  found.elements.clear();  // they go with their tables
  return found;
}

void print_what_stays(net::Kernel& kernel, const core::State& found) {
  std::set<std::string> devices;
  for (const core::Route& route : found.routes) devices.insert(route.device);
  const core::Host host = kernel.host();
  for (const std::string& device : devices) {
    const auto interface = host.interfaces.find(device);
    if (interface == host.interfaces.end()) continue;
    print_line(std::cout, "not restored: net.ipv4.conf." + device +
                              ".rp_filter = " + std::to_string(interface->second.rp_filter) +
                              " (what it was before is not known)");
  }
}

// Returns whether there was something of ours.
bool clean_kernel(bool dry_run) {
  const auto kernel = net::open_kernel(core::edge_scope(), false);
  const core::State found = find_ours(*kernel);
  core::Changes changes = core::diff(found, core::State());
  if (core::liberal_was_off(found)) {
    const std::string key(core::liberal_tracking);
    changes.push_back(core::SetSysctl{{key, "0"}, {key, "1"}});
  }
  for (const std::string& line : core::to_text(changes)) print_line(std::cout, line);
  if (changes.empty()) return false;
  if (!dry_run) kernel->apply(changes);
  print_what_stays(*kernel, found);
  if (!dry_run && !core::diff(find_ours(*kernel), core::State()).empty()) {
    throw core::Error(
        core::Error::Kind::transient,
        "state of pona edge reappeared during cleanup; is an instance still running?");
  }
  return true;
}

// Which Mapping of a manifest had which port.
bool clean_claims(const EdgeCleanup& cleanup) {
  if (!cleanup.remove_saved || cleanup.saved.empty()) return false;
  const std::filesystem::path file = cleanup.saved.parent_path() / claims_name;
  std::error_code error;
  if (!std::filesystem::exists(file, error)) return false;
  print_line(std::cout, "delete file " + file.string());
  if (!cleanup.dry_run && !std::filesystem::remove(file, error)) {
    throw core::Error(core::Error::Kind::transient,
                      "cannot remove " + file.string() + ": " + error.message());
  }
  return true;
}

// What is known of a cluster is not in the kernel, and dear to whoever starts during an outage.
bool clean_saved(const EdgeCleanup& cleanup) {
  const bool claims = clean_claims(cleanup);
  const auto files = kube::ObjectJournal::files(cleanup.saved);
  if (files.empty()) return claims;
  if (!cleanup.remove_saved) {
    print_line(std::cout, "not removed: " + cleanup.saved.string() +
                              " (the objects last in use; --saved-objects removes them)");
    return true;
  }
  for (const auto& file : files) print_line(std::cout, "delete file " + file.string());
  if (!cleanup.dry_run) kube::ObjectJournal(cleanup.saved, "").remove();
  return true;
}

}  // namespace

int clean_edge(const EdgeCleanup& cleanup) {
  const auto pid = cleanup.dry_run ? std::nullopt : os::listener_of(cleanup.socket);
  if (pid) {
    throw core::Error(core::Error::Kind::permanent,
                      "process " + std::to_string(*pid) + " listens on " + cleanup.socket +
                          " and would put everything back: stop it first");
  }
  const bool in_kernel = clean_kernel(cleanup.dry_run);
  const bool saved = clean_saved(cleanup);
  if (!in_kernel && !(saved && cleanup.remove_saved)) {
    std::cout << "nothing of pona edge is here\n";
  }
  return 0;
}

}  // namespace cmd
