#include "kube/source/persistent_source.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <random>
#include <sstream>
#include <utility>

#include "kube/source/joined_source.hpp"
#include "support/catch.hpp"
#include "support/random_objects.hpp"
#include "support/temporary.hpp"
#include "unit/kube/source/persistent_rig.hpp"

namespace unit::persistent_source_test {

using namespace unit::persistent;

TEST_CASE_METHOD(Fixture, "a source that cannot be read: the saved objects are given, as stale") {
  save({service("web"), service("mail")});
  Process process(file);
  CHECK_FALSE(process.remembered->synced());  // nothing is given yet
  process.wait();
  process.take();
  CHECK(process.objects.size() == 2);
  CHECK(process.objects.at(id("web")) == Object(service("web")));
  CHECK(process.remembered->synced());
  CHECK(process.remembered->stale_since() == 1'700'000'000);
  CHECK(process.take().empty());
}

TEST_CASE_METHOD(Fixture, "without a file nothing is complete before the source is") {
  Process process(file);
  process.told->put(service("web"));
  process.take();
  CHECK_FALSE(process.remembered->synced());
  CHECK(process.remembered->stale_since() == std::nullopt);
  CHECK_FALSE(std::filesystem::exists(file));
  process.told->whole = true;
  process.take();
  CHECK(process.remembered->synced());
  CHECK(std::filesystem::exists(file));
}

TEST_CASE_METHOD(Fixture, "the source's first complete look takes away what it does not hold") {
  save({service("web"), service("mail"), service("old")});
  Process process(file);
  process.take();
  process.told->put(service("mail", 25));
  process.told->put(service("web"));
  CHECK(process.take().size() == 1);
  CHECK(process.objects.at(id("mail")) == Object(service("mail", 25)));
  CHECK(process.objects.contains(id("old")));
  CHECK(process.remembered->stale_since());
  process.told->whole = true;
  const ObjectChanges last = process.take();
  CHECK(last == ObjectChanges{{id("old"), nullptr}});
  CHECK(process.remembered->stale_since() == std::nullopt);
  CHECK(process.remembered->synced());

  Process next(file);
  next.take();
  CHECK(next.objects == process.objects);
}

TEST_CASE_METHOD(Fixture, "beside manifests both must be complete, and staleness is told") {
  save({service("web")});
  Process process(file);
  auto manifests = std::make_unique<Told>();
  Told* const told = manifests.get();
  const auto joined =
      kube::join(std::move(manifests), "the manifests", std::exchange(process.remembered, nullptr));
  CHECK(joined->take().size() == 1);
  CHECK_FALSE(joined->synced());
  told->whole = true;
  joined->take();
  CHECK(joined->synced());
  CHECK(joined->stale_since() == 1'700'000'000);
  process.told->whole = true;
  CHECK(joined->take().at(id("web")) == nullptr);
  CHECK_FALSE(joined->stale_since());
}

TEST_CASE_METHOD(Fixture, "what is as it was is no news and writes nothing") {
  save({service("web")});
  const std::string before = text();
  Process process(file);
  process.take();
  process.told->put(service("web"));
  process.told->whole = true;
  CHECK(process.take().empty());
  CHECK(text() == before);
}

TEST_CASE_METHOD(Fixture, "a change costs its own size, and many become a new head") {
  std::vector<Service> services;
  for (int i = 0; i < 1000; ++i) services.push_back(service("s" + std::to_string(i)));
  save(services);
  const std::size_t head = text().size();
  Process process(file);
  process.take();
  for (const Service& each : services) process.told->put(each);
  process.told->whole = true;
  process.take();
  process.told->put(service("s1", 81));
  process.take();
  CHECK(text().size() > head);
  CHECK(text().size() < head + 400);
  std::size_t largest = 0;
  for (int i = 0; i < 12000; ++i) {
    process.told->put(service("s1", static_cast<std::uint16_t>(1000 + i)));
    process.take();
    largest = std::max(largest, static_cast<std::size_t>(std::filesystem::file_size(file)));
  }
  CHECK(largest < head + (std::size_t{1} << 20) + 1000);
  Process next(file);
  next.take();
  CHECK(next.objects == process.objects);
}

}  // namespace unit::persistent_source_test
