// What every daemon tells of itself, under the names that Prometheus' client libraries use.
#pragma once

#include "cmd/serve/metrics_page.hpp"

namespace cmd {

// `page` has no prefix. What the system does not tell is left out. Any thread.
void add_process_metrics(MetricsPage& page);

}  // namespace cmd
