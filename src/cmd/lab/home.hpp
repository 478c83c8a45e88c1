// A lab on disk and in the kernel: its directory, namespaces and processes. Whoever made it holds a
// lock on it until the end; what a killed owner left behind can be found and removed by anybody.
// Not here: what the lab looks like inside.
//
//   BASE/NAME/lock  netns/NAMESPACE  processes/PROCESS  logs/PROCESS.log  manifests/  *.sock
//   /run/netns/pona-lab-NAME-NAMESPACE -> BASE/NAME/netns/NAMESPACE        for ip netns
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cmd/lab/process.hpp"
#include "net/netns.hpp"
#include "os/fd.hpp"

namespace cmd {

class LabHome {
 public:
  // /run/pona-lab, or pona-lab below $XDG_RUNTIME_DIR where /run cannot be written.
  static std::string default_base();
  static std::vector<std::string> names(const std::string& base);

  // `lasting`: the processes that are started in it outlive this one.
  static LabHome create(const std::string& base, const std::string& name, bool lasting);
  // An empty name means the only lab there is.
  static LabHome open(const std::string& base, const std::string& name);

  LabHome(LabHome&& other) noexcept;
  LabHome& operator=(LabHome&&) = delete;
  // The maker removes it, unless keep() was called.
  ~LabHome();

  void keep() { kept_ = true; }
  // Ends the processes, removes namespaces and directory. Throws core::Error when its owner lives.
  void remove();
  [[nodiscard]] bool owned_by_other() const;

  void add_namespace(const std::string& name);
  // Processes inside keep what they see of it.
  void remove_namespace(const std::string& name);
  [[nodiscard]] const net::Namespace& at(const std::string& name) const;
  [[nodiscard]] std::vector<std::string> namespaces() const;

  // Starts this program inside a namespace. `arguments` begin with the applet.
  void start(const std::string& process, const std::string& where,
             std::vector<std::string> arguments);
  void end(const std::string& process, int signal);
  void send(const std::string& process, int signal) const;  // and does not wait
  [[nodiscard]] bool running(const std::string& process) const;
  [[nodiscard]] std::vector<std::string> processes() const;
  // The last lines that it wrote.
  [[nodiscard]] std::string log_tail(const std::string& process) const;

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] std::filesystem::path path() const { return path_; }
  [[nodiscard]] std::filesystem::path manifests() const { return path_ / "manifests"; }
  [[nodiscard]] std::filesystem::path socket(const std::string& process) const {
    return path_ / (process + ".sock");
  }

 private:
  LabHome(const std::string& base, std::string name);
  [[nodiscard]] bool lock(int operation);  // of flock(2)
  [[nodiscard]] std::filesystem::path seen_as(const std::string& name) const;
  [[nodiscard]] std::optional<Process> recorded(const std::string& process) const;

  std::string name_;
  std::filesystem::path path_;
  os::Fd lock_;
  bool owned_ = false;
  bool lasting_ = false;
  bool kept_ = false;
  mutable std::map<std::string, net::Namespace> open_;
};

}  // namespace cmd
