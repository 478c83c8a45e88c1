// What the commands of pona mapping do, once the command line is read. Each returns the exit status
// or throws core::Error.
#pragma once

#include "cmd/mapping/request.hpp"

namespace cmd {

int add_mapping(const MappingRequest& request);
int set_mapping(const MappingRequest& request);
int remove_mappings(const MappingRequest& request);
int list_mappings(const MappingRequest& request);
int show_mapping(const MappingRequest& request);

}  // namespace cmd
