// How pona mapping shows Mappings: tables, details, manifests.
#pragma once

#include <ostream>
#include <span>
#include <string>

#include "kube/mapping_store.hpp"

namespace cmd {

// `format` is "", "wide", "yaml", "json" or "name".
void print_mappings(std::ostream& out, std::span<const kube::StoredMapping> mappings,
                    const std::string& format, bool colour);

// One of them, with what the store knows about it.
void print_mapping(std::ostream& out, const kube::StoredMapping& mapping,
                   const kube::StoredObjects& objects, const std::string& format, bool colour);

}  // namespace cmd
