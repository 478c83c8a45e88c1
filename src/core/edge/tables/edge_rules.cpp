#include "core/edge/tables/edge_rules.hpp"

#include <algorithm>
#include <iomanip>
#include <set>
#include <sstream>

#include "core/constants.hpp"
#include "core/edge/endpoint_slots.hpp"
#include "core/edge/tables/edge_marks.hpp"
#include "core/edge/tables/edge_sets.hpp"
#include "core/state/rule_words.hpp"

namespace core {
namespace {

using namespace nft;

constexpr std::uint32_t state_invalid = 1;       // NF_CT_STATE_INVALID_BIT
constexpr std::uint32_t state_untracked = 64;    // NF_CT_STATE_UNTRACKED_BIT
constexpr std::uint32_t status_dnat = 32;        // IPS_DST_NAT
constexpr std::uint32_t direction_original = 0;  // IP_CT_DIR_ORIGINAL
constexpr std::uint32_t direction_reply = 1;     // IP_CT_DIR_REPLY
constexpr std::uint32_t tcp_syn = 0x02;
constexpr std::uint32_t tcp_rst = 0x04;
constexpr std::uint32_t rtn_local = 2;  // RTN_LOCAL
// Not the one that chooses the endpoint, or each endpoint would see only some of the addresses.
constexpr std::uint32_t source_hash_seed = 0x706f7274;  // "port"

// The external address, protocol and port of a packet that comes in, exact and as the first port of
// the range that it falls into.
Key target() { return {Field::daddr, Field::l4proto, Field::dport}; }
Key range_target() {
  return {Field::daddr, Field::l4proto,
          Mapped{{Field::daddr, Field::l4proto, Field::dport}, name_of(EdgeSet::ranges)}};
}
Key with(Key key, Part part) {
  key.push_back(std::move(part));
  return key;
}

std::string id_text(const SourceLimit& limit) {
  std::ostringstream out;
  out << std::hex << std::setw(8) << std::setfill('0') << limit.id;
  return out.str();
}

class Rules {
 public:
  Rules(Family family, const EdgeRulesInput& input) : input_(input), marks_(input.mark_mask) {
    table_.family = family;
    table_.name = constants::edge_table;
    table_.sets = edge_sets();
    // There are numbered ones of it only.
    std::erase_if(table_.sets,
                  [](const Set& set) { return set.name == name_of(EdgeSet::allowed); });
    if (masquerade_addresses() == 0) {
      std::erase_if(table_.sets, [](const Set& set) {
        return set.name == name_of(EdgeSet::masquerade_addresses);
      });
    }
  }

  Table table() {
    limits();
    interfaces();
    endings();
    services();
    guards();
    if (input_.liberal_was_off && table_.family == Family::ipv4) {
      chain(std::string(liberal_was_off_chain), {});
    }
    hooks();
    return std::move(table_);
  }

 private:
  void chain(std::string name, std::vector<Rule> rules, std::optional<Hook> hook = {}) {
    table_.chains.push_back({std::move(name), hook, std::move(rules)});
  }

  Rule remember_interface() const {
    return rule({VerdictMap{{Field::iifname}, name_of(EdgeSet::external)}},
                "replies leave by the interface that the client came in by");
  }
  SetMark add_action(std::uint32_t bits) const { return {SetMark::Of::packet, whole, bits}; }

  void limits() {
    const auto counted_drop = [&](std::string name, SetId set) {
      chain(std::move(name),
            {rule({InSet{target(), name_of(set), true}, drop()}),
             rule({InSet{range_target(), name_of(set), true}, drop()}), rule({drop()})});
    };
    counted_drop("refused-source", EdgeSet::refused_source);
    counted_drop("over-rate", EdgeSet::refused_rate);
    counted_drop("over-connections", EdgeSet::refused_connections);
  }

  void interfaces() {
    const std::uint32_t bits = marks_.action_mask | marks_.interface_mask;
    for (const auto& [name, number] : input_.external) {
      const std::uint32_t in = marks_.interface(number);
      chain("from-" + name, {rule({SetMark{SetMark::Of::connection, ~bits, in}})});
      chain("to-" + name, {rule({SetMark{SetMark::Of::packet, ~marks_.interface_mask, in}})});
      const std::uint32_t out = in | marks_.departed;
      chain("via-" + name, {rule({SetMark{SetMark::Of::connection, ~bits, out}}),
                            rule({SetMark{SetMark::Of::packet, ~bits, out}})});
      chain("leave-" + name, {rule({SetMark{SetMark::Of::packet, ~bits, out}})});
    }
  }

  // Chains that decide a packet's fate and that others lead to.
  void endings() {
    chain(
        "strays",
        {rule({InSet{
                   {Field::saddr, Field::l4proto, Field::sport}, name_of(EdgeSet::endpoints), true},
               equal(Field::l4proto, tcp), drop()},
              "what an endpoint says in a connection that is not known here"),
         rule({InSet{{Field::saddr, Field::l4proto}, name_of(EdgeSet::range_endpoints), true},
               equal(Field::l4proto, tcp), drop()})});

    // The host's stack would answer with a reset, and so end a connection that is not its own.
    chain("mapped-only", {rule({InSet{target(), name_of(EdgeSet::mapped), true}, drop()},
                               "for a mapped port, and not translated"),
                          rule({InSet{range_target(), name_of(EdgeSet::mapped), true}, drop()})});

    std::vector<Rule> unserved = {
        remember_interface(),
        rule({SetMark{SetMark::Of::packet, ~marks_.action_mask, marks_.rejected}},
             "no endpoint: rejected in input, where the answer finds its way back")};
    if (input_.any_address) {
      unserved.push_back(rule({differs(Field::fib_daddr_type, rtn_local), Redirect{}}));
    }
    unserved.push_back(rule({accept()}));
    chain("unserved", std::move(unserved));

    std::vector<Rule> own = {remember_interface()};
    if (input_.any_address) {
      own.push_back(rule({differs(Field::fib_daddr_type, rtn_local), drop()},
                         "routed here but not mapped: would go back to the gateway"));
    }
    chain("own-address", std::move(own));
  }

  // One chain for each number of slots: the hash's modulus is a constant of the rule.
  void services() {
    for (const bool by_source : {false, true}) {
      for (const std::uint32_t slots : slot_counts(by_source)) {
        chain(flow_chain(slots, by_source),
              served({rule({Nat{Nat::Kind::destination, with(target(), hash(slots, by_source)),
                                name_of(EdgeSet::slots), true, std::nullopt}})}));
      }
      for (const SlotClass& one : range_slot_classes(input_.slot_layout)) {
        const Key key = with(range_target(), hash(one.slots, by_source));
        chain(range_chain(one.slots, by_source, false),
              served({rule({Nat{Nat::Kind::destination, key, name_of(EdgeSet::range_slots), false,
                                std::nullopt}})}));
        chain(range_chain(one.slots, by_source, true),
              served({rule({Nat{Nat::Kind::destination, key, name_of(EdgeSet::range_slots), false,
                                std::pair{target(), name_of(EdgeSet::range_ports)}}})}));
      }
    }
  }

  // Where a client stays with an endpoint on all ports, single ones have as many as ranges.
  [[nodiscard]] std::set<std::uint32_t> slot_counts(bool by_source) const {
    std::set<std::uint32_t> counts;
    for (const SlotClass& one : slot_classes(input_.slot_layout)) counts.insert(one.slots);
    if (by_source) {
      for (const SlotClass& one : range_slot_classes(input_.slot_layout)) counts.insert(one.slots);
    }
    return counts;
  }

  std::uint32_t masquerade_addresses() const {
    const auto number = input_.masquerade_addresses.find(table_.family);
    return number == input_.masquerade_addresses.end() ? 0 : number->second;
  }
  Statement masquerade() const {
    const std::uint32_t number = masquerade_addresses();
    if (number == 0) return Masquerade{};
    return Nat{Nat::Kind::source,
               {Hash{{Field::saddr, Field::sport}, number, source_hash_seed}},
               name_of(EdgeSet::masquerade_addresses),
               false,
               std::nullopt};
  }

  static Hash hash(std::uint32_t slots, bool by_source) {
    if (by_source) {
      return {{Field::saddr}, slots, constants::hash_seed};
    }
    return {{Field::saddr, Field::sport}, slots, constants::hash_seed};
  }

  std::vector<Rule> served(std::vector<Rule> last) const {
    std::vector<Rule> rules = {remember_interface(), rule({add_action(marks_.forwarded)})};
    if (!input_.masquerade) {
      // Replies to these would not come back through here.
      const SetMark masquerade = add_action(marks_.altered);
      rules.push_back(rule({equal(Field::ct_mark, 0, marks_.interface_mask), masquerade},
                           "clients on the cluster's side are masqueraded"));
      rules.push_back(rule({InSet{{Field::saddr}, name_of(EdgeSet::pods), true}, masquerade}));
    }
    rules.insert(rules.end(), last.begin(), last.end());
    return rules;
  }

  void guards() {
    const auto both = [&](SetId exact, SetId range) {
      return std::vector<Rule>{rule({VerdictMap{target(), name_of(exact)}}),
                               rule({VerdictMap{range_target(), name_of(range)}})};
    };
    chain("checks", both(EdgeSet::limits, EdgeSet::limits));

    const SetMark alter = add_action(marks_.altered & ~marks_.forwarded);
    if (input_.masquerade) {
      chain("alter", {remember_interface(),
                      rule({differs(Field::ct_mark, 0, marks_.interface_mask),
                            InSet{{Field::saddr}, name_of(EdgeSet::pods), false}, alter},
                           "the client's address is kept; clients on the cluster's side are "
                           "masqueraded")});
    } else {
      chain("alter", {rule({alter}, "masqueraded")});
    }

    // Led to by a rule and not by the elements of `services`: kernels before 6.10 follow each
    // element's verdict, and all that it leads to, for every transaction. Through `guarded` that
    // would be the square of the number of Mappings.
    std::vector<Rule> guard = {
        rule({jump("checks")}),
        rule({InSet{target(), name_of(EdgeSet::altered), true}, jump("alter")}),
        rule({InSet{range_target(), name_of(EdgeSet::range_altered), true}, jump("alter")})};
    const std::vector<Rule> behind = both(EdgeSet::guarded, EdgeSet::range_guarded);
    guard.insert(guard.end(), behind.begin(), behind.end());
    chain("guard", std::move(guard));

    // Lists of sources are asked here, by elements of maps that all versions know: a chain that
    // elements of another map led to could not be deleted by one that does not know that map.
    std::vector<Rule> dispatch = both(EdgeSet::services, EdgeSet::range_services);
    dispatch.push_back(
        rule({InSet{{Field::daddr}, name_of(EdgeSet::addresses), true}, go_to("guard")}));
    chain("dispatch", std::move(dispatch));
  }

  // "rt mtu" looks up two routes: not for a connection that fits through the narrowest leg anyway.
  ClampMss clamp_mss() const {
    const std::uint32_t headers = table_.family == Family::ipv4 ? 40 : 60;
    if (input_.smallest_mtu <= headers) return {};
    return {static_cast<std::uint16_t>(std::min(input_.smallest_mtu - headers, 0xffffU))};
  }

  void hooks() {
    const std::uint32_t bits = marks_.action_mask | marks_.interface_mask;
    const Key connection_mark = {Masked{Field::ct_mark, bits}};
    const VerdictMap returning{connection_mark, name_of(EdgeSet::returns)};
    const Match original = equal(Field::ct_direction, direction_original);

    // What passes here passes for every packet, so most leave by the first rule that they meet. A
    // packet without connection has neither direction nor mark, and gets to the last.
    std::vector<Rule> mangle;
    if (input_.snat) {
      mangle.push_back(rule({original, VerdictMap{connection_mark, name_of(EdgeSet::departures)}}));
    }
    mangle.push_back(rule({original, accept()}));
    mangle.push_back(rule({returning}));
    mangle.push_back(rule({differs(Field::ct_state, 0, state_invalid), jump("strays")}));
    mangle.push_back(
        rule({differs(Field::ct_state, 0, state_invalid | state_untracked), jump("mapped-only")}));
    chain("mangle-prerouting", std::move(mangle),
          Hook{Hook::Type::filter, Hook::At::prerouting, constants::priority_mangle});

    std::vector<Rule> prerouting = {
        rule({jump("dispatch")}),
        rule({equal(Field::l4proto, tcp), equal(Field::tcp_flags, 0, tcp_syn), jump("strays")},
             "a connection that another instance began: its client will bring it back")};
    if (input_.snat) {
      prerouting.push_back(rule({differs(Field::fib_daddr_type, rtn_local),
                                 VerdictMap{{Field::saddr}, name_of(EdgeSet::snat_interfaces)}}));
    }
    prerouting.push_back(
        rule({InSet{{Field::daddr}, name_of(EdgeSet::addresses), true}, jump("own-address")}));
    chain("nat-prerouting", std::move(prerouting),
          Hook{Hook::Type::nat, Hook::At::prerouting, constants::priority_dstnat});

    chain("nat-output", {rule({jump("dispatch")}, "what this host itself sends to a mapped port")},
          Hook{Hook::Type::nat, Hook::At::output, constants::priority_dstnat});

    const Match rejected = equal(Field::mark, marks_.rejected, marks_.action_mask);
    chain("input",
          {rule({rejected, equal(Field::l4proto, tcp), Reject{true}}),
           rule({rejected, Reject{false}}),
           rule({equal(Field::ct_direction, direction_original),
                 equal(Field::ct_status, 0, status_dnat), jump("mapped-only")},
                "a connection that began before its port was mapped")},
          Hook{Hook::Type::filter, Hook::At::input, constants::priority_filter});

    chain("route-output", {rule({equal(Field::ct_direction, direction_reply), returning})},
          Hook{Hook::Type::route, Hook::At::output, constants::priority_mangle});

    std::vector<Rule> forward;
    if (input_.clamp_mss) {
      forward.push_back(rule({equal(Field::l4proto, tcp),
                              equal(Field::tcp_flags, tcp_syn, tcp_syn | tcp_rst), clamp_mss()}));
    }
    if (input_.traffic) {
      const Key counted = {Field::ct_direction, Field::ct_original_daddr, Field::l4proto,
                           Field::ct_original_dport};
      forward.push_back(rule({InSet{counted, name_of(EdgeSet::traffic), true}, accept()}));
      forward.push_back(rule({InSet{counted, name_of(EdgeSet::range_traffic), true}}));
    }
    // All packets would pass through an empty chain as well, which is not for nothing.
    if (!forward.empty()) {
      chain("forward", std::move(forward),
            Hook{Hook::Type::filter, Hook::At::forward, constants::priority_filter});
    }

    const std::uint32_t masqueraded = input_.masquerade ? marks_.forwarded : marks_.altered;
    // Who is the first to name a source has it; a verdict alone would leave that to later chains.
    const std::uint32_t kept = input_.masquerade ? marks_.altered : marks_.forwarded;
    std::vector<Rule> postrouting = {
        rule({equal(Field::mark, 0, marks_.action_mask), accept()}, "not ours"),
        rule({InSet{target(), name_of(EdgeSet::endpoints), true}}, "counts"),
        rule({equal(Field::mark, masqueraded, marks_.action_mask),
              SetMark{SetMark::Of::packet, ~marks_.action_mask, 0}, masquerade()}),
        rule({equal(Field::mark, kept, marks_.action_mask),
              Nat{Nat::Kind::source, {Field::saddr}, "", false, std::nullopt}},
             "the client's address, though others masquerade")};
    if (input_.snat) {
      postrouting.push_back(rule(
          {InSet{{Masked{Field::ct_mark, bits}, Field::oifname}, name_of(EdgeSet::departing), true},
           Nat{Nat::Kind::source, {Field::saddr}, name_of(EdgeSet::snat), false, std::nullopt}},
          "connections that pods opened leave with the Mapping's address"));
    }
    chain("nat-postrouting", std::move(postrouting),
          Hook{Hook::Type::nat, Hook::At::postrouting, constants::priority_srcnat});
  }

  const EdgeRulesInput& input_;
  EdgeMarks marks_;
  Table table_;
};

}  // namespace

nft::Table edge_table(Family family, const EdgeRulesInput& input) {
  return Rules(family, input).table();
}

std::string flow_chain(std::uint32_t slots, bool by_source) {
  return (by_source ? "source-" : "flow-") + std::to_string(slots);
}

std::string range_chain(std::uint32_t slots, bool by_source, bool shifted) {
  // The first number of slots that ranges had stands without it, as older versions know it.
  constexpr std::uint32_t unnamed = 256;
  return std::string("range-") + (by_source ? "source" : "flow") + (shifted ? "-shifted" : "") +
         (slots == unnamed ? "" : "-" + std::to_string(slots));
}

nft::Chain allow_chain(std::uint32_t number, const std::string& set) {
  const Rule refuse = rule({InSet{{Field::saddr}, set, false}, go_to("refused-source")});
  return {allow_chain_name(number), std::nullopt, {refuse}};
}

std::string allow_chain_name(std::uint32_t number) {
  return "allow" +
         name_of(SetId(EdgeSet::allowed).instance(number)).substr(name_of(EdgeSet::allowed).size());
}

std::string limit_chain(const SourceLimit& limit) {
  return "limit-" + id_text(limit) + "-" + std::to_string(limit.connections) + "-" +
         std::to_string(limit.per_second);
}

void add_source_limit(nft::Table& table, const SourceLimit& limit, bool refuse_when_full) {
  // Whoever has one address of IPv6 mostly has its /64: 2^64 of them.
  constexpr std::uint32_t of_one_source = 64;
  const Part source =
      table.family == Family::ipv4 ? Part(Field::saddr) : Part(Masked{Field::saddr, of_one_source});
  const Key key = {
      Mapped{{Field::daddr, Field::l4proto, Field::dport}, name_of(EdgeSet::limit_ids)}, source};
  std::vector<Rule> rules;
  const auto add = [&](const std::string& kind, OverLimit::Of of, std::uint32_t most,
                       std::uint32_t timeout) {
    if (most == 0) return;
    Set set;
    set.name = kind + "-" + id_text(limit) + "-" + std::to_string(most);
    set.key = {Type::mark, Type::address};
    set.dynamic = true;
    set.timeout = timeout;
    const Verdict over = go_to(of == OverLimit::Of::connections ? "over-connections" : "over-rate");
    rules.push_back(rule({OverLimit{of, key, set.name, most}, over}));
    if (refuse_when_full) {
      rules.push_back(rule({InSet{key, set.name, false}, over}, "no room to remember the source"));
    }
    table.sets.push_back(std::move(set));
  };
  // The rate first: a connection that it refuses must not be counted as one that is open.
  add("rate", OverLimit::Of::rate_per_second, limit.per_second, 60);
  add("connections", OverLimit::Of::connections, limit.connections, 0);
  table.chains.push_back({limit_chain(limit), std::nullopt, std::move(rules)});
}

}  // namespace core
