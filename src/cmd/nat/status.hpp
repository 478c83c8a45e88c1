// What a running NAT pod can be asked for, and its texts.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "cmd/nat/known_clients.hpp"
#include "cmd/nat/loop.hpp"

namespace cmd {

struct NatStatus {
  struct Client {
    core::Address address;
    std::vector<core::EgressClients::Client> owners;
    core::Count sent, received;  // by the client
    std::uint64_t connections = 0;
  };
  // One address and port outside, and how many of a NAT address' ports go there now. One address
  // has 64,512 of them for each.
  struct Destination {
    std::string protocol, address;
    std::uint16_t port = 0;
    std::uint64_t ports = 0;
  };

  std::string egress;
  bool ready = false;
  bool draining = false;
  std::vector<std::string> troubles;
  std::vector<Client> clients;                 // by address
  std::vector<core::Family> families;          // whose tables are in place, and count
  std::map<std::string, std::uint64_t> drops;  // packets, by reason
  std::vector<Destination> destinations;       // those with most ports in use, 20 at most
  net::Kernel::ConntrackFill conntrack;
  std::uint64_t insert_failed = 0;  // connections that found no free port, since the pod's start
  std::uint64_t errors = 0, changes = 0;
  std::optional<bool> api_server_reachable;  // empty: the objects are not of an API server
};

// What the loop itself knows: nothing is counted.
NatStatus collect(const NatLoop& loop, bool draining);

// Counts what the kernel has of a status, where no loop waits for it: conntrack may hold a million
// entries. Of one thread.
class NatCounting {
 public:
  // Throws core::Error.
  void count(NatStatus& status);

 private:
  // However often it is asked, most of the time nobody reads conntrack.
  std::vector<NatStatus::Destination> destinations_;
  os::Time read_again_at_{};
};

std::string to_json(const NatStatus& status);
std::string to_metrics(const NatStatus& status);

// Connections of clients that are neither closed nor closing.
std::size_t open_connections(net::Kernel& kernel, const KnownClients& known);
// All packets of clients, for who wants to see whether there are any.
std::uint64_t packets_of_clients(net::Kernel& kernel, const std::vector<core::Family>& families);

}  // namespace cmd
