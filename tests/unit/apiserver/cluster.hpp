// A test API server with a clock in the test's hand, and calls that say which status they expect.
#pragma once

#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "support/apiserver/server.hpp"
#include "support/catch.hpp"

namespace unit {

using Json = nlohmann::json;

struct Cluster {
  support::apiserver::Time now{std::chrono::seconds(1000000000)};
  support::apiserver::Server server{{[this] { return now; }, 1, "127.0.0.1:6443", "admin"}};
  std::string token = "admin";

  support::apiserver::Response send(const std::string& method, const std::string& path,
                                    const Json& body = nullptr,
                                    const std::string& type = "application/json") {
    support::apiserver::Request request{method, path, {{"content-type", type}}, ""};
    if (!token.empty()) request.headers["authorization"] = "Bearer " + token;
    if (!body.is_null()) request.body = body.is_string() ? body.get<std::string>() : body.dump();
    return server.handle(request);
  }
  Json call(int status, const std::string& method, const std::string& path,
            const Json& body = nullptr, const std::string& type = "application/json") {
    const support::apiserver::Response response = send(method, path, body, type);
    INFO(method << " " << path << ": " << response.body);
    REQUIRE(response.status == status);
    return Json::parse(response.body, nullptr, false);
  }
  Json apply(int status, const std::string& path, const std::string& manager, const Json& body,
             bool force = false) {
    return call(status, "PATCH", path + "?fieldManager=" + manager + (force ? "&force=true" : ""),
                body, "application/apply-patch+yaml");
  }
  Json merge(int status, const std::string& path, const Json& body) {
    return call(status, "PATCH", path, body, "application/merge-patch+json");
  }
  // The events that a watch has to say now, as "TYPE name".
  static std::vector<std::string> said(support::apiserver::Stream& stream) {
    std::vector<std::string> out;
    std::istringstream lines(stream.read().bytes);
    for (std::string line; std::getline(lines, line);) {
      const Json event = Json::parse(line);
      out.push_back(event.at("type").get<std::string>() + " " +
                    event.at("object").at("metadata").value("name", ""));
    }
    return out;
  }
  // Defines Mapping in example.dev/v1, with a schema for its spec and status.
  void define(const Json& spec, const Json& status = {{"type", "object"}}) {
    call(201, "POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
         {{"metadata", {{"name", "mappings.example.dev"}}},
          {"spec",
           {{"group", "example.dev"},
            {"scope", "Namespaced"},
            {"names", {{"plural", "mappings"}, {"kind", "Mapping"}}},
            {"versions",
             {{{"name", "v1"},
               {"served", true},
               {"storage", true},
               {"subresources", {{"status", Json::object()}}},
               {"schema",
                {{"openAPIV3Schema",
                  {{"type", "object"},
                   {"properties", {{"spec", spec}, {"status", status}}}}}}}}}}}}});
  }
  static Json mapping(const std::string& name, const Json& spec) {
    return {{"apiVersion", "example.dev/v1"},
            {"kind", "Mapping"},
            {"metadata", {{"name", name}}},
            {"spec", spec}};
  }
};

inline const std::string mappings = "/apis/example.dev/v1/namespaces/default/mappings";
inline const std::string configs = "/api/v1/namespaces/default/configmaps";
inline const std::string services = "/api/v1/namespaces/default/services";

inline Json config(const std::string& name, const Json& data = Json::object()) {
  return {
      {"apiVersion", "v1"}, {"kind", "ConfigMap"}, {"metadata", {{"name", name}}}, {"data", data}};
}

}  // namespace unit
