#include "kube/api/exec_plugin.hpp"

#include <algorithm>
#include <cstring>

#include "core/error.hpp"
#include "kube/decode/kinds.hpp"
#include "kube/decode/parse.hpp"
#include "os/process.hpp"

namespace kube {
namespace {

std::string called(const ExecPlugin& plugin) { return "credential plugin " + plugin.command; }

[[noreturn]] void fail(const ExecPlugin& plugin, const std::string& what) {
  throw core::Error(core::Error::Kind::transient, called(plugin) + ": " + what);
}

// The complaint in one line.
std::string last_words(const std::string& errors) {
  std::string text = errors;
  std::replace(text.begin(), text.end(), '\n', ' ');
  text.erase(text.find_last_not_of(' ') + 1);
  constexpr std::size_t most = 300;
  if (text.size() > most) text = "…" + text.substr(text.size() - most);
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return text.empty() ? " and said nothing" : ": " + text;
}

}  // namespace

std::string exec_info(const ExecPlugin& plugin, const Cluster& cluster, const std::string& ca) {
  std::string info = R"({"kind":"ExecCredential","apiVersion":)" + json_text(plugin.api_version) +
                     R"(,"spec":{"interactive":false)";
  if (plugin.provide_cluster_info) {
    info += R"(,"cluster":{"server":)" + json_text(to_string(cluster.server));
    if (!cluster.tls_server_name.empty()) {
      info += R"(,"tls-server-name":)" + json_text(cluster.tls_server_name);
    }
    if (cluster.insecure) info += R"(,"insecure-skip-tls-verify":true)";
    if (!ca.empty()) info += R"(,"certificate-authority-data":)" + json_text(encode_base64(ca));
    if (cluster.proxy) info += R"(,"proxy-url":)" + json_text(to_string(*cluster.proxy));
    if (!cluster.exec_config.empty()) info += R"(,"config":)" + cluster.exec_config;
    info += '}';
  }
  return info + "}}";
}

ExecCredential parse_exec_credential(const ExecPlugin& plugin, const std::string& answer) {
  Document document;
  std::vector<Finding> findings;
  ExecCredential credential;
  int values = 0;
  const auto error = parse_json(answer, document, [&](const Document& value) {
    if (++values > 1) return;
    const Field root(*value.root(), findings);
    const Field kind = root.at("kind");
    if (kind.string() != "ExecCredential") kind.reject("is not \"ExecCredential\"");
    const Field version = root.at("apiVersion");
    if (version.string() != plugin.api_version) {
      version.reject("is not " + quote(plugin.api_version) + ", for which it was asked");
    }
    const Field status = root.at("status");
    if (!status.is_map()) {
      if (status.missing()) status.reject("missing");
      return;
    }
    credential.token = status.at("token").string().value_or("");
    credential.certificate = status.at("clientCertificateData").string().value_or("");
    const Field key = status.at("clientKeyData");
    credential.key = key.string().value_or("");
    if (credential.certificate.empty() != credential.key.empty()) {
      key.reject("clientCertificateData and clientKeyData belong together");
    } else if (credential.token.empty() && credential.key.empty()) {
      status.reject("holds neither token nor clientCertificateData");
    }
    const Field expires = status.at("expirationTimestamp");
    const auto time = expires.string();
    if (!time) return;
    credential.expires = parse_timestamp(*time);
    if (!credential.expires)
      expires.reject(quote(*time) + " is not a time like 2024-01-31T23:59:59Z");
  });
  if (error) fail(plugin, "its answer is " + error->reason);
  if (values != 1) fail(plugin, values == 0 ? "it answered nothing" : "it answered twice");
  for (const Finding& finding : findings) {
    if (finding.fatal) fail(plugin, "its answer: " + finding.field + ": " + finding.text);
  }
  return credential;
}

ExecCredential run_plugin(const ExecPlugin& plugin, const Cluster& cluster, const std::string& ca,
                          std::chrono::milliseconds limit, int abandon_fd) {
  Environment environment = process_environment();
  environment["KUBERNETES_EXEC_INFO"] = exec_info(plugin, cluster, ca);
  for (const auto& [name, value] : plugin.env) environment[name] = value;
  os::ProcessRequest request;
  request.arguments.push_back(plugin.command);
  request.arguments.insert(request.arguments.end(), plugin.args.begin(), plugin.args.end());
  for (const auto& [name, value] : environment) request.environment.push_back(name + "=" + value);
  request.limit = limit;
  request.abandon_fd = abandon_fd;
  os::ProcessResult result;
  try {
    result = os::run_process(request);
  } catch (const core::Error& error) {
    const bool missing = error.kind() == core::Error::Kind::permanent;
    fail(plugin,
         error.what() + (missing && !plugin.install_hint.empty() ? "; " + plugin.install_hint
                                                                 : std::string()));
  }
  switch (result.end) {
    case os::ProcessResult::End::exited:
      break;
    case os::ProcessResult::End::killed:
      fail(plugin,
           std::string("it was killed: ") + strsignal(result.status) + last_words(result.errors));
    case os::ProcessResult::End::timed_out:
      fail(plugin, "it did not end within " +
                       std::to_string(std::chrono::ceil<std::chrono::seconds>(limit).count()) +
                       " s and was killed" + last_words(result.errors));
    case os::ProcessResult::End::abandoned:
      fail(plugin, "it was killed, as pona stops");
  }
  if (result.status != 0) {
    fail(plugin,
         "it ended with status " + std::to_string(result.status) + last_words(result.errors));
  }
  return parse_exec_credential(plugin, result.output);
}

}  // namespace kube
