#include "model/prediction.hpp"

#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/rtnetlink.h>

#include <algorithm>

namespace model {

using namespace core::packet;
using core::Address;
using core::Family;

namespace {

constexpr std::int32_t tracking_priority = -200;  // NF_IP_PRI_CONNTRACK

bool is_in(const Address& address, const char* prefix) {
  return core::Prefix::parse(prefix)->contains(address);
}

std::uint32_t type_of(const Address& address) {
  if (std::ranges::find(host_addresses, to_string(address)) != host_addresses.end()) {
    return RTN_LOCAL;
  }
  if (is_in(address, address.family() == Family::ipv4 ? "127.0.0.0/8" : "::1/128")) {
    return RTN_LOCAL;
  }
  return RTN_UNICAST;
}

// The routes of the lab.
const Device* route_to(const Lab& lab, const Address& address) {
  const bool ipv4 = address.family() == Family::ipv4;
  if (is_in(address, ipv4 ? "10.1.0.0/24" : "fd01::/64")) return &lab.to_client;
  if (is_in(address, ipv4 ? "10.2.0.0/24" : "fd02::/64")) return &lab.to_server;
  return nullptr;
}

// rt_tos2priority(), which ip_forward() applies; that of IPv6 does not.
std::uint32_t priority_of(std::uint8_t tos) {
  constexpr std::uint32_t priorities[] = {0, 2, 6, 4};
  return priorities[tos >> 3 & 3];
}

Bytes in_host_order(std::uint32_t number) {
  Bytes bytes(sizeof number);
  std::copy_n(reinterpret_cast<const std::uint8_t*>(&number), sizeof number, bytes.begin());
  return bytes;
}

class LabSurroundings final : public Surroundings {
 public:
  std::optional<Bytes> fib(const Packet& packet, const Context&, const Fib& fib) override {
    const Address& address =
        (fib.flags & NFTA_FIB_F_SADDR) != 0 ? packet.source : packet.destination;
    if (fib.result == NFT_FIB_RESULT_ADDRTYPE) return in_host_order(type_of(address));
    return std::nullopt;
  }
  std::optional<std::uint32_t> address_type(const Address& address, std::uint32_t) override {
    return type_of(address);
  }
  std::optional<Bytes> route_key(const Packet&, const Context&, std::uint32_t) override {
    return std::nullopt;
  }
  std::optional<Bytes> socket_key(const Packet&, const Context&, const Socket&) override {
    return std::nullopt;
  }
};

class Walk {
 public:
  Walk(const Lab& lab, Ruleset& ruleset, const Packet& packet,
       const std::optional<Earlier>& earlier, std::vector<std::size_t> script)
      : lab_(lab), ruleset_(ruleset), choices_(std::move(script)), earlier_(earlier) {
    result_.packet = packet;
  }

  Prediction from_outside(const Device& device) {
    context_.in = device;
    if (pass(Hook::prerouting)) route_in();
    return finish();
  }

  Prediction from_host() {
    context_.uid = context_.gid = 0;
    if (const Device* out = route_to(lab_, result_.packet.destination)) {
      context_.out = *out;
      if (pass(Hook::output)) route_out();
    } else {
      result_.dropped = true;
    }
    return finish();
  }

 private:
  Prediction finish() {
    result_.mark = context_.mark;
    result_.taken = choices_.taken();
    result_.connection = context_.connection;
    return std::move(result_);
  }

  void route_in() {
    if (type_of(result_.packet.destination) == RTN_LOCAL) {
      pass(Hook::input);
      return;
    }
    const Device* out = route_to(lab_, result_.packet.destination);
    if (out == nullptr || result_.packet.ttl <= 1) {
      result_.dropped = true;
      return;
    }
    --result_.packet.ttl;
    context_.out = *out;
    if (result_.packet.family == Family::ipv4) context_.priority = priority_of(result_.packet.tos);
    if (pass(Hook::forward)) pass(Hook::postrouting);
  }

  // A translation in the hook output may lead elsewhere.
  void route_out() {
    const Address& to = result_.packet.destination;
    const Device* out = route_to(lab_, to);
    if (type_of(to) == RTN_LOCAL) {
      Device loopback;
      loopback.index = 1;
      loopback.name = "lo";
      loopback.type = 772;  // ARPHRD_LOOPBACK
      context_.out = loopback;
    } else if (out == nullptr) {
      result_.dropped = true;
      return;
    } else {
      context_.out = *out;
    }
    pass(Hook::postrouting);
  }

  // Whether it goes on.
  bool pass(Hook hook) {
    context_.hook = hook;
    translated_ = false;
    bool mapped = false;
    bool tracked = hook != Hook::prerouting && hook != Hook::output;
    for (const BaseChain& chain : ruleset_.base_chains()) {
      if (chain.hook != hook || chain.id.table == Observer::table) continue;
      if (!tracked && met_at(chain) > tracking_priority) {
        track();
        tracked = true;
      }
      if (!mapped && met_at(chain) > translating_priority(hook)) {
        map_as_before(hook);
        mapped = true;
      }
      if (!meets(chain)) continue;
      const ChainResult result =
          run_chain(chain, result_.packet, context_, ruleset_, surroundings_, choices_, false);
      note(chain, result);
      if (result.verdict != ChainResult::Verdict::accept) {
        result_.dropped = true;
        return false;
      }
      if (result.nat) translate(*result.nat, hook);
    }
    if (!tracked) track();
    if (!mapped) map_as_before(hook);
    return true;
  }

  static std::int32_t translating_priority(Hook hook) {
    BaseChain nat;
    nat.type = BaseChain::Type::nat;
    nat.hook = hook;
    return met_at(nat);
  }

  // What a connection's first packet was translated to, its others are as well, and back.
  void map_as_before(Hook hook) {
    if (!earlier_ || !context_.connection || hook == Hook::forward) return;
    Packet& packet = result_.packet;
    const Connection& connection = *context_.connection;
    const FlowTuple& other = context_.reply ? connection.original : connection.reply;
    const bool destination = hook == Hook::prerouting || hook == Hook::output;
    (destination ? packet.destination : packet.source) =
        destination ? other.source : other.destination;
    if (!packet.has_ports()) return;
    (destination ? packet.destination_port : packet.source_port) =
        destination ? other.source_port : other.destination_port;
  }

  bool meets(const BaseChain& chain) const {
    const bool ipv4 = result_.packet.family == Family::ipv4;
    if (chain.id.family != TableFamily::inet &&
        chain.id.family != (ipv4 ? TableFamily::ip : TableFamily::ip6)) {
      return false;
    }
    if (chain.type != BaseChain::Type::nat) return true;
    // Only who translates first does.
    return context_.connection && context_.state == CtState::fresh && !earlier_ && !translated_;
  }

  void note(const BaseChain& chain, const ChainResult& result) {
    for (const Evaluated& one : result.rules) {
      if (one.matched) result_.met.push_back({one.chain, one.rule->handle, one.verdict});
    }
    if (!result.by_policy) return;
    result_.met.push_back(
        {chain.id, 0, {chain.drops ? Verdict::Code::drop : Verdict::Code::accept, ""}});
  }

  void track() {
    if (context_.untracked) return;
    if (earlier_) {
      context_.connection = earlier_->connection;
      context_.connection->status |=
          IPS_CONFIRMED | (earlier_->answered ? std::uint32_t{IPS_SEEN_REPLY} : 0U);
      context_.reply = earlier_->reply;
      context_.state = earlier_->answered ? CtState::established : CtState::fresh;
      return;
    }
    // Each trial's flow is a new one. TCP's may begin in the middle (nf_conntrack_tcp_loose), but
    // not with what ends or answers one.
    constexpr int ending = fin | rst;
    const int flags = result_.packet.tcp_flags;
    if (result_.packet.protocol == tcp && ((flags & ending) != 0 || flags == (syn | ack))) {
      context_.state = CtState::invalid;
      return;
    }
    Connection connection;
    connection.original = tuple_of(result_.packet);
    connection.reply = reversed(connection.original);
    connection.zone = context_.zone;
    context_.connection = connection;
    context_.state = CtState::fresh;
  }

  void translate(const NatRequest& request, Hook hook) {
    translated_ = true;
    if (!context_.connection) return;
    Packet& packet = result_.packet;
    Connection& connection = *context_.connection;
    Address address = request.destination ? packet.destination : packet.source;
    if (request.address_min) address = *request.address_min;
    if (request.masquerade) address = own_address(*context_.out);
    if (request.redirect) {
      address = hook == Hook::output ? loopback() : own_address(*context_.in);
    }
    (request.destination ? packet.destination : packet.source) = address;
    (request.destination ? connection.reply.source : connection.reply.destination) = address;
    if (request.port_min && packet.has_ports()) {
      (request.destination ? packet.destination_port : packet.source_port) = *request.port_min;
      (request.destination ? connection.reply.source_port : connection.reply.destination_port) =
          *request.port_min;
    }
    const bool changed = connection.reply != reversed(connection.original);
    if (changed) connection.status |= request.destination ? IPS_DST_NAT : IPS_SRC_NAT;
  }

  Address own_address(const Device& device) const {
    const bool ipv4 = result_.packet.family == Family::ipv4;
    const bool client = device.index == lab_.to_client.index;
    return *Address::parse(host_addresses[(ipv4 ? 0U : 2U) + (client ? 0U : 1U)]);
  }
  Address loopback() const {
    return *Address::parse(result_.packet.family == Family::ipv4 ? "127.0.0.1" : "::1");
  }

  const Lab& lab_;
  Ruleset& ruleset_;
  LabSurroundings surroundings_{};
  Choices choices_;
  const std::optional<Earlier>& earlier_;
  Context context_;
  Prediction result_;
  bool translated_ = false;
};

}  // namespace

Prediction predict(const Lab& lab, Ruleset& ruleset, const Packet& packet, Origin origin,
                   const std::optional<Earlier>& earlier, std::vector<std::size_t> script) {
  Walk walk(lab, ruleset, packet, earlier, std::move(script));
  if (origin == Origin::host) return walk.from_host();
  return walk.from_outside(origin == Origin::client ? lab.to_client : lab.to_server);
}

}  // namespace model
