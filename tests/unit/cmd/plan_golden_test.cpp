// What the edge makes of manifests, as texts: the rules, elements, routes and policy rules that the
// kernel is to hold. PONA_WRITE_GOLDEN=1 writes them anew; read the difference before you commit
// it.
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "core/edge/plan_edge.hpp"
#include "core/state/text.hpp"
#include "kube/source/manifest_file.hpp"
#include "support/catch.hpp"

namespace unit::plan_golden_test {

using namespace core;

namespace {

Host host() {
  const auto interface = [](std::uint32_t index, const char* name,
                            std::vector<const char*> addresses) {
    Interface result;
    result.name = name;
    result.index = index;
    result.mtu = 1500;
    result.up = true;
    for (const char* address : addresses) result.addresses.push_back(*Prefix::parse(address));
    return result;
  };
  Host result;
  result.interfaces["eth1"] =
      interface(3, "eth1", {"203.0.113.10/24", "203.0.113.11/24", "2001:db8:1::10/64"});
  result.interfaces["eth2"] = interface(4, "eth2", {"192.0.2.10/24"});
  result.interfaces["eth0"] = interface(2, "eth0", {"10.0.0.10/24"});
  result.forwarding4 = result.forwarding6 = true;
  return result;
}

std::string read(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

void compare(const std::string& name, EdgeSettings settings, const Host& on = host()) {
  const std::string base = std::string(PONA_TEST_DATA) + "/plan/" + name;
  settings.external_interfaces = "^eth[12]$";
  EdgePlan plan(settings);
  plan.update(on);
  ObjectChanges objects;
  for (const auto& part : kube::read_manifest(base + ".yaml", read(base + ".yaml"), {})) {
    for (const auto& note : part.notes) FAIL(note.text);
    for (const auto& item : part.items) {
      objects[{kind_of(*item.object), name_of(*item.object)}] = item.object;
    }
  }
  plan.update(objects);
  CHECK(plan.rejections().empty());
  const std::string text = to_text(plan.state());
  if (std::getenv("PONA_WRITE_GOLDEN") != nullptr) std::ofstream(base + ".nft") << text;
  CHECK(text == read(base + ".nft"));
}

}  // namespace

TEST_CASE("plan: masquerade, guards, ranges, both families") { compare("masquerade", {}); }

TEST_CASE("plan: client addresses kept, pods leave with their Mapping's address; all is counted") {
  EdgeSettings settings;
  settings.masquerade = false;
  settings.snat = true;
  settings.accounting = Accounting::traffic;
  Host tunnelled = host();
  tunnelled.interfaces.at("eth0").mtu = 1450;
  compare("snat", settings, tunnelled);
}

}  // namespace unit::plan_golden_test
