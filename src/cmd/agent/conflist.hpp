// Which of a node's CNI configurations the container runtime uses, and how pona's plugin gets into
// it and out again. Pure: files in, files out. Nothing of others is changed: not a key, not an
// order, and no entry that is not marked as the agent's.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cmd {

// What the entry tells the plugin.
struct ChainOptions {
  std::string socket;
  std::string state_directory;
  // The agent's own list, before all others, instead of an entry in one of theirs: who writes that
  // anew, at boot before there is an agent, does not take the plugin out of the runtime's way.
  bool own_list = false;
};

// By name: the text, or nothing where the file cannot be read.
using ChainFiles = std::map<std::string, std::optional<std::string>>;

struct ChainEdit {
  std::string name;
  std::optional<std::string> text;  // nothing: the file is removed
  std::string like;                 // the file whose mode a new one gets
  std::string what;                 // for the log: "added pona-cni to 10-x.conflist"

  friend bool operator==(const ChainEdit&, const ChainEdit&) = default;
};

struct ChainPlan {
  std::vector<ChainEdit> edits;
  std::vector<std::string> problems;  // each begins with the file's name, where it has one
};

// .conf, .conflist and .json: what runtimes look at, the first by name that is valid.
bool is_chain_file(std::string_view name);

// The plugin is in the configuration that the runtime uses, and in no other one. A .conf has room
// for one plugin only: a list with its content is put before it, and follows it; so it is with a
// list that is not to be changed, where there is a name before it.
ChainPlan plan_chain(const ChainFiles& files, const ChainOptions& options);
// As if the agent had never been there.
ChainPlan plan_unchain(const ChainFiles& files);

}  // namespace cmd
