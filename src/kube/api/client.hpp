// What a program does with a cluster: state machines over one transport, which a thread runs over
// HTTPS (client_thread.hpp), and a simulation in virtual time. No I/O of its own.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/objects.hpp"
#include "kube/source.hpp"
#include "os/clock.hpp"

namespace kube {

class Client {
 public:
  Client() = default;
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  virtual ~Client() = default;

  // Takes what arrived and does what is due. Call it when something arrived or due() has come.
  virtual void step() = 0;
  [[nodiscard]] virtual os::Time due() const = 0;

  // Everything that must be known was listed once.
  [[nodiscard]] virtual bool synced() const = 0;
  // True: there were changes.
  virtual bool move_changes(core::ObjectChanges& into) = 0;
  // `credentials` are complaints about those. Nothing while all are as the last time.
  virtual std::optional<std::vector<Problem>> new_problems(
      const std::vector<std::string>& credentials) = 0;

  // Of the cluster whose objects these are, as far as it is known; empty: it is not.
  [[nodiscard]] virtual std::string cluster_uid() const { return {}; }

  [[nodiscard]] virtual ApiServer api_server() const { return {}; }

  // Writes nothing more, and gives back what others would wait for.
  virtual void resign() {}
  [[nodiscard]] virtual bool resigned() const { return true; }
};

}  // namespace kube
