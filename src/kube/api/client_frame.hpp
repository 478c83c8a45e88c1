// What all clients of a cluster do alike: watches, the election, Events and parts that write, over
// one transport. It says in which order they work and who gets what arrives; what is read and
// written is said by the clients made of it. No thread, no I/O, no clock and no chance of its own.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "kube/api/client.hpp"
#include "kube/api/client_part.hpp"
#include "kube/api/event_recorder.hpp"
#include "kube/api/leader_election.hpp"
#include "kube/api/requests.hpp"
#include "kube/api/resource_watches.hpp"
#include "kube/api/transport.hpp"
#include "kube/api/trust.hpp"

namespace kube {

struct FrameOptions {
  std::string context;     // stands before the names of objects in problems
  std::string author{};    // of Events ("pona.dev/edge"); empty: it writes nothing
  std::string instance{};  // which one of these
  std::string ns{};        // of the Lease of the election,
  std::string lease{};     // its name; empty: nobody is elected,
  std::string identity{};  // and of this process alone in it
  // Parts must know what came of their writes before watches tell of it.
  bool replies_first = false;
  Trust trust{};
};

class ClientFrame : public Client {
 public:
  void step() override;
  [[nodiscard]] os::Time due() const override;
  [[nodiscard]] bool synced() const override { return watches_.synced(); }
  bool move_changes(core::ObjectChanges& into) override;
  std::optional<std::vector<Problem>> new_problems(
      const std::vector<std::string>& credentials) override;
  void resign() override;
  [[nodiscard]] bool resigned() const override;

  [[nodiscard]] std::string cluster_uid() const override { return watches_.cluster_uid(); }
  [[nodiscard]] ApiServer api_server() const override { return {watches_.reachable(), leading()}; }
  [[nodiscard]] bool leading() const { return election_ && election_->leading(); }

 protected:
  // `transport` must outlive it.
  ClientFrame(Transport& transport, const os::Clock& clock, const FrameOptions& options);

  // Parts step and are offered replies in the order in which they are added. `part` must outlive
  // the last call of this.
  void add(ClientPart& part) { parts_.push_back(&part); }

  // To the owner and to the parts, what the reflectors brought.
  virtual void pass_on();
  // Called before the parts step.
  virtual void lead(bool /*leading*/) {}

  // For the owner.
  void keep(core::ObjectChanges&& changes);

  Watches& watches() { return watches_; }
  Exchanges& exchanges() { return exchanges_; }
  EventRecorder& events() { return *events_; }
  [[nodiscard]] const EventRecorder& events() const { return *events_; }

 private:
  void hand_out(const Reply& reply);
  [[nodiscard]] bool resigning() const { return election_ && election_->resigning(); }

  Transport& transport_;
  bool replies_first_;
  Watches watches_;
  Exchanges exchanges_;
  std::optional<Election> election_;
  std::optional<EventRecorder> events_;
  std::vector<ClientPart*> parts_;
  core::ObjectChanges changes_;
};

}  // namespace kube
