// A Source whose client runs in a thread of its own, with a mailbox: what the owner's loop has for
// the client waits there, coalesced by the kind of mail, until the client's next step.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kube/api/client_thread.hpp"

namespace kube {

// Of sources whose owner has nothing for the client.
struct NoMail {
  void deliver(Client& /*client*/) {}
};

// `Base` is a Source or what is made of it. `Mail` is empty when made anew, and `deliver(C&)` gives
// what is in it to the client, in the thread.
template <class Base, class C, class Mail = NoMail>
class ThreadedSource : public Base {
 public:
  // `make(Transport&, const os::Clock&)` is called once, here.
  template <class Make>
  ThreadedSource(const ClientConfig& config, const std::string& user_agent, const Make& make)
      : thread_(
            config, user_agent,
            [&](Transport& transport, const os::Clock& clock) {
              std::unique_ptr<C> client = make(transport, clock);
              client_ = client.get();
              return client;
            },
            [this] { hear(); }) {}

  [[nodiscard]] int wake_fd() const override { return thread_.wake_fd(); }
  core::ObjectChanges take() override { return thread_.take(); }
  [[nodiscard]] bool synced() const override { return thread_.synced(); }
  [[nodiscard]] std::vector<Problem> problems() const override { return thread_.problems(); }
  [[nodiscard]] std::string cluster_uid() const override { return thread_.cluster_uid(); }
  [[nodiscard]] std::optional<ApiServer> api_server() const override {
    return thread_.api_server();
  }
  [[nodiscard]] std::size_t ignored() const override { return 0; }

 protected:
  // `write(Mail&)` puts something in. Never blocks for long: so must it.
  template <class Write>
  void post(const Write& write) {
    {
      const std::lock_guard lock(mutex_);
      write(mail_);
    }
    thread_.call();
  }

 private:
  void hear() {
    Mail mail;
    {
      const std::lock_guard lock(mutex_);
      mail = std::exchange(mail_, Mail());
    }
    mail.deliver(*client_);
  }

  std::mutex mutex_;
  Mail mail_;
  C* client_ = nullptr;  // the thread's alone
  ClientThread thread_;  // goes first: it uses the rest, and nothing of who derives from this
};

}  // namespace kube
