#include "cmd/serve/health.hpp"

namespace cmd {
namespace {

HttpAnswer answer_of(LoopHealth health, bool readiness) {
  const bool stalled =
      health.busy_since && os::Time::clock::now() - *health.busy_since > stalled_after;
  if (stalled) health.troubles.emplace_back("the loop is busy for too long");
  return health_answer(!stalled && (health.ready || !readiness), health.troubles);
}

}  // namespace

HttpAnswer health_answer(bool good, const std::vector<std::string>& troubles,
                         const std::string& good_text) {
  if (good) return {200, good_text};
  std::string text;
  for (const std::string& trouble : troubles) text += trouble + '\n';
  return {503, text};
}

std::vector<HttpPage> health_pages(Latest<LoopHealth>& health) {
  return {{.path = "/healthz", .at_once = [&health] { return answer_of(health.read(), false); }},
          {.path = "/readyz", .at_once = [&health] { return answer_of(health.read(), true); }}};
}

}  // namespace cmd
