#include "cmd/diag/model/gather.hpp"

#include "core/error.hpp"

namespace cmd {

namespace model = core::cluster_model;

model::Evidence gather_model_evidence(const ModelSources& sources) {
  model::Evidence evidence;
  for (const std::string& text : sources.other_pods) {
    const auto range = core::Prefix::parse(text);
    if (!range || range->length == 0) {
      throw core::Error(core::Error::Kind::usage,
                        "\"" + text + "\" is no pod range: say one as 10.245.0.0/16");
    }
    evidence.ranges.push_back({range->masked(), "another cluster", "--other-pods"});
  }
  ModelObjectReader reader(evidence);
  if (!sources.manifests.empty()) {
    read_model_manifests(sources.manifests, reader, evidence);
    if (reader.objects() != 0) {
      for (const std::string& path : sources.manifests) {
        evidence.cluster += (evidence.cluster.empty() ? "manifests " : ", ") + path;
      }
    }
  } else {
    ask_model_cluster(sources, reader, evidence);
  }
  reader.finish();
  for (const std::string& path : sources.other_manifests) {
    ModelObjectReader other(evidence, path);
    read_model_manifests({path}, other, evidence);
    other.finish();
  }
  if (sources.manifests.empty() || sources.here) {
    read_cni_directory(sources.cni, evidence);
    look_at_model_host(sources, reader, evidence);
  }
  return evidence;
}

}  // namespace cmd
