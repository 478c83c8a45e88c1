#include "cmd/agent/conflist.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "cmd/node/agent_protocol.hpp"
#include "cmd/node/cni_versions.hpp"
#include "kube/decode/json_at.hpp"
#include "kube/decode/json_depth.hpp"
#include "kube/decode/json_text.hpp"

namespace cmd {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* plugin_type = "pona-cni";
constexpr const char* plain_type = "pona";  // the same file under its own name
constexpr std::string_view list_suffix = ".conflist";
// Behind the name of a .conf without its extension. It sorts before the file itself, as "-" is less
// than ".", and there is no sensible name between the two.
constexpr std::string_view wrapper_suffix = "-pona.conflist";

// Of --cni-own-list. Its end says to agents of before, too, that it is one of these.
constexpr std::string_view own_list_name = "00-pona.conflist";

constexpr const char* mark = "managedBy";
constexpr const char* marker = "pona-agent";

bool is_marked(const Json& json) {
  return json.is_object() && json.contains(mark) && json[mark] == marker;
}

bool is_plugin(const Json& json) {
  return json.is_object() && json.contains("type") &&
         (json["type"] == plugin_type || json["type"] == plain_type);
}

Json make_entry(const ChainOptions& options) {
  Json entry = {{"type", plugin_type},
                {"capabilities", {{"io.kubernetes.cri.pod-annotations", true}}},
                {mark, marker}};
  if (options.socket != default_agent_socket) entry["socket"] = options.socket;
  if (options.state_directory != default_sandbox_directory) {
    entry["stateDir"] = options.state_directory;
  }
  return entry;
}

struct File {
  std::string name;
  Json json;
  std::string problem;  // why the runtime cannot use it
  bool wrapper = false;

  [[nodiscard]] bool list() const { return name.ends_with(list_suffix); }
};

std::string problem_of(const File& file) {
  if (!file.json.is_object()) return "is not a JSON object";
  if (!file.list()) return kube::text_at(file.json, "type").empty() ? "has no \"type\"" : "";
  if (!file.json.contains("plugins") || !file.json["plugins"].is_array()) {
    return "has no list \"plugins\"";
  }
  const auto typed = [](const Json& plugin) {
    return plugin.is_object() && !kube::text_at(plugin, "type").empty();
  };
  return std::ranges::all_of(file.json["plugins"], typed) ? "" : "has a plugin without \"type\"";
}

File read(const std::string& name, const std::optional<std::string>& text) {
  File file{.name = name, .json = nullptr, .problem = "cannot be read"};
  if (!text) return file;
  if (kube::nested_too_deep(*text)) {
    file.problem = "is nested too deep";
    return file;
  }
  try {
    file.json = Json::parse(*text);
    file.problem = problem_of(file);
  } catch (const Json::exception& error) {
    const std::string_view what = error.what();
    const std::size_t at = what.find("at line");
    file.problem =
        "is not JSON (" + std::string(what.substr(at == std::string_view::npos ? 0 : at)) + ')';
  }
  file.wrapper = file.list() && name.ends_with(wrapper_suffix) && is_marked(file.json);
  return file;
}

std::vector<File> read_all(const ChainFiles& files) {
  std::vector<File> read_files;
  for (const auto& [name, text] : files) {
    if (is_chain_file(name)) read_files.push_back(read(name, text));
  }
  return read_files;
}

std::string to_text(const Json& json) { return kube::dump_json(json, 2) + '\n'; }

// Takes the agent's entries out. Returns whether there were any.
bool take_out(Json& list) {
  Json kept = Json::array();
  for (const Json& plugin : list["plugins"]) {
    if (!is_plugin(plugin) || !is_marked(plugin)) kept.push_back(plugin);
  }
  const bool changed = kept.size() != list["plugins"].size();
  list["plugins"] = std::move(kept);
  return changed;
}

// Where the agent's one entry stands as it should, behind another plugin.
bool is_in(const Json& list, const Json& entry) {
  const Json& plugins = list["plugins"];
  const auto ours = [](const Json& plugin) { return is_plugin(plugin) && is_marked(plugin); };
  return std::ranges::count_if(plugins, ours) == 1 && !ours(plugins.front()) &&
         std::ranges::find(plugins, entry) != plugins.end();
}

class Planner {
 public:
  explicit Planner(const ChainFiles& files) : files_(read_all(files)) {}

  void join(const ChainOptions& options) {
    const Json entry = make_entry(options);
    const File* const used = pick();
    std::string kept;  // the file with the entry
    const bool before = options.own_list && used != nullptr && own_list_name < used->name;
    if (used != nullptr && used->list() && (!before || by_hand(*used))) {
      kept = used->name;
      join_list(*used, entry);
    } else if (used != nullptr) {
      kept = before ? std::string(own_list_name)
                    : used->name.substr(0, used->name.rfind('.')) + std::string(wrapper_suffix);
      wrap(*used, kept, entry);
    }
    leave(kept);
  }

  // Everything but the file `kept` is as if the agent had never been there.
  void leave(const std::string& kept) {
    for (const File& file : files_) {
      if (file.name == kept) continue;
      if (file.wrapper) {
        plan_.edits.push_back({file.name, std::nullopt, "", "removed " + file.name});
      } else if (file.list() && file.problem.empty()) {
        Json without = file.json;
        if (!take_out(without)) continue;
        plan_.edits.push_back(
            {file.name, to_text(without), file.name, "took pona-cni out of " + file.name});
      }
    }
  }

  ChainPlan take() { return std::move(plan_); }

 private:
  // As containerd and CRI-O do, which pass over lists without plugins. What is broken is passed
  // over by CRI-O alone; being in the next file as well harms nobody.
  const File* pick() {
    for (const File& file : files_) {
      if (file.wrapper) continue;
      if (!file.problem.empty()) {
        problem(file.name, file.problem + ", and is left alone");
        continue;
      }
      if (file.list() && without_us(file).empty()) continue;
      return can_join(file) ? &file : nullptr;
    }
    if (plan_.problems.empty()) {
      plan_.problems.emplace_back("there is no CNI configuration yet: it is waited for");
    }
    return nullptr;
  }

  static Json without_us(const File& file) {
    Json without = file.json;
    take_out(without);
    return without["plugins"];
  }

  // A plugin that refuses the list's version would stop every pod of the node.
  bool can_join(const File& file) {
    const std::string version = kube::text_at(file.json, "cniVersion");
    if (!is_cni_version(version)) {
      problem(file.name, "has the cniVersion \"" + version +
                             "\", which pona-cni cannot join: it must be one of: 0.3.0, 0.3.1, "
                             "0.4.0, 1.0.0, 1.1.0");
      return false;
    }
    if (kube::text_at(file.json, "name").empty()) {
      problem(file.name, "has no \"name\", and is left alone");
      return false;
    }
    return true;
  }

  // Who put the plugin there by hand wants it as it is.
  static bool by_hand(const File& list) {
    return std::ranges::any_of(list.json["plugins"], [](const Json& plugin) {
      return is_plugin(plugin) && !is_marked(plugin);
    });
  }

  void join_list(const File& file, const Json& entry) {
    Json list = file.json;
    if (by_hand(file)) {
      if (!take_out(list)) return;
    } else {
      if (is_in(list, entry)) return;
      take_out(list);
      list["plugins"].push_back(entry);
    }
    plan_.edits.push_back({file.name, to_text(list), file.name, "added pona-cni to " + file.name});
  }

  void wrap(const File& file, const std::string& name, const Json& entry) {
    if (is_plugin(file.json)) return problem(file.name, "runs pona-cni behind no other plugin");
    Json list;
    if (file.list()) {
      list = file.json;
      list[mark] = marker;
      list["plugins"] = without_us(file);
      list["plugins"].push_back(entry);
    } else {
      list = {{"cniVersion", file.json["cniVersion"]},
              {"name", file.json["name"]},
              {mark, marker},
              {"plugins", {file.json, entry}}};
    }
    const auto there = std::ranges::find(files_, name, &File::name);
    if (there != files_.end()) {
      if (there->json == list) return;
      if (!there->wrapper && there->problem.empty()) {
        return problem(name, "is not the agent's, and where pona-cni's list belongs");
      }
    }
    plan_.edits.push_back(
        {name, to_text(list), file.name, "put pona-cni behind " + file.name + " in " + name});
  }

  void problem(const std::string& name, const std::string& what) {
    plan_.problems.push_back(name + ": " + what);
  }

  std::vector<File> files_;
  ChainPlan plan_;
};

}  // namespace

bool is_chain_file(std::string_view name) {
  return name.ends_with(".conf") || name.ends_with(list_suffix) || name.ends_with(".json");
}

ChainPlan plan_chain(const ChainFiles& files, const ChainOptions& options) {
  Planner planner(files);
  planner.join(options);
  return planner.take();
}

ChainPlan plan_unchain(const ChainFiles& files) {
  Planner planner(files);
  planner.leave("");
  return planner.take();
}

}  // namespace cmd
