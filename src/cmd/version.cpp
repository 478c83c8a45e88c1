#include <ares.h>
#include <curl/curl.h>
#include <fmt/core.h>
#include <nghttp2/nghttp2.h>
#include <openssl/crypto.h>
#include <spdlog/version.h>
#include <yaml.h>
#include <zlib.h>
#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "build.hpp"
#include "cmd/applets.hpp"
#include "cmd/command_line.hpp"
#include "cmd/version.hpp"
#include "commit.hpp"
#include "kube/decode/json_text.hpp"

namespace cmd {
namespace {

using Library = std::pair<std::string, std::string>;

std::string dotted(int major, int minor, int patch) {
  return std::to_string(major) + '.' + std::to_string(minor) + '.' + std::to_string(patch);
}

// Shared libraries are asked, so that a developer build tells what it runs with; the netlink ones
// cannot be asked and headers have nobody to answer.
std::vector<Library> libraries() {
  return {
      {"c-ares", ares_version(nullptr)},
      {"CLI11", CLI11_VERSION},
      {"curl", curl_version_info(CURLVERSION_NOW)->version},
      {"fmt", dotted(FMT_VERSION / 10000, FMT_VERSION / 100 % 100, FMT_VERSION % 100)},
      {"libnftnl", PONA_LIBNFTNL_VERSION},
      {"libnl", PONA_LIBNL_VERSION},
      {"libyaml", yaml_get_version_string()},
      {"nghttp2", nghttp2_version(0)->version_str},
      {"nlohmann-json", dotted(NLOHMANN_JSON_VERSION_MAJOR, NLOHMANN_JSON_VERSION_MINOR,
                               NLOHMANN_JSON_VERSION_PATCH)},
      {"OpenSSL", OpenSSL_version(OPENSSL_VERSION_STRING)},
      {"spdlog", dotted(SPDLOG_VER_MAJOR, SPDLOG_VER_MINOR, SPDLOG_VER_PATCH)},
      {"zlib", zlibVersion()},
  };
}

void print_text() {
  std::cout << "pona " PONA_VERSION " (" PONA_COMMIT ", " PONA_BUILD_TYPE ")\n";
  for (const auto& [name, number] : libraries()) {
    std::cout << "  " << name << std::string(15 - name.size(), ' ') << number << '\n';
  }
}

void print_json() {
  nlohmann::ordered_json json = {
      {"version", PONA_VERSION}, {"commit", PONA_COMMIT}, {"build", PONA_BUILD_TYPE}};
  for (const auto& [name, number] : libraries()) json["libraries"][name] = number;
  std::cout << kube::dump_json(json, 2) << '\n';
}

}  // namespace

std::string_view version_number() { return PONA_VERSION; }

std::string_view version_commit() { return PONA_COMMIT; }

std::string user_agent(std::string_view part) {
  return "pona/" PONA_VERSION " (" + std::string(part) + ')';
}

int version(int argc, char** argv) {
  CLI::App app{"Print what was built, from which commit, with which libraries.", "pona version"};
  std::string format;
  add_output(app, format, {"json"});
  if (const auto done = parse_words(app, argc, argv)) return *done;
  format == "json" ? print_json() : print_text();
  return 0;
}

}  // namespace cmd
