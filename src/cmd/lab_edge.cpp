#include "cmd/lab_edge.hpp"

#include "cmd/lab_manifests.hpp"
#include "cmd/lab_topology.hpp"
#include "cmd/lab_traffic.hpp"
#include "core/error.hpp"

namespace cmd {
namespace {

constexpr std::uint16_t monitor_port = 8080;

void start_servers(LabHome& lab, const Pod& pod) {
  const std::string name(pod.name);
  lab.start(name, name,
            {"lab", "serve", "--name", name, "--http", std::to_string(pod_http), "--echo",
             std::to_string(pod_echo)});
}

void start_edge(LabHome& lab, const std::string& appliance) {
  // Both hold all maps all the time, so that a take-over is nothing but a moved address.
  lab.start(
      appliance, appliance,
      {"edge", "--config", "/dev/null", "--manifests", lab.manifests(), "--external-interfaces",
       "^ext[12]$", "--address-policy", "any", "--monitor-address", "127.0.0.1", "--monitor-port",
       std::to_string(monitor_port), "--socket", lab.socket(appliance)});
}

// `path` answers 200 at `to`, seen from the namespace where the process runs.
void await(LabHome& lab, Waiting& waiting, const std::string& process, const Peer& to,
           const std::string& path) {
  const Origin origin{lab.at(process), waiting, {}, Milliseconds(200)};
  Answer answer;
  const bool ready = waiting.until(Clock::now() + std::chrono::seconds(10), [&] {
    answer = http_get(origin, to, path);
    return answer.ok() || !lab.running(process);
  });
  if (ready && answer.ok()) return;
  throw core::Error(core::Error::Kind::permanent,
                    process + (lab.running(process) ? " does not become ready" : " has ended") +
                        " (http://" + to_string(to) + path + ": " + answer.error +
                        (answer.text.empty() ? "" : ", " + answer.text) + "); its last words:\n" +
                        lab.log_tail(process));
}

}  // namespace

void set_up_edge_lab(LabHome& lab, Waiting& waiting,
                     const std::function<void(const std::string&)>& progress) {
  progress("building the network: client, router, two appliances, three pods");
  build_network(lab);
  progress("starting the servers in the pods and pona edge on both appliances");
  write_manifests(lab.manifests(), edge_manifests());
  for (const Pod& pod : pods) start_servers(lab, pod);
  for (const char* appliance : {"appliance", "standby"}) start_edge(lab, appliance);
  for (const Pod& pod : pods) {
    await(lab, waiting, std::string(pod.name), {address(pod.ipv4), pod_http}, "/name");
  }
  for (const char* appliance : {"appliance", "standby"}) {
    await(lab, waiting, appliance, {address("127.0.0.1"), monitor_port}, "/readyz");
  }
}

Pair appliances(const LabHome& lab) {
  if (holds_addresses(lab, "standby")) return {"standby", "appliance"};
  return {"appliance", "standby"};
}

}  // namespace cmd
