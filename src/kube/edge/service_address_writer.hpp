// Gives Services of type LoadBalancer their external addresses: what core/address_assignment
// decides goes into their status, by server-side apply. Works only while this edge leads and all
// objects are known. No I/O of its own.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "core/edge/claims/address_assignment.hpp"
#include "kube/api/client_part.hpp"
#include "kube/api/event_recorder.hpp"
#include "kube/api/requests.hpp"
#include "kube/api/write_queue.hpp"
#include "kube/decode/object_version.hpp"

namespace kube {

class AddressWriter : public ClientPart {
 public:
  // `exchanges` and `events` must outlive it.
  // `most_wishes`: addresses that one Service may ask for.
  AddressWriter(Exchanges& exchanges, EventRecorder& events, os::Clock clock,
                std::size_t most_wishes);

  void update(const core::ObjectChanges& objects);
  // Null: it is gone.
  void seen(const core::ObjectName& service, std::shared_ptr<const Seen> seen);
  // It may give addresses now.
  void lead(bool leading);

  void step() override;
  bool take(const Reply& reply) override { return writes_.take(reply); }
  [[nodiscard]] os::Time due() const override { return leading_ ? writes_.due() : os::Time::max(); }
  [[nodiscard]] std::string trouble() const override { return leading_ ? writes_.trouble() : ""; }

 private:
  struct Record {
    std::shared_ptr<const core::Object> service;
    std::shared_ptr<const Seen> seen;
    // What was written, and the version that it led to: older ones say nothing of it.
    core::AddressAssignment::Decision written;
    std::string version;
  };

  std::optional<Write> next(const core::ObjectName& name);
  Write give_up(const core::ObjectName& name, const std::string& uid);
  void written(const core::ObjectName& name, const std::string& body);
  void tell(const core::ObjectName& name, const Seen& seen,
            const core::AddressAssignment::Decision& decision);

  EventRecorder& events_;
  os::Clock clock_;
  Writes writes_;
  core::AddressAssignment assignment_;
  std::map<core::ObjectName, Record> records_;
  // Services that ask for no addresses any more, and their uids.
  std::map<core::ObjectName, std::string> given_up_;
  bool leading_ = false;
};

}  // namespace kube
