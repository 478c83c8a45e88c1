// Any bytes as a kubeconfig: it is refused by a message that names the file, or the configuration
// has what connecting relies on.
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "core/error.hpp"
#include "fuzz/fuzz.hpp"
#include "kube/api/kubeconfig.hpp"

namespace {

using fuzz::require;

// A file in memory with this content.
std::string file_of(const std::uint8_t* data, std::size_t size) {
  static const int fd = memfd_create("kubeconfig", MFD_CLOEXEC);
  require(ftruncate(fd, 0) == 0);
  require(pwrite(fd, data, size, 0) == static_cast<ssize_t>(size));
  return "/proc/self/fd/" + std::to_string(fd);
}

void check(const std::string& file, const std::string& context) {
  try {
    const kube::ClientConfig config = kube::load_config({file, context}, {});
    require(context.empty() || config.context == context);
    require(!config.cluster.server.host.empty() && config.cluster.server.port != 0);
    for (const kube::Pem& pem : {config.cluster.ca, config.user.certificate, config.user.key}) {
      require(pem.file.empty() || pem.file.starts_with('/'));
    }
    require(!config.user.exec || !config.user.exec->command.empty());
    require(kube::load_config({file, context}, {}) == config);
  } catch (const core::Error& error) {
    require(error.kind() == core::Error::Kind::usage);
    require(std::string(error.what()).find(file) != std::string::npos);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string file = file_of(data, size);
  check(file, "");
  check(file, "shop");
  return 0;
}
