// The manifests of tests/data/manifests against golden texts beside them: every good one with the
// objects it makes, every bad one with the messages it must be left out with. After a deliberate
// change, PONA_WRITE_GOLDEN=1 in the environment writes them anew, for review by eye.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "kube/source/manifest_file.hpp"
#include "os/read_file.hpp"
#include "support/catch.hpp"

namespace unit::decode_test {

namespace {

namespace fs = std::filesystem;

std::string print(const core::Mapping& mapping) {
  std::ostringstream out;
  if (mapping.created) out << "  created " << *mapping.created << '\n';
  for (const auto& address : mapping.addresses) out << "  address " << to_string(address) << '\n';
  for (const auto& source : mapping.allowed_sources) out << "  allow " << to_string(source) << '\n';
  for (const auto& port : mapping.ports) {
    out << "  port " << to_string(port.ports) << '/' << to_string(port.protocol) << " -> "
        << mapping.service << ':' << port.service_port << '\n';
  }
  if (mapping.affinity) {
    out << "  affinity " << (*mapping.affinity == core::Affinity::none ? "none" : "client") << '\n';
  }
  if (mapping.preserve_client_ip) {
    out << "  preserve client " << (*mapping.preserve_client_ip ? "yes" : "no") << '\n';
  }
  if (mapping.max_connections_per_source + mapping.new_connections_per_second > 0) {
    out << "  limits " << mapping.max_connections_per_source << ' '
        << mapping.new_connections_per_second << '\n';
  }
  return out.str();
}

std::string print(const core::LoadBalancer& balancer) {
  std::ostringstream out;
  out << "  ours" << (balancer.local ? ", local" : "");
  if (balancer.created) out << ", created " << *balancer.created;
  for (const auto& family : balancer.families) out << ' ' << to_string(family);
  out << '\n';
  for (const auto& address : balancer.assigned) out << "  assigned " << to_string(address) << '\n';
  for (const auto& address : balancer.requested) out << "  wants " << to_string(address) << '\n';
  for (const auto& source : balancer.allowed_sources) out << "  from " << to_string(source) << '\n';
  if (!balancer.pool.empty()) out << "  of pool " << balancer.pool << '\n';
  if (!balancer.fault.empty()) out << "  " << balancer.fault << '\n';
  return out.str();
}

std::string print(const core::Service& service) {
  std::ostringstream out;
  out << "  type " << static_cast<int>(service.type)
      << (service.affinity == core::Affinity::client_ip ? " client affinity" : "") << '\n';
  for (const auto& address : service.cluster_ips) out << "  address " << to_string(address) << '\n';
  for (const auto& port : service.ports) {
    out << "  port \"" << port.name << "\" " << port.port << '/' << to_string(port.protocol)
        << " -> " << port.target_port << '\n';
  }
  if (service.load_balancer) out << print(*service.load_balancer);
  return out.str();
}

std::string print(const core::EndpointSlice& slice) {
  std::ostringstream out;
  out << "  of \"" << slice.service << "\"\n";
  for (const auto& port : slice.ports) {
    out << "  port \"" << port.name << "\" "
        << (port.port ? std::to_string(*port.port) : std::string("any")) << '/'
        << to_string(port.protocol) << '\n';
  }
  for (const auto& endpoint : slice.endpoints) {
    out << "  endpoint " << to_string(endpoint.address) << (endpoint.ready ? " ready" : "")
        << (endpoint.serving ? " serving" : "") << (endpoint.terminating ? " terminating" : "")
        << '\n';
  }
  return out.str();
}

std::string print(const core::AddressPool& pool) {
  std::ostringstream out;
  for (const auto& range : pool.ranges) {
    out << "  addresses " << to_string(range.first) << '-' << to_string(range.last) << '\n';
  }
  for (const auto& ns : pool.allowed_namespaces) out << "  namespace " << ns << '\n';
  if (!pool.auto_assign) out << "  only on request\n";
  return out.str();
}

// Those of the egress side have tests of their own and are ignored here.
template <typename Other>
std::string print(const Other& /*object*/) {
  return "  not asked for\n";
}

std::string print(const fs::path& path) {
  std::ostringstream out;
  const std::string text = os::read_file(path);
  for (const auto& part : kube::read_manifest(path, text, {})) {
    for (const auto& note : part.notes) {
      out << path.filename().string() << ':' << part.line + note.line << ": " << note.text << '\n';
    }
    if (part.ignored > 0) out << part.ignored << " ignored\n";
    for (const auto& item : part.items) {
      out << core::to_string(
                 core::ObjectId{core::kind_of(*item.object), core::name_of(*item.object)})
          << " in line " << part.line + item.line << '\n';
      out << std::visit([](const auto& object) { return print(object); }, *item.object);
    }
  }
  return out.str();
}

std::vector<fs::path> manifests(const std::string& folder) {
  std::vector<fs::path> paths;
  for (const auto& entry :
       fs::directory_iterator(fs::path(PONA_TEST_DATA) / "manifests" / folder)) {
    if (entry.path().extension() != ".golden") paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

void check_golden(const fs::path& path) {
  const std::string printed = print(path);
  const fs::path golden = path.string() + ".golden";
  if (std::getenv("PONA_WRITE_GOLDEN") != nullptr) std::ofstream(golden) << printed;
  INFO(path);
  CHECK(printed == os::read_file(golden));
}

}  // namespace

TEST_CASE("good manifests become objects") {
  const auto paths = manifests("good");
  CHECK(paths.size() >= 10);
  for (const fs::path& path : paths) check_golden(path);
}

TEST_CASE("bad manifests are left out with line and reason") {
  const auto paths = manifests("bad");
  CHECK(paths.size() >= 37);
  for (const fs::path& path : paths) {
    INFO(path);
    for (const auto& part : kube::read_manifest(path, os::read_file(path), {})) {
      CHECK(part.items.empty());
      CHECK_FALSE(part.notes.empty());
    }
    check_golden(path);
  }
}

TEST_CASE("the limit of ports is a parameter") {
  const fs::path path = fs::path(PONA_TEST_DATA) / "manifests/good/mapping-ports-50.yaml";
  const auto parts = kube::read_manifest(path, os::read_file(path), {49, false, {}});
  REQUIRE(parts.size() == 1);
  CHECK(parts[0].items.empty());
  CHECK(parts[0].notes[0].text ==
        "Mapping shop/fifty: spec.ports: 50 ports, the limit is 49: join neighbours to ranges by "
        "endPort, split the Mapping, or raise the limit");
}

}  // namespace unit::decode_test
