#include "cmd/diag/places.hpp"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "core/error.hpp"
#include "core/privilege.hpp"

namespace cmd {

Places::Places(const std::string& sandboxes)
    : sandboxes_(SandboxStore(sandboxes).all()), directory_(sandboxes) {
  for (const Sandbox& sandbox : sandboxes_) {
    if (sandbox.netns.empty()) continue;
    try {
      const auto where = net::Namespace::find(sandbox.netns);
      if (!where) continue;
      known_.emplace(net::view::id_of(*where),
                     static_cast<std::size_t>(&sandbox - sandboxes_.data()));
    } catch (const core::Error&) {
      continue;  // its path leads to what cannot be looked at; it has no name then
    }
  }
}

std::optional<std::string> Places::label(const net::view::NamespaceId& id) const {
  const Sandbox* const sandbox = at(id);
  if (sandbox == nullptr) return std::nullopt;
  return sandbox->pod.name.empty() ? "container " + sandbox->container.substr(0, 12)
                                   : "pod " + to_string(sandbox->pod);
}

const Sandbox* Places::at(const net::view::NamespaceId& id) const {
  const auto found = known_.find(id);
  return found == known_.end() ? nullptr : &sandboxes_[found->second];
}

const Sandbox* Places::find(const core::ObjectName& name) const {
  const auto found = std::ranges::find(sandboxes_, name, &Sandbox::pod);
  return found == sandboxes_.end() || found->netns.empty() ? nullptr : &*found;
}

const Sandbox& Places::pod(const core::ObjectName& name) const {
  if (const Sandbox* const found = find(name)) return *found;
  std::error_code error;
  static_cast<void>(std::filesystem::directory_iterator(directory_, error));
  if (error == std::errc::permission_denied) {
    throw core::NoPrivilege("cannot read " + directory_ + ": " + error.message() +
                            " (this needs root)");
  }
  throw core::Error(
      core::Error::Kind::usage,
      "pod " + to_string(name) + " is not known on this node: " + directory_ +
          " has no record of it. Run this on the pod's node (kubectl get pod -o wide), "
          "name its network namespace with --from-netns, or the Pod's own manifest with its "
          "address "
          "in --manifests");
}

std::vector<std::string> Places::paths() const {
  std::vector<std::string> paths;
  for (const Sandbox& sandbox : sandboxes_) {
    if (!sandbox.netns.empty()) paths.push_back(sandbox.netns);
  }
  return paths;
}

net::Namespace Places::open(const std::string& text) {
  if (text.empty()) return net::Namespace::open("/proc/thread-self/ns/net");
  if (text.find('/') == std::string::npos) {
    if (auto named = net::Namespace::find("/run/netns/" + text)) return std::move(*named);
  }
  auto found = net::Namespace::find(text);
  if (!found) {
    throw core::Error(
        core::Error::Kind::usage,
        "\"" + text + "\" is no network namespace: say a name of \"ip netns list\", or a path " +
            "as /proc/1234/ns/net");
  }
  return std::move(*found);
}

}  // namespace cmd
