// What a running edge tells by HTTP: /healthz /readyz /healthcheck /metrics /status, and
// /status?about=203.0.113.5:443/tcp, the part that concerns one destination, without counters. On
// the unix socket alone /diag?words=[…]: what pona diag trace with these words says.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "cmd/edge/loop.hpp"
#include "cmd/edge/status.hpp"
#include "cmd/serve/diag_answers.hpp"
#include "cmd/serve/health.hpp"
#include "cmd/serve/http_server.hpp"

namespace cmd {

// Both are called in the loop. `status` reads every counter; `about` is of one external address,
// port and protocol. `health` and `diag` must outlive the pages.
std::vector<HttpPage> edge_pages(Latest<EdgeHealth>& health,
                                 std::function<std::shared_ptr<const EdgeStatus>()> status,
                                 std::function<EdgeStatus(const core::ForwardKey&)> about,
                                 DiagAnswers& diag);

}  // namespace cmd
