// A network namespace of this machine as the model asks about it. Reads only; what was read once is
// kept, so one of these is for one question.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/listener.hpp"
#include "core/packet/walk/held_network.hpp"
#include "core/packet/walk/network.hpp"
#include "core/packet/walk/route_table.hpp"
#include "net/netlink/request.hpp"
#include "net/netns.hpp"

namespace net::view {

class LegacyTables;

// Of what a namespace may have any number of.
struct RecordLimits {
  std::size_t rules = 100'000;
  std::size_t elements = 200'000;
  std::size_t connections = 20'000;
};

class LiveNetwork final : public core::packet::Network {
 public:
  // Throws core::Error where the namespace cannot be entered or its interfaces not be read.
  explicit LiveNetwork(Namespace where);
  LiveNetwork(const LiveNetwork&) = delete;
  LiveNetwork& operator=(const LiveNetwork&) = delete;
  ~LiveNetwork() override;

  core::packet::Ruleset& ruleset() override;
  const std::vector<core::packet::Link>& links() override { return links_; }
  core::packet::RouteAnswer route(const core::packet::RouteQuery& query) override;
  core::packet::Neighbour neighbour(std::uint32_t device, const core::Address& address) override;
  std::optional<std::int64_t> sysctl(const std::string& name) override;
  std::optional<core::packet::Connection> connection(const core::packet::FlowTuple& tuple) override;
  core::packet::Listening listens(std::uint8_t protocol, const core::Address& address,
                                  std::uint16_t port) override;
  const std::vector<FouPort>& fou_ports() override;
  std::vector<core::packet::Opaque> opaque(core::packet::Hook hook,
                                           const core::packet::Packet& packet,
                                           const core::packet::Context& context) override;
  const std::vector<core::packet::IpsecPolicy>& ipsec() override;
  std::optional<core::packet::FoundSocket> find_socket(const core::packet::Packet& packet,
                                                       const core::packet::Context& context,
                                                       const std::optional<core::Address>& address,
                                                       std::uint16_t port) override;
  Fill conntrack_fill() override;

  // Routes and rules as they are listed; the texts have the numbers of devices, as "dev #3". Throws
  // core::Error.
  const core::packet::RouteTables& tables();

  [[nodiscard]] const Namespace& where() const { return where_; }
  // All of it as values, for a bundle. What cannot be read is missing, and told in `gaps`.
  void record(core::packet::HeldNetwork& into, const RecordLimits& limits,
              std::vector<std::string>& gaps);

  // What `peer` is called among this namespace's peers (RTM_GETNSID); empty: nothing.
  std::optional<std::int32_t> id_of(const Namespace& peer);

 private:
  void read_links();
  void read_addresses();
  core::packet::RouteAnswer ask(const core::packet::RouteQuery& query, std::uint32_t flags);
  std::vector<core::packet::NextHop> hops_of(std::uint32_t group);
  core::packet::RouteAnswer listed(const core::packet::RouteQuery& query);
  std::string name_of(std::uint32_t link);
  std::string with_names(std::string text);
  void read_neighbours();
  void record_sysctls(core::packet::HeldNetwork& into);
  void record_connections(core::packet::HeldNetwork& into, std::size_t most,
                          std::vector<std::string>& gaps);
  void record_unread(core::packet::HeldNetwork& into);

  Namespace where_;
  std::unique_ptr<RequestSocket> routes_;
  std::unique_ptr<RequestSocket> netfilter_;
  std::unique_ptr<RequestSocket> sockets_;
  std::unique_ptr<core::packet::Ruleset> ruleset_;
  std::vector<core::packet::Link> links_;
  std::optional<
      std::vector<std::pair<std::pair<std::uint32_t, core::Address>, core::packet::Neighbour>>>
      neighbours_;
  std::optional<core::packet::RouteTables> tables_;
  std::map<std::string, std::optional<std::int64_t>> sysctls_;
  std::optional<core::Listeners> listeners_;
  bool listeners_unknown_ = false;
  std::optional<std::vector<FouPort>> fou_ports_;
  std::unique_ptr<LegacyTables> legacy_;
  std::optional<bool> ipvs_;
  std::optional<std::vector<core::packet::IpsecPolicy>> ipsec_;
  std::optional<Fill> fill_;
};

}  // namespace net::view
