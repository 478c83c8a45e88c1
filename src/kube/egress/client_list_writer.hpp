// Writes the client lists of a node: EndpointSlices that say which pods of it are clients of which
// Egress, for the NAT pods to read. Nothing is written before all lists of the node were seen and
// the clients were published; lists of an Egress that is gone are the garbage collector's. No I/O
// of its own.
//
// By server-side apply, forced, with the uid of the list that is meant, if there is one. Making and
// changing are one request then, which may be repeated when nobody knows what became of it; what
// others changed is set right without being read first, even where they took off the labels by
// which a list is found; and what was deleted meanwhile is not made again by a change of it. An
// update with a resourceVersion would need another look each time, and would save nobody's changes:
// only this node's agent has a say in its lists.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/objects.hpp"
#include "kube/api/client_part.hpp"
#include "kube/api/rate_limit.hpp"
#include "kube/api/requests.hpp"
#include "kube/api/write_queue.hpp"
#include "kube/decode/object_version.hpp"
#include "kube/egress/client_list_places.hpp"
#include "os/clock.hpp"

namespace kube {

class ClientListWriter : public ClientPart {
 public:
  // `exchanges` must outlive it.
  ClientListWriter(std::string node, Exchanges& exchanges, os::Clock clock);

  // Replaces what was published before.
  void publish(ClientLists clients);
  // Of any Egress; null: it is gone.
  void egress_seen(const core::ObjectName& egress, const std::shared_ptr<const Seen>& seen);
  // Of any list of this node, with its last good version, if there was one; null: it is gone.
  void list_seen(const core::ObjectName& list, const std::shared_ptr<const core::Object>& object,
                 const std::shared_ptr<const Seen>& seen);
  // All lists that there are have been seen.
  void set_listed() { listed_ = true; }

  void step() override;
  bool take(const Reply& reply) override { return writes_.take(reply); }
  [[nodiscard]] os::Time due() const override;
  [[nodiscard]] std::string trouble() const override;

 private:
  struct Egress {
    std::string uid;
    bool deleting = false;

    friend bool operator==(const Egress&, const Egress&) = default;
  };
  struct Record {
    // As the server has it.
    std::string uid;      // empty: it is not there
    std::string version;  // older ones say nothing of it
    std::string egress;
    std::vector<std::string> owners;
    std::set<core::EgressClients::Client> clients;
    bool readable = false;
    std::string deleted;  // the uid of one that we deleted: nothing either

    bool open = false;          // a write is under way, …
    bool doubtful = false;      // … and the list went meanwhile: the answer may be of before
    std::size_t applied = 0;    // the hash of what was written last
    RateLimit repairs{0.1, 3};  // writes of the same again
    int conflicts = 0;          // in a row
    int refusals = 0;           // likewise
    os::Time not_before{};      // of the next write
    std::string refusal;        // for people
  };

  void arrange();
  void know(const core::ObjectName& name, const core::EgressClients* list, const Seen& seen);
  void wait(const core::ObjectName& name, Record& record, os::Time until);

  std::optional<Write> next(const core::ObjectName& name);
  std::optional<Write> apply(const core::ObjectName& name, Record& record,
                             const ClientPlaces::List& list);
  Write remove(const core::ObjectName& name, const Record& record);
  void written(const core::ObjectName& name, const std::string& body);
  bool refused(const core::ObjectName& name, int code, const std::string& text);

  std::string node_;
  os::Clock clock_;
  Writes writes_;
  ClientPlaces places_;
  ClientLists clients_;
  bool published_ = false;
  bool listed_ = false;
  bool changed_ = false;  // the clients, or which lists there are
  bool arranged_ = false;
  std::map<core::ObjectName, Egress> egresses_;
  std::map<core::ObjectName, Record> records_;
  std::multimap<os::Time, core::ObjectName> later_;
};

}  // namespace kube
