// Where objects come from. Implemented by a directory of manifests and by the API
// server, and by what joins and remembers them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/edge/mapping_status.hpp"
#include "core/objects.hpp"

namespace kube {

// A document that was left out, and where it stands.
struct Problem {
  std::string where;   // "file:line" or "context/namespace/name"
  std::string reason;  // what is wrong and what to do

  friend auto operator<=>(const Problem&, const Problem&) = default;
};

// How it stands with an API server.
struct ApiServer {
  bool reachable = true;  // the last request of each kind was answered, whatever it said
  bool leading = false;   // this process is the one of several that writes
  // The last that all edges of the cluster know. Nothing: there is no knowing yet, or no edge asks.
  std::optional<core::SlotLayout> slot_layout{};
  friend bool operator==(const ApiServer&, const ApiServer&) = default;
};

class Source {
 public:
  Source() = default;
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;
  virtual ~Source() = default;

  // A descriptor that is readable while take() has something to give: put it into poll(2).
  [[nodiscard]] virtual int wake_fd() const = 0;

  // What changed since the last call, coalesced; the first call gives everything there is. Never
  // blocks for longer than reading what changed. Errors never remove objects: only a complete look
  // at the source that does not find them does.
  virtual core::ObjectChanges take() = 0;

  // What take() gave so far is a complete look: until then nothing that exists in the kernel may be
  // taken away.
  [[nodiscard]] virtual bool synced() const = 0;

  // take() gave all that can be read, and something cannot: what it did not give may exist, and
  // must not be taken away from the kernel. What it did give is to be served.
  [[nodiscard]] virtual bool partial() const { return false; }

  // The objects are those of an earlier process, and since when nothing of them is known to have
  // changed (Unix seconds); empty: they are the source's own.
  [[nodiscard]] virtual std::optional<std::int64_t> stale_since() const { return std::nullopt; }

  [[nodiscard]] virtual std::vector<Problem> problems() const = 0;

  // Of the cluster whose objects these are (the UID of its namespace kube-system); empty: there is
  // none, or it is not known.
  [[nodiscard]] virtual std::string cluster_uid() const { return {}; }

  // Nothing: the objects are not of an API server.
  [[nodiscard]] virtual std::optional<ApiServer> api_server() const { return std::nullopt; }

  // What came of Mappings that were taken, for those that write it down where the objects are.
  // Where nobody listens it need not be made.
  [[nodiscard]] virtual bool listens() const { return false; }
  virtual void report(const core::PlannedMappings& /*planned*/) {}

  // Documents of kinds that pona does not read.
  [[nodiscard]] virtual std::size_t ignored() const = 0;
};

}  // namespace kube
