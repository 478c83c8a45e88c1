#include "kube/decode/decode.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <limits>
#include <utility>

#include "kube/decode/kinds.hpp"

namespace kube {
namespace {

struct KnownKind {
  std::string_view group;  // with the slash before the version; "" is the core group
  std::string_view version;
  std::string_view name;
  core::Kind kind;
};

constexpr std::array known_kinds = {
    KnownKind{"smartnat.aureacentral.com/", "v1alpha1", "Mapping", core::Kind::mapping},
    KnownKind{"", "v1", "Service", core::Kind::service},
    KnownKind{"discovery.k8s.io/", "v1", "EndpointSlice", core::Kind::endpoint_slice},
    KnownKind{"pona.dev/", "v1alpha1", "AddressPool", core::Kind::address_pool},
    KnownKind{"pona.cybozu.com/", "v1", "Egress", core::Kind::egress},
    KnownKind{"pona.cybozu.com/", "v1beta1", "Egress", core::Kind::egress},
    KnownKind{"", "v1", "Pod", core::Kind::pod},
};

bool is_alphanumeric(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

std::optional<core::ObjectName> decode_name(const Field& metadata, core::Kind kind) {
  core::ObjectName name;
  const Field ns = metadata.at("namespace");
  const auto ns_text = ns.string();
  // A pool is of the whole cluster, whatever its author wrote.
  if (kind != core::Kind::address_pool) name.ns = ns_text.value_or("default");
  if (ns_text && !is_dns_label(*ns_text)) {
    ns.reject(quote(*ns_text) +
              " is no namespace: lower-case letters, digits and \"-\", at most 63");
    return std::nullopt;
  }
  const Field field = metadata.at("name");
  if (field.missing()) {
    field.reject("missing: every object needs a name");
    return std::nullopt;
  }
  const auto text = field.string();
  if (!text) return std::nullopt;
  if (!is_dns_subdomain(*text)) {
    field.reject(quote(*text) +
                 " is no object's name: lower-case letters, digits, \"-\" and \".\", at most 253");
    return std::nullopt;
  }
  name.name = *text;
  return name;
}

std::optional<std::int64_t> decode_created(const Field& metadata) {
  const Field field = metadata.at("creationTimestamp");
  const auto text = field.string();
  if (!text) return std::nullopt;
  const auto seconds = parse_timestamp(*text);
  if (!seconds) field.reject(quote(*text) + " is no time like 2024-01-31T23:59:59Z");
  return seconds;
}

std::int64_t decode_generation(const Field& metadata) {
  return metadata.at("generation")
      .integer(0, std::numeric_limits<std::uint32_t>::max())
      .value_or(0);
}

core::Object decode_kind(core::Kind kind, const Field& root, core::ObjectName name,
                         const DecodeOptions& options) {
  switch (kind) {
    case core::Kind::mapping: {
      core::Mapping mapping = decode_mapping(root, std::move(name), options);
      mapping.created = decode_created(root.at("metadata"));
      if (options.served) mapping.generation = decode_generation(root.at("metadata"));
      return mapping;
    }
    case core::Kind::service: {
      core::Service service = decode_service(root, std::move(name));
      if (service.load_balancer) {
        service.load_balancer->created = decode_created(root.at("metadata"));
      }
      return service;
    }
    case core::Kind::address_pool:
      return decode_address_pool(root, std::move(name));
    case core::Kind::egress:
      return decode_egress(root, std::move(name));
    case core::Kind::pod:
      return decode_pod(root, std::move(name));
    case core::Kind::egress_clients:
      return decode_egress_clients(root, std::move(name));
    case core::Kind::endpoint_slice:
      break;
  }
  return decode_endpoint_slice(root, std::move(name), options);
}

// EndpointSlices are of two kinds: those of Services, and lists of clients that pona wrote.
bool lists_clients(const Field& root) {
  const auto metadata = root.node()->find("metadata");
  const auto labels = metadata ? metadata->find("labels") : std::nullopt;
  return labels && labels->find(clients_of_label);
}

// Nothing where this process does not read the kind. A known kind in a version that is not known is
// worth a word: ignoring it would look like a Mapping that does nothing.
std::optional<core::Kind> find_kind(const Field& root, std::string_view api_version,
                                    std::string_view kind, const Kinds& kinds) {
  const std::size_t slash = api_version.find('/');
  const std::size_t version = slash == std::string_view::npos ? 0 : slash + 1;
  const KnownKind* nearest = nullptr;
  for (const KnownKind& known : known_kinds) {
    if (kind != known.name || api_version.substr(0, version) != known.group) continue;
    if (nearest == nullptr) nearest = &known;
    if (api_version.substr(version) == known.version) nearest = &known;
  }
  if (nearest == nullptr) return std::nullopt;
  const bool clients = nearest->kind == core::Kind::endpoint_slice && lists_clients(root);
  const core::Kind found = clients ? core::Kind::egress_clients : nearest->kind;
  if (!kinds.contains(found)) return std::nullopt;
  if (api_version.substr(version) != nearest->version) {
    root.at("apiVersion")
        .reject(quote(api_version) + " is not read: write " + std::string(nearest->group) +
                std::string(nearest->version));
  }
  return found;
}

// What the items of typed lists leave out: API servers write a ServiceList's items without kind.
struct Inherited {
  std::string_view api_version;
  std::string_view kind;
};

// What pona writes to, or refers to by its uid.
bool is_written(const core::Object& object) {
  const auto* const service = std::get_if<core::Service>(&object);
  return std::holds_alternative<core::Mapping>(object) ||
         std::holds_alternative<core::Egress>(object) ||
         std::holds_alternative<core::EgressClients>(object) ||
         (service != nullptr && service->load_balancer);
}

Decoded decode_object(const Node& node, const Inherited& inherited, const DecodeOptions& options) {
  Decoded decoded;
  decoded.line = node.line();
  const Field root(node, decoded.findings);
  if (node.type() != Node::Type::map) {
    root.reject("not a Kubernetes object: it must be a map with apiVersion, kind and metadata");
    return decoded;
  }
  const Field api_version = root.at("apiVersion");
  const Field kind = root.at("kind");
  const auto api_version_text = api_version.missing() && !inherited.api_version.empty()
                                    ? inherited.api_version
                                    : api_version.string();
  const auto kind_text = kind.missing() && !inherited.kind.empty() ? inherited.kind : kind.string();
  if (!api_version_text && api_version.missing()) api_version.reject("missing");
  if (!kind_text && kind.missing()) kind.reject("missing");
  if (!api_version_text || !kind_text) return decoded;
  const auto known = find_kind(root, *api_version_text, *kind_text, options.kinds);
  if (!known) {
    decoded.ignored = true;
    return decoded;
  }
  const Field metadata = root.at("metadata");
  if (metadata.missing()) metadata.reject("missing: every object needs a name");
  if (!metadata.is_map()) return decoded;
  auto name = decode_name(metadata, *known);
  if (!name) return decoded;
  decoded.id = core::ObjectId{*known, *name};
  auto object =
      std::make_shared<const core::Object>(decode_kind(*known, root, *std::move(name), options));
  if (options.served && is_written(*object)) {
    auto seen = std::make_shared<Seen>(decode_seen(node));
    for (const Finding& finding : decoded.findings) {
      (finding.fatal ? seen->faults : seen->warnings).push_back(to_string(finding, std::nullopt));
    }
    if (options.whole) seen->json = see_whole(node).front().seen->json;
    decoded.seen = std::move(seen);
  }
  if (std::ranges::none_of(decoded.findings, &Finding::fatal)) decoded.object = std::move(object);
  return decoded;
}

}  // namespace

bool is_dns_subdomain(std::string_view text) {
  if (text.empty() || text.size() > 253) return false;
  while (!text.empty()) {
    const std::size_t dot = text.find('.');
    const std::string_view label = text.substr(0, dot);
    const bool valid =
        !label.empty() && is_alphanumeric(label.front()) && is_alphanumeric(label.back()) &&
        std::ranges::all_of(label, [](char c) { return is_alphanumeric(c) || c == '-'; });
    if (!valid) return false;
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
  return false;
}

bool is_dns_label(std::string_view text) {
  return text.size() <= 63 && text.find('.') == std::string_view::npos && is_dns_subdomain(text);
}

std::optional<std::int64_t> parse_timestamp(std::string_view text) {
  // 2024-01-31T23:59:59[.fraction](Z|+hh:mm)
  const auto number = [&](std::size_t at, std::size_t digits) -> std::optional<int> {
    int value = 0;
    for (std::size_t i = at; i < at + digits; ++i) {
      if (i >= text.size() || text[i] < '0' || text[i] > '9') return std::nullopt;
      value = value * 10 + (text[i] - '0');
    }
    return value;
  };
  const auto is = [&](std::size_t at, char c) { return at < text.size() && text[at] == c; };
  const auto year = number(0, 4), month = number(5, 2), day = number(8, 2);
  const auto hour = number(11, 2), minute = number(14, 2), second = number(17, 2);
  if (!year || !month || !day || !hour || !minute || !second || !is(4, '-') || !is(7, '-') ||
      !(is(10, 'T') || is(10, 't')) || !is(13, ':') || !is(16, ':')) {
    return std::nullopt;
  }
  std::size_t at = 19;
  if (is(at, '.')) {
    const std::size_t digits = ++at;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') ++at;
    if (at == digits) return std::nullopt;
  }
  int offset = 0;
  if (is(at, '+') || is(at, '-')) {
    const auto hours = number(at + 1, 2), minutes = number(at + 4, 2);
    if (!hours || !minutes || !is(at + 3, ':') || *hours > 23 || *minutes > 59) return std::nullopt;
    offset = (*hours * 60 + *minutes) * (text[at] == '-' ? -60 : 60);
    at += 6;
  } else if (is(at, 'Z') || is(at, 'z')) {
    ++at;
  } else {
    return std::nullopt;
  }
  const std::chrono::year_month_day date(std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day)));
  if (at != text.size() || !date.ok() || *hour > 23 || *minute > 59 || *second > 60) {
    return std::nullopt;
  }
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  return ((days * 24 + *hour) * 60 + *minute) * 60 + *second - offset;
}

std::string_view unusable(const core::Address& address) {
  struct Range {
    core::Prefix prefix;
    std::string_view what;
  };
  static const auto range = [](std::string_view prefix, std::string_view what) {
    return Range{core::Prefix::parse(prefix).value(), what};
  };
  static const std::array ranges = {
      range("0.0.0.0/8", "is not an address of a host"),
      range("127.0.0.0/8", "is a loopback address, nothing outside can reach it"),
      range("224.0.0.0/4", "is a multicast address"),
      range("255.255.255.255/32", "is the broadcast address"),
      range("::/128", "is not an address of a host"),
      range("::1/128", "is the loopback address, nothing outside can reach it"),
      range("::ffff:0:0/96", "is an IPv4 address in IPv6 form: write it as IPv4"),
      range("fe80::/10", "is a link-local address, it has no meaning without an interface"),
      range("ff00::/8", "is a multicast address"),
  };
  const auto found =
      std::ranges::find_if(ranges, [&](const Range& r) { return r.prefix.contains(address); });
  return found == ranges.end() ? std::string_view() : found->what;
}

core::Protocol decode_protocol(const Field& field) {
  const auto text = field.string();
  if (!text) return core::Protocol::tcp;
  const auto protocol = core::parse_protocol(*text);
  if (!protocol) field.reject(quote(*text) + " is not supported: tcp, udp and sctp are");
  return protocol.value_or(core::Protocol::tcp);
}

core::Affinity decode_affinity(const Field& field) {
  const auto text = field.string();
  if (text && *text == "ClientIP") return core::Affinity::client_ip;
  if (text && *text != "None")
    field.reject(quote(*text) + " is not supported: None and ClientIP are");
  return core::Affinity::none;
}

std::optional<core::Address> decode_address(const Field& field) {
  const auto text = field.string();
  if (!text) return std::nullopt;
  const auto address = core::Address::parse(*text);
  if (!address) field.reject(quote(*text) + " is no IPv4 or IPv6 address");
  return address;
}

std::vector<Decoded> decode(const Node& root, const DecodeOptions& options) {
  std::vector<Decoded> objects;
  const auto text = [&](std::string_view key) {
    const auto node = root.find(key);
    return node && node->type() == Node::Type::string ? node->text() : std::string_view();
  };
  const std::string_view kind = text("kind");
  const auto items = root.find("items");
  if (!kind.ends_with("List") || !items || items->type() != Node::Type::sequence) {
    objects.push_back(decode_object(root, {}, options));
    return objects;
  }
  Inherited inherited;
  if (kind != "List") inherited = {text("apiVersion"), kind.substr(0, kind.size() - 4)};
  for (const Node item : *items) objects.push_back(decode_object(item, inherited, options));
  return objects;
}

std::string to_string(const Finding& finding, const std::optional<core::ObjectId>& id) {
  std::string text = id ? core::to_string(*id) + ": " : std::string();
  if (!finding.field.empty()) text += finding.field + ": ";
  return text + finding.text;
}

}  // namespace kube
