#include <algorithm>
#include <chrono>
#include <filesystem>
#include <system_error>

#include "cmd/diag/model/gather.hpp"
#include "core/error.hpp"
#include "kube/api/blocking_request.hpp"
#include "kube/api/kubeconfig.hpp"
#include "kube/decode/parse.hpp"
#include "kube/decode/utf16.hpp"
#include "os/read_file.hpp"

namespace cmd {
namespace {

namespace model = core::cluster_model;
namespace fs = std::filesystem;

constexpr std::chrono::seconds model_patience{15};
constexpr std::size_t most_files = 10000;
constexpr std::size_t most_pages = 40;
constexpr const char* page_size = "500";

// Those of a directory at any depth, in their order.
std::vector<fs::path> files_of(const std::string& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (!fs::exists(status)) {
    throw core::Error(core::Error::Kind::usage,
                      "there is no file or directory " + path + " (--manifests)");
  }
  if (!fs::is_directory(status)) return {path};
  std::vector<fs::path> files;
  fs::recursive_directory_iterator at(path, fs::directory_options::skip_permission_denied, error);
  for (; !error && at != fs::recursive_directory_iterator() && files.size() < most_files;
       at.increment(error)) {
    const std::string ending = at->path().extension().string();
    if (ending == ".yaml" || ending == ".yml" || ending == ".json") files.push_back(at->path());
  }
  std::ranges::sort(files);
  return files;
}

void read_model_file(const fs::path& path, ModelObjectReader& reader, model::Evidence& evidence) {
  const auto complain = [&](std::uint32_t line, const std::string& why) {
    const std::string where = path.string() + (line == 0 ? "" : ":" + std::to_string(line));
    evidence.gaps.push_back({where, why + "; mend the file, or leave it out", ""});
  };
  std::string text;
  try {
    text = os::read_file(path);
  } catch (const core::Error& error) {
    complain(0, error.what());
    return;
  }
  if (kube::is_utf16(text)) text = kube::to_utf8(std::move(text));
  kube::Document document;
  const auto use = [&](const kube::Document& whole) {
    if (const auto root = whole.root()) reader.take(*root);
  };
  if (path.extension() == ".json") {
    if (const auto wrong = kube::parse_json(text, document, use))
      complain(wrong->line, wrong->reason);
    return;
  }
  for (const kube::Cut& cut : kube::cut_yaml(text)) {
    if (const auto wrong = kube::parse_yaml(cut, document)) {
      complain(wrong->line, wrong->reason);
    } else {
      use(document);
    }
  }
}

struct Listed {
  std::string_view version, kind, plural;
};

constexpr Listed listed_kinds[] = {
    {"v1", "Service", "services"},
    {"v1", "Node", "nodes"},
    {"v1", "Pod", "pods"},
    {"smartnat.aureacentral.com/v1alpha1", "Mapping", "mappings"},
    {"crd.projectcalico.org/v1", "IPPool", "ippools"},
    {"cilium.io/v2alpha1", "CiliumBGPPeeringPolicy", "ciliumbgppeeringpolicies"},
    {"cilium.io/v2alpha1", "CiliumBGPAdvertisement", "ciliumbgpadvertisements"},
};

// Single objects that say how pods' packets are treated.
constexpr std::pair<const char*, const char*> single_objects[] = {
    {"/api/v1/namespaces/kube-system/configmaps/cilium-config", "ConfigMap"},
    {"/api/v1/namespaces/kube-flannel/configmaps/kube-flannel-cfg", "ConfigMap"},
    {"/api/v1/namespaces/kube-system/configmaps/kube-flannel-cfg", "ConfigMap"},
    {"/api/v1/namespaces/kube-system/configmaps/ip-masq-agent", "ConfigMap"},
    {"/api/v1/namespaces/kube-system/configmaps/kube-proxy", "ConfigMap"},
    {"/apis/apps/v1/namespaces/kube-system/daemonsets/aws-node", "DaemonSet"},
};

void refused_gap(const kube::Answer& answer, const std::string& resource,
                 model::Evidence& evidence) {
  const std::string why = answer.code == 403
                              ? "this user may not list them"
                              : "the API server answered " + std::to_string(answer.code);
  evidence.gaps.push_back({resource + " of the cluster", why,
                           "kubectl get " + resource +
                               " -A -o yaml > FILE.yaml     # as who may; "
                               "then --manifests FILE.yaml"});
}

std::string query_escaped(std::string_view text) {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::string result;
  for (const char letter : text) {
    const auto byte = static_cast<unsigned char>(letter);
    const bool plain = (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
                       (byte >= 'a' && byte <= 'z');
    if (plain) {
      result += letter;
    } else {
      result += {'%', digits[byte >> 4], digits[byte & 15]};
    }
  }
  return result;
}

// False: they were not read.
bool list(kube::Caller& caller, const Listed& what, ModelObjectReader& reader,
          model::Evidence& evidence) {
  const std::size_t slash = what.version.find('/');
  const bool grouped = slash != std::string_view::npos;
  std::string resource(what.plural);
  if (grouped) resource += "." + std::string(what.version.substr(0, slash));
  const std::string path =
      (grouped ? "/apis/" : "/api/") + std::string(what.version) + "/" + std::string(what.plural);
  std::string more;
  kube::Document document;
  for (std::size_t page = 0; page < most_pages; ++page) {
    std::string target = path + "?limit=" + page_size;
    if (!more.empty()) target += "&continue=" + query_escaped(more);
    const kube::Answer answer = caller.call({"GET", target, "", "", false}, "list " + resource);
    if (answer.code == 404) return true;  // there is no such kind
    if (!answer.ok()) {
      refused_gap(answer, resource, evidence);
      return false;
    }
    more.clear();
    const auto wrong = kube::parse_json(answer.body, document, [&](const kube::Document& whole) {
      const auto root = whole.root();
      if (!root || root->type() != kube::Node::Type::map) return;
      if (const auto metadata = root->find("metadata"))
        more = std::string(kube::text_at(*metadata, "continue"));
      const auto items = root->find("items");
      if (!items || items->type() != kube::Node::Type::sequence) return;
      for (const kube::Node item : *items) reader.take(item, what.version, what.kind);
    });
    if (wrong) {
      evidence.gaps.push_back({resource + " of the cluster", wrong->reason, ""});
      return false;
    }
    if (more.empty()) return true;
  }
  evidence.gaps.push_back(
      {"some " + resource + " of the cluster", "there are more than are looked at (20,000)", ""});
  return true;
}

}  // namespace

void read_model_manifests(const std::vector<std::string>& paths, ModelObjectReader& reader,
                          model::Evidence& evidence) {
  for (const std::string& path : paths) {
    for (const fs::path& file : files_of(path)) read_model_file(file, reader, evidence);
  }
}

void ask_model_cluster(const ModelSources& sources, ModelObjectReader& reader,
                       model::Evidence& evidence) {
  const kube::Environment environment = kube::process_environment();
  const bool named = !sources.kubeconfig.empty() || !sources.context.empty();
  const std::string offline =
      "kubectl get nodes,pods,services,ingresses -A -o yaml > FILE.yaml     # where kubectl works; "
      "then --manifests FILE.yaml --here";
  if (!named && kube::usual_config(environment).empty()) {
    evidence.gaps.push_back({"the cluster's objects: its gateways, nodes and pods",
                             "no kubeconfig is known here (--kubeconfig names one)", offline});
    return;
  }
  try {
    kube::ClientConfig config =
        kube::load_config({sources.kubeconfig, sources.context}, environment);
    const std::string origin = config.origin;
    kube::Caller caller(std::move(config), "pona (diag)", model_patience);
    bool services = false;
    for (const Listed& one : listed_kinds) {
      const bool read = list(caller, one, reader, evidence);
      services = services || (read && one.kind == "Service");
    }
    for (const GatewayKind& one : gateway_kinds()) {
      const std::string version = std::string(one.group) + "/" + std::string(one.version);
      list(caller, {version, one.name, one.plural}, reader, evidence);
    }
    for (const auto& object : single_objects) {
      const char* const path = object.first;
      const char* const kind = object.second;
      const kube::Answer answer = caller.call({"GET", path, "", "", false}, "read the cluster");
      if (!answer.ok()) continue;  // not there, or not for this user: other evidence may do
      kube::Document document;
      static_cast<void>(kube::parse_json(answer.body, document, [&](const kube::Document& whole) {
        if (const auto root = whole.root())
          reader.take(*root, std::string_view(kind) == "DaemonSet" ? "apps/v1" : "v1", kind);
      }));
    }
    if (services) evidence.cluster = origin;
  } catch (const core::Error& error) {
    if (error.kind() == core::Error::Kind::usage && named) throw;
    evidence.gaps.push_back(
        {"the cluster's objects: its gateways, nodes and pods", error.what(), offline});
  }
}

}  // namespace cmd
