// The client of a program that reads a cluster's objects and writes nothing.
#pragma once

#include <string>
#include <vector>

#include "kube/api/client.hpp"
#include "kube/api/resource_watches.hpp"
#include "kube/decode/decode.hpp"

namespace kube {

class WatchClient : public Client {
 public:
  // `transport` must outlive it.
  WatchClient(Transport& transport, const os::Clock& clock, const std::string& context,
              const std::vector<Resource>& resources, const DecodeOptions& decoding);

  void step() override;
  [[nodiscard]] os::Time due() const override { return watches_.due(); }
  [[nodiscard]] bool synced() const override { return watches_.synced(); }
  bool move_changes(core::ObjectChanges& into) override;
  std::optional<std::vector<Problem>> new_problems(
      const std::vector<std::string>& credentials) override {
    return watches_.new_problems(credentials, {});
  }

 private:
  Transport& transport_;
  Watches watches_;
};

}  // namespace kube
