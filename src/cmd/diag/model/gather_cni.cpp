// The configuration that a container runtime gives to its CNI plugins. Of several files it takes
// the first one by name.
#include <algorithm>
#include <filesystem>
#include <system_error>

#include "cmd/diag/model/gather.hpp"
#include "core/error.hpp"
#include "kube/decode/parse.hpp"
#include "os/read_small_file.hpp"

namespace cmd {
namespace {

namespace model = core::cluster_model;
using kube::Node;

constexpr std::size_t most_cni_bytes = 1 << 20;

class CniReader {
 public:
  CniReader(std::string source, model::Evidence& evidence)
      : source_(std::move(source)), evidence_(evidence) {}

  void take(const Node& root) {
    if (root.type() != Node::Type::map) return;
    const auto plugins = root.find("plugins");
    if (!plugins || plugins->type() != Node::Type::sequence) return plugin(root);
    for (const Node one : *plugins) {
      if (one.type() == Node::Type::map) plugin(one);
    }
  }

 private:
  void plugin(const Node& plugin) {
    using What = model::Setting::What;
    const std::string type(kube::text_at(plugin, "type"));
    for (const char* const on_the_wire : {"macvlan", "ipvlan", "host-device", "aws-cni"}) {
      if (type == on_the_wire)
        add(What::native, "type " + type + ": pods are in the network of the node");
    }
    const auto masks = plugin.find("ipMasq");
    if (masks && masks->text() == "true") add(What::masquerades, "type " + type + ", ipMasq: true");
    const auto ipam = plugin.find("ipam");
    if (!ipam || ipam->type() != Node::Type::map) return;
    range(kube::text_at(*ipam, "subnet"));
    const auto ranges = ipam->find("ranges");
    if (!ranges || ranges->type() != Node::Type::sequence) return;
    for (const Node set : *ranges) {
      if (set.type() != Node::Type::sequence) continue;
      for (const Node one : set) {
        if (one.type() == Node::Type::map) range(kube::text_at(one, "subnet"));
      }
    }
  }

  void add(model::Setting::What what, std::string text) {
    evidence_.settings.push_back({what, {}, source_, std::move(text)});
  }

  void range(std::string_view text) {
    const auto subnet = core::Prefix::parse(text);
    if (!subnet || subnet->length == 0) return;
    evidence_.ranges.push_back({subnet->masked(), "", source_});
  }

  std::string source_;
  model::Evidence& evidence_;
};

}  // namespace

void read_cni_directory(const std::string& directory, model::Evidence& evidence) {
  namespace fs = std::filesystem;
  std::error_code error;
  std::vector<fs::path> files;
  for (fs::directory_iterator at(directory, error); !error && at != fs::directory_iterator();
       at.increment(error)) {
    const std::string ending = at->path().extension().string();
    if (ending == ".conf" || ending == ".conflist" || ending == ".json")
      files.push_back(at->path());
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    evidence.gaps.push_back({"the CNI configuration in " + directory, error.message(), ""});
  }
  std::ranges::sort(files);
  for (const fs::path& file : files) {
    std::string why;
    try {
      kube::Document document;
      const auto wrong = kube::parse_json(
          os::read_file_of_at_most(most_cni_bytes, file), document,
          [&](const kube::Document& whole) {
            const auto root = whole.root();
            if (root) CniReader("CNI configuration " + file.string(), evidence).take(*root);
          });
      if (!wrong) return;
      why = "line " + std::to_string(wrong->line) + ": " + wrong->reason;
    } catch (const core::Error& failed) {
      why = failed.what();
    }
    evidence.gaps.push_back(
        {"CNI configuration " + file.string(),
         why + "; a container runtime cannot use it either: mend it, or remove it", ""});
  }
}

}  // namespace cmd
