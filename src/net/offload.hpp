// Who computes the checksums of packets that leave by a device, as ethtool -K NAME tx on|off: its
// driver and what comes after it, or the stack before it has them.
#pragma once

#include <optional>
#include <string>

namespace net {

// In the network namespace of the calling thread. Empty: the device is gone, or does not say.
std::optional<bool> checksum_offload(const std::string& device);

// Throws core::Error.
void set_checksum_offload(const std::string& device, bool on);

}  // namespace net
