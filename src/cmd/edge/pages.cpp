#include "cmd/edge/pages.hpp"

#include <utility>

namespace cmd {

std::vector<HttpPage> edge_pages(Latest<EdgeHealth>& health,
                                 std::function<std::shared_ptr<const EdgeStatus>()> status,
                                 std::function<EdgeStatus(const core::ForwardKey&)> about,
                                 DiagAnswers& diag) {
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
  const auto part = [about = std::move(about)](const std::string& what,
                                               const HttpPage::Reply& reply) {
    const auto key = core::parse_forward_key(what);
    reply(key ? HttpAnswer{200, to_json(about(*key)), json_type}
              : HttpAnswer{400,
                           "about= takes an address, port and protocol: "
                           "203.0.113.5:443/tcp, [2001:db8::5]:53/udp\n"});
  };
  const auto traced = [&diag](const std::string& what, const HttpPage::Reply& reply) {
    const auto words = parse_diag_question(what);
    if (!words) return reply({400, "words= takes a list of words in JSON\n"});
    diag.answer(*words, [reply](const std::string& json) {
      reply(HttpAnswer{200, json + '\n', json_type});
    });
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
  return {
      {.path = "/healthz", .at_once = healthz},
      {.path = "/readyz", .at_once = readyz},
      {.path = "/healthcheck", .at_once = healthcheck},
      {.path = "/metrics", .read = metrics(MetricsScope::mappings), .shared = shared},
      {.path = "/metrics?scope=ports", .read = metrics(MetricsScope::ports), .shared = shared},
      {.path = "/metrics?scope=endpoints",
       .read = metrics(MetricsScope::endpoints),
       .shared = shared},
      {.path = "/status?about=", .ask = part},
      {.path = "/status", .read = json},
      {.path = "/diag?words=", .ask = traced, .patience = std::chrono::seconds(90), .local = true}};
}

}  // namespace cmd
