// The network namespaces of this machine that a packet gets to, found as it goes: by a veth's peer.
// Rule: a namespace is told by its device and inode; its name is for people.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/packet/walk/network.hpp"
#include "net/netns.hpp"
#include "net/view/live_network.hpp"

namespace net::view {

using NamespaceId = std::pair<dev_t, ino_t>;
// Throws core::Error.
NamespaceId id_of(const Namespace& where);

class LiveWorld final : public core::packet::World {
 public:
  // What a namespace is called; nothing: as this world finds it.
  using Label = std::function<std::optional<std::string>(const NamespaceId& id)>;
  explicit LiveWorld(Label label = {}) : label_(std::move(label)) {}

  // The number of its place, the same for the same namespace. Throws core::Error.
  std::size_t add(Namespace where);

  core::packet::Network& network(std::size_t place) override { return *places_[place].network; }
  std::string name(std::size_t place) override { return places_[place].name; }
  // By ip-netns(8) where it knows the namespace, else by nsenter(1).
  std::string inside(std::size_t place) override;
  std::optional<core::packet::Attachment> peer(const core::packet::Attachment& link) override;

  [[nodiscard]] const Namespace& where(std::size_t place) const {
    return places_[place].network->where();
  }
  // As they are listed. Throws core::Error.
  const core::packet::RouteTables& routes(std::size_t place) {
    return places_[place].network->tables();
  }
  [[nodiscard]] std::size_t size() const { return places_.size(); }

  // The first namespace that has one of the addresses; nothing: none has.
  std::optional<std::size_t> place_with(const std::vector<core::Address>& addresses);

  // All namespaces that have a name or a process, in the order in which they are found; the
  // machine's own one first.
  struct Candidate {
    NamespaceId id;
    std::string path;
    std::string name;
  };
  const std::vector<Candidate>& candidates();

 private:
  struct Place {
    NamespaceId id;
    std::string name;
    std::unique_ptr<LiveNetwork> network;
    std::map<std::int32_t, std::optional<std::size_t>> peers;  // places, by their ids here
  };
  std::string name_of(const NamespaceId& id, const std::string& path);
  std::optional<std::size_t> place_of(Place& place, std::int32_t id);

  Label label_;
  std::vector<Place> places_;
  std::optional<std::vector<Candidate>> candidates_;
};

}  // namespace net::view
