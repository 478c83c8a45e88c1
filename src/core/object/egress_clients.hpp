// Some clients of one Egress.
#pragma once

#include <compare>
#include <string>
#include <string_view>
#include <vector>

#include "core/ip.hpp"
#include "core/object/object.hpp"

namespace core {

// Some clients of one Egress: an EndpointSlice with the label egress.pona.cybozu.com/clients-of. It
// lies in the Egress's namespace and holds clients of one node and one address family.
struct EgressClients {
  static constexpr Kind kind = Kind::egress_clients;
  static constexpr std::string_view kind_name = "EndpointSlice";

  struct Client {
    Address address;
    ObjectName pod;
    std::string uid;  // of the pod; two may have had one address, one after the other

    friend auto operator<=>(const Client&, const Client&) = default;
  };

  ObjectName name;
  std::string egress;  // the label's value
  std::string node;    // label egress.pona.cybozu.com/node
  std::vector<Client> clients;

  friend bool operator==(const EgressClients&, const EgressClients&) = default;
};

}  // namespace core
