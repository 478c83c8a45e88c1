#include "cmd/edge/pages.hpp"

#include <utility>

namespace cmd {

std::vector<HttpPage> edge_pages(Latest<EdgeHealth>& health,
                                 std::function<std::shared_ptr<const EdgeStatus>()> status) {
  const auto metrics = [status]() -> HttpPage::Make {
    return [made = status()] { return HttpAnswer{200, to_metrics(*made), metrics_type}; };
  };
  const auto json = [status = std::move(status)]() -> HttpPage::Make {
    return [made = status()] { return HttpAnswer{200, to_json(*made), json_type}; };
  };
  const auto healthz = [&health] {
    const EdgeVerdict verdict = judge(health.read(), os::Time::clock::now());
    return health_answer(verdict.healthy, verdict.troubles);
  };
  const auto readyz = [&health] {
    const EdgeVerdict verdict = judge(health.read(), os::Time::clock::now());
    return health_answer(verdict.ready, verdict.troubles);
  };
  const auto healthcheck = [&health] {
    const EdgeHealth known = health.read();
    const EdgeVerdict verdict = judge(known, os::Time::clock::now());
    return health_answer(verdict.healthy, verdict.troubles,
                         "OK " + rfc3339(known.last_sync) + '\n');
  };
  return {{.path = "/healthz", .at_once = healthz},
          {.path = "/readyz", .at_once = readyz},
          {.path = "/healthcheck", .at_once = healthcheck},
          // Scrapes closer together share one reading of the counters.
          {.path = "/metrics", .read = metrics, .shared = std::chrono::seconds(1)},
          {.path = "/status", .read = json}};
}

}  // namespace cmd
