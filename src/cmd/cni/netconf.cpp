#include "cmd/cni/netconf.hpp"

#include <sys/un.h>

#include <algorithm>
#include <cstddef>
#include <nlohmann/json.hpp>

#include "kube/decode/egress_labels.hpp"
#include "kube/decode/json_depth.hpp"
#include "kube/decode/json_text.hpp"

namespace cmd {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* annotations_capability = "io.kubernetes.cri.pod-annotations";

const Json* find(const Json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  return found == object.end() ? nullptr : &*found;
}

// Nothing is as good as null: Go's runtimes write out what they leave empty.
const Json* find_value(const Json& object, const char* key) {
  const Json* const value = find(object, key);
  return value != nullptr && value->is_null() ? nullptr : value;
}

class Reader {
 public:
  explicit Reader(CniConfigResult& result) : result_(result) {}

  void read(const Json& json) {
    CniConfig& config = result_.config;
    read_text(json, "cniVersion", config.version);
    if (config.version.empty()) config.version = "0.1.0";
    read_text(json, "name", config.name);
    read_path(json, "socket", config.socket);
    read_path(json, "stateDir", config.state_directory);
    if (config.socket.size() >= sizeof(sockaddr_un::sun_path)) {
      refuse("socket", "is longer than the kernel allows a socket's path to be (107 bytes)");
    }
    read_timeout(json);
    read_annotations(json);
    read_result(json);
    read_attachments(json);
    const Json* const ipam = find_value(json, "ipam");
    if (ipam != nullptr && !ipam->empty()) config.ipam = kube::dump_json(*ipam);
  }

 private:
  // The first complaint is the one that is told.
  void refuse(const std::string& key, const std::string& why) {
    if (result_.error) return;
    result_.error = {cni_code::bad_config, "netconf: " + key + ' ' + why, ""};
  }

  void read_text(const Json& json, const char* key, std::string& text) {
    const Json* const value = find_value(json, key);
    if (value == nullptr) return;
    if (!value->is_string())
      return refuse(key, "must be a string, it is " + kube::dump_json(*value));
    text = value->get<std::string>();
  }

  void read_path(const Json& json, const char* key, std::string& path) {
    std::string text = path;
    read_text(json, key, text);
    if (!text.starts_with('/') || text.find('\0') != std::string::npos) {
      return refuse(key, "must be an absolute path, it is \"" + text + '"');
    }
    path = text;
  }

  void read_timeout(const Json& json) {
    const Json* const value = find_value(json, "timeoutSeconds");
    if (value == nullptr) return;
    constexpr double longest = 600;
    const double seconds = value->is_number() ? value->get<double>() : 0;
    if (!(seconds > 0 && seconds <= longest)) {
      return refuse("timeoutSeconds",
                    "must be a number above 0 and at most 600, it is " + kube::dump_json(*value));
    }
    constexpr double milliseconds = 1000;
    result_.config.timeout = std::chrono::milliseconds(
        std::max<std::int64_t>(1, static_cast<std::int64_t>(seconds * milliseconds)));
  }

  void read_annotations(const Json& json) {
    const Json* const runtime = find_value(json, "runtimeConfig");
    const Json* const annotations =
        runtime == nullptr ? nullptr : find(*runtime, annotations_capability);
    if (annotations == nullptr) return;
    // containerd gives null for a pod without any. Something else tells nothing: ask the agent.
    if (!annotations->is_object() && !annotations->is_null()) return;
    bool asks = false;
    for (const auto& item : annotations->items()) {
      asks = asks || item.key().starts_with(kube::egress_annotation_prefix);
      result_.config.nat_pod = result_.config.nat_pod || item.key() == kube::nat_pod_annotation;
    }
    result_.config.asks_for_egress = asks;
  }

  void read_result(const Json& json) {
    const Json* const previous = find_value(json, "prevResult");
    if (previous == nullptr) return;
    if (!previous->is_object()) return refuse("prevResult", "must be an object");
    Json answer = *previous;
    answer["cniVersion"] = result_.config.version;
    result_.config.result = kube::dump_json(answer);
    const Json* const ips = find_value(*previous, "ips");
    const Json* const interfaces = find_value(*previous, "interfaces");
    if (ips == nullptr) return;
    if (!ips->is_array()) return refuse("prevResult.ips", "must be a list");
    for (const Json& ip : *ips) {
      const Json* const address = find_value(ip, "address");
      const auto prefix = address != nullptr && address->is_string()
                              ? core::Prefix::parse(address->get_ref<const std::string&>())
                              : std::nullopt;
      if (!prefix) {
        return refuse("prevResult.ips",
                      "has an entry without a valid address: " + kube::dump_json(ip));
      }
      if (is_inside(ip, interfaces)) result_.config.addresses.push_back(prefix->address);
    }
  }

  // An address without an interface is the pod's: there is no other that it could be of.
  static bool is_inside(const Json& ip, const Json* interfaces) {
    const Json* const index = find_value(ip, "interface");
    if (index == nullptr || !index->is_number_unsigned()) return true;
    const std::size_t at = index->get<std::size_t>();
    if (interfaces == nullptr || !interfaces->is_array() || at >= interfaces->size()) return false;
    const Json* const sandbox = find_value((*interfaces)[at], "sandbox");
    return sandbox != nullptr && sandbox->is_string() &&
           !sandbox->get_ref<const std::string&>().empty();
  }

  void read_attachments(const Json& json) {
    const Json* list = find(json, "cni.dev/valid-attachments");
    // As libcni wrote it before the specification was final; it writes both.
    if (list == nullptr) list = find(json, "cni.dev/attachments");
    if (list == nullptr) return;
    std::vector<std::pair<std::string, std::string>> attachments;
    if (!list->is_array() && !list->is_null()) {
      return refuse("cni.dev/valid-attachments", "must be a list");
    }
    for (const Json& item : *list) {
      const Json* const container = find_value(item, "containerID");
      const Json* const interface = find_value(item, "ifname");
      if (container == nullptr || !container->is_string() || interface == nullptr ||
          !interface->is_string()) {
        return refuse("cni.dev/valid-attachments",
                      "has an entry without containerID and ifname: " + kube::dump_json(item));
      }
      attachments.emplace_back(container->get<std::string>(), interface->get<std::string>());
    }
    result_.config.attachments = std::move(attachments);
  }

  CniConfigResult& result_;
};

}  // namespace

CniConfigResult read_cni_config(std::string_view text) {
  CniConfigResult result;
  if (kube::nested_too_deep(text)) {
    result.error = {cni_code::undecodable, "the netconf on standard input is nested too deep", ""};
    return result;
  }
  Json json;
  try {
    json = Json::parse(text);
  } catch (const Json::exception& error) {
    result.error = {cni_code::undecodable, "the netconf on standard input is not JSON",
                    error.what()};
    return result;
  }
  if (!json.is_object()) {
    result.error = {cni_code::undecodable, "the netconf on standard input is not a JSON object",
                    ""};
    return result;
  }
  Reader(result).read(json);
  return result;
}

}  // namespace cmd
