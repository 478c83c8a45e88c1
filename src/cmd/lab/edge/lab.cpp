#include "cmd/lab/edge/lab.hpp"

#include "cmd/lab/edge/manifests.hpp"
#include "cmd/lab/edge/network.hpp"
#include "cmd/lab/network.hpp"
#include "cmd/lab/start.hpp"

namespace cmd {
namespace {

constexpr std::uint16_t monitor_port = 8080;

void start_edge(LabHome& lab, const std::string& appliance) {
  // Both hold all maps all the time, so that a take-over is nothing but a moved address.
  lab.start(
      appliance, appliance,
      {"edge", "--config", "/dev/null", "--manifests", lab.manifests(), "--external-interfaces",
       "^ext[12]$", "--address-policy", "any", "--monitor-address", "127.0.0.1", "--monitor-port",
       std::to_string(monitor_port), "--socket", lab.socket(appliance)});
}

}  // namespace

std::vector<std::string> set_up_edge_lab(Lab& lab,
                                         const std::function<void(const std::string&)>& progress) {
  progress("building the network: client, router, two appliances, three pods");
  build_network(lab.home);
  progress("starting the servers in the pods and pona edge on both appliances");
  write_manifests(lab.home.manifests(), edge_manifests());
  for (const Pod& pod : pods) start_servers(lab.home, std::string(pod.name), pod_http, pod_echo);
  for (const char* appliance : {"appliance", "standby"}) start_edge(lab.home, appliance);
  for (const Pod& pod : pods) {
    await(lab, std::string(pod.name), std::string(pod.name), {address(pod.ipv4), pod_http},
          "/name");
  }
  for (const char* appliance : {"appliance", "standby"}) {
    await(lab, appliance, appliance, {address("127.0.0.1"), monitor_port}, "/readyz");
  }
  return {};
}

Pair appliances(const LabHome& lab) {
  if (holds_addresses(lab, "standby")) return {"standby", "appliance"};
  return {"appliance", "standby"};
}

void expect_spread(StepReport& report, const std::string& what, const Tally& tally, int asked) {
  report.seen.push_back(what + ": " + to_string(tally));
  report.expect(tally.errors.empty() && tally.asked == asked,
                "an answer to each of " + std::to_string(asked) + " requests", to_string(tally));
  report.expect(tally.answers.size() == pods.size(), "answers of all three pods", to_string(tally));
}

}  // namespace cmd
