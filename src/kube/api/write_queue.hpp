// A queue of objects that may have to be written: what exactly is decided when its turn has come,
// so that what changes meanwhile is written once. A few at a time, one at a time for each object,
// later when the server asks for it. No I/O of its own.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "core/objects.hpp"
#include "kube/api/requests.hpp"
#include "os/clock.hpp"

namespace kube {

struct Write {
  Request request;
  std::string what;            // for messages: "write the status of Mapping shop/web"
  bool lead = false;           // only the leader may
  std::function<void()> done;  // it is written; may be empty
  // The server does not allow it, as the text tells; where empty, all writes pause.
  std::function<void(const std::string&)> forbidden;
  // Of an answer of no success, with its code and what it says: true, it is dealt with, and what is
  // to be written is asked anew. May be empty.
  std::function<bool(int code, const std::string&)> refused;
};

class Writes {
 public:
  // What is to be written of an object now; nothing: all is as it should be.
  using Next = std::function<std::optional<Write>(const core::ObjectName&)>;
  // The object as the server has it after a write.
  using Written = std::function<void(const core::ObjectName&, const std::string& body)>;

  // `exchanges` must outlive it.
  Writes(Exchanges& exchanges, os::Clock clock, Next next, Written written);

  void add(const core::ObjectName& name);
  void forget(const core::ObjectName& name);
  // Gives up what only the leader may write.
  void stop_leading();

  void step();
  bool take(const Reply& reply);
  [[nodiscard]] os::Time due() const;
  [[nodiscard]] const std::string& trouble() const { return trouble_; }

 private:
  struct Open {
    core::ObjectName name;
    Write write;
  };

  void refused(const Reply& reply, const Open& open);
  void wait(const core::ObjectName& name, os::Time::duration time);

  Exchanges& exchanges_;
  os::Clock clock_;
  Next next_;
  Written written_;
  std::deque<core::ObjectName> queue_;
  std::set<core::ObjectName> queued_;
  std::map<core::ObjectName, os::Time> later_;         // not before
  std::multimap<os::Time, core::ObjectName> waiting_;  // the same, in order
  std::map<core::ObjectName, int> failures_;
  std::map<std::uint64_t, Open> open_;
  std::set<core::ObjectName> busy_;
  struct Sent {
    std::size_t hash = 0;           // of the request
    os::Time from{};                // when the same may be sent again
    os::Time::duration pause = {};  // and how long after that once more
  };
  std::map<core::ObjectName, Sent> sent_;  // with success
  os::Time not_before_{};                  // of any
  int troubles_ = 0;                       // in a row
  std::string trouble_;
};

}  // namespace kube
