// One look at this host for evidence of a network model, while it is under way. For gather_host.cpp
// and follow.cpp only.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cmd/diag/check/agent_view.hpp"
#include "cmd/diag/model/gather.hpp"
#include "cmd/diag/places.hpp"
#include "cmd/edge/status.hpp"
#include "core/packet/walk/walk.hpp"
#include "net/view/live_world.hpp"

namespace cmd {

namespace packet = core::packet;
namespace model = core::cluster_model;

class HostLook {
 public:
  // What these refer to must outlive it. Throws core::Error.
  HostLook(const ModelSources& sources, ModelObjectReader& reader, model::Evidence& evidence);
  void run();

 private:
  struct Uplink {
    std::uint32_t link = 0;  // index; 0: there is none
    std::optional<core::Prefix> address;
  };
  struct Pod {
    core::Address address;
    std::uint32_t link = 0;  // that its packets come in by
  };
  struct Aim {
    std::string target;
    std::uint16_t port = 0;
    std::uint8_t protocol = 0;
  };

  packet::Network& network() { return world_.network(at_); }
  [[nodiscard]] bool in_pod_range(const core::Address& address) const;
  void name_host();
  void find_uplink(core::Family family);
  void find_pod(core::Family family);
  void note_closed(core::Family family);
  void ask_daemons();
  void take_edge(const EdgeStatus& status);
  void look_at_rules();
  void routes();
  void walks(core::Family family);
  void keep(std::optional<model::Walk> walk);
  std::optional<model::Walk> follow_to(const ModelTarget& target, core::Family family);
  void targets();
  std::optional<core::Address> neighbour_of(const Uplink& uplink);

  // One imagined packet (follow.cpp). Nothing: this host has nothing to do with it.
  std::optional<model::Walk> follow(model::Walk::Kind kind, std::uint32_t in,
                                    const core::Address& source, const core::Address& destination,
                                    const Aim& aim);
  model::Walk walk(const packet::Packet& probe, const packet::Attachment& in,
                   const packet::WalkOptions& options, packet::Choices& choices,
                   model::Walk::Kind kind);
  void describe(const packet::Way& way, const packet::Packet& probe, model::Walk& walk);

  const ModelSources& sources_;
  ModelObjectReader& reader_;
  model::Evidence& evidence_;
  Places places_;
  net::view::LiveWorld world_;
  std::size_t at_ = 0;
  model::Node node_;
  std::array<Uplink, 2> uplinks_;           // by family
  std::array<std::optional<Pod>, 2> pods_;  // likewise
  struct Mapped {
    std::string text;
    ModelTarget target;
  };
  std::vector<Mapped> mapped_;  // by the running edge
};

}  // namespace cmd
