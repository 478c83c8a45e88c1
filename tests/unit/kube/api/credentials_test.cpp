// Tokens and certificates that change under the client, and credential plugins that are real shell
// scripts.
#include "kube/api/credentials.hpp"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <sstream>

#include "core/error.hpp"
#include "kube/source/manifest_file.hpp"
#include "os/fd.hpp"
#include "os/read_file.hpp"
#include "support/catch.hpp"
#include "support/manual_clock.hpp"
#include "support/temporary.hpp"

namespace unit::credentials_test {

namespace {

using namespace std::chrono_literals;
using kube::ClientConfig;
using kube::Credentials;
using support::ManualClock;
using support::Temporary;

std::string error_of(Credentials& credentials) {
  try {
    static_cast<void>(credentials.get());
  } catch (const core::Error& error) {
    return error.what();
  }
  return "no error";
}

ClientConfig with_token_file(const std::string& path) {
  ClientConfig config;
  config.user.name = "ann";
  config.user.token_file = path;
  return config;
}

// A plugin that notes each run in the file "runs" and then does as `body` says.
class Plugin {
 public:
  explicit Plugin(const std::string& body, const std::string& hint = "") {
    path_ = directory_.write("plugin", "#!/bin/sh\necho run >>" + runs() + "\n" + body);
    chmod(path_.c_str(), 0755);
    config_.cluster.name = "c";
    config_.cluster.server = *kube::parse_url("https://192.0.2.1:6443");
    kube::ExecPlugin plugin;
    plugin.api_version = "client.authentication.k8s.io/v1";
    plugin.command = path_;
    plugin.install_hint = hint;
    config_.user.exec = plugin;
  }

  [[nodiscard]] std::string runs() const { return (directory_.path() / "runs").string(); }
  [[nodiscard]] std::size_t count() const {
    std::ifstream file(runs());
    std::string line;
    std::size_t lines = 0;
    while (std::getline(file, line)) ++lines;
    return lines;
  }
  [[nodiscard]] std::string file(const std::string& name) const {
    return os::read_file(directory_.path() / name);
  }
  [[nodiscard]] const Temporary& directory() const { return directory_; }
  [[nodiscard]] const std::string& path() const { return path_; }
  ClientConfig& config() { return config_; }

 private:
  Temporary directory_;
  std::string path_;
  ClientConfig config_;
};

std::string answer(const std::string& status) {
  return "cat <<END\n{\"kind\":\"ExecCredential\",\"apiVersion\":"
         "\"client.authentication.k8s.io/v1\",\"status\":{" +
         status + "}}\nEND\n";
}

}  // namespace

TEST_CASE("credentials: a token file is read again when it changes") {
  const Temporary directory;
  const std::string path = directory.write("token", "one\n");
  ManualClock clock;
  Credentials credentials(with_token_file(path), clock.clock());
  const auto first = credentials.get();
  CHECK(first.authorization == "Bearer one");
  CHECK(credentials.get() == first);

  SECTION("by another file under the same name, as the kubelet does") {
    const std::string other = directory.write("token.new", "two");
    rename(other.c_str(), path.c_str());
    CHECK(credentials.get().authorization == "Bearer two");
    CHECK(credentials.get().revision != first.revision);
  }
  SECTION("a file that is gone or empty leaves the last token in use, and a word about it") {
    unlink(path.c_str());
    CHECK(credentials.get() == first);
    CHECK(credentials.problems() ==
          std::vector<std::string>{"tokenFile of user \"ann\": " + path +
                                   " cannot be read: No such file or directory; what was read "
                                   "before stays in use"});
    static_cast<void>(directory.write("token", " \n"));
    CHECK(credentials.get() == first);
    CHECK(credentials.problems().at(0).find("is empty") != std::string::npos);
    static_cast<void>(directory.write("token", "three"));
    CHECK(credentials.get().authorization == "Bearer three");
    CHECK(credentials.problems().empty());
  }
  SECTION("once a minute even if stat sees no change, and after a refusal") {
    struct stat before {};
    stat(path.c_str(), &before);
    const auto replace_unseen = [&](const char* text) {
      std::fstream(path, std::ios::in | std::ios::out) << text;
      // ctime cannot be set back: a change that stat shows is taken at once, which is no harm.
      const timespec times[2] = {before.st_atim, before.st_mtim};
      utimensat(AT_FDCWD, path.c_str(), times, 0);
    };
    replace_unseen("two");
    clock.advance(61s);
    CHECK(credentials.get().authorization == "Bearer two");
    replace_unseen("six");
    credentials.reject(credentials.get().revision);
    CHECK(credentials.get().authorization == "Bearer six");
  }
}

TEST_CASE("credentials: a kubeconfig is read again when it changes") {
  const Temporary directory;
  const auto text = [](const std::string& server, const std::string& token) {
    return "current-context: c\ncontexts: [{name: c, context: {cluster: a, user: ann}}]\n"
           "clusters: [{name: a, cluster: {server: '" +
           server + "'}}]\nusers: [{name: ann, user: {token: " + token + "}}]\n";
  };
  const std::string path = directory.write("config", text("https://192.0.2.1:6443", "one"));
  const auto rewrite = [&](const std::string& name, const std::string& content) {
    static_cast<void>(directory.write(name, content));
  };
  ManualClock clock;
  ClientConfig config = kube::load_config({path, ""}, {});
  config.trust.known_uid = "kept";
  Credentials credentials(config, clock.clock());
  const auto first = credentials.get();
  CHECK(first.authorization == "Bearer one");
  CHECK(credentials.get().revision == first.revision);

  rewrite("config", text("https://192.0.2.1:6443", "another"));
  CHECK(credentials.get().authorization == "Bearer another");
  CHECK(credentials.get().revision != first.revision);
  rewrite("config", text("https://192.0.2.2:6443", "another"));
  CHECK(credentials.get().authorization == "Bearer another");
  CHECK(to_string(credentials.config().cluster.server) == "https://192.0.2.2:6443");
  CHECK(credentials.config().trust.known_uid == "kept");
  CHECK(credentials.problems().empty());

  // What cannot be used is told, and changes nothing.
  rewrite("config", "current-context: [");
  CHECK(credentials.get().authorization == "Bearer another");
  REQUIRE(credentials.problems().size() == 1);
  CHECK(credentials.problems().front().ends_with("; what was read before stays in use"));
  rewrite("config", text("https://192.0.2.2:6443", "third"));
  CHECK(credentials.get().authorization == "Bearer third");
  CHECK(credentials.problems().empty());
}

TEST_CASE("credentials: which of several counts") {
  const Temporary directory;
  ManualClock clock;
  ClientConfig config = with_token_file((directory.path() / "token").string());
  Credentials alone(config, clock.clock());
  CHECK(error_of(alone) == "tokenFile of user \"ann\": " + config.user.token_file +
                               " cannot be read: No such file or directory");
  config.user.token = "fixed";
  Credentials both(config, clock.clock());
  CHECK(both.get().authorization == "Bearer fixed");
  static_cast<void>(directory.write("token", "from-file"));
  CHECK(both.get().authorization == "Bearer from-file");
  CHECK(alone.get().authorization == "Bearer from-file");
  static_cast<void>(directory.write("token", "a\r\nEvil: header"));
  CHECK(error_of(alone) ==
        "tokenFile of user \"ann\": the token holds spaces or control characters");

  ClientConfig basic;
  basic.user.username = "ann";
  basic.user.password = "secret";
  CHECK(Credentials(basic, clock.clock()).get().authorization == "Basic YW5uOnNlY3JldA==");
  CHECK(Credentials({}, clock.clock()).get() == kube::Credential{});

  ClientConfig files;
  files.cluster.ca.file = directory.write("ca", "CA");
  files.user.certificate.file = directory.write("cert", "CERT");
  files.user.key.file = directory.write("key", "KEY");
  Credentials certificates(files, clock.clock());
  CHECK(certificates.get() == kube::Credential{1, "", "CERT", "KEY", "CA"});
  static_cast<void>(directory.write("cert", "CERT2"));
  CHECK(certificates.get() == kube::Credential{2, "", "CERT2", "KEY", "CA"});
}

TEST_CASE("credentials: a plugin is asked once until its answer expires or is refused") {
  Plugin plugin(answer(R"x("token":"t$(wc -l <runs | tr -d ' ')",)x"
                       R"x("expirationTimestamp":"2023-11-14T23:13:20Z")x"));
  plugin.config().user.exec->command = "/bin/sh";  // to run it in its directory
  plugin.config().user.exec->args = {
      "-c", "cd " + plugin.directory().path().string() + " && exec ./plugin"};
  ManualClock clock;  // 2023-11-14T22:13:20Z
  Credentials credentials(plugin.config(), clock.clock());
  CHECK(credentials.get().authorization == "Bearer t1");
  clock.advance(3599s);
  CHECK(credentials.get().authorization == "Bearer t1");
  CHECK(plugin.count() == 1);
  const auto refused = credentials.get().revision;
  credentials.reject(refused);
  CHECK(credentials.get().authorization == "Bearer t2");
  credentials.reject(refused);  // by an answer that took longer: it is not this one's fault
  CHECK(credentials.get().authorization == "Bearer t2");
  clock.advance(1s);
  CHECK(credentials.get().authorization == "Bearer t3");
  CHECK(credentials.problems().empty());
}

TEST_CASE("credentials: what a plugin is told, and a certificate for an answer") {
  Plugin plugin(
      "echo \"$KUBERNETES_EXEC_INFO\" >$DIR/info; echo \"$1 $2 $REGION\" >$DIR/args\n"
      "cat >$DIR/input; " +
      answer(R"("clientCertificateData":"CERT","clientKeyData":"KEY")"));
  auto& exec = *plugin.config().user.exec;
  exec.args = {"one", "t w o"};
  exec.env = {{"REGION", "north"}, {"DIR", plugin.directory().path().string()}};
  ManualClock clock;
  const auto credential = Credentials(plugin.config(), clock.clock()).get();
  CHECK(credential.certificate == "CERT");
  CHECK(credential.key == "KEY");
  CHECK(credential.authorization.empty());
  CHECK(plugin.file("args") == "one t w o north\n");
  CHECK(plugin.file("input").empty());
  CHECK(plugin.file("info") ==
        "{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/v1\","
        "\"spec\":{\"interactive\":false}}\n");

  exec.provide_cluster_info = true;
  kube::Cluster& cluster = plugin.config().cluster;
  cluster.ca.data = "PEM";
  cluster.tls_server_name = "api";
  cluster.proxy = kube::parse_url("http://p:1");
  cluster.exec_config = R"({"a":1})";
  static_cast<void>(Credentials(plugin.config(), clock.clock()).get());
  CHECK(plugin.file("info") ==
        "{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/v1\","
        "\"spec\":{\"interactive\":false,\"cluster\":{\"server\":\"https://192.0.2.1:6443\","
        "\"tls-server-name\":\"api\",\"certificate-authority-data\":\"UEVN\","
        "\"proxy-url\":\"http://p:1\",\"config\":{\"a\":1}}}}\n");
}

TEST_CASE("credentials: what is wrong with a plugin is said") {
  struct Case {
    std::string body;
    std::string message;
  };
  const std::vector<Case> cases = {
      {"echo no such account >&2; echo really >&2; exit 3",
       "it ended with status 3: no such account really"},
      {"exit 1", "it ended with status 1 and said nothing"},
      {"kill -9 $$", "it was killed: Killed and said nothing"},
      {"true", "it answered nothing"},
      {"echo '{}'; echo '{}'", "it answered twice"},
      {"echo hello",
       "its answer is not JSON: syntax error while parsing value - invalid literal; "
       "last read: 'h'"},
      {"echo '{\"kind\":\"Pod\"}'", "its answer: kind: is not \"ExecCredential\""},
      {"echo '{\"kind\":\"ExecCredential\",\"apiVersion\":"
       "\"client.authentication.k8s.io/v1beta1\"}'",
       "its answer: apiVersion: is not \"client.authentication.k8s.io/v1\", for which it was "
       "asked"},
      {answer(""), "its answer: status: holds neither token nor clientCertificateData"},
      {answer("\"clientKeyData\":\"x\""),
       "its answer: status.clientKeyData: clientCertificateData and clientKeyData belong together"},
      {answer("\"token\":\"x\",\"expirationTimestamp\":\"soon\""),
       "its answer: status.expirationTimestamp: \"soon\" is not a time like 2024-01-31T23:59:59Z"},
  };
  ManualClock clock;
  for (const Case& item : cases) {
    Plugin plugin(item.body);
    Credentials credentials(plugin.config(), clock.clock());
    const std::string expected = "credential plugin " + plugin.path() + ": " + item.message;
    CHECK(error_of(credentials) == expected);
    CHECK(error_of(credentials) == expected);
    CHECK(plugin.count() == 1);  // not run again for everybody who waits
    CHECK(credentials.problems() == std::vector<std::string>{expected});
    clock.advance(60s);
    CHECK(error_of(credentials) == expected);
    CHECK(plugin.count() == 2);
  }
  ClientConfig config;
  config.user.exec = kube::ExecPlugin{"client.authentication.k8s.io/v1",
                                      "pona-no-such-plugin",
                                      {},
                                      {},
                                      "get it from example.org",
                                      false};
  Credentials missing(config, clock.clock());
  CHECK(error_of(missing) ==
        "credential plugin pona-no-such-plugin: cannot run pona-no-such-plugin: No such file or "
        "directory; get it from example.org");
}

TEST_CASE("credentials: a plugin that hangs is ended, with what it started") {
  Plugin plugin("echo waiting >&2; sleep 1000 & echo $! >$DIR/child; wait");
  plugin.config().user.exec->env = {{"DIR", plugin.directory().path().string()}};
  const auto child_lives = [&] {
    const std::string stat = "/proc/" + std::to_string(std::stoi(plugin.file("child"))) + "/stat";
    std::ifstream file(stat);
    std::string pid, name, state;
    file >> pid >> name >> state;
    return file && state != "Z" && state != "X";
  };
  const auto begun = std::chrono::steady_clock::now();
  SECTION("after its time") {
    Credentials credentials(plugin.config(), os::system_clock(), 500ms);
    CHECK(error_of(credentials) == "credential plugin " + plugin.path() +
                                       ": it did not end within 1 s and was killed: waiting");
  }
  SECTION("when pona stops") {
    const os::Fd stop(eventfd(1, EFD_CLOEXEC));
    const auto path = plugin.directory().path();
    // A stop that comes before the plugin has begun anything finds no child to look for.
    static_cast<void>(plugin.directory().write("child", std::to_string(1 << 30)));
    Credentials credentials(plugin.config(), os::system_clock(), 60s, stop.get());
    CHECK(error_of(credentials) ==
          "credential plugin " + plugin.path() + ": it was killed, as pona stops");
  }
  CHECK(std::chrono::steady_clock::now() - begun < 20s);
  for (int i = 0; i < 100 && child_lives(); ++i) usleep(20'000);
  CHECK_FALSE(child_lives());
}

TEST_CASE("credentials: what a plugin leaves behind does not hold up its answer") {
  Plugin plugin("sleep 1000 & echo $! >$DIR/child\n" + answer("\"token\":\"t\""));
  plugin.config().user.exec->env = {{"DIR", plugin.directory().path().string()}};
  Credentials credentials(plugin.config(), os::system_clock(), 30s);
  CHECK(credentials.get().authorization == "Bearer t");
  kill(std::stoi(plugin.file("child")), SIGKILL);
}

}  // namespace unit::credentials_test
