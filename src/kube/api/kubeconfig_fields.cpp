#include "kube/api/kubeconfig_fields.hpp"

#include <algorithm>
#include <cctype>

namespace kube {
namespace {

namespace fs = std::filesystem;

// Where the credential plugins' configuration stands among a cluster's extensions.
constexpr std::string_view exec_extension = "client.authentication.k8s.io/exec";

std::string text(const Field& field) { return std::string(field.string().value_or("")); }

std::string resolve(const fs::path& directory, const std::string& path) {
  return path.empty() ? path : (directory / path).lexically_normal().string();
}

// Data goes before the file, as in client-go.
Pem decode_pem(const Field& parent, const std::string& name, const fs::path& directory) {
  Pem pem;
  const std::string data_name = name + "-data";  // a field refers to its key
  const Field data = parent.at(data_name);
  const std::string encoded = text(data);
  if (!encoded.empty()) {
    pem.field = data_name;
    pem.data = decode_base64(encoded).value_or("");
    if (pem.data.empty()) {
      data.reject("is not base64");
    } else if (pem.data.find("-----BEGIN ") == std::string::npos) {
      data.reject("holds no PEM (\"-----BEGIN …\") once its base64 is decoded");
    }
    return pem;
  }
  pem.file = resolve(directory, text(parent.at(name)));
  if (!pem.file.empty()) pem.field = name;
  return pem;
}

ExecPlugin decode_exec(const Field& field, const fs::path& directory) {
  ExecPlugin plugin;
  const Field version = field.at("apiVersion");
  plugin.api_version = text(version);
  const bool v1 = plugin.api_version == "client.authentication.k8s.io/v1";
  if (!v1 && plugin.api_version != "client.authentication.k8s.io/v1beta1") {
    version.reject(plugin.api_version.empty()
                       ? "missing: client.authentication.k8s.io/v1 or v1beta1"
                       : quote(plugin.api_version) +
                             " is not supported: client.authentication.k8s.io/v1 and v1beta1 are; "
                             "renew the entry with the provider's current tool");
  }
  const Field command = field.at("command");
  plugin.command = text(command);
  if (plugin.command.empty()) command.reject("missing: the plugin to run");
  // A bare name is looked for in PATH.
  if (plugin.command.find('/') != std::string::npos) {
    plugin.command = resolve(directory, plugin.command);
  }
  const Field args = field.at("args");
  for (const Field& arg : args.elements()) plugin.args.push_back(text(arg));
  const Field env = field.at("env");
  for (const Field& variable : env.elements()) {
    const Field name = variable.at("name");
    if (name.missing()) name.reject("missing");
    plugin.env.emplace_back(text(name), text(variable.at("value")));
  }
  plugin.install_hint = text(field.at("installHint"));
  plugin.provide_cluster_info = field.at("provideClusterInfo").boolean().value_or(false);
  const Field mode = field.at("interactiveMode");
  const std::string interactive = text(mode);
  if (interactive == "Always") {
    mode.reject("\"Always\": the plugin wants to ask somebody, and nobody is there to answer");
  } else if (!interactive.empty() && interactive != "Never" && interactive != "IfAvailable") {
    mode.reject(quote(interactive) + " must be one of: Never, IfAvailable, Always");
  }
  return plugin;
}

void decode_impersonation(const Field& field, User& user) {
  const Field as = field.at("as");
  const Field uid = field.at("as-uid");
  const Field groups = field.at("as-groups");
  const Field extra = field.at("as-user-extra");
  if (const std::string name = text(as); !name.empty()) {
    user.headers.emplace_back("Impersonate-User", name);
  }
  if (const std::string id = text(uid); !id.empty()) {
    user.headers.emplace_back("Impersonate-Uid", id);
  }
  for (const Field& group : groups.elements()) {
    user.headers.emplace_back("Impersonate-Group", text(group));
  }
  if (extra.is_map()) {
    for (const Node node : *extra.node()) {
      const Field values = extra.at(node.key());
      for (const Field& value : values.elements()) {
        user.headers.emplace_back("Impersonate-Extra-" + escape_query(node.key()), text(value));
      }
    }
  }
  if (!user.headers.empty() && user.headers.front().first != "Impersonate-User") {
    as.reject("missing: groups, uid and extra are of the user that is impersonated");
  }
  for (const auto& [name, value] : user.headers) {
    if (std::any_of(value.begin(), value.end(),
                    [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; })) {
      as.reject(name + " would hold a control character");
    }
  }
}

void check_methods(const Field& field, const User& user) {
  const bool token = !user.token.empty() || !user.token_file.empty();
  const bool basic = !user.username.empty() || !user.password.empty();
  if (token && basic) {
    field.reject("both a token and username/password are given: only one can be sent, remove one");
  }
  if (user.exec && (token || basic)) {
    field.reject("exec is given along with a token or username/password: remove one");
  }
  if (user.certificate.given() != user.key.given()) {
    const char* missing = user.key.given() ? "client-certificate" : "client-key";
    field.at(missing).reject("missing: client-certificate and client-key belong together");
  }
  const Field provider = field.at("auth-provider");
  if (!provider.missing()) {
    provider.reject("was removed from Kubernetes 1.26: use an exec credential plugin");
  }
}

}  // namespace

Cluster decode_cluster(const Field& field, const fs::path& directory) {
  Cluster cluster;
  if (!field.is_map()) {
    if (field.missing()) field.reject("missing");
    return cluster;
  }
  cluster.ca = decode_pem(field, "certificate-authority", directory);
  const Field insecure = field.at("insecure-skip-tls-verify");
  cluster.insecure = insecure.boolean().value_or(false);
  if (cluster.insecure && cluster.ca.given()) {
    insecure.reject("a certificate authority is given too: remove one of them");
  }
  const Field server = field.at("server");
  std::string url = text(server);
  if (url.empty()) {
    server.reject("missing: the API server's URL, as https://192.0.2.1:6443");
  } else {
    // As client-go does: whoever has a certificate authority means TLS.
    if (url.find("://") == std::string::npos) {
      url = (cluster.ca.given() || cluster.insecure ? "https://" : "http://") + url;
    }
    const auto parsed = parse_url(url);
    const bool usable = parsed && (parsed->scheme == "https" || parsed->scheme == "http");
    if (!usable || !parsed->user.empty()) {
      server.reject(quote(url) + " is not a URL like https://192.0.2.1:6443");
    } else {
      cluster.server = *parsed;
    }
  }
  cluster.tls_server_name = text(field.at("tls-server-name"));
  const Field proxy = field.at("proxy-url");
  if (const std::string address = text(proxy); !address.empty()) {
    cluster.proxy = parse_url(address);
    if (!cluster.proxy) {
      proxy.reject(quote(address) + " is not a URL of a proxy: http, https, socks5 are supported");
    }
  }
  const Field extensions = field.at("extensions");
  for (const Field& element : extensions.elements()) {
    const Field extension = element.at("extension");
    if (text(element.at("name")) == exec_extension && extension.node()) {
      cluster.exec_config = to_json(*extension.node());
    }
  }
  return cluster;
}

User decode_user(const Field& field, const fs::path& directory) {
  User user;
  if (!field.is_map()) return user;  // "user: {}" and none at all mean anonymous
  user.certificate = decode_pem(field, "client-certificate", directory);
  user.key = decode_pem(field, "client-key", directory);
  user.token = text(field.at("token"));
  user.token_file = resolve(directory, text(field.at("tokenFile")));
  user.username = text(field.at("username"));
  user.password = text(field.at("password"));
  const Field exec = field.at("exec");
  if (exec.is_map()) user.exec = decode_exec(exec, directory);
  decode_impersonation(field, user);
  check_methods(field, user);
  return user;
}

}  // namespace kube
