// The configuration file of `pona edge`: a YAML map of scalars, the keys being the options' names.
#include <string>

#include "cmd/edge/options/options.hpp"
#include "core/error.hpp"
#include "kube/decode/parse.hpp"

namespace cmd {
namespace {

[[noreturn]] void refuse(const std::string& name, std::uint32_t line, const std::string& reason) {
  throw core::Error(core::Error::Kind::usage, name + ':' + std::to_string(line) + ": " + reason);
}

}  // namespace

Config parse_config(const std::string& name, const std::string& text) {
  Config config;
  bool found = false;
  for (const kube::Cut& cut : kube::cut_yaml(text)) {
    if (cut.blank) continue;
    if (found) refuse(name, cut.line, "a second document: the configuration is a single one");
    found = true;
    kube::Document document;
    if (const auto error = kube::parse_yaml(cut, document)) {
      refuse(name, error->line, error->reason);
    }
    const auto root = document.root();
    if (!root) continue;
    if (root->type() != kube::Node::Type::map) {
      refuse(name, root->line(), "expected lines of the form \"option: value\"");
    }
    for (const kube::Node node : *root) {
      const std::string key(node.key());
      using Type = kube::Node::Type;
      if (node.type() == Type::map || node.type() == Type::sequence) {
        refuse(name, node.line(), '"' + key + "\" must have a single value");
      }
      if (node.type() == Type::null) {
        refuse(name, node.line(), '"' + key + "\" has no value; write \"\" to leave it empty");
      }
      config[key] = {std::string(node.text()), node.line()};
    }
  }
  return config;
}

}  // namespace cmd
