#include "cmd/edge/pages.hpp"

#include <utility>

namespace cmd {

std::vector<HttpPage> edge_pages(Latest<EdgeHealth>& health,
                                 std::function<std::shared_ptr<const EdgeStatus>()> status) {
  const auto metrics = [status](MetricsScope scope) {
    return [status, scope]() -> HttpPage::Make {
      return [made = status(), scope] {
        return HttpAnswer{200, to_metrics(*made, scope), metrics_type};
      };
    };
  };
  // Scrapes closer together share one reading of the counters.
  constexpr auto shared = std::chrono::seconds(1);
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
          {.path = "/metrics", .read = metrics(MetricsScope::mappings), .shared = shared},
          {.path = "/metrics?scope=ports", .read = metrics(MetricsScope::ports), .shared = shared},
          {.path = "/metrics?scope=endpoints",
           .read = metrics(MetricsScope::endpoints),
           .shared = shared},
          {.path = "/status", .read = json}};
}

}  // namespace cmd
