// Which Mapping of manifests has which port, over a restart.
#include "cmd/edge/claim_memory.hpp"

#include <filesystem>
#include <fstream>

#include "support/catch.hpp"
#include "support/manual_clock.hpp"
#include "support/temporary.hpp"

namespace unit::claim_memory_test {

using namespace core;
using namespace std::chrono_literals;

namespace {

Mapping mapping(const std::string& name, std::optional<std::int64_t> created = {}) {
  Mapping result;
  result.name = {"shop", name};
  result.addresses = {*Address::parse("203.0.113.10"), *Address::parse("2001:db8::10")};
  result.service = "web";
  result.ports = {{{80, 80}, 80, Protocol::tcp}, {{5000, 5010}, 5000, Protocol::udp}};
  result.created = created;
  return result;
}

ObjectChanges objects(const std::vector<Mapping>& mappings) {
  ObjectChanges changes;
  for (const Mapping& each : mappings) {
    changes[{Kind::mapping, each.name}] = std::make_shared<const Object>(each);
  }
  return changes;
}

}  // namespace

TEST_CASE("claims are what they were when they are read back") {
  const support::Temporary directory;
  support::ManualClock clock;
  const std::filesystem::path file = directory.path() / "state" / "edge-claims";
  cmd::ClaimMemory memory(file, clock.clock());
  CHECK(memory.recall().empty());
  EdgePlan plan{{}};
  plan.update(objects({mapping("with-an-age", 1)}));
  memory.save(plan);
  CHECK_FALSE(std::filesystem::exists(file));  // ages need no memory

  plan.update(objects({mapping("web")}));
  clock.advance(1s);
  CHECK(memory.save(plan) == os::Time::max());
  plan.update(objects({mapping("aaa")}));
  CHECK(memory.save(plan) == clock.now + 1s);  // not for each change
  clock.advance(1s);
  memory.save(plan);
  CHECK(memory.recall() == plan.held());
  CHECK(memory.recall().size() == 1);

  EdgePlan next{{}};
  next.remember(memory.recall());
  next.update(objects({mapping("aaa"), mapping("web")}));
  CHECK(next.report({Kind::mapping, {"shop", "aaa"}})->state == MappingReport::State::rejected);
  CHECK(next.report({Kind::mapping, {"shop", "aaa"}})
            ->reasons.front()
            .find("shop/web, which had it first") != std::string::npos);
}

TEST_CASE("what is no file of claims is as if it were not there") {
  const support::Temporary directory;
  const std::string text = GENERATE("", "x", "pona claims 2\nMapping shop web",
                                    "pona claims 1\nMapping shop web 203.0.113.10 6 80\n"
                                    "Mapping shop\nPod shop web\nMapping shop web x 6 80 80\n"
                                    "Mapping shop web 203.0.113.10 6 90 80\n");
  CHECK(cmd::recall_claims(directory.write("claims", text)).empty());
  CHECK(cmd::recall_claims("").empty());
  CHECK(cmd::recall_claims(directory.path() / "missing").empty());
}

}  // namespace unit::claim_memory_test
