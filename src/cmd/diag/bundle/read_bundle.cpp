#include "cmd/diag/bundle/read_bundle.hpp"

#include <charconv>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "cmd/diag/bundle/archive.hpp"
#include "cmd/diag/bundle/json_fields.hpp"
#include "core/error.hpp"
#include "core/packet/record/record.hpp"
#include "core/printable.hpp"
#include "kube/decode/json_depth.hpp"
#include "os/read_file.hpp"

namespace cmd {
namespace {

using ManifestJson = nlohmann::json;

constexpr std::size_t most_items = 3'000'000;  // of lists, and lines
constexpr std::size_t most_manifest_bytes = std::size_t{8} << 20;
constexpr std::size_t most_shown = 12;  // names of namespaces

[[noreturn]] void damaged(const std::string& why) {
  throw core::Error(core::Error::Kind::permanent, "this bundle cannot be used: " + why);
}

// "netns/3/network.jsonl"
std::optional<std::size_t> place_of(std::string_view name) {
  constexpr std::string_view front = "netns/";
  constexpr std::string_view back = "/network.jsonl";
  if (!name.starts_with(front) || !name.ends_with(back)) return std::nullopt;
  name.remove_prefix(front.size());
  if (name.size() <= back.size()) return std::nullopt;
  name.remove_suffix(back.size());
  std::size_t number = 0;
  const auto end = std::from_chars(name.data(), name.data() + name.size(), number);
  if (end.ec != std::errc() || end.ptr != name.data() + name.size()) return std::nullopt;
  return number;
}

bool is_needed(std::string_view name) {
  return name == manifest_file || name == "world.jsonl" || name == "edge.json" ||
         name == "agent.json" || name == model_file || place_of(name).has_value();
}

std::string text_in(const ManifestJson& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_string() ? core::printable(found->get<std::string>(), 253)
                                                   : "";
}

void read_manifest(const std::map<std::string, std::string>& files, Bundle& bundle) {
  const auto text = files.find(std::string(manifest_file));
  if (text == files.end()) damaged("it has no " + std::string(manifest_file));
  if (text->second.size() > most_manifest_bytes || kube::nested_too_deep(text->second)) {
    damaged(std::string(manifest_file) + " makes no sense");
  }
  const ManifestJson json = ManifestJson::parse(text->second, nullptr, false);
  if (!json.is_object() || text_in(json, "schema") != bundle_schema) {
    damaged("its " + std::string(manifest_file) + " is not one of " + std::string(bundle_schema) +
            "; a newer pona may read it");
  }
  bundle.host = text_in(json, "host");
  bundle.made = text_in(json, "made");
  bundle.version = text_in(json, "version");
  bundle.redacted = json.value("redacted", ManifestJson(false)) == ManifestJson(true);
  const auto here = json.find("here");
  if (here != json.end() && here->is_number_unsigned()) bundle.here = here->get<std::size_t>();
  std::map<std::string, std::string> sums;
  const auto list = json.find("files");
  if (list != json.end() && list->is_array()) {
    for (const ManifestJson& one : *list) {
      if (one.is_object()) sums.emplace(text_in(one, "name"), text_in(one, "sha256"));
    }
  }
  for (const auto& [name, content] : files) {
    if (name == manifest_file) continue;
    const auto sum = sums.find(name);
    if (sum == sums.end()) damaged("its manifest does not know the file " + name);
    if (sum->second != sha256_hex(content)) {
      damaged("the file " + name +
              " in it is damaged, or was changed: its checksum is another one");
    }
  }
}

}  // namespace

std::size_t Bundle::place(const std::string& name) const {
  if (name.empty()) return here;
  std::string known;
  std::size_t shown = 0;
  for (std::size_t i = 0; i < world->places.size(); ++i) {
    const auto& one = world->places[i];
    const std::string file = one.path.substr(one.path.rfind('/') + 1);
    if (one.name == name || one.path == name || (!file.empty() && file == name)) return i;
    if (++shown <= most_shown) known += (known.empty() ? "" : ", ") + one.name;
  }
  throw core::Error(core::Error::Kind::usage, "the bundle has no network namespace \"" + name +
                                                  "\"; it has " + known +
                                                  (shown > most_shown ? ", and more" : ""));
}

std::size_t Bundle::pod(const core::ObjectName& name) const {
  std::string known;
  std::size_t shown = 0;
  for (std::size_t i = 0; i < world->places.size(); ++i) {
    const auto& one = world->places[i];
    if (one.pod.empty()) continue;
    if (one.pod_namespace == name.ns && one.pod == name.name) return i;
    if (++shown <= most_shown) {
      known += (known.empty() ? "pod/" : ", pod/") + one.pod_namespace + "/" + one.pod;
    }
  }
  throw core::Error(core::Error::Kind::usage,
                    "the bundle of " + host + " has no pod " + to_string(name) +
                        (known.empty() ? ", nor any other: no record of the CNI plugin was there"
                                       : "; it has " + known) +
                        (shown > most_shown ? ", and more" : ""));
}

std::unique_ptr<Bundle> open_bundle(const std::string& path) {
  std::string bytes;
  try {
    bytes = os::read_file(path);
  } catch (const core::Error& error) {
    throw core::Error(core::Error::Kind::usage, "cannot read " + path + ": " + error.what());
  }
  try {
    return read_bundle(bytes);
  } catch (const core::Error& error) {
    throw core::Error(error.kind(), path + ": " + error.what());
  }
}

std::unique_ptr<Bundle> read_bundle(std::string_view bytes) {
  auto files = read_archive(bytes, is_needed);
  auto bundle = std::make_unique<Bundle>();
  read_manifest(files, *bundle);
  std::size_t items = most_items;
  core::packet::HeldWorld& world = *bundle->world;
  read_lines(files["world.jsonl"], "world.jsonl", items,
             [&](std::string_view kind, core::packet::Fields& fields) {
               core::packet::read_line(world, kind, fields);
             });
  if (bundle->here >= world.places.size()) {
    damaged("it has no network namespace; its manifest says what was left out, and why");
  }
  for (auto& [name, text] : files) {
    const auto number = place_of(name);
    if (!number) continue;
    if (*number >= world.places.size()) damaged(name + " is of no namespace");
    core::packet::HeldNetwork& network = *world.places[*number].network;
    read_lines(text, name, items, [&](std::string_view kind, core::packet::Fields& fields) {
      core::packet::read_line(network, kind, fields);
    });
    text.clear();
  }
  bundle->daemons = {files["edge.json"], files["agent.json"]};
  bundle->model = std::move(files[std::string(model_file)]);
  return bundle;
}

}  // namespace cmd
