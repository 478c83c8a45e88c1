// Kubeconfigs as kubectl reads them, and every message that a bad one gets.
#include "kube/api/kubeconfig.hpp"

#include <string>
#include <vector>

#include "core/error.hpp"
#include "support/catch.hpp"
#include "support/temporary.hpp"

namespace unit::kubeconfig_test {

namespace {

namespace fs = std::filesystem;
using kube::ClientConfig;
using support::Temporary;

// "-----BEGIN A-----"
const std::string pem = "LS0tLS1CRUdJTiBBLS0tLS0=";

std::string kubeconfig(const std::string& cluster, const std::string& user,
                       const std::string& more = "") {
  return "apiVersion: v1\nkind: Config\ncurrent-context: shop\n"
         "contexts: [{name: shop, context: {cluster: c, user: u" +
         more + "}}]\nclusters: [{name: c, cluster: {" + cluster +
         "}}]\nusers: [{name: u, user: {" + user + "}}]\n";
}

std::string error_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const core::Error& error) {
    CHECK(error.kind() == core::Error::Kind::usage);
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("kubeconfig: everything that a context may say") {
  const Temporary directory;
  const std::string file = directory.write("sub/config", R"(
current-context: other
contexts:
- {name: other, context: {cluster: none, user: none}}
- {name: shop, context: {cluster: c, user: u, namespace: web}}
clusters:
- name: c
  cluster:
    server: https://[2001:db8::1]:6443/prefix/
    certificate-authority: ../ca.pem
    tls-server-name: api.example
    proxy-url: socks5://proxy.example
    extensions:
    - name: client.authentication.k8s.io/exec
      extension: {audience: "a\"b", level: 3, list: [true, null, -1.5, 007]}
users:
- name: u
  user:
    client-certificate: cert.pem
    client-key-data: )" + pem + R"(
    as: ann
    as-uid: "7"
    as-groups: [one, two]
    as-user-extra: {"scopes/x": [view]}
    exec:
      apiVersion: client.authentication.k8s.io/v1
      command: ./bin/plugin
      args: [get, token]
      env: [{name: REGION, value: north}]
      installHint: install it
      interactiveMode: IfAvailable
      provideClusterInfo: true
)");
  const ClientConfig config = kube::load_config({file, "shop"}, {});
  CHECK(config.origin == "context \"shop\" of kubeconfig " + file);
  CHECK(config.ns == "web");
  CHECK(config.warnings.empty());
  CHECK(config.cluster.server == kube::Url{"https", "", "2001:db8::1", 6443, "/prefix"});
  CHECK(config.cluster.server.authority() == "[2001:db8::1]:6443");
  CHECK(config.cluster.ca.file == (directory.path() / "ca.pem").string());
  CHECK(config.cluster.tls_server_name == "api.example");
  CHECK(config.cluster.proxy == kube::Url{"socks5", "", "proxy.example", 1080, ""});
  CHECK(config.cluster.exec_config ==
        R"({"audience":"a\"b","level":3,"list":[true,null,-1.5,"007"]})");
  CHECK(config.user.certificate.file == (directory.path() / "sub/cert.pem").string());
  CHECK(config.user.key.data == "-----BEGIN A-----");
  CHECK(config.user.headers ==
        std::vector<std::pair<std::string, std::string>>{{"Impersonate-User", "ann"},
                                                         {"Impersonate-Uid", "7"},
                                                         {"Impersonate-Group", "one"},
                                                         {"Impersonate-Group", "two"},
                                                         {"Impersonate-Extra-scopes%2Fx", "view"}});
  REQUIRE(config.user.exec);
  CHECK(config.user.exec->command == (directory.path() / "sub/bin/plugin").string());
  CHECK(config.user.exec->args == std::vector<std::string>{"get", "token"});
  CHECK(config.user.exec->env ==
        std::vector<std::pair<std::string, std::string>>{{"REGION", "north"}});
  CHECK(config.user.exec->install_hint == "install it");
  CHECK(config.user.exec->provide_cluster_info);
}

TEST_CASE("kubeconfig: the small print") {
  struct Case {
    std::string cluster;
    std::string user;
    std::function<bool(const ClientConfig&)> holds;
  };
  const std::vector<Case> cases = {
      {"server: 'http://h'", "",
       [](const auto& c) {
         return c.cluster.server == kube::Url{"http", "", "h", 80, ""};
       }},
      {"server: 'h:8443'", "", [](const auto& c) { return c.cluster.server.scheme == "http"; }},
      {"server: 'h:8443', insecure-skip-tls-verify: true", "",
       [](const auto& c) {
         return c.cluster.server.scheme == "https" && c.warnings.size() == 1 &&
                c.warnings[0].find("insecure-skip-tls-verify of cluster \"c\"") !=
                    std::string::npos;
       }},
      {"server: 'https://h', certificate-authority: x, certificate-authority-data: " + pem, "",
       [](const auto& c) { return c.cluster.ca.file.empty() && !c.cluster.ca.data.empty(); }},
      {"server: 'https://h'", "token: t, tokenFile: f",
       [](const auto& c) { return c.user.token == "t" && c.user.token_file.ends_with("/f"); }},
      {"server: 'https://h'", "username: ann, password: secret",
       [](const auto& c) { return c.user.username == "ann" && c.user.password == "secret"; }},
      {"server: 'https://h'",
       "exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: cloud-auth}",
       [](const auto& c) { return c.user.exec->command == "cloud-auth"; }},
  };
  const Temporary directory;
  for (const Case& item : cases) {
    INFO(item.cluster << " / " << item.user);
    const auto file = directory.write("config", kubeconfig(item.cluster, item.user));
    CHECK(item.holds(kube::load_config({file, ""}, {})));
  }
}

TEST_CASE("kubeconfig: what is wrong is said with file, line, field and context") {
  struct Case {
    std::string text;
    std::string message;  // @ stands for the file
  };
  const std::string https = "server: 'https://h'";
  const std::string wanted = " (wanted by context \"shop\")";
  const std::string exec = "exec: {apiVersion: client.authentication.k8s.io/v1, command: x, ";
  const std::vector<Case> cases = {
      {"a: [",
       "kubeconfig @:2: not YAML: did not find expected node content while parsing a flow "
       "node"},
      {"[]", "kubeconfig @:1: not a kubeconfig: it must be a map"},
      {"a: b\n---\nc: d", "kubeconfig @:2: a second document: a kubeconfig is a single one"},
      {"",
       "kubeconfig @: current-context: missing, and no context was asked for; it holds no "
       "contexts"},
      {"contexts: [{name: a, context: {}}]",
       "kubeconfig @: current-context: missing, and no context was asked for; it holds \"a\""},
      {"contexts: 7\ncurrent-context: a",
       "kubeconfig @:1: contexts: 7 is a number, wanted is a "
       "list"},
      {"current-context: shpo\ncontexts: [{name: shop, context: {cluster: c}}]",
       "kubeconfig @: contexts: there is no context \"shpo\"; did you mean \"shop\"?"},
      {"current-context: shop\ncontexts: [{name: shop, context: {user: u}}]",
       "kubeconfig @:2: contexts[0].context.cluster: missing: the name of a cluster" + wanted},
      {"current-context: shop\ncontexts: [{name: shop, context: {cluster: c}}]",
       "kubeconfig @: clusters: there is no cluster \"c\", which context \"shop\" names"},
      {"current-context: shop\ncontexts: [{name: shop, context: {cluster: c, user: u}}]\n"
       "clusters: [{name: c, cluster: {server: 'https://h'}}]",
       "kubeconfig @: users: there is no user \"u\", which context \"shop\" names"},
      {kubeconfig("", ""),
       "kubeconfig @:5: clusters[0].cluster.server: missing: the API server's "
       "URL, as https://192.0.2.1:6443" +
           wanted},
      {kubeconfig("server: 'ftp://h'", ""),
       "kubeconfig @:5: clusters[0].cluster.server: \"ftp://h\" is not a URL like "
       "https://192.0.2.1:6443" +
           wanted},
      {kubeconfig("server: 'https://h:99999'", ""),
       "kubeconfig @:5: clusters[0].cluster.server: \"https://h:99999\" is not a URL like "
       "https://192.0.2.1:6443" +
           wanted},
      {kubeconfig(https + ", certificate-authority-data: '!'", ""),
       "kubeconfig @:5: clusters[0].cluster.certificate-authority-data: is not base64" + wanted},
      {kubeconfig(https + ", certificate-authority-data: QUJD", ""),
       "kubeconfig @:5: clusters[0].cluster.certificate-authority-data: holds no PEM "
       "(\"-----BEGIN …\") once its base64 is decoded" +
           wanted},
      {kubeconfig(https + ", insecure-skip-tls-verify: true, certificate-authority: x", ""),
       "kubeconfig @:5: clusters[0].cluster.insecure-skip-tls-verify: a certificate authority is "
       "given too: remove one of them" +
           wanted},
      {kubeconfig(https + ", proxy-url: 'gopher://x'", ""),
       "kubeconfig @:5: clusters[0].cluster.proxy-url: \"gopher://x\" is not a URL of a proxy: "
       "http, "
       "https, socks5 are supported" +
           wanted},
      {kubeconfig(https, "token: 12"),
       "kubeconfig @:6: users[0].user.token: 12 is a number, a text is wanted: put it in quotes" +
           wanted},
      {kubeconfig(https, "token: t, username: u"),
       "kubeconfig @:6: users[0].user: both a token and username/password are given: only one can "
       "be sent, remove one" +
           wanted},
      {kubeconfig(https, "client-certificate: x"),
       "kubeconfig @:6: users[0].user.client-key: missing: client-certificate and client-key "
       "belong together" +
           wanted},
      {kubeconfig(https, "auth-provider: {name: gcp}"),
       "kubeconfig @:6: users[0].user.auth-provider: was removed from Kubernetes 1.26: use an exec "
       "credential plugin" +
           wanted},
      {kubeconfig(https, "exec: {command: x}"),
       "kubeconfig @:6: users[0].user.exec.apiVersion: missing: client.authentication.k8s.io/v1 or "
       "v1beta1" +
           wanted},
      {kubeconfig(https, "exec: {apiVersion: client.authentication.k8s.io/v1}"),
       "kubeconfig @:6: users[0].user.exec.command: missing: the plugin to run" + wanted},
      {kubeconfig(https, exec + "interactiveMode: Always}"),
       "kubeconfig @:6: users[0].user.exec.interactiveMode: \"Always\": the plugin wants to ask "
       "somebody, and nobody is there to answer" +
           wanted},
      {kubeconfig(https, "as-groups: [x]"),
       "kubeconfig @:6: users[0].user.as: missing: groups, uid and extra are of the user that is "
       "impersonated" +
           wanted},
  };
  const Temporary directory;
  for (const Case& item : cases) {
    const std::string file = directory.write("config", item.text);
    std::string expected = item.message;
    if (const auto at = expected.find('@'); at != std::string::npos) expected.replace(at, 1, file);
    CHECK(error_of([&] { kube::load_config({file, ""}, {}); }) == expected);
  }
}

TEST_CASE("kubeconfig: entries that the context does not name may be wrong") {
  const Temporary directory;
  const auto file = directory.write(
      "config", kubeconfig("server: 'https://h'", "token: t") + "preferences: {}\nextensions: 3\n");
  CHECK(kube::load_config({file, ""}, {}).user.token == "t");
}

TEST_CASE("1.25: the contexts that can be chosen are those of all files that are read") {
  const Temporary directory;
  const std::string first = directory.write("first", "contexts: [{name: north}, {name: south}]");
  const std::string second = directory.write("second", "contexts: [{name: east}]");
  using Names = std::vector<std::string>;
  CHECK(kube::context_names("", {{"KUBECONFIG", first + ":" + second}}) ==
        Names{"north", "south", "east"});
  CHECK(kube::context_names(second, {{"KUBECONFIG", first}}) == Names{"east"});
  CHECK(kube::context_names("", {{"KUBERNETES_SERVICE_HOST", "10.96.0.1"}}).empty());
  CHECK(error_of([&] { kube::context_names(first + "-missing", {}); }).find("first-missing") !=
        std::string::npos);
}

TEST_CASE("kubeconfig: of the files of KUBECONFIG the first that says something counts") {
  const Temporary directory;
  const auto first =
      directory.write("a", "clusters: [{name: c, cluster: {server: 'https://one'}}]");
  const auto second =
      directory.write("b", kubeconfig("server: 'https://two', tls-server-name: x", "token: t"));
  const auto third = directory.write("c", "current-context: other");
  const std::string missing = (directory.path() / "missing").string();
  const kube::Environment environment = {
      {"KUBECONFIG", missing + "::" + first + ":" + second + ":" + third + ":" + first}};
  const ClientConfig config = kube::load_config({}, environment);
  CHECK(config.context == "shop");
  CHECK(config.cluster.server.host == "one");
  CHECK(config.cluster.tls_server_name.empty());  // an entry counts as a whole
  CHECK(config.user.token == "t");
  CHECK(config.origin == "context \"shop\" of kubeconfig " + first + ", " + second + ", " + third);
  CHECK(error_of([&] {
          kube::load_config({"", "gone"}, environment);
        }) == "kubeconfig " + first + ", " + second + ", " + third +
                  ": contexts: there is no context \"gone\"; it holds \"shop\"");
  CHECK(error_of([&] {
          kube::load_config({}, {{"KUBECONFIG", missing}});
        }) == "no kubeconfig: none of the files of KUBECONFIG (" + missing +
                  ") exists, and without KUBERNETES_SERVICE_HOST this is not a pod; name a file by "
                  "--kubeconfig");
  CHECK(error_of([&] {
          kube::load_config({missing, ""}, environment);
        }) == "kubeconfig " + missing + " cannot be read: No such file or directory");
}

TEST_CASE("kubeconfig: where one is looked for says where one is found") {
  const Temporary directory;
  const std::string home = directory.path().string();
  CHECK(kube::usual_config({}).empty());
  CHECK(kube::usual_config({{"HOME", home}}).empty());
  CHECK(kube::usual_config({{"HOME", home}, {"KUBERNETES_SERVICE_HOST", "10.96.0.1"}}) ==
        "KUBERNETES_SERVICE_HOST");
  static_cast<void>(directory.write(".kube/config", "{}"));
  CHECK(kube::usual_config({{"HOME", home}, {"KUBERNETES_SERVICE_HOST", "10.96.0.1"}}) ==
        home + "/.kube/config");
  CHECK(kube::usual_config({{"HOME", home}, {"KUBECONFIG", "/k"}}) == "KUBECONFIG");
  CHECK(kube::usual_config({{"HOME", home}, {"KUBECONFIG", ""}}) == home + "/.kube/config");
}

TEST_CASE("kubeconfig: below HOME, and a pod's service account where there is none") {
  const Temporary directory;
  const fs::path account = directory.path() / "account";
  const std::string home = directory.path().string();
  kube::Environment environment = {
      {"HOME", home}, {"KUBERNETES_SERVICE_HOST", "fd00::1"}, {"KUBERNETES_SERVICE_PORT", "443"}};
  CHECK(error_of([&] { kube::load_config({}, environment, account); }) ==
        "in-cluster configuration: " + (account / "token").string() +
            " is missing: does the pod set automountServiceAccountToken to false?");
  static_cast<void>(directory.write("account/token", "t"));
  ClientConfig config = kube::load_config({}, environment, account);
  CHECK(config.ns == "default");
  CHECK(config.warnings.size() == 1);
  static_cast<void>(directory.write("account/namespace", "pona-system\n"));
  config = kube::load_config({}, environment, account);
  CHECK(config.ns == "pona-system");
  CHECK(config.warnings.empty());
  CHECK(config.cluster.server.authority() == "[fd00::1]:443");
  CHECK(config.cluster.ca.file == (account / "ca.crt").string());
  CHECK(config.user.token_file == (account / "token").string());
  CHECK(error_of([&] {
          kube::load_config({"", "shop"}, environment, account);
        }) == "no kubeconfig: " + home +
                  "/.kube/config does not exist, so there is no context "
                  "\"shop\"; name a file by --kubeconfig");

  static_cast<void>(directory.write(".kube/config", kubeconfig("server: 'https://h'", "")));
  CHECK(kube::load_config({}, environment, account).context == "shop");
  environment.erase("KUBERNETES_SERVICE_PORT");
  CHECK(error_of([&] { kube::load_in_cluster(environment, account); }) ==
        "in-cluster configuration: KUBERNETES_SERVICE_PORT is not set: this is not a pod, or its "
        "service links were removed");
}

TEST_CASE("base64 is read and written") {
  for (const std::string text : {"", "a", "ab", "abc", "abcd", "\xff\x00\x01"}) {
    CHECK(kube::decode_base64(kube::encode_base64(text)) == text);
  }
  CHECK(kube::encode_base64("abcd") == "YWJjZA==");
  CHECK(kube::decode_base64("YW Jj\nZA==\n") == "abcd");
  for (const char* bad :
       {"Y", "YW", "YWJ", "YW=", "YWJjZA=", "YWJjZA===", "YW==YW==", "=", "Y==="}) {
    INFO(bad);
    CHECK_FALSE(kube::decode_base64(bad));
  }
}

TEST_CASE("JSON texts are valid whatever goes in") {
  CHECK(kube::json_text("a\"\\\n\x1f é") == "\"a\\\"\\\\\\u000A\\u001F é\"");
  CHECK(kube::json_text("\xff\xc3") == "\"\xef\xbf\xbd\xef\xbf\xbd\"");
}

}  // namespace unit::kubeconfig_test
