#include "core/packet/diagnosis/foresee.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "core/packet/diagnosis/judge_rules.hpp"
#include "core/packet/diagnosis/text.hpp"
#include "core/packet/kernel_numbers.hpp"
#include "core/packet/walk/walk.hpp"

namespace core::packet {
namespace {

constexpr std::int32_t destination_nat = -100;  // NF_IP_PRI_NAT_DST
constexpr std::size_t most_ways = 32;
constexpr Register address_register = 0;
constexpr Register port_register = 16;

// The rules that are there, with one translation in the place of our own.
class PlannedRuleset final : public Ruleset {
 public:
  PlannedRuleset(Ruleset& real, std::string own, const PlannedFlow& flow)
      : real_(real), own_(std::move(own)) {
    ours_.id = {TableFamily::inet, own_, "planned"};
    ours_.type = BaseChain::Type::nat;
    ours_.hook = Hook::prerouting;
    ours_.priority = destination_nat;
    bool placed = false;
    for (const BaseChain& chain : real_.base_chains()) {
      if (chain.id.table == own_) {
        const bool same = chain.hook == ours_.hook && chain.type == ours_.type;
        if (same && !std::exchange(placed, true)) chains_.push_back(ours_);
        continue;
      }
      chains_.push_back(chain);
    }
    // A new one is in front of others of its priority.
    if (!placed) {
      const auto behind = std::ranges::find_if(chains_, [&](const BaseChain& chain) {
        return chain.hook > ours_.hook ||
               (chain.hook == ours_.hook && chain.priority >= ours_.priority);
      });
      chains_.insert(behind, ours_);
    }
    const auto address = flow.endpoint.bytes();
    Nat nat;
    nat.destination = true;
    nat.family = flow.endpoint.family();
    nat.address_min = address_register;
    nat.port_min = port_register;
    nat.flags = nat_proto_specified;
    rules_.push_back(
        {1,
         {Immediate{address_register, Bytes(address.begin(), address.end())},
          Immediate{port_register, Bytes{static_cast<std::uint8_t>(flow.endpoint_port >> 8),
                                         static_cast<std::uint8_t>(flow.endpoint_port)}},
          nat},
         ""});
  }

  bool readable() override { return real_.readable(); }
  const std::vector<BaseChain>& base_chains() override { return chains_; }
  const std::vector<Rule>* rules(const ChainId& chain) override {
    return chain == ours_.id ? &rules_ : real_.rules(chain);
  }
  const Set* set(const ChainId& id) override { return real_.set(id); }
  Found find(const ChainId& set, ByteView key) override { return real_.find(set, key); }
  std::vector<Element> elements(const ChainId& set, std::size_t most) override {
    return real_.elements(set, most);
  }
  std::optional<Expression> object(const ChainId& id, std::uint32_t type) override {
    return real_.object(id, type);
  }

 private:
  Ruleset& real_;
  std::string own_;
  BaseChain ours_;
  std::vector<BaseChain> chains_;
  std::vector<Rule> rules_;
};

class PlannedNetwork final : public Network {
 public:
  PlannedNetwork(Network& real, std::string own, const PlannedFlow& flow)
      : real_(real), rules_(real.ruleset(), std::move(own), flow) {}

  Ruleset& ruleset() override { return rules_; }
  const std::vector<Link>& links() override { return real_.links(); }
  RouteAnswer route(const RouteQuery& query) override { return real_.route(query); }
  Neighbour neighbour(std::uint32_t device, const Address& address) override {
    return real_.neighbour(device, address);
  }
  std::optional<std::int64_t> sysctl(const std::string& name) override {
    return real_.sysctl(name);
  }
  // A new client has none yet.
  std::optional<Connection> connection(const FlowTuple& /*tuple*/) override { return std::nullopt; }
  Listening listens(std::uint8_t protocol, const Address& address, std::uint16_t port) override {
    return real_.listens(protocol, address, port);
  }
  const std::vector<FouPort>& fou_ports() override { return real_.fou_ports(); }
  std::vector<Opaque> opaque(Hook hook, const Packet& packet, const Context& context) override {
    return real_.opaque(hook, packet, context);
  }
  std::optional<FoundSocket> find_socket(const Packet& packet, const Context& context,
                                         const std::optional<Address>& address,
                                         std::uint16_t port) override {
    return real_.find_socket(packet, context, address, port);
  }
  Fill conntrack_fill() override { return {}; }

 private:
  Network& real_;
  PlannedRuleset rules_;
};

// One host, out of which nothing is seen.
class PlannedWorld final : public World {
 public:
  PlannedWorld(World& real, std::size_t place, const PlannedFlow& flow, const std::string& own)
      : real_(real), place_(place), network_(real.network(place), own, flow) {}

  Network& network(std::size_t /*place*/) override { return network_; }
  std::string name(std::size_t /*place*/) override { return real_.name(place_); }
  std::string inside(std::size_t /*place*/) override { return real_.inside(place_); }
  std::optional<Attachment> peer(const Attachment& /*link*/) override { return std::nullopt; }

 private:
  World& real_;
  std::size_t place_;
  PlannedNetwork network_;
};

Foreseen told(Foreseen::What what, const Step& step, const std::string& inside) {
  Foreseen foreseen;
  foreseen.what = what;
  foreseen.packet = step.before ? *step.before : step.packet;
  foreseen.rule = step.rule;
  foreseen.text = step.text;
  if (!step.rule) {
    constexpr std::string_view lead = "dropped by ";
    if (foreseen.text.starts_with(lead)) foreseen.text.erase(0, lead.size());
    if (!step.notes.empty()) foreseen.remedy = inside + step.notes.back();
    return foreseen;
  }
  foreseen.text = program_of(step.rule->chain) + ": " + to_text(*step.rule);
  foreseen.remedy = inside + let_pass(step, true);
  return foreseen;
}

std::optional<Foreseen> first_of(const Way& way, const std::string& own,
                                 const std::string& inside) {
  using What = Foreseen::What;
  for (const Step& step : way.steps) {
    if (step.rule && step.rule->chain.table == own) continue;
    if (step.untracked) return told(What::untracks, step, inside);
    if (step.what == Step::What::dnat) return told(What::diverts, step, inside);
  }
  if (way.end != Way::End::dropped) return std::nullopt;
  const Step& last = way.steps.back();
  switch (way.cause) {
    case Cause::rule_drop:
    case Cause::policy_drop:
    case Cause::unread_drop:
      return told(What::drops, last, inside);
    case Cause::rule_reject:
      return told(What::rejects, last, inside);
    default:
      return std::nullopt;  // routes, neighbours: not the rules'
  }
}

}  // namespace

std::optional<Foreseen> foresee(World& world, std::size_t place, const PlannedFlow& flow,
                                const std::string& own) {
  PlannedWorld planned(world, place, flow, own);
  if (!planned.network(place).ruleset().readable()) return std::nullopt;
  std::optional<Foreseen> result;
  std::vector<std::size_t> script;
  for (std::size_t i = 0; i < most_ways; ++i) {
    Choices choices(script);
    WalkOptions options;
    options.edge_of_view = Attachment{place, flow.in};
    Walker walker(planned, choices, options);
    const Way way = walker.receive({place, flow.in}, flow.first);
    const auto found = first_of(way, own, world.inside(place));
    if (!found) return std::nullopt;
    if (!result) result = found;
    const auto next = choices.next(Fork::Kind::assumption, 2);
    if (!next) return result;
    script = *next;
  }
  return std::nullopt;
}

std::string program_of(const ChainId& chain) {
  struct Sign {
    std::string_view program, table, chain;  // what their names begin with
  };
  constexpr std::array<Sign, 8> signs = {{{"firewalld", "firewalld", ""},
                                          {"kube-proxy", "kube-proxy", ""},
                                          {"libvirt", "libvirt_network", ""},
                                          {"ufw", "", "ufw"},
                                          {"Docker", "", "DOCKER"},
                                          {"kube-proxy", "", "KUBE-"},
                                          {"Calico", "", "cali-"},
                                          {"libvirt", "", "LIBVIRT_"}}};
  for (const Sign& sign : signs) {
    if (chain.table.starts_with(sign.table) && chain.name.starts_with(sign.chain)) {
      return std::string(sign.program);
    }
  }
  return "another program";
}

}  // namespace core::packet
