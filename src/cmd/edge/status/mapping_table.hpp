// The table of Mappings and Services, a line for each port, as wide as the terminal allows.
#pragma once

#include <string>
#include <vector>

#include "cmd/edge/status.hpp"
#include "cmd/serve/text_table.hpp"

namespace cmd {

std::string mapping_table(const EdgeStatus& status, const StatusLayout& layout);

std::string object_text(const MappingStatus& mapping);  // "Mapping shop/web"

// Takes out the rows beyond layout.most_rows, the header not counted, and says how many they were:
// a line, empty if there were none.
std::string cut_rows(std::vector<TableRow>& rows, const StatusLayout& layout);

}  // namespace cmd
