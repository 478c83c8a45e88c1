#include "cmd/serve/start.hpp"

#include <set>
#include <string>

#include "cmd/version.hpp"
#include "os/limits.hpp"
#include "os/listen.hpp"

namespace cmd {

void log_start(std::string_view name, const log::Fields& fields) {
  os::raise_descriptor_limit();
  log::Fields all = {{"version", std::string(version_number())}};
  all.insert(all.end(), fields.begin(), fields.end());
  log::info("pona " + std::string(name) + " starts", all);
}

std::vector<os::Fd> listen(const ServiceOptions& options) {
  std::vector<os::Fd> listeners;
  for (const std::uint16_t port : std::set{options.metrics_port, options.health_port}) {
    if (port == 0) continue;
    listeners.push_back(os::listen_tcp(options.monitor, port, listen_advice));
  }
  return listeners;
}

}  // namespace cmd
