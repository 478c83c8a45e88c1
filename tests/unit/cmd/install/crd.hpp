// The definitions of `pona install crds` for the tests of their schemas, and a Mapping to change.
#pragma once

#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "cmd/install/text.hpp"
#include "support/yaml_json.hpp"

namespace test {

inline std::vector<nlohmann::json> definitions() {
  cmd::InstallRequest request;
  request.part = cmd::InstallRequest::Part::crds;
  return yaml_documents(cmd::install_yaml(request));
}

inline nlohmann::json definition(const std::string& kind) {
  for (const nlohmann::json& crd : definitions()) {
    if (crd["spec"]["names"]["kind"] == kind) return crd;
  }
  throw std::runtime_error("no definition of " + kind);
}

inline nlohmann::json schema_of(const std::string& kind) {
  return definition(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
}

inline nlohmann::json mapping() {
  return nlohmann::json::parse(R"({
    "apiVersion": "smartnat.aureacentral.com/v1alpha1",
    "kind": "Mapping",
    "metadata": {"name": "web", "namespace": "shop"},
    "spec": {"addresses": ["203.0.113.10"], "serviceName": "web", "mode": "service",
             "ports": [{"port": 80}]}
  })");
}

// Braces mean one list to one compiler and two to another.
inline nlohmann::json parsed(const char* text) { return nlohmann::json::parse(text); }

}  // namespace test
