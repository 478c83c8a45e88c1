// Namespaces of this machine by the names that people have for them: pods, paths, names of
// ip-netns(8).
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cmd/node/sandbox_record.hpp"
#include "core/objects.hpp"
#include "net/netns.hpp"
#include "net/view/live_world.hpp"

namespace cmd {

class Places {
 public:
  // `sandboxes`: where the CNI plugin leaves its records; nothing need be there.
  explicit Places(const std::string& sandboxes);

  // "pod shop/web-1" of a pod's namespace.
  [[nodiscard]] std::optional<std::string> label(const net::view::NamespaceId& id) const;
  // Null: the CNI plugin has left no record of it.
  [[nodiscard]] const Sandbox* find(const core::ObjectName& name) const;
  // Whose namespace that is; null: of no container that is known.
  [[nodiscard]] const Sandbox* at(const net::view::NamespaceId& id) const;
  // Throws core::Error (usage) where this node has no such pod.
  [[nodiscard]] const Sandbox& pod(const core::ObjectName& name) const;
  // Of the namespaces of all pods that are known here.
  [[nodiscard]] std::vector<std::string> paths() const;
  [[nodiscard]] const std::vector<Sandbox>& sandboxes() const { return sandboxes_; }
  // A path, or a name below /run/netns; empty: the calling thread's. Throws core::Error.
  static net::Namespace open(const std::string& text);

 private:
  std::vector<Sandbox> sandboxes_;
  std::map<net::view::NamespaceId, std::size_t> known_;  // places in `sandboxes_`
  std::string directory_;
};

}  // namespace cmd
