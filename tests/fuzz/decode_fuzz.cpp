// Any text as an object of each kind that pona reads: no decoder crashes, and what is accepted and
// can be saved is read back as the same.
//
// An input is the kind, by its place in known_kinds(), and JSON, or else YAML.
#include <string>
#include <vector>

#include "core/endpoints_name.hpp"
#include "fuzz/fuzz.hpp"
#include "kube/decode/kinds.hpp"
#include "kube/decode/parse.hpp"
#include "kube/source/object_json.hpp"

namespace {

using fuzz::require;

constexpr std::size_t most_ports = 50;

bool is_saved(const core::Object& object) {
  return std::holds_alternative<core::Mapping>(object) ||
         std::holds_alternative<core::Service>(object) ||
         std::holds_alternative<core::EndpointSlice>(object) ||
         std::holds_alternative<core::AddressPool>(object);
}

void check_saved(const core::Object& object) {
  std::string text;
  kube::append_json(text, object);
  require(text.find('\n') == std::string::npos);
  kube::Document document;
  std::vector<kube::Decoded> read;
  const auto error = kube::parse_json(text, document, [&](const kube::Document& value) {
    read = kube::decode(*value.root(), kube::read_back_options(most_ports));
  });
  require(!error && read.size() == 1 && read.front().object && *read.front().object == object);
}

void check(const kube::KnownKind& kind, const kube::Node& node) {
  const bool endpoints = kind.name == "Endpoints";
  const core::ObjectName name{kind.namespaced ? "shop" : "",
                              endpoints ? core::slice_of_endpoints("web", 0) : "web"};
  std::vector<kube::Finding> findings;
  const kube::Field root(node, findings);
  const core::Object object = kind.decode(root, name, kube::read_back_options(most_ports));
  require(core::kind_of(object) == kind.kind && core::name_of(object) == name);
  if (endpoints) kube::subsets_of(node);
  bool fatal = false;
  for (const kube::Finding& finding : findings) {
    require(!kube::to_string(finding, core::ObjectId{kind.kind, name}).empty());
    fatal = fatal || finding.fatal;
  }
  // No object can have the name of a slice that was made of Endpoints.
  if (!fatal && is_saved(object) && !endpoints) check_saved(object);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const auto kinds = kube::known_kinds();
  const kube::KnownKind& kind = kinds[input.byte() % kinds.size()];
  kube::Document document;
  const auto use = [&](const kube::Document& value) {
    if (value.root() && value.root()->type() == kube::Node::Type::map) check(kind, *value.root());
  };
  if (input.text().starts_with('{')) {
    static_cast<void>(kube::parse_json(input.text(), document, use));
    return 0;
  }
  for (const kube::Cut& cut : kube::cut_yaml(input.text())) {
    document.clear();
    if (!kube::parse_yaml(cut, document)) use(document);
  }
  return 0;
}
