// Any bytes as the answer of a credential plugin, and as what an API server says of a Lease, an
// answer on each line: nothing crashes, credentials have what is sent, and nobody leads by a Lease
// that is another's.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "core/error.hpp"
#include "fuzz/fuzz.hpp"
#include "kube/api/exec_plugin.hpp"
#include "kube/api/leader_election.hpp"
#include "support/api_transport.hpp"
#include "support/manual_clock.hpp"

namespace {

using fuzz::require;

void check_credential(const std::string& answer) {
  kube::ExecPlugin plugin;
  plugin.command = "plugin";
  plugin.api_version = "client.authentication.k8s.io/v1";
  try {
    const kube::ExecCredential credential = kube::parse_exec_credential(plugin, answer);
    require(!credential.token.empty() || !credential.key.empty());
    require(credential.key.empty() == credential.certificate.empty());
  } catch (const core::Error& error) {
    require(std::string_view(error.what()).starts_with("credential plugin plugin: "));
  }
}

// The holder that the answer names, if it is one that counts.
bool names_us(const std::string& line) {
  const auto json = nlohmann::json::parse(line, nullptr, false);
  if (!json.is_object() || !json.contains("spec") || !json["spec"].is_object()) return false;
  const auto holder = json["spec"].find("holderIdentity");
  return holder != json["spec"].end() && *holder == "me";
}

void check_lease(std::string_view text) {
  support::ManualClock clock;
  support::ApiTransport transport;
  kube::Exchanges exchanges(transport, clock.clock());
  kube::Election election({.ns = "pona-system", .name = "pona-edge", .identity = "me"}, exchanges,
                          clock.clock());
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string line(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    clock.now = std::max(clock.now, std::min(election.due(), clock.now + std::chrono::hours(1)));
    const std::size_t before = transport.started().size();
    election.step();
    if (transport.started().size() == before && transport.open().empty()) return;
    const bool led = election.leading();
    const std::uint64_t request = transport.last();
    // What no server answers to stands for one without the Lease.
    transport.head(request, line.empty() ? 404 : 200);
    transport.body(request, line);
    transport.end(request);
    for (const kube::Arrival& arrival : transport.take()) exchanges.take(arrival);
    for (const kube::Reply& reply : exchanges.replies()) require(election.take(reply));
    if (election.leading() && !led) require(names_us(line));
  }
  election.resign();
  require(!election.leading());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::Input(data, size).text();
  check_credential(std::string(text));
  check_lease(text);
  return 0;
}
