// What the CNI plugin leaves for the agent: one small file for each interface of a pod, so that an
// agent that starts later finds every network namespace and whose it is. The same JSON goes over
// the agent's socket. It never says what a pod wants: that is in the pod's annotations.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/ip.hpp"
#include "core/objects.hpp"
#include "net/netns.hpp"

namespace cmd {

struct Sandbox {
  std::string container;  // CNI_CONTAINERID
  std::string interface;  // CNI_IFNAME
  std::string netns;      // the path; empty only in a DEL after the namespace's end
  // Tells two namespaces apart that were at one path, or had one inode number, one after the other.
  std::string cookie;
  core::ObjectName pod;  // empty where the container is no pod of Kubernetes
  std::string uid;
  std::vector<core::Address> addresses;
  std::string network;  // the netconf's name: which of them the runtime's list of GC is about

  friend bool operator==(const Sandbox&, const Sandbox&) = default;
};

std::string to_json(const Sandbox& sandbox);  // one line
// Unknown keys are passed over; nothing where the container or the interface is missing or a value
// has the wrong type.
std::optional<Sandbox> parse_sandbox(std::string_view text);

// May be part of a file's name and of no other path: letters, digits, "_", "." and "-", and not
// longer than a file name bears. CNI demands no less of a container's id.
bool is_container_id(std::string_view text);
// As the kernel: up to 15 bytes, no "/", no ":", no white space.
bool is_interface_name(std::string_view text);

std::string file_name(const Sandbox& sandbox);  // "CONTAINER:INTERFACE.json"

class SandboxStore {
 public:
  // The directory is made by the first put().
  explicit SandboxStore(std::filesystem::path directory) : directory_(std::move(directory)) {}

  // A reader finds the old file, the new one, or none. Throws core::Error.
  void put(const Sandbox& sandbox) const;
  // Nothing happens where nothing is.
  void remove(std::string_view container, std::string_view interface) const;

  [[nodiscard]] std::optional<Sandbox> find(std::string_view container,
                                            std::string_view interface) const;
  // By file name. What cannot be read is left out, left alone, and told to `complain`.
  [[nodiscard]] std::vector<Sandbox> all(
      const std::function<void(const std::string&)>& complain = {}) const;

 private:
  std::filesystem::path directory_;
};

// Decimal text; empty where the kernel has no cookies (before Linux 5.14).
std::string netns_cookie(const net::Namespace& netns);
// The same; the calling thread is in the namespace afterwards, which costs least.
std::string netns_cookie_inside(const net::Namespace& netns);

}  // namespace cmd
