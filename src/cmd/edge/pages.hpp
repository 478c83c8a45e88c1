// What a running edge tells by HTTP: /healthz /readyz /healthcheck /metrics /status.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "cmd/edge/loop.hpp"
#include "cmd/edge/status.hpp"
#include "cmd/serve/health.hpp"
#include "cmd/serve/http_server.hpp"

namespace cmd {

// `status` is called in the loop: making one reads every counter. `health` must outlive the pages.
std::vector<HttpPage> edge_pages(Latest<EdgeHealth>& health,
                                 std::function<std::shared_ptr<const EdgeStatus>()> status);

}  // namespace cmd
