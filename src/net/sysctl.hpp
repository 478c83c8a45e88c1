// Kernel parameters under /proc/sys. Keys are paths below it, "net/ipv4/conf/eth1.100/rp_filter":
// interface names may hold dots, so the dotted form of sysctl(8) would be ambiguous. Those of net/
// are of the network namespace that the calling thread is in.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace net {

// Empty where there is no such parameter: no such interface, or a kernel without the feature. Runs
// of white space come back as one blank, so that values compare.
std::optional<std::string> read_sysctl(std::string_view key);

// Throws core::Error: transient when the parameter does not exist (the interface is gone).
void write_sysctl(std::string_view key, std::string_view value);

}  // namespace net
