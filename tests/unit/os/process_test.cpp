#include "os/process.hpp"

#include <fcntl.h>

#include <string>

#include "os/fd.hpp"
#include "support/catch.hpp"

namespace unit::process_test {

TEST_CASE("a process that is run gets no descriptor but the first three") {
  // As libraries leave them.
  const os::Fd unmarked(fcntl(0, F_DUPFD, 100));
  REQUIRE(unmarked);
  os::ProcessRequest request;
  request.arguments = {"/bin/sh", "-c", "cd /proc/self/fd && echo *"};
  request.environment = {"PATH=/usr/bin:/bin"};
  request.limit = std::chrono::seconds(60);
  const os::ProcessResult result = os::run_process(request);
  CHECK(result.status == 0);
  // The pattern's own directory is another one.
  CHECK((result.output == "0 1 2\n" || result.output == "0 1 2 3\n"));
}

}  // namespace unit::process_test
