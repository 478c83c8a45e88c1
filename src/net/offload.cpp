#include "net/offload.hpp"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "core/error.hpp"
#include "net/netlink/netlink.hpp"
#include "net/netlink/request.hpp"
#include "os/fd.hpp"

namespace net {
namespace {

// Returns 0 or errno.
int ethtool(const std::string& device, ethtool_value& value) {
  const os::Fd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd) return errno;
  ifreq request{};
  if (device.size() >= sizeof request.ifr_name) return ENODEV;
  std::ranges::copy(device, request.ifr_name);
  request.ifr_data = reinterpret_cast<char*>(&value);
  return ioctl(fd.get(), SIOCETHTOOL, &request) == 0 ? 0 : errno;
}

}  // namespace

std::optional<bool> checksum_offload(const std::string& device) {
  ethtool_value value{.cmd = ETHTOOL_GTXCSUM, .data = 0};
  if (ethtool(device, value) != 0) return std::nullopt;
  return value.data != 0;
}

void set_checksum_offload(const std::string& device, bool on) {
  ethtool_value value{.cmd = ETHTOOL_STXCSUM, .data = on ? 1U : 0U};
  const int error = ethtool(device, value);
  if (error == 0) return;
  throw core::Error(kind_of(error), "ethtool -K " + device + " tx " + (on ? "on" : "off") + ": " +
                                        error_text(error));
}

}  // namespace net
