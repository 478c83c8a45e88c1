// `pona diag merge`: what several hosts saw of one packet, as one trace.
#pragma once

#include <string>
#include <vector>

namespace cmd {

// The exit status. Throws core::Error that names the file.
int merge_traces(const std::vector<std::string>& files, const std::string& format, bool reply);

}  // namespace cmd
