// One walk, while it is under way. For walk*.cpp only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/packet/walk/walk.hpp"

namespace core::packet {

class Walker::Run {
 public:
  Run(Walker& walker, Packet packet) : walker_(walker), packet_(std::move(packet)) {}

  Way send(std::size_t place, std::uint32_t mark, std::optional<std::uint32_t> uid);
  Way receive(const Attachment& at);

 private:
  // What comes next. Each function does its part, and says.
  enum class Stage : std::uint8_t { output, input, ended };

  Way finish();
  Stage output();
  Stage input();
  Stage forward(const RouteAnswer& route);
  Stage local();

  // hooks (walk_hooks.cpp). False: it goes no further.
  bool pass(Hook hook);
  bool run(const BaseChain& chain);
  bool track();
  bool nat(Hook hook, const std::vector<const BaseChain*>& chains);
  std::optional<Address> nat_address(Hook hook, bool masquerade);
  bool pass_opaque(Hook hook);
  void keep_evaluated(Step& step, const ChainResult& result);
  RuleReference reference(const BaseChain& chain, const ChainResult& result);
  RuleReference reference(const Evaluated& rule);

  // routes (walk_routes.cpp)
  RouteQuery query() const;
  std::optional<RouteAnswer> route_output();
  std::optional<RouteAnswer> route_input();
  bool refused(const RouteAnswer& answer);
  void refused_output(const RouteAnswer& answer);
  void refused_input(const RouteAnswer& answer);
  void choose_hop(RouteAnswer& answer);
  bool came_by_another_way(Cause& cause, std::string& text);
  std::int64_t sysctl(const std::string& name, std::int64_t otherwise);
  [[nodiscard]] std::string conf(const std::string& device, const std::string& name) const;

  // links (walk_links.cpp)
  Stage transmit(std::uint32_t link, const Address& next_hop);
  Stage hand_over(const Link& out, const Attachment& peer, const Address& next_hop);
  Stage through_bridge(const Link& out, const Attachment& port, const Address& next_hop);
  Stage arrive(const Attachment& at);
  Stage leave(const Link& out, const Address& next_hop, const std::string& why);
  void note_ingress(const Link& link);
  void note_bridge(std::size_t place, const Link& bridge);
  bool answers_for(const Attachment& at, const Address& address);
  void narrow(std::uint32_t mtu, std::size_t extra, bool behind);
  bool fits(const Link& link, std::uint32_t route_mtu = 0);

  // IPsec (walk_ipsec.cpp). False: it goes no further.
  bool let_in(IpsecPolicy::Direction direction, const std::string& where);
  bool let_out(const Link& out);

  // tunnels (walk_tunnels.cpp)
  Stage encapsulate(const Link& tunnel);
  bool decapsulate();
  bool enter_tunnel(const Link& tunnel, Packet inner, const std::string& what,
                    std::size_t overhead);

  // --- what all have in common -------------------------------------------------------------------
  Network& network() { return walker_.world_.network(place_); }
  Step& add(Step::What what, const std::string& where, const std::string& text);
  Stage drop(Cause cause, const std::string& where, const std::string& text);
  void set_in(const Link* link);
  void set_out(const Link* link);
  [[nodiscard]] const char* family_conf() const {
    return packet_.family == Family::ipv4 ? "net/ipv4/conf/" : "net/ipv6/conf/";
  }

  Walker& walker_;
  Packet packet_;
  Context context_;
  Way way_;
  std::size_t place_ = 0;
  RouteAnswer route_;             // that it takes from here
  std::size_t depth_ = 0;         // tunnels around it
  std::size_t overhead_ = 0;      // bytes of these
  bool sent_here_ = false;        // a socket of this namespace sends it
  bool reroute_ = false;          // a chain of type route changed it
  bool routed_unmarked_ = false;  // by a tunnel whose way does not depend on the packet's mark
  bool looped_ = false;           // it comes in by lo, as what it went out as
};

}  // namespace core::packet
