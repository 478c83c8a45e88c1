#include <sys/un.h>

#include <algorithm>
#include <bit>
#include <cctype>
#include <charconv>
#include <regex>
#include <sstream>
#include <utility>

#include "cmd/edge/ask_running.hpp"
#include "cmd/edge/options/options.hpp"
#include "cmd/serve/node_address.hpp"
#include "core/constants.hpp"

namespace cmd {

std::optional<bool> parse_bool(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  // What Go's strconv.ParseBool takes, as SmartNat did, and what YAML users write.
  for (const char* yes : {"true", "t", "1", "yes", "on"}) {
    if (text == yes) return true;
  }
  for (const char* no : {"false", "f", "0", "no", "off"}) {
    if (text == no) return false;
  }
  return std::nullopt;
}

namespace {

using Complaint = std::optional<std::string>;
using Setter = std::function<Complaint(EdgeOptions&, const std::string&)>;

std::optional<std::int64_t> parse_integer(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

template <typename Target>
Setter boolean(Target target) {
  return [target](EdgeOptions& options, const std::string& text) -> Complaint {
    const auto value = parse_bool(text);
    if (!value) return "is neither true nor false";
    target(options) = *value;
    return std::nullopt;
  };
}

template <typename Store>
Setter integer(std::int64_t least, std::int64_t most, Store store) {
  return [=](EdgeOptions& options, const std::string& text) -> Complaint {
    const auto value = parse_integer(text);
    if (!value || *value < least || *value > most) {
      return "must be an integer from " + std::to_string(least) + " to " + std::to_string(most);
    }
    store(options, *value);
    return std::nullopt;
  };
}

template <typename Value, typename Target>
Setter word(std::vector<std::pair<std::string, Value>> words, Target target) {
  return [words = std::move(words), target](EdgeOptions& options,
                                            const std::string& text) -> Complaint {
    std::string known;
    for (const auto& [name, value] : words) {
      if (name == text) {
        target(options) = value;
        return std::nullopt;
      }
      known += (known.empty() ? "" : ", ") + name;
    }
    return "must be one of: " + known;
  };
}

Complaint set_interfaces(EdgeOptions& options, const std::string& text) {
  try {
    const std::regex checked(text, std::regex::extended);
  } catch (const std::regex_error& error) {
    return std::string("is not an extended regular expression: ") + error.what();
  }
  options.settings.external_interfaces = text;
  return std::nullopt;
}

Complaint set_mark_mask(EdgeOptions& options, const std::string& text) {
  std::string_view digits = text;
  if (digits.starts_with("0x") || digits.starts_with("0X")) digits.remove_prefix(2);
  std::uint32_t mask = 0;
  const char* last = digits.data() + digits.size();
  const auto [end, error] = std::from_chars(digits.data(), last, mask, 16);
  if (error != std::errc() || end != last) return "is not a hexadecimal number of 32 bits";
  const std::uint32_t shifted = mask == 0 ? 0 : mask >> std::countr_zero(mask);
  if (std::popcount(mask) < 4 || (shifted & (shifted + 1)) != 0) {
    return "does not have at least 4 bits, all adjacent";
  }
  options.settings.mark_mask = mask;
  return std::nullopt;
}

Complaint set_slot_layout(EdgeOptions& options, const std::string& text) {
  if (text != "auto" && text != "1" && text != "2") return "must be one of: auto, 1, 2";
  options.settings.agree_on_slots = text == "auto";
  options.settings.slot_layout = text == "2" ? core::SlotLayout::second : core::SlotLayout::first;
  return std::nullopt;
}

Complaint set_masquerade_addresses(EdgeOptions& options, const std::string& text) {
  std::vector<core::Address> addresses;
  std::istringstream parts(text);
  for (std::string part; std::getline(parts, part, ',');) {
    const auto first = part.find_first_not_of(' ');
    part = first == std::string::npos ? ""
                                      : part.substr(first, part.find_last_not_of(' ') + 1 - first);
    const auto address = core::Address::parse(part);
    if (!address) return "must be IPv4 or IPv6 addresses with commas between them";
    if (std::ranges::find(addresses, *address) == addresses.end()) addresses.push_back(*address);
  }
  options.settings.masquerade_addresses = std::move(addresses);
  return std::nullopt;
}

Complaint set_monitor_address(EdgeOptions& options, const std::string& text) {
  options.settings.monitor_address = core::Address::parse(text);
  if (text == node_word) return std::nullopt;  // the environment says which one that is
  if (!text.empty() && !options.settings.monitor_address) {
    return "must be an IPv4 or IPv6 address, or node (empty: all addresses)";
  }
  return std::nullopt;
}

Complaint set_socket(EdgeOptions& options, const std::string& text) {
  if (text.empty() || text.size() >= sizeof(sockaddr_un::sun_path)) {
    return "is not a path of 1 to " + std::to_string(sizeof(sockaddr_un::sun_path) - 1) +
           " letters";
  }
  options.socket = text;
  return std::nullopt;
}

Complaint set_instance_name(EdgeOptions& options, const std::string& text) {
  if (text.size() > 253 || text.find_first_of(" \t\n/") != std::string::npos) {
    return "is not a name of at most 253 letters without spaces and slashes";
  }
  options.instance_name = text;
  return std::nullopt;
}

Complaint set_state_dir(EdgeOptions& options, const std::string& text) {
  if (!text.empty() && !text.starts_with('/')) {
    return "is not an absolute path (empty: nothing is saved)";
  }
  options.state_dir = text;
  return std::nullopt;
}

template <typename Target>
Setter text(Target target) {
  return [target](EdgeOptions& options, const std::string& value) -> Complaint {
    target(options) = value;
    return std::nullopt;
  };
}

std::string hexadecimal(std::uint32_t value) {
  std::ostringstream out;
  out << "0x" << std::hex << value;
  return out.str();
}

Setter limit(std::uint32_t core::EdgeLimits::*of) {
  return integer(1, 100'000'000, [of](EdgeOptions& options, std::int64_t value) {
    options.settings.limits.*of = static_cast<std::uint32_t>(value);
  });
}

std::vector<EdgeOption> make_table() {
  using core::AddressPolicy;
  using core::BackendMode;
  using core::HostPortPolicy;
  using O = EdgeOptions;
  static const std::string mask = hexadecimal(core::constants::edge_mark_mask);
  return {
      {"manifests", "DIR", "/etc/pona/manifests", "",
       "Directory of manifests (Mapping, Service, EndpointSlice or Endpoints, AddressPool), YAML "
       "and JSON at any depth; read in addition to a cluster only if it is named",
       text([](O& o) -> std::string& { return o.manifests; })},
      {"kubeconfig", "FILE|auto|in-cluster", "", "",
       "The cluster whose objects are served; auto: as kubectl finds it, in-cluster: as a pod; "
       "empty: none",
       text([](O& o) -> std::string& { return o.kubeconfig; })},
      {"context", "NAME", "", "", "Context of the kubeconfig; empty: the current one",
       text([](O& o) -> std::string& { return o.context; })},
      {"report", "", "true", "",
       "Statuses of Mappings, Events and addresses of Services are written to the cluster",
       boolean([](O& o) -> bool& { return o.report; })},
      {"instance-name", "NAME", "", "",
       "This edge's name in what it writes, another one for each edge; empty: the host's name",
       set_instance_name},
      {"lease-namespace", "NAMESPACE", "pona-system", "",
       "Where the Lease is by which edges elect who writes for all",
       text([](O& o) -> std::string& { return o.lease_namespace; })},
      {"node-name", "NAME", "", "",
       "The node of the cluster that this host is, for Services of externalTrafficPolicy Local; "
       "empty: none",
       [](O& o, const std::string& value) -> Complaint {
         o.node_name = value;
         o.settings.node = !value.empty();
         return std::nullopt;
       }},
      {"state-dir", "DIR", "/var/lib/pona", "",
       "Where the cluster's objects are saved, for a start while its API server cannot be reached; "
       "empty: nowhere",
       set_state_dir},
      {"cluster-uid", "UID", "", "",
       "UID of the namespace kube-system of the cluster to serve, of another one nothing is taken; "
       "empty: that of the saved objects, or of the cluster that answers first",
       text([](O& o) -> std::string& { return o.trust.cluster_uid; })},
      {"confirm-deletions-after", "SECONDS", "60", "",
       "A list of the cluster that lacks too much is believed if another one does so that much "
       "later; 0: at once",
       integer(0, 86400,
               [](O& o, std::int64_t v) { o.trust.confirm_after = std::chrono::seconds(v); })},
      {"confirm-deletions-above", "PERCENT", "50", "",
       "Too much is more than that share of the objects of a kind, in per cent, or all of them",
       integer(0, 100, [](O& o, std::int64_t v) { o.trust.loss_percent = static_cast<int>(v); })},
      {"external-interfaces", "REGEX", "", "SNCTRLR_INTERFACES_PATTERN",
       "Client-facing interfaces, an extended regular expression that may match any part of the "
       "name; empty: none, replies follow table main",
       set_interfaces},
      {"gateway-offset", "N", "1", "SNCTRLR_GW_ADDRESS_OFFSET",
       "Next hop of an external interface without a default route: Nth address from the subnet's "
       "start, or from its end if negative",
       integer(-32768, 32767,
               [](O& o, std::int64_t v) { o.settings.gateway_offset = static_cast<int>(v); })},
      {"masquerade", "", "true", "SNCTRLR_SETUP_MASQUERADE",
       "Pods see the appliance's address, not the client's; Mappings may say otherwise",
       boolean([](O& o) -> bool& { return o.settings.masquerade; })},
      {"masquerade-addresses", "ADDRESS,...", "", "",
       "Addresses of this host that pods see; each has 64,512 ports towards an endpoint. Empty: "
       "that of the interface towards the pod",
       set_masquerade_addresses},
      {"snat", "", "false", "SNCTRLR_SETUP_SNAT",
       "Connections that pods open through the appliance leave with their Mapping's address",
       boolean([](O& o) -> bool& { return o.settings.snat; })},
      {"backend", "endpoints|clusterip", "endpoints", "",
       "Where traffic is sent: straight to endpoints, or to the Service's cluster IP",
       word<BackendMode>(
           {{"endpoints", BackendMode::endpoints}, {"clusterip", BackendMode::cluster_ip}},
           [](O& o) -> BackendMode& { return o.settings.backend; })},
      {"address-policy", "local|any", "local", "",
       "Which Mappings' addresses are served: those that are local here, or any that is routed "
       "here",
       word<AddressPolicy>({{"local", AddressPolicy::local}, {"any", AddressPolicy::any}},
                           [](O& o) -> AddressPolicy& { return o.settings.address_policy; })},
      {"accounting", "connections|traffic", "connections", "",
       "What is counted of Mappings: their connections, or packets and bytes as well, which costs "
       "another look-up for each packet",
       word<core::Accounting>(
           {{"connections", core::Accounting::connections}, {"traffic", core::Accounting::traffic}},
           [](O& o) -> core::Accounting& { return o.settings.accounting; })},
      {"host-ports", "by-source|refuse|warn|take", "by-source", "",
       "Claims on ports at which this host itself listens: refused, or taken with a warning or "
       "without; by-source: refused from a cluster, warned of from files",
       word<HostPortPolicy>({{"by-source", HostPortPolicy::by_source},
                             {"refuse", HostPortPolicy::refuse},
                             {"warn", HostPortPolicy::warn},
                             {"take", HostPortPolicy::take}},
                            [](O& o) -> HostPortPolicy& { return o.settings.host_ports; })},
      {"slot-layout", "auto|1|2", "auto", "",
       "How clients are spread over endpoints; 1 is what pona before layout 2 does, 2 is more "
       "even; "
       "auto: 2, but what the kernel carries stays, and in a cluster all edges use what all know",
       set_slot_layout},
      {"address-hold", "SECONDS", "60", "",
       "How long connections through an address go on after it has left this host; 0: they end at "
       "once",
       integer(0, 86400, [](O& o, std::int64_t v) { o.address_hold = std::chrono::seconds(v); })},
      {"mark-mask", "HEX", mask, "",
       "Bits of the packet and connection mark to use: at least 4, adjacent", set_mark_mask},
      {"max-ports-per-mapping", "N", "50", "SNCTRLR_MAX_PORTS_PER_MAPPING",
       "Mappings with more entries in ports are rejected",
       integer(
           1, 65535,
           [](O& o, std::int64_t v) { o.max_ports_per_mapping = static_cast<std::uint32_t>(v); })},
      {"max-forwards-per-mapping", "N", "65536", "",
       "Mappings and Services that come to more forwards (addresses times ports) are rejected",
       limit(&core::EdgeLimits::forwards_per_mapping)},
      {"max-forwards-per-namespace", "N", "131072", "",
       "The same for all objects of one namespace together",
       limit(&core::EdgeLimits::forwards_per_namespace)},
      {"max-elements-per-mapping", "N", "2097152", "",
       "Mappings and Services that take more elements of nftables maps are rejected",
       limit(&core::EdgeLimits::elements_per_mapping)},
      {"max-elements-per-namespace", "N", "4194304", "",
       "The same for all objects of one namespace together",
       limit(&core::EdgeLimits::elements_per_namespace)},
      {"max-sources-per-mapping", "N", "200000", "",
       "Mappings and Services that allow more sources are rejected",
       limit(&core::EdgeLimits::sources_per_mapping)},
      {"max-sources-per-namespace", "N", "1000000", "",
       "The same for all objects of one namespace together",
       limit(&core::EdgeLimits::sources_per_namespace)},
      {"limit-when-full", "refuse|accept", "refuse", "",
       "New connections of sources that a limit per source cannot remember, because it remembers "
       "as "
       "many as the kernel lets it (65535 of a Mapping)",
       word<bool>({{"refuse", true}, {"accept", false}},
                  [](O& o) -> bool& { return o.settings.refuse_when_full; })},
      {"max-addresses-per-service", "N", "256", "",
       "Services of type LoadBalancer that ask for more addresses get no new ones",
       integer(1, 65535,
               [](O& o, std::int64_t v) {
                 o.max_addresses_per_service = static_cast<std::uint32_t>(v);
               })},
      {"resync", "SECONDS", "600", "SNCTRLR_AUTOREFRESH_PERIOD_SEC",
       "How often everything is compared with the kernel, should a notification have been lost",
       integer(1, 604800, [](O& o, std::int64_t v) { o.resync = std::chrono::seconds(v); })},
      {"monitor-address", "ADDR|node", "127.0.0.1", "SNCTRLR_MONITOR_IP",
       "Where health, metrics and status are served by HTTP; node: the address in NODE_ADDRESS; "
       "empty: all addresses",
       set_monitor_address},
      {"monitor-port", "N", "8080", "SNCTRLR_MONITOR_PORT",
       "TCP port of the same; 0: the unix socket only",
       integer(
           0, 65535,
           [](O& o, std::int64_t v) { o.settings.monitor_port = static_cast<std::uint16_t>(v); })},
      {"monitor-connections", "N", "128", "",
       "Connections to the same at a time; beyond, slow ones are closed",
       integer(8, 65535,
               [](O& o, std::int64_t v) { o.monitor_connections = static_cast<std::size_t>(v); })},
      {"socket", "PATH", default_edge_socket, "", "Unix socket of the same, for pona edge status",
       set_socket},
      {"log-format", "text|json", "text", "", "Form of the log on standard error",
       word<log::Format>(log::formats(), [](O& o) -> log::Format& { return o.log_format; })},
      {"log-level", "debug|info|warning|error", "info", "SNCTRLR_DEBUG_ENABLED",
       "Least important lines to log",
       word<log::Level>(log::levels(), [](O& o) -> log::Level& { return o.log_level; })},
  };
}

}  // namespace

std::span<const EdgeOption> edge_option_table() {
  static const std::vector<EdgeOption> table = make_table();
  return table;
}

}  // namespace cmd
