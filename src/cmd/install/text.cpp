#include "cmd/install/text.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>
#include <vector>

#include "cmd/edge/options/options.hpp"
#include "cmd/install/manifests.hpp"
#include "core/error.hpp"
#include "kube/decode/json_text.hpp"
#include "kube/decode/kinds.hpp"
#include "kube/decode/parse.hpp"

namespace cmd {
namespace {

using Json = nlohmann::ordered_json;
using Part = InstallRequest::Part;
using Values = std::vector<std::pair<std::string_view, std::string>>;

[[noreturn]] void refuse(const std::string& why) {
  throw core::Error(core::Error::Kind::usage, why);
}

std::string quote(const std::string& text) { return kube::dump_json(Json(text)); }

bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

// A label's value, or its key without prefix.
bool is_label_word(std::string_view text) {
  return !text.empty() && text.size() <= 63 && is_alphanumeric(text.front()) &&
         is_alphanumeric(text.back()) && std::ranges::all_of(text, [](char c) {
           return is_alphanumeric(c) || c == '-' || c == '_' || c == '.';
         });
}

bool is_label_key(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return is_label_word(text);
  return kube::is_dns_subdomain(text.substr(0, slash)) && is_label_word(text.substr(slash + 1));
}

void check_image(const InstallRequest& request, const std::string& who) {
  if (request.image.empty()) {
    refuse(who +
           " needs --image: name an image with the program pona in its path, like "
           "registry.example.com/pona:0.1.0");
  }
  const bool blank = std::ranges::any_of(request.image, [](char c) { return c <= ' ' || c > '~'; });
  if (blank) refuse("--image " + quote(request.image) + " is not a name of an image");
}

void check(const InstallRequest& request) {
  if (!kube::is_dns_label(request.ns)) {
    refuse("--namespace " + quote(request.ns) +
           " is not a namespace: lower-case letters, digits and \"-\", at most 63");
  }
  if (request.part == Part::controller || request.part == Part::agent) {
    const bool agent = request.part == Part::agent;
    check_image(request, agent ? "pona install agent" : "pona install controller");
    return;
  }
  if (!request.in_cluster) {
    const char* const given = !request.image.empty()                 ? "--image"
                              : !request.node_selector.empty()       ? "--node-selector"
                              : !request.external_interfaces.empty() ? "--external-interfaces"
                              : request.node_monitor                 ? "--monitor-address"
                                                                     : nullptr;
    if (given != nullptr) {
      refuse(std::string(given) +
             " is about edges in the cluster: add --in-cluster, or leave it out");
    }
    return;
  }
  check_image(request, "--in-cluster");
  for (const EdgeOption& option : edge_option_table()) {
    if (option.name != "external-interfaces") continue;
    EdgeOptions checked;
    if (const auto complaint = option.set(checked, request.external_interfaces)) {
      refuse("--external-interfaces " + quote(request.external_interfaces) + " " + *complaint);
    }
  }
}

Values values_of(const InstallRequest& request) {
  Json selector = {{"kubernetes.io/os", "linux"}};
  for (const auto& [key, value] : request.node_selector) selector[key] = value;
  return {
      {"${NAMESPACE}", quote(request.ns)},
      {"${IMAGE}", quote(request.image)},
      {"${IMAGE_OPTION}", quote("--image=" + request.image)},
      {"${MONITOR_ADDRESS}",
       quote(request.node_monitor ? "--monitor-address=node" : "--monitor-address=127.0.0.1")},
      // Its older name, which agents of older versions know as well.
      {"${AGENT_MONITOR_ADDRESS}",
       quote(request.node_monitor ? "--monitor-address=node" : "--listen=127.0.0.1")},
      {"${MONITOR_HOST_IP}", request.node_monitor ? "# hostIP: any" : "hostIP: 127.0.0.1"},
      {"${PROBE_HOST}",
       request.node_monitor ? "# host: the pod's address, which is the node's" : "host: 127.0.0.1"},
      {"${NODE_SELECTOR}", kube::dump_json(selector)},
      {"${EXTERNAL_INTERFACES}", quote("--external-interfaces=" + request.external_interfaces)}};
}

// One pass over the text, so that what a value holds is never taken for a place to fill.
std::string fill(std::string_view text, const Values& values) {
  std::string filled;
  while (!text.empty()) {
    const std::size_t at = std::min(text.find("${"), text.size());
    filled += text.substr(0, at);
    text.remove_prefix(at);
    if (text.empty()) break;
    const auto value = std::ranges::find_if(
        values, [&](const auto& candidate) { return text.starts_with(candidate.first); });
    filled += value == values.end() ? text.substr(0, 2) : std::string_view(value->second);
    text.remove_prefix(value == values.end() ? 2 : value->first.size());
  }
  return filled;
}

// Kubernetes' own namespaces exist, and their labels are not ours to set.
bool ours(const std::string& ns) { return ns != "default" && !ns.starts_with("kube-"); }

std::vector<std::string_view> manifests_of(const InstallRequest& request) {
  std::vector<std::string_view> texts;
  if (request.part == Part::crds || request.part == Part::all) {
    texts = {manifests::mapping_crd, manifests::address_pool_crd, manifests::egress_crd};
  }
  if (request.part == Part::crds) return texts;
  if (ours(request.ns)) texts.push_back(manifests::system_namespace);
  if (request.part == Part::controller) {
    texts.insert(texts.end(), {manifests::controller_rbac, manifests::controller_deployment});
    return texts;
  }
  if (request.part == Part::agent) {
    texts.insert(texts.end(), {manifests::agent_rbac, manifests::agent_daemonset});
    return texts;
  }
  texts.push_back(manifests::edge_rbac);
  if (request.smartnat_finalizers) texts.push_back(manifests::edge_smartnat_finalizers);
  if (request.part == Part::rbac) return texts;
  texts.push_back(request.in_cluster ? manifests::edge_daemonset : manifests::edge_outside);
  return texts;
}

Json to_json(const kube::Node& node) {
  using Type = kube::Node::Type;
  Json json;
  switch (node.type()) {
    case Type::null:
      break;
    case Type::boolean:
    case Type::integer:
    case Type::number:
      // YAML's True and +1 are not among our own words, so JSON's reading is the same.
      json = Json::parse(node.text());
      break;
    case Type::string:
      json = std::string(node.text());
      break;
    case Type::sequence:
      json = Json::array();
      for (const kube::Node element : node) json.push_back(to_json(element));
      break;
    case Type::map:
      json = Json::object();
      for (const kube::Node member : node) json[std::string(member.key())] = to_json(member);
      break;
  }
  return json;
}

}  // namespace

void add_node_selector(InstallRequest& request, const std::string& text) {
  const std::size_t equals = text.find('=');
  const std::string key = text.substr(0, equals);
  const std::string value = equals == std::string::npos ? "" : text.substr(equals + 1);
  if (equals == std::string::npos || !is_label_key(key) ||
      !(value.empty() || is_label_word(value))) {
    refuse("--node-selector " + quote(text) + " is not a label of a node: write KEY=VALUE");
  }
  if (!request.node_selector.emplace(key, value).second) {
    refuse("--node-selector: " + key + " is given twice");
  }
}

std::string install_yaml(const InstallRequest& request) {
  check(request);
  const Values values = values_of(request);
  std::string all;
  for (const std::string_view text : manifests_of(request)) {
    if (!all.empty()) all += "---\n";
    all += fill(text, values);
  }
  return all;
}

std::string install_json(const InstallRequest& request) {
  const std::string text = install_yaml(request);
  Json list = {{"apiVersion", "v1"}, {"kind", "List"}, {"items", Json::array()}};
  for (const kube::Cut& cut : kube::cut_yaml(text)) {
    kube::Document document;
    if (const auto error = kube::parse_yaml(cut, document)) {
      // The manifests are tested; this is a program that was built wrong.
      throw core::Error(core::Error::Kind::permanent,
                        "cannot read the manifests of this program, line " +
                            std::to_string(error->line) + ": " + error->reason);
    }
    if (const auto root = document.root()) list["items"].push_back(to_json(*root));
  }
  return kube::dump_json(list, 2) + "\n";
}

}  // namespace cmd
