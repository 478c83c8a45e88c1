#include <string>

#include "cmd/edge/loop.hpp"
#include "cmd/serve/health.hpp"

namespace cmd {

EdgeVerdict judge(const EdgeHealth& health, os::Time now) {
  EdgeVerdict verdict;
  if (health.busy_since && now - *health.busy_since > stalled_after) {
    verdict.troubles.push_back("the loop is busy since " +
                               std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(
                                                  now - *health.busy_since)
                                                  .count()) +
                               "ms");
  }
  if (!health.trouble.empty()) verdict.troubles.push_back(health.trouble);
  if (!health.synced) {
    verdict.troubles.emplace_back("not all objects have been read; nothing is changed until then");
  } else if (health.last_sync == 0) {
    verdict.troubles.emplace_back("nothing is in effect yet");
  }
  if (!health.intact) {
    verdict.troubles.emplace_back("tables, routes or rules were changed by somebody else");
  }
  for (const std::string& chain : health.obstacles) {
    verdict.troubles.push_back("another program keeps mapped traffic from its way: " + chain +
                               " (see the warnings of pona edge status)");
  }
  verdict.healthy = verdict.troubles.empty();
  verdict.ready = health.last_sync != 0 && health.intact;
  return verdict;
}

}  // namespace cmd
