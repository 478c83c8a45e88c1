// Objects of a cluster, whoever gives them (an API server, manifests), as evidence of its network
// model. Not here: where they come from. Rule: an object that makes no sense costs itself alone.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/cluster_model/evidence.hpp"
#include "kube/decode/document.hpp"

namespace cmd {

// Something that clients outside send to, for packets that are followed.
struct ModelTarget {
  core::cluster_model::Walk::Kind kind{};
  std::string object;                    // "Service shop/web"
  std::optional<core::Address> address;  // empty: a node's
  std::uint16_t port = 0;
  std::uint8_t protocol = 0;  // IPPROTO_*
};

struct ModelPod {
  core::Address address;
  std::string node;
};

// Kinds of which each object is a gateway of one form.
struct GatewayKind {
  std::string_view group, version, name, plural;
  core::cluster_model::Form form;
  std::string_view by;
};
std::span<const GatewayKind> gateway_kinds();

class ModelObjectReader {
 public:
  // `cluster` is the name of another cluster, of which nothing but pods' ranges counts; empty: this
  // one's.
  explicit ModelObjectReader(core::cluster_model::Evidence& into, std::string cluster = "")
      : evidence_(into), cluster_(std::move(cluster)) {}

  // An object or a List, which says its own kind.
  void take(const kube::Node& object);
  // One whose kind a list says.
  void take(const kube::Node& object, std::string_view api_version, std::string_view kind);
  // What is told by all objects together.
  void finish();

  [[nodiscard]] const std::vector<ModelTarget>& targets() const { return targets_; }
  [[nodiscard]] const std::vector<ModelPod>& pods() const { return pods_; }
  [[nodiscard]] std::size_t objects() const { return objects_; }

  // Counted among those that are alike; true: it is the first of them.
  bool add_gateway(core::cluster_model::Form form, std::string by, std::optional<bool> keeps,
                   std::string why, std::string object);

 private:
  void node(const kube::Node& object);
  void pod(const kube::Node& object);
  void service(const kube::Node& object);
  void mapping(const kube::Node& object);
  void ip_pool(const kube::Node& object);
  void config_map(const kube::Node& object);
  void cilium(const kube::Node& data);
  void announcement(const kube::Node& object, std::string_view kind);
  void add_range(std::string_view text, const std::string& source);
  void add_setting(core::cluster_model::Setting::What what, std::optional<core::Family> family,
                   std::string source, std::string text);

  core::cluster_model::Evidence& evidence_;
  std::string cluster_;
  std::vector<ModelTarget> targets_;
  std::vector<ModelPod> pods_;
  std::map<core::Prefix, std::size_t> node_ranges_;
  std::size_t objects_ = 0;
};

}  // namespace cmd
