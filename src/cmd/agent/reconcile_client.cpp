#include "cmd/agent/reconcile_client.hpp"

#include <sys/utsname.h>

#include <algorithm>
#include <cstdio>
#include <optional>
#include <set>
#include <utility>

#include "core/constants.hpp"
#include "core/egress/renew_routes.hpp"
#include "core/error.hpp"
#include "core/state/diff.hpp"
#include "net/kernel.hpp"
#include "net/netns.hpp"
#include "net/offload.hpp"
#include "net/sysctl.hpp"

namespace cmd {
namespace {

using core::constants::client_table;

// What is observed is named by what is expected: our tables, also where none is to be.
core::State expected(const core::State& desired) {
  core::State state;
  state.tables = desired.tables;
  state.fou_ports = desired.fou_ports;
  state.sysctls = desired.sysctls;
  for (const core::Family family : {core::Family::ipv4, core::Family::ipv6}) {
    state.tables.try_emplace(family, core::nft::Table{family, std::string(client_table), {}, {}});
  }
  return state;
}

std::vector<core::Prefix> fences(const core::State& observed) {
  std::vector<core::Prefix> prefixes;
  for (const core::Route& route : observed.routes) {
    if (route.table == core::constants::egress_table &&
        route.type == core::Route::Type::unreachable) {
      prefixes.push_back(route.destination);
    }
  }
  return prefixes;
}

core::State observe(net::Kernel& kernel, const core::State& desired) {
  return kernel.observe(expected(desired));
}

// See ClientInput: nothing but the version tells. ("ip: load balance tcp connections to single dst
// addr and port".)
bool routes_by_random_ports() {
  utsname kernel{};
  int major = 0, minor = 0;
  if (uname(&kernel) != 0 || std::sscanf(kernel.release, "%d.%d", &major, &minor) != 2) return true;
  return major > 6 || (major == 6 && minor >= 16);
}

// As agents did once: who changes it while connections are open moves them to other NAT pods.
bool spreads_by_ports() {
  return net::read_sysctl("net/ipv6/fib_multipath_hash_policy") == "3" &&
         net::read_sysctl("net/ipv6/fib_multipath_hash_fields") == "38";
}

void carry_out(const core::ClientSettings& settings, net::Kernel& kernel, core::State observed,
               ClientPass& pass) {
  try {
    kernel.apply(pass.changes);
  } catch (const core::Error& error) {
    pass.error = error.what();
    pass.permanent = error.kind() != core::Error::Kind::transient;
    // What has no way through must not find another one.
    observed = observe(kernel, pass.plan.state);
    core::State closed = observed;
    const core::State fences = core::fences_of(pass.plan.state);
    closed.routes.insert(fences.routes.begin(), fences.routes.end());
    closed.rules.insert(fences.rules.begin(), fences.rules.end());
    core::Changes closing = core::diff(observed, closed);
    core::renew_cached_routes(closing, settings.probe_port);
    kernel.apply(closing);
  }
}

// Of the tunnels that are there: what is right for one may be wrong for another Egress that uses it
// next.
void choose_offloads(ClientPass& pass) {
  for (const auto& [name, link] : pass.plan.state.links) {
    const bool wanted = !pass.plan.whole_checksums.contains(name);
    if (net::checksum_offload(name).value_or(wanted) == wanted) continue;
    try {
      net::set_checksum_offload(name, wanted);
    } catch (const core::Error& error) {
      pass.error = error.what();
      pass.permanent = error.kind() != core::Error::Kind::transient;
    }
  }
}

void bring_in_line(const core::ClientSettings& settings, core::ClientInput& input, bool incomplete,
                   bool dry, ClientPass& pass) {
  const auto kernel = net::open_kernel(core::client_scope(), false);
  input.host = kernel->host();
  pass.ipv6 = input.host.ipv6;
  static const bool random_ports = routes_by_random_ports();
  input.random_source_ports = random_ports;
  input.spread_by_ports = spreads_by_ports();
  pass.plan = core::plan_client(settings, input);
  core::State observed = observe(*kernel, pass.plan.state);
  if (incomplete) {
    input.closed = fences(observed);
    pass.plan = core::plan_client(settings, input);
  }
  pass.changes = core::diff(observed, pass.plan.state);
  core::renew_cached_routes(pass.changes, settings.probe_port);
  if (dry) return;
  if (!pass.changes.empty()) carry_out(settings, *kernel, observed, pass);
  if (pass.error.empty()) choose_offloads(pass);
}

}  // namespace

ClientPass pass_client(const Sandbox& sandbox, const core::ClientSettings& settings,
                       core::ClientInput input, bool incomplete, bool dry) {
  ClientPass pass;
  try {
    const std::optional<net::Namespace> netns = net::Namespace::find(sandbox.netns);
    pass.gone = !netns || (!sandbox.cookie.empty() && netns_cookie(*netns) != sandbox.cookie);
    if (pass.gone) return pass;
    netns->run([&] { bring_in_line(settings, input, incomplete, dry, pass); });
  } catch (const core::Error& error) {
    if (pass.error.empty()) pass.error = error.what();
    pass.permanent = error.kind() != core::Error::Kind::transient;
  } catch (const std::bad_alloc&) {  // one client's; the others go on, and it is tried again
    if (pass.error.empty()) pass.error = "out of memory";
  }
  return pass;
}

}  // namespace cmd
