#include "kube/api/kubeconfig.hpp"

#include <unistd.h>

#include <algorithm>
#include <memory>
#include <set>
#include <string_view>

#include "core/error.hpp"
#include "core/nearest.hpp"
#include "kube/api/kubeconfig_fields.hpp"
#include "kube/decode/parse.hpp"
#include "os/read_file.hpp"

namespace kube {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse(const std::string& what) {
  throw core::Error(core::Error::Kind::usage, what);
}

std::string variable(const Environment& environment, const std::string& name) {
  const auto found = environment.find(name);
  return found == environment.end() ? std::string() : found->second;
}

struct File {
  fs::path path;
  std::unique_ptr<Document> document;  // nodes refer to it
};

File read_file(const fs::path& path) {
  File file{path, std::make_unique<Document>()};
  std::string text;
  try {
    text = os::read_file(path);
  } catch (const core::Error& error) {
    refuse("kubeconfig " + path.string() + " " + error.what());
  }
  bool found = false;
  for (const Cut& cut : cut_yaml(text)) {
    if (cut.blank) continue;
    const auto where = [&](std::uint32_t line) {
      return "kubeconfig " + path.string() + ":" + std::to_string(line) + ": ";
    };
    if (found) refuse(where(cut.line) + "a second document: a kubeconfig is a single one");
    found = true;
    if (const auto error = parse_yaml(cut, *file.document)) {
      refuse(where(error->line) + error->reason);
    }
    const auto root = file.document->root();
    if (root && root->type() != Node::Type::map && root->type() != Node::Type::null) {
      refuse(where(root->line()) + "not a kubeconfig: it must be a map");
    }
  }
  return file;
}

// The files of a list that are there, each once.
std::vector<File> read_files(const std::string& list) {
  std::vector<File> files;
  std::set<std::string> seen;
  for (std::size_t at = 0; at <= list.size();) {
    const std::size_t colon = std::min(list.find(':', at), list.size());
    const std::string name = list.substr(at, colon - at);
    at = colon + 1;
    std::error_code error;
    if (name.empty() || !seen.insert(name).second || !fs::exists(name, error)) continue;
    files.push_back(read_file(fs::absolute(name)));
  }
  return files;
}

// The file that is named, else those that the environment leads to. `tried`: why there is none.
std::vector<File> find_files(const std::string& named, const Environment& environment,
                             std::string& tried) {
  std::vector<File> files;
  if (!named.empty()) {
    files.push_back(read_file(fs::absolute(named)));
  } else if (const std::string list = variable(environment, "KUBECONFIG"); !list.empty()) {
    files = read_files(list);
    tried = "none of the files of KUBECONFIG (" + list + ") exists";
  } else if (const std::string home = variable(environment, "HOME"); !home.empty()) {
    const std::string standard = home + "/.kube/config";
    files = read_files(standard);
    tried = standard + " does not exist";
  } else {
    tried = "neither KUBECONFIG nor HOME is set";
  }
  return files;
}

// Several kubeconfigs as one: of entries with the same name the first counts, as a whole.
class Merged {
 public:
  explicit Merged(std::vector<File> files) : files_(std::move(files)) {
    for (const File& file : files_) names_ += (names_.empty() ? "" : ", ") + file.path.string();
  }

  [[nodiscard]] const std::string& names() const { return names_; }

  [[nodiscard]] std::string current_context() const {
    for (const File& file : files_) {
      std::vector<Finding> findings;
      const auto root = file.document->root();
      if (!root || root->type() != Node::Type::map) continue;
      const Field whole(*root, findings);
      const auto text = whole.at("current-context").string();
      check(findings, file, "");
      if (text && !text->empty()) return std::string(*text);
    }
    return {};
  }

  [[nodiscard]] std::vector<std::string> contexts() const {
    std::vector<std::string> names;
    each("contexts", [&](const Field&, const std::string& name, const File&) {
      names.push_back(name);
      return false;
    });
    return names;
  }

  // Gives the entry of this name to `use`. False where there is none.
  template <typename Use>
  bool find(const std::string& list, const std::string& wanted, const std::string& inner,
            const std::string& context, const Use& use) const {
    return each(
        list,
        [&](const Field& entry, const std::string& name, const File& file) {
          if (name != wanted) return false;
          use(entry.at(inner), file.path);
          return true;
        },
        context);
  }

 private:
  template <typename Visit>
  bool each(const std::string& key, const Visit& visit, const std::string& context = {}) const {
    for (const File& file : files_) {
      const auto root = file.document->root();
      if (!root || root->type() != Node::Type::map) continue;
      std::vector<Finding> findings;
      const Field whole(*root, findings);
      const Field list = whole.at(key);
      bool found = false;
      for (const Field& entry : list.elements()) {
        const Field name_field = entry.at("name");
        const std::string name(name_field.string().value_or(""));
        found = visit(entry, name, file);
        if (found) break;
      }
      check(findings, file, context);
      if (found) return true;
    }
    return false;
  }

  static void check(const std::vector<Finding>& findings, const File& file,
                    const std::string& context) {
    std::string wrong;
    for (const Finding& finding : findings) {
      wrong += (wrong.empty() ? "" : "\n") + std::string("kubeconfig ") + file.path.string() + ":" +
               std::to_string(finding.line) + ": " + finding.field + ": " + finding.text;
    }
    if (wrong.empty()) return;
    refuse(wrong + (context.empty() ? "" : " (wanted by context " + quote(context) + ")"));
  }

  std::vector<File> files_;
  std::string names_;
};

std::string known(const std::string& wanted, const std::vector<std::string>& names) {
  if (names.empty()) return "it holds no contexts";
  const std::vector<std::string_view> views(names.begin(), names.end());
  const auto near = wanted.empty() ? std::nullopt : core::nearest(wanted, views);
  if (near) return "did you mean " + quote(*near) + "?";
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + quote(name);
  return "it holds " + list;
}

ClientConfig resolve(const Merged& merged, const std::string& wanted) {
  ClientConfig config;
  config.context = wanted.empty() ? merged.current_context() : wanted;
  const std::vector<std::string> contexts = merged.contexts();
  const std::string file = "kubeconfig " + merged.names();
  if (config.context.empty()) {
    refuse(file + ": current-context: missing, and no context was asked for; " +
           known("", contexts));
  }
  const std::string context = "context " + quote(config.context);
  const auto entry = [&](const Field& field, const fs::path&) {
    if (field.missing()) field.reject("missing");
    if (!field.is_map()) return;
    const Field cluster = field.at("cluster");
    config.cluster.name = cluster.string().value_or("");
    if (cluster.missing()) cluster.reject("missing: the name of a cluster");
    config.user.name = field.at("user").string().value_or("");
    const std::string ns(field.at("namespace").string().value_or(""));
    if (!ns.empty()) config.ns = ns;
  };
  if (!merged.find("contexts", config.context, "context", config.context, entry)) {
    refuse(file + ": contexts: there is no " + context + "; " + known(config.context, contexts));
  }
  const auto cluster = [&](const Field& field, const fs::path& path) {
    std::string name = std::move(config.cluster.name);
    config.cluster = decode_cluster(field, path.parent_path());
    config.cluster.name = std::move(name);
  };
  if (!merged.find("clusters", std::string(config.cluster.name), "cluster", config.context,
                   cluster)) {
    refuse(file + ": clusters: there is no cluster " + quote(config.cluster.name) + ", which " +
           context + " names");
  }
  const auto user = [&](const Field& field, const fs::path& path) {
    std::string name = std::move(config.user.name);
    config.user = decode_user(field, path.parent_path());
    config.user.name = std::move(name);
  };
  if (!config.user.name.empty() &&
      !merged.find("users", std::string(config.user.name), "user", config.context, user)) {
    refuse(file + ": users: there is no user " + quote(config.user.name) + ", which " + context +
           " names");
  }
  config.origin = context + " of " + file;
  if (config.cluster.insecure) {
    config.warnings.push_back(
        config.origin + ": insecure-skip-tls-verify of cluster " + quote(config.cluster.name) +
        ": anyone in between can pose as the API server; give certificate-authority instead");
  }
  return config;
}

std::string read_trimmed(const fs::path& path) {
  std::string text = os::read_file(path);
  text.erase(text.find_last_not_of(" \t\r\n") + 1);
  return text;
}

}  // namespace

Environment process_environment() {
  Environment environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    environment.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return environment;
}

std::string usual_config(const Environment& environment) {
  if (!variable(environment, "KUBECONFIG").empty()) return "KUBECONFIG";
  std::error_code ignored;
  if (const std::string home = variable(environment, "HOME");
      !home.empty() && fs::exists(home + "/.kube/config", ignored)) {
    return home + "/.kube/config";
  }
  constexpr const char* in_pod = "KUBERNETES_SERVICE_HOST";
  return variable(environment, in_pod).empty() ? "" : in_pod;
}

ClientConfig load_config(const ConfigChoice& choice, const Environment& environment,
                         const fs::path& account) {
  std::string tried;
  ConfigChoice chosen = choice;
  if (!choice.kubeconfig.empty()) chosen.kubeconfig = fs::absolute(choice.kubeconfig);
  std::vector<File> files = find_files(chosen.kubeconfig, environment, tried);
  if (!files.empty()) {
    std::vector<std::string> paths;
    paths.reserve(files.size());
    for (const File& file : files) paths.push_back(file.path);
    ClientConfig config = resolve(Merged(std::move(files)), choice.context);
    config.files = std::move(paths);
    config.choice = std::move(chosen);
    return config;
  }
  // As a pod there are no contexts to choose from.
  if (choice.context.empty() && !variable(environment, "KUBERNETES_SERVICE_HOST").empty()) {
    return load_in_cluster(environment, account);
  }
  refuse("no kubeconfig: " + tried +
         (choice.context.empty() ? ", and without KUBERNETES_SERVICE_HOST this is not a pod"
                                 : ", so there is no context " + quote(choice.context)) +
         "; name a file by --kubeconfig");
}

std::vector<std::string> context_names(const std::string& kubeconfig,
                                       const Environment& environment) {
  std::string tried;
  return Merged(find_files(kubeconfig, environment, tried)).contexts();
}

ClientConfig load_in_cluster(const Environment& environment, const fs::path& account) {
  ClientConfig config;
  config.origin = "the pod's service account";
  config.context = "in-cluster";
  const std::string host = variable(environment, "KUBERNETES_SERVICE_HOST");
  const std::string port = variable(environment, "KUBERNETES_SERVICE_PORT");
  if (host.empty() || port.empty()) {
    refuse(std::string("in-cluster configuration: ") +
           (host.empty() ? "KUBERNETES_SERVICE_HOST" : "KUBERNETES_SERVICE_PORT") +
           " is not set: this is not a pod, or its service links were removed");
  }
  const bool brackets = host.find(':') != std::string::npos && !host.starts_with('[');
  const auto server = parse_url("https://" + (brackets ? "[" + host + "]" : host) + ":" + port);
  if (!server) {
    refuse("in-cluster configuration: KUBERNETES_SERVICE_HOST " + quote(host) +
           " and KUBERNETES_SERVICE_PORT " + quote(port) + " are not a host and port");
  }
  config.cluster.name = "in-cluster";
  config.cluster.server = *server;
  config.cluster.ca = {"", (account / "ca.crt").string(), "ca.crt"};
  config.user.name = "service account";
  config.user.token_file = (account / "token").string();
  std::error_code error;
  if (!fs::exists(account / "token", error)) {
    refuse("in-cluster configuration: " + config.user.token_file +
           " is missing: does the pod set automountServiceAccountToken to false?");
  }
  try {
    if (const std::string ns = read_trimmed(account / "namespace"); !ns.empty()) config.ns = ns;
  } catch (const core::Error&) {
    config.warnings.push_back("in-cluster configuration: " + (account / "namespace").string() +
                              " cannot be read: the namespace is taken for \"default\"");
  }
  return config;
}

}  // namespace kube
