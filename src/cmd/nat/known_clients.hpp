// Whom a NAT pod lets through, as its loop left it for the threads that must not wait for the loop.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "cmd/nat/loop.hpp"
#include "cmd/serve/health.hpp"
#include "core/ip.hpp"

namespace cmd {

struct KnownClients {
  bool draining = false;
  // hash_uid() of each that is let through with the address; none: the client is known and not
  // served.
  std::unordered_map<core::Address, std::vector<std::uint64_t>> clients;
};

KnownClients known_clients(const NatLoop& loop, bool draining);

// Never null after the first post.
using LatestClients = Latest<std::shared_ptr<const KnownClients>>;

}  // namespace cmd
