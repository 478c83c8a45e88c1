#include "cmd/edge/options/options.hpp"

#include <fstream>

#include "cmd/edge/source.hpp"
#include "core/constants.hpp"
#include "core/error.hpp"
#include "support/catch.hpp"

namespace unit::options_test {

using cmd::OptionSources;

namespace {

OptionSources sources(std::map<std::string, std::string> flags,
                      std::map<std::string, std::string> environment = {},
                      const std::string& file = "") {
  OptionSources result;
  result.flags = std::move(flags);
  result.environment = std::move(environment);
  result.config_name = "edge.yaml";
  result.config = cmd::parse_config(result.config_name, file);
  return result;
}

std::string complaint(const OptionSources& from) {
  try {
    cmd::resolve_options(from);
  } catch (const core::Error& error) {
    CHECK(error.kind() == core::Error::Kind::usage);
    return error.what();
  }
  return "";
}

std::string origin(const cmd::ResolvedOptions& resolved, std::string_view name) {
  for (const auto& option : resolved.effective) {
    if (option.name == name) return option.text + " from " + option.origin;
  }
  return "missing";
}

std::string config_complaint(const std::string& text) {
  try {
    cmd::parse_config("f", text);
  } catch (const core::Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("without any setting the options are the documented defaults") {
  const cmd::EdgeOptions options = cmd::resolve_options(sources({})).options;
  CHECK(options.manifests == "/etc/pona/manifests");
  CHECK(options.socket == "/run/pona/edge.sock");
  CHECK(options.state_dir == "/var/lib/pona");
  CHECK(options.max_ports_per_mapping == 50);
  CHECK(options.resync == std::chrono::seconds(600));
  CHECK(options.address_hold == std::chrono::seconds(60));
  CHECK(options.log_level == cmd::log::Level::info);
  CHECK(options.log_format == cmd::log::Format::text);
  core::EdgeSettings settings;
  settings.mark_mask = core::constants::edge_mark_mask;
  settings.monitor_address = core::Address::parse("127.0.0.1");
  settings.monitor_port = 8080;
  CHECK(options.settings == settings);
}

TEST_CASE("flag counts more than environment, file, SmartNat's variable and default") {
  const std::map<std::string, std::string> smartnat = {{"SNCTRLR_GW_ADDRESS_OFFSET", "-4"}};
  auto environment = smartnat;
  environment["PONA_EDGE_GATEWAY_OFFSET"] = "2";
  const std::string file = "\n# comment\ngateway-offset: 3\n";

  const auto all = cmd::resolve_options(sources({{"gateway-offset", "1"}}, environment, file));
  CHECK(all.options.settings.gateway_offset == 1);
  CHECK(origin(all, "gateway-offset") == "1 from --gateway-offset");
  const auto no_flag = cmd::resolve_options(sources({}, environment, file));
  CHECK(no_flag.options.settings.gateway_offset == 2);
  CHECK(origin(no_flag, "gateway-offset") == "2 from PONA_EDGE_GATEWAY_OFFSET");
  const auto no_environment = cmd::resolve_options(sources({}, smartnat, file));
  CHECK(no_environment.options.settings.gateway_offset == 3);
  CHECK(origin(no_environment, "gateway-offset") == "3 from edge.yaml:3");
  const auto no_file = cmd::resolve_options(sources({}, smartnat));
  CHECK(no_file.options.settings.gateway_offset == -4);
  CHECK(origin(no_file, "gateway-offset") == "-4 from SNCTRLR_GW_ADDRESS_OFFSET");
  CHECK(origin(cmd::resolve_options(sources({})), "gateway-offset") == "1 from default");
}

TEST_CASE("an unreadable value is an error that names its origin, whatever else is set") {
  CHECK(complaint(sources({{"masquerade", "flase"}})) ==
        "--masquerade \"flase\" is neither true nor false");
  CHECK(complaint(sources({}, {{"PONA_EDGE_RESYNC", "1m"}})) ==
        "PONA_EDGE_RESYNC \"1m\" must be an integer from 1 to 604800");
  CHECK(complaint(sources({}, {}, "snat: true\nbackend: pods\n")) ==
        "edge.yaml:2: backend \"pods\" must be one of: endpoints, clusterip");
  CHECK(complaint(sources({}, {{"SNCTRLR_MONITOR_PORT", "65536"}})) ==
        "SNCTRLR_MONITOR_PORT \"65536\" must be an integer from 0 to 65535");
  CHECK(complaint(sources({}, {{"SNCTRLR_DEBUG_ENABLED", "maybe"}})) ==
        "SNCTRLR_DEBUG_ENABLED \"maybe\" must be one of: debug, info, warning, error");
}

TEST_CASE("every kind of bad value is refused") {
  const std::pair<const char*, const char*> bad[] = {
      {"external-interfaces", "eth[1-9"},
      {"gateway-offset", "1.5"},
      {"gateway-offset", ""},
      {"mark-mask", "0xzz"},
      {"mark-mask", "0"},
      {"mark-mask", "0x7"},
      {"mark-mask", "0xf0f0"},
      {"mark-mask", "1ffffffff"},
      {"monitor-address", "localhost"},
      {"masquerade-addresses", "10.1.0.8,eth0"},
      {"monitor-port", "-1"},
      {"max-ports-per-mapping", "0"},
      {"resync", "0"},
      {"socket", ""},
      {"manifests", ""},
      {"state-dir", "state"},
      {"address-policy", "remote"},
      {"log-level", "loud"},
      {"log-format", "xml"},
      {"snat", ""},
  };
  for (const auto& [name, text] : bad) {
    INFO(name << " = " << text);
    CHECK(complaint(sources({{name, text}})) != "");
  }
  CHECK(complaint(sources({{"socket", std::string(200, 'x')}})) != "");
}

TEST_CASE("a cluster takes the place of the directory unless both are named") {
  const auto options = [](const std::map<std::string, std::string>& flags) {
    return cmd::resolve_options(sources(flags)).options;
  };
  CHECK(options({}).kubeconfig.empty());
  CHECK(options({{"kubeconfig", "auto"}}).manifests.empty());
  CHECK(options({{"kubeconfig", "/k"}, {"manifests", "/m"}}).manifests == "/m");
  CHECK(options({{"kubeconfig", "/k"}, {"manifests", ""}}).manifests.empty());
  CHECK(options({{"kubeconfig", "/k"}, {"context", "shop"}}).context == "shop");
  const std::map<std::string, std::string> pod = {{"KUBERNETES_SERVICE_HOST", "10.96.0.1"}};
  CHECK(cmd::resolve_options(sources({}, pod)).options.kubeconfig == "in-cluster");
  CHECK(cmd::resolve_options(sources({}, pod)).options.manifests.empty());
  CHECK(cmd::resolve_options(sources({{"manifests", "/m"}}, pod)).options.kubeconfig.empty());
  // The same rule as for other commands, but a file of options describes the appliance.
  const std::map<std::string, std::string> shell = {{"KUBECONFIG", "/k"}};
  const auto found = cmd::resolve_options(sources({}, shell));
  CHECK(found.options.kubeconfig == "auto");
  CHECK(found.options.manifests.empty());
  CHECK(cmd::source_origin(found) == "KUBECONFIG");
  CHECK(cmd::resolve_options(sources({{"context", "shop"}}, shell)).options.context == "shop");
  CHECK(cmd::resolve_options(sources({{"manifests", "/m"}}, shell)).options.kubeconfig.empty());
  cmd::OptionSources with_file = sources({}, shell);
  with_file.has_config = true;  // one that names neither
  CHECK(cmd::resolve_options(with_file).options.manifests == "/etc/pona/manifests");
  CHECK(cmd::source_origin(cmd::resolve_options(with_file)) == "default");
  with_file.environment.insert(*pod.begin());
  CHECK(cmd::resolve_options(with_file).options.kubeconfig == "in-cluster");
  CHECK(complaint(sources({{"context", "shop"}})) ==
        "--context \"shop\" is of no use without kubeconfig");
  CHECK(complaint(sources({{"kubeconfig", "in-cluster"}, {"context", "shop"}})) ==
        "--context \"shop\" cannot be chosen in-cluster: a pod has no kubeconfig");
  CHECK(complaint(sources({{"manifests", ""}})) ==
        "--manifests \"\" is empty: a directory is needed, or a kubeconfig");
}

TEST_CASE("all that is wrong is told at once, with the nearest name for unknown keys") {
  CHECK(complaint(sources({{"snat", "x"}}, {}, "masquerad: true\n")) ==
        "--snat \"x\" is neither true nor false\n"
        "edge.yaml:1: there is no option \"masquerad\"; did you mean \"masquerade\"?");
}

TEST_CASE("SmartNat's twelve variables keep their meaning") {
  const auto resolved =
      cmd::resolve_options(sources({}, {
                                           {"SNCTRLR_DEBUG_ENABLED", "true"},
                                           {"SNCTRLR_DEFAULT_GW_INTERFACE", "eth0"},
                                           {"SNCTRLR_INTERFACES_PATTERN", "eth[1-9][0-9]*"},
                                           {"SNCTRLR_GW_ADDRESS_OFFSET", "-1"},
                                           {"SNCTRLR_MONITOR_PORT", "9090"},
                                           {"SNCTRLR_MONITOR_IP", ""},
                                           {"SNCTRLR_SETUP_MASQUERADE", "False"},
                                           {"SNCTRLR_SETUP_SNAT", "1"},
                                           {"SNCTRLR_IPTABLES_TIMEOUT_SEC", "10"},
                                           {"SNCTRLR_AUTOREFRESH_PERIOD_SEC", "60"},
                                           {"SNCTRLR_MAX_FINALIZE_WAIT_MINUTES", "60"},
                                           {"SNCTRLR_MAX_PORTS_PER_MAPPING", "7"},
                                       }));
  const cmd::EdgeOptions& options = resolved.options;
  CHECK(options.log_level == cmd::log::Level::debug);
  CHECK(options.settings.external_interfaces == "eth[1-9][0-9]*");
  CHECK(options.settings.gateway_offset == -1);
  CHECK(options.settings.monitor_port == 9090);
  CHECK_FALSE(options.settings.monitor_address.has_value());  // empty: all addresses
  CHECK_FALSE(options.settings.masquerade);
  CHECK(options.settings.snat);
  CHECK(options.resync == std::chrono::seconds(60));
  CHECK(options.max_ports_per_mapping == 7);
  REQUIRE(resolved.notes.size() == 3);
  CHECK(resolved.notes[0] ==
        "SNCTRLR_DEFAULT_GW_INTERFACE has no effect: the default route is left to the host");
  CHECK(resolved.notes[1] ==
        "SNCTRLR_IPTABLES_TIMEOUT_SEC has no effect: no iptables command is run");
  CHECK(
      resolved.notes[2] ==
      "SNCTRLR_MAX_FINALIZE_WAIT_MINUTES has no effect: Mappings get no finalizer, nothing has to "
      "be waited for");
}

TEST_CASE(
    "unknown variables are noted, not refused: Kubernetes sets some for a Service of that name") {
  const auto resolved = cmd::resolve_options(sources(
      {},
      {{"PONA_EDGE_PORT", "tcp://10.0.0.1:80"}, {"PONA_EDGE_MASQERADE", "no"}, {"PATH", "/bin"}}));
  REQUIRE(resolved.notes.size() == 2);
  CHECK(resolved.notes[0] ==
        "PONA_EDGE_MASQERADE is not a variable of this program and is ignored; did you mean "
        "\"PONA_EDGE_MASQUERADE\"?");
  CHECK(resolved.options.settings.masquerade);
}

TEST_CASE("the configuration file is one map of scalars") {
  const cmd::Config config = cmd::parse_config("f", "---\nsnat: yes\nmonitor-address: \"\"\n");
  CHECK(config.at("snat").text == "yes");
  CHECK(config.at("monitor-address").text.empty());
  CHECK(config.at("monitor-address").line == 3);
  CHECK(cmd::parse_config("f", R"({"resync": 60})").at("resync").text == "60");
  CHECK(cmd::parse_config("f", "# nothing\n").empty());
  CHECK(config_complaint("- snat\n") == "f:1: expected lines of the form \"option: value\"");
  CHECK(config_complaint("a: 1\nsnat: [true]\n") == "f:2: \"snat\" must have a single value");
  CHECK(config_complaint("snat:\n") == "f:1: \"snat\" has no value; write \"\" to leave it empty");
  CHECK(config_complaint("a: 1\n---\nb: 2\n") ==
        "f:2: a second document: the configuration is a single one");
  CHECK(config_complaint("a: {\n").starts_with("f:"));
}

TEST_CASE("the example configuration names every option with its default") {
  std::ifstream file(PONA_TEST_DATA "/../../packaging/edge.yaml");
  REQUIRE(file);
  std::string text;
  for (std::string line; std::getline(file, line);) {
    // Options are commented out without a space, so that they can be told from prose.
    const bool option = line.size() > 1 && line[0] == '#' && line[1] != ' ';
    text += (option ? line.substr(1) : line) + '\n';
  }
  cmd::Config config = cmd::parse_config("edge.yaml", text);
  for (const cmd::EdgeOption& option : cmd::edge_option_table()) {
    INFO(option.name);
    REQUIRE(config.contains(std::string(option.name)));
    if (option.name == "external-interfaces") continue;
    CHECK(config.at(std::string(option.name)).text == option.standard);
  }
  CHECK(config.size() == cmd::edge_option_table().size());
  CHECK_NOTHROW(cmd::resolve_options(sources({}, {}, text)));
}

TEST_CASE("log lines hold their fields, quoted where needed") {
  using cmd::log::Format;
  CHECK(cmd::log::to_line(Format::text, "applied",
                          {{"changes", "3"}, {"error", "no \"such\" file"}}) ==
        R"(applied changes=3 error="no \"such\" file")");
  CHECK(cmd::log::to_line(Format::text, "two\nlines", {}) == "two lines");
  CHECK(cmd::log::to_line(Format::json, "a \"b\"\n", {{"k", "\xff"}}) ==
        "\"msg\":\"a \\\"b\\\"\\n\",\"k\":\"\\ufffd\"");
}

}  // namespace unit::options_test
