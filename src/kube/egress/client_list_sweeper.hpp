// Deletes the client lists of nodes that are gone: their agents cannot. Only the leader does, and
// only when it knows all nodes. No I/O of its own.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>

#include "core/objects.hpp"
#include "kube/api/client_part.hpp"
#include "kube/api/requests.hpp"
#include "kube/api/write_queue.hpp"
#include "kube/decode/object_version.hpp"
#include "os/clock.hpp"

namespace kube {

class ClientListSweeper : public ClientPart {
 public:
  // `exchanges` must outlive it.
  ClientListSweeper(Exchanges& exchanges, os::Clock clock);

  // Client lists; the rest is passed over.
  void update(const core::ObjectChanges& changes);
  void seen(const core::ObjectName& list, std::shared_ptr<const Seen> seen);
  void set_nodes(std::set<std::string> nodes);
  void lead(bool leading);

  void step() override;
  bool take(const Reply& reply) override { return writes_.take(reply); }
  [[nodiscard]] os::Time due() const override;
  [[nodiscard]] std::string trouble() const override { return leading_ ? writes_.trouble() : ""; }

 private:
  struct List {
    std::string node;
    std::shared_ptr<const Seen> seen;
  };

  void look_at(const core::ObjectName& name, const List& list);
  std::optional<Write> next(const core::ObjectName& name);

  os::Clock clock_;
  Writes writes_;
  std::map<core::ObjectName, List> lists_;
  std::set<std::string> nodes_;
  std::map<core::ObjectName, os::Time> orphans_;  // from when they may go
  bool leading_ = false;
};

}  // namespace kube
