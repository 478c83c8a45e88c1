// Which object is behind a flow, by what running daemons say that they serve. Pure. Rule: where two
// may be, none is named.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "core/ip.hpp"
#include "core/watch/flow.hpp"

namespace core::watch {

class Owners {
 public:
  // Objects are texts for people: "Mapping shop/web", "Egress internet/egress".
  void add_port(const std::string& object, const Address& external, std::uint8_t protocol,
                const PortRange& ports);
  // Where a Mapping leads to.
  void add_endpoint(const std::string& object, const Address& address, std::uint8_t protocol,
                    std::uint16_t port);
  void add_nat_pod(const std::string& object, const Address& address);
  // What of a pod's traffic goes by an Egress.
  void add_client(const std::string& object, const Address& pod, const Prefix& destination);
  void add_pod(const Address& address, const std::string& name);  // "pod shop/web-1"

  // Null: nobody's, as far as is known. As long as nothing is added.
  [[nodiscard]] const std::string* of(const Flow& flow) const;
  // Of a packet of any direction, before or behind its translation.
  [[nodiscard]] const std::string* of(const Drop& drop) const;
  // Empty: none, or not known.
  [[nodiscard]] std::string_view pod(const Address& address) const;
  [[nodiscard]] bool knows(std::string_view object) const;
  [[nodiscard]] bool empty() const { return names_.empty(); }

 private:
  using Name = const std::string*;
  struct Port {
    std::uint16_t first = 0;
    Name object = nullptr;
  };
  Name intern(const std::string& object);
  [[nodiscard]] Name mapping_at(const Address& address, std::uint8_t protocol,
                                std::uint16_t port) const;
  [[nodiscard]] Name egress_of(const packet::FlowTuple& tuple) const;
  [[nodiscard]] Name nat_pod(const Address& address) const;
  [[nodiscard]] Name dropped(const packet::FlowTuple& tuple) const;

  std::map<std::string, bool, std::less<>> names_;  // whose texts stay where they are
  std::map<std::tuple<Address, std::uint8_t, std::uint16_t>, Port> ports_;  // by their last one
  // Null: of several.
  std::map<std::tuple<Address, std::uint8_t, std::uint16_t>, Name> endpoints_;
  std::map<Address, Name> nat_pods_;
  std::map<Address, std::vector<std::pair<Prefix, Name>>> clients_;
  std::map<Address, std::string> pods_;
};

}  // namespace core::watch
