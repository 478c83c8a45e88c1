// The parts of gathering evidence. For cmd/diag/model only.
#pragma once

#include "cmd/diag/model/evidence_document.hpp"
#include "cmd/diag/model/object_reader.hpp"

namespace cmd {

// Of files and directories, each YAML or JSON. Throws core::Error (usage) where a path is none.
void read_model_manifests(const std::vector<std::string>& paths, ModelObjectReader& reader,
                          core::cluster_model::Evidence& evidence);
void ask_model_cluster(const ModelSources& sources, ModelObjectReader& reader,
                       core::cluster_model::Evidence& evidence);
void read_cni_directory(const std::string& directory, core::cluster_model::Evidence& evidence);
void look_at_model_host(const ModelSources& sources, ModelObjectReader& reader,
                        core::cluster_model::Evidence& evidence);

}  // namespace cmd
