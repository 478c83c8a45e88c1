#include "core/edge/forward.hpp"

#include <algorithm>

#include "core/edge/tables/edge_rules.hpp"
#include "core/edge/tables/edge_sets.hpp"
#include "core/edge/tables/limit_sets.hpp"

namespace core {
namespace {

constexpr std::uint8_t from_client = 0;  // enum ip_conntrack_dir
constexpr std::uint8_t to_client = 1;

// A concatenation in register layout: every field starts at a 32-bit boundary.
template <typename Out>
class Layout {
 public:
  Layout& address(const Address& address) {
    out.append(address.bytes());
    return *this;
  }
  Layout& byte(std::uint8_t value) {
    const std::uint8_t bytes[4] = {value, 0, 0, 0};
    out.append(bytes);
    return *this;
  }
  Layout& protocol(Protocol protocol) { return byte(static_cast<std::uint8_t>(protocol)); }
  Layout& port(std::uint16_t port) {
    const std::uint8_t bytes[4] = {static_cast<std::uint8_t>(port >> 8),
                                   static_cast<std::uint8_t>(port), 0, 0};
    out.append(bytes);
    return *this;
  }
  Layout& host_word(std::uint32_t word) {
    std::array<std::uint8_t, 4> bytes;
    std::memcpy(bytes.data(), &word, 4);
    out.append(bytes);
    return *this;
  }
  Out out;
};

// A port that is not part of a concatenation stands without padding.
template <std::size_t N>
Bytes<N> lone_port(std::uint16_t port) {
  Bytes<N> result;
  const std::uint8_t bytes[2] = {static_cast<std::uint8_t>(port >> 8),
                                 static_cast<std::uint8_t>(port)};
  result.append(bytes);
  return result;
}
Bytes<16> port_end(std::uint16_t port) { return lone_port<16>(port); }

ElementValue go_to(const std::string& chain, const std::shared_ptr<const std::string>& comment) {
  ElementValue value;
  value.chain.append({reinterpret_cast<const std::uint8_t*>(chain.data()), chain.size()});
  value.comment = comment;
  return value;
}

std::string chain_of(const Forward& forward) {
  if (forward.slots.empty()) return "unserved";
  const auto slots = static_cast<std::uint32_t>(forward.slots.size());
  if (!forward.key.ports.single()) return range_chain(slots, forward.by_source, forward.shifted());
  return flow_chain(slots, forward.by_source);
}

SetId source_list_set(const ForwardKey& key) {
  return key.ports.single() ? EdgeSet::services : EdgeSet::range_services;
}

class Lowering {
 public:
  explicit Lowering(const Forward& forward)
      : forward_(forward),
        family_(forward.key.address.family()),
        single_(forward.key.ports.single()),
        comment_(std::make_shared<const std::string>(owner_text(forward.owner))) {}

  std::vector<Element> all() {
    result_.reserve(forward_.slots.size() + 8);
    if (forward_.active) {
      services();
      if (!leads_back()) add(EdgeSet::mapped, base().out);
      guards();
      if (forward_.counted) traffic();
    }
    slots();
    return std::move(result_);
  }

 private:
  Layout<Bytes<40>> base() const { return base(forward_.key.ports.first); }
  Layout<Bytes<40>> base(std::uint16_t port) const {
    Layout<Bytes<40>> key;
    key.address(forward_.key.address).protocol(forward_.key.protocol).port(port);
    return key;
  }
  void add(SetId set, const Bytes<40>& key, ElementValue value = {}, Bytes<16> end = {}) {
    result_.push_back({{family_, set, key, end}, std::move(value)});
  }

  // An endpoint is this very address and port: what arrives there untranslated is for it.
  bool leads_back() const {
    const auto is_itself = [this](const Backend& backend) {
      return backend.address == forward_.key.address && backend.ports == forward_.key.ports;
    };
    return std::ranges::any_of(forward_.backends, is_itself) ||
           std::ranges::any_of(forward_.draining, is_itself);
  }

  void services() {
    // Nobody is spared the guards because nobody serves: else closed and filtered could be told
    // apart.
    const bool plain = !forward_.guarded() && !forward_.alter;
    const SetId exact = plain ? EdgeSet::services : EdgeSet::guarded;
    const SetId range = plain ? EdgeSet::range_services : EdgeSet::range_guarded;
    add(single_ ? exact : range, base().out, go_to(chain_of(forward_), comment_));
    if (forward_.alter) {
      ElementValue named;
      named.comment = comment_;
      add(single_ ? EdgeSet::altered : EdgeSet::range_altered, base().out, named);
    }
    if (!single_) {
      ElementValue first;
      first.data = lone_port<20>(forward_.key.ports.first);
      first.comment = comment_;
      add(EdgeSet::ranges, base().out, first, port_end(forward_.key.ports.last));
    }
  }

  void guards() {
    ElementValue named;
    named.comment = comment_;
    if (forward_.nobody || !forward_.sources.empty()) {
      add(EdgeSet::refused_source, base().out, named);
    }
    if (forward_.nobody) {
      add(source_list_set(forward_.key), base().out, go_to("refused-source", nullptr));
    }
    const auto limit = source_limit_of(forward_);
    if (!limit) return;
    ElementValue jump = go_to(limit_chain(*limit), comment_);
    jump.jump = true;
    add(EdgeSet::limits, base().out, jump);
    ElementValue id = named;
    Layout<Bytes<20>> number;
    id.data = number.host_word(forward_.limit_id).out;
    add(EdgeSet::limit_ids, base().out, id, port_end(forward_.key.ports.last));
    if (forward_.max_connections != 0) {
      add(EdgeSet::refused_connections, base().out, named);
    }
    if (forward_.new_per_second != 0) {
      add(EdgeSet::refused_rate, base().out, named);
    }
  }

  void traffic() {
    for (const std::uint8_t direction : {from_client, to_client}) {
      Layout<Bytes<40>> key;
      key.byte(direction)
          .address(forward_.key.address)
          .protocol(forward_.key.protocol)
          .port(forward_.key.ports.first);
      if (single_) {
        add(EdgeSet::traffic, key.out);
      } else {
        add(EdgeSet::range_traffic, key.out, {}, port_end(forward_.key.ports.last));
      }
    }
  }

  void slots() {
    for (std::uint32_t slot = 0; slot < forward_.slots.size(); ++slot) {
      const Backend& backend = forward_.backends[forward_.slots[slot]];
      ElementValue value;
      Layout<Bytes<20>> data;
      data.address(backend.address);
      if (single_) {
        data.port(backend.ports.first);
      }
      value.data = data.out;
      add(single_ ? EdgeSet::slots : EdgeSet::range_slots, base().host_word(slot).out, value);
    }
    if (forward_.shifted()) {
      const std::uint16_t target = forward_.backends.front().ports.first;
      for (std::uint32_t offset = 0; offset < forward_.key.ports.size(); ++offset) {
        ElementValue value;
        value.data = lone_port<20>(static_cast<std::uint16_t>(target + offset));
        add(EdgeSet::range_ports,
            base(static_cast<std::uint16_t>(forward_.key.ports.first + offset)).out, value);
      }
    }
  }

  const Forward& forward_;
  Family family_;
  bool single_;
  std::shared_ptr<const std::string> comment_;
  std::vector<Element> result_;
};

}  // namespace

std::string to_string(const ForwardKey& key) {
  const bool ipv6 = key.address.family() == Family::ipv6;
  return (ipv6 ? "[" : "") + to_string(key.address) + (ipv6 ? "]:" : ":") + to_string(key.ports) +
         "/" + std::string(to_string(key.protocol));
}

std::optional<ForwardKey> parse_forward_key(std::string_view text) {
  const std::size_t slash = text.rfind('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto where = parse_backend(text.substr(0, slash));
  const auto protocol = parse_protocol(text.substr(slash + 1));
  if (!where || !protocol) return std::nullopt;
  return ForwardKey{where->address, *protocol, where->ports};
}

std::optional<Backend> parse_backend(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  const auto address = Address::parse(host);
  const auto ports = PortRange::parse(text.substr(colon + 1));
  if (!address || !ports) return std::nullopt;
  if (bracketed != (address->family() == Family::ipv6)) return std::nullopt;
  return Backend{*address, *ports};
}

bool overlap(const ForwardKey& one, const ForwardKey& other) {
  return one.address == other.address && one.protocol == other.protocol &&
         one.ports.overlaps(other.ports);
}

std::string to_string(const Backend& backend) {
  const bool ipv6 = backend.address.family() == Family::ipv6;
  return (ipv6 ? "[" : "") + to_string(backend.address) + (ipv6 ? "]:" : ":") +
         to_string(backend.ports);
}

std::string owner_text(const ObjectId& owner) {
  return owner.kind == Kind::mapping ? to_string(owner.name) : to_string(owner);
}

ObjectId parse_owner(std::string_view text) {
  constexpr std::string_view service = "Service ";
  ObjectId owner;
  if (text.starts_with(service)) {
    owner.kind = Kind::service;
    text.remove_prefix(service.size());
  }
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return {};
  owner.name = {std::string(text.substr(0, slash)), std::string(text.substr(slash + 1))};
  return owner;
}

Element source_list_element(const ForwardKey& forward, std::uint32_t number) {
  Layout<Bytes<40>> key;
  key.address(forward.address).protocol(forward.protocol).port(forward.ports.first);
  Element element{{forward.address.family(), source_list_set(forward), key.out, {}},
                  go_to(allow_chain_name(number), nullptr)};
  element.value.jump = true;
  return element;
}

std::vector<Element> elements_of(const Forward& forward) { return Lowering(forward).all(); }

std::vector<Element> shared_elements_of(const Forward& forward) {
  std::vector<Element> result;
  const Family family = forward.key.address.family();
  const auto add = [&](SetId set, const Bytes<40>& key, ElementValue value = {}) {
    result.push_back({{family, set, key, {}}, std::move(value)});
  };
  const auto one = [](const Address& address) {
    Layout<Bytes<40>> key;
    return key.address(address).out;
  };
  if (forward.active) {
    add(EdgeSet::addresses, one(forward.key.address));
  }
  for (const SharedVector<Backend>* backends : {&forward.backends, &forward.draining}) {
    for (const Backend& backend : *backends) {
      Layout<Bytes<40>> key;
      key.address(backend.address).protocol(forward.key.protocol);
      if (forward.key.ports.single()) {
        add(EdgeSet::endpoints, key.port(backend.ports.first).out);
      } else {
        add(EdgeSet::range_endpoints, key.out);
      }
      if (forward.hairpin) {
        add(EdgeSet::pods, one(backend.address));
      }
      if (forward.snat && forward.active && !forward.via.empty()) {
        ElementValue value;
        Layout<Bytes<20>> data;
        value.data = data.address(forward.key.address).out;
        add(EdgeSet::snat, one(backend.address), value);
        ElementValue jump = go_to("via-" + forward.via, nullptr);
        jump.jump = true;
        add(EdgeSet::snat_interfaces, one(backend.address), jump);
      }
    }
  }
  return result;
}

bool is_stale(const Flow& flow, const Forward* forward, bool was_forwarded) {
  const bool translated = flow.reply.source != flow.original.destination ||
                          flow.reply.source_port != flow.original.destination_port;
  if (forward == nullptr || !forward->active) {
    // Only what went through the forward: a local service on the same address keeps its own.
    return was_forwarded && translated;
  }
  if (forward->nobody ||
      (!forward->sources.empty() && !forward->sources.contains(flow.original.source))) {
    return true;
  }
  const auto serves = [&](const Backend& backend) {
    return backend.address == flow.reply.source && backend.ports.contains(flow.reply.source_port);
  };
  const bool served = std::any_of(forward->backends.begin(), forward->backends.end(), serves) ||
                      std::any_of(forward->draining.begin(), forward->draining.end(), serves);
  if (flow.protocol == Protocol::udp) {
    return !served;
  }
  // A connection that began before the forward did never gets an answer, and its retries keep the
  // untranslated entry alive (kubernetes/kubernetes#101607). Established ones drain.
  constexpr std::uint8_t syn_sent = 1;  // TCP_CONNTRACK_SYN_SENT
  return flow.protocol == Protocol::tcp && flow.tcp_state == syn_sent && !served;
}

}  // namespace core
