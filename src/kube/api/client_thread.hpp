// Runs a client of a cluster in a thread of its own over HTTPS, so that a slow server or credential
// plugin holds nobody up; the owner's loop takes what it published.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "kube/api/client.hpp"
#include "kube/api/kubeconfig.hpp"
#include "kube/api/transport.hpp"
#include "kube/source.hpp"
#include "os/bell.hpp"

namespace kube {

// Another one for each process, as who restarts must not take itself for who was there before.
std::string identity_of(const std::string& instance);

class ClientThread {
 public:
  // Both are called where the thread is made.
  using Make = std::function<std::unique_ptr<Client>(Transport&, const os::Clock&)>;

  // `hear` is called in the thread after call(), before the client's next step: it gives the client
  // what the owner's loop has for it. Whatever it uses must outlive this. Throws core::Error when
  // the process has no descriptors left.
  ClientThread(const ClientConfig& config, const std::string& user_agent, const Make& make,
               std::function<void()> hear = {});
  ~ClientThread();
  ClientThread(const ClientThread&) = delete;
  ClientThread& operator=(const ClientThread&) = delete;

  // There is something to hear. From any thread.
  void call();

  // As a Source has it.
  [[nodiscard]] int wake_fd() const { return bell_.fd(); }
  core::ObjectChanges take();
  [[nodiscard]] bool synced() const { return given_whole_; }
  [[nodiscard]] std::vector<Problem> problems() const;
  [[nodiscard]] std::string cluster_uid() const;
  [[nodiscard]] ApiServer api_server() const;

 private:
  class Connection;

  void run(const std::stop_token& stop);
  void say_farewell();
  void publish();

  os::Bell bell_;
  os::Bell stop_bell_;  // whoever waits for a plugin gives up
  os::Bell call_bell_;
  std::function<void()> hear_;
  std::unique_ptr<Connection> connection_;
  mutable std::mutex mutex_;
  core::ObjectChanges changes_;
  std::vector<Problem> problems_;
  std::string cluster_uid_;
  ApiServer api_server_;
  bool synced_ = false;
  bool given_whole_ = false;  // the owner's alone
  std::jthread thread_;       // goes first: it uses the rest
};

}  // namespace kube
