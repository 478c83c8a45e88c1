// How pona mapping shows Mappings: tables, details, manifests.
#pragma once

#include <cstdint>
#include <ostream>
#include <span>
#include <string>

#include "kube/mapping/store.hpp"

namespace cmd {

// `format` is "", "wide", "yaml", "json" or "name". Ages are counted to `now`, in Unix seconds.
void print_mappings(std::ostream& out, std::span<const kube::StoredMapping> mappings,
                    const std::string& format, bool colour, std::int64_t now);

// As an object, where the above prints a list.
void print_json(std::ostream& out, const kube::StoredMapping& mapping);

// One of them, with what the store knows about it. `service_note` stands behind the Service.
void print_mapping(std::ostream& out, const kube::StoredMapping& mapping,
                   const kube::StoredObjects& objects, const std::string& service_note, bool colour,
                   std::int64_t now);

}  // namespace cmd
