// Objects by hand: what a test puts in is what take() gives next.
#pragma once

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "kube/source.hpp"

namespace support {

class FakeSource : public kube::Source {
 public:
  [[nodiscard]] int wake_fd() const override { return -1; }
  core::ObjectChanges take() override { return std::exchange(changes, {}); }
  [[nodiscard]] bool synced() const override { return complete; }
  [[nodiscard]] bool partial() const override { return readable_part; }
  [[nodiscard]] std::vector<kube::Problem> problems() const override { return {}; }
  [[nodiscard]] std::size_t ignored() const override { return 0; }
  [[nodiscard]] std::optional<std::int64_t> stale_since() const override { return stale; }

  [[nodiscard]] std::optional<kube::ApiServer> api_server() const override { return server; }

  void put(core::Object object) {
    auto pointer = std::make_shared<const core::Object>(std::move(object));
    changes[{core::kind_of(*pointer), core::name_of(*pointer)}] = pointer;
  }
  void remove(const core::ObjectId& id) { changes[id] = nullptr; }

  core::ObjectChanges changes;
  bool complete = true;
  bool readable_part = false;  // what is given is all that can be read
  std::optional<std::int64_t> stale;
  std::optional<kube::ApiServer> server;
};

}  // namespace support
