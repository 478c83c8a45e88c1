// A test API server with what `pona install` prints, and a client's wire to it, for tests of what
// clients do and may do there.
#pragma once

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "cmd/install/text.hpp"
#include "kube/api/transport.hpp"
#include "support/yaml_json.hpp"
#include "unit/apiserver/cluster.hpp"

namespace unit {

// A client's requests, answered at once. Notes what was asked for and what was refused.
class Wire : public kube::Transport {
 public:
  Wire(unit::Cluster& cluster, std::string token) : cluster_(cluster), token_(std::move(token)) {}

  std::uint64_t start(kube::Request request) override {
    ++last_;
    ++count;
    const std::string path = request.target.substr(0, request.target.find('?'));
    const auto response = cluster_.server.handle(
        {request.method,
         request.target,
         {{"authorization", "Bearer " + token_}, {"content-type", request.content_type}},
         request.body});
    (response.status == 403 ? refused : done).insert(request.method + " " + path);
    arrivals_.push_back({last_, kube::Arrival::Kind::head, response.status, {}, {}, {}});
    if (response.stream) {
      streams_[last_] = response.stream;
    } else {
      arrivals_.push_back({last_, kube::Arrival::Kind::body, 0, {}, response.body, {}});
      arrivals_.push_back({last_, kube::Arrival::Kind::end, 0, {}, {}, {}});
    }
    return last_;
  }
  void cancel(std::uint64_t request) override {
    streams_.erase(request);
    std::erase_if(arrivals_, [&](const auto& arrival) { return arrival.request == request; });
  }
  std::vector<kube::Arrival> take() override {
    std::vector<std::uint64_t> over;
    for (const auto& [id, stream] : streams_) {
      auto piece = stream->read();
      arrivals_.push_back({id, kube::Arrival::Kind::body, 0, {}, std::move(piece.bytes), {}});
      if (!piece.ended && !piece.dropped) continue;
      arrivals_.push_back({id, kube::Arrival::Kind::end, 0, {}, {}, {}});
      over.push_back(id);
    }
    for (const std::uint64_t id : over) streams_.erase(id);
    return std::exchange(arrivals_, {});
  }

  std::set<std::string> done;
  std::set<std::string> refused;  // as nobody allowed it
  std::size_t count = 0;          // of requests

 private:
  unit::Cluster& cluster_;
  std::string token_;
  std::uint64_t last_ = 0;
  std::vector<kube::Arrival> arrivals_;
  std::map<std::uint64_t, std::shared_ptr<support::apiserver::Stream>> streams_;
};

// As a cluster's admin applies what is printed.
inline void install(Cluster& cluster, const cmd::InstallRequest& request) {
  static const std::map<std::string, std::string> collections = {
      {"CustomResourceDefinition", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"},
      {"Namespace", "/api/v1/namespaces"},
      {"ServiceAccount", "/api/v1/namespaces/pona-system/serviceaccounts"},
      {"ClusterRole", "/apis/rbac.authorization.k8s.io/v1/clusterroles"},
      {"ClusterRoleBinding", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"},
      {"Role", "/apis/rbac.authorization.k8s.io/v1/namespaces/pona-system/roles"},
      {"RoleBinding", "/apis/rbac.authorization.k8s.io/v1/namespaces/pona-system/rolebindings"},
      {"Deployment", "/apis/apps/v1/namespaces/pona-system/deployments"},
  };
  for (const Json& object : test::yaml_documents(cmd::install_yaml(request))) {
    if (object["kind"] == "DaemonSet") continue;  // the test's server does not have them
    const std::string path =
        collections.at(object["kind"]) + "/" + object["metadata"]["name"].get<std::string>();
    const auto response = cluster.send("PATCH", path + "?fieldManager=admin&force=true", object,
                                       "application/apply-patch+yaml");
    INFO(path << ": " << response.body);
    REQUIRE(response.status / 100 == 2);
  }
}

}  // namespace unit
