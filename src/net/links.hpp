// Links, addresses and routes of one network namespace, changed step by step: for setting up
// machinery such as the lab. Not here: reconciling, which goes through net/kernel.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "core/ip.hpp"
#include "net/announce.hpp"
#include "net/netns.hpp"

namespace net {

class RequestSocket;

struct LinkInfo {
  std::uint32_t index = 0;
  bool up = false;
  Mac mac{};
  std::uint64_t sent_packets = 0;
};

// A route socket into a namespace. Every function throws core::Error that names the link and what
// the kernel answered.
class Links {
 public:
  explicit Links(const Namespace& where);
  ~Links();
  Links(const Links&) = delete;
  Links& operator=(const Links&) = delete;

  // One end here, the other in `there`; neither is ever seen in a third namespace.
  void add_veth(const std::string& name, const Namespace& there, const std::string& peer);
  void add_bridge(const std::string& name);
  void remove(const std::string& name);
  void set_bridge(const std::string& port, const std::string& bridge);
  void set_up(const std::string& name, bool up);

  // IPv6 addresses are usable at once: without duplicate address detection.
  void add_address(const std::string& name, const core::Prefix& address);
  void remove_address(const std::string& name, const core::Prefix& address);
  // Into table main. Without a link the kernel finds it by the gateway.
  void add_route(const core::Prefix& to, const core::Address& gateway,
                 const std::string& link = {});
  // To what is on the link itself.
  void add_link_route(const core::Prefix& to, const std::string& link);

  [[nodiscard]] LinkInfo get(const std::string& name);

 private:
  void change_address(const std::string& name, const core::Prefix& address, bool add);
  void put_route(const core::Prefix& to, const core::Address* gateway, const std::string& link);

  std::string where_;
  std::unique_ptr<RequestSocket> socket_;
};

}  // namespace net
