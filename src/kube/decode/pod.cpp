#include <algorithm>
#include <string>
#include <utility>

#include "kube/decode/egress_labels.hpp"
#include "kube/decode/kinds.hpp"

namespace kube {
namespace {

using core::Pod;

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n";
  const std::size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

// "a, b" under one namespace. What is wrong with one name is a fault and costs that name alone.
void decode_names(std::string_view ns, std::string_view value, const std::string& where, Pod& pod) {
  const auto fault = [&](const std::string& text) { pod.faults.push_back(where + ": " + text); };
  if (trimmed(value).empty()) {
    fault("names no Egress");
    pod.unclear = true;
    return;
  }
  for (bool more = true; more;) {
    const std::size_t comma = value.find(',');
    const std::string_view name = trimmed(value.substr(0, comma));
    more = comma != std::string_view::npos;
    if (more) value.remove_prefix(comma + 1);
    const core::ObjectName egress{std::string(ns), std::string(name)};
    if (name.empty()) {
      fault("a name is empty, there is a comma too many");
    } else if (!is_egress_name(name)) {
      fault(
          quote(name) +
          " is not an Egress's name: at most 63 lower-case letters, digits and \"-\", the first a "
          "letter");
      pod.unclear = true;
    } else if (std::ranges::find(pod.egresses, egress) != pod.egresses.end()) {
      fault(quote(name) + " is given twice");
    } else {
      pod.egresses.push_back(egress);
    }
  }
}

// Nothing in them leaves the pod out: a pod that cannot be understood would lose the Egresses that
// it has.
void decode_annotations(const Field& annotations, Pod& pod) {
  if (annotations.missing() || annotations.node()->type() != Node::Type::map) return;
  for (const Node one : *annotations.node()) {
    if (!one.key().starts_with(egress_annotation_prefix)) continue;
    const std::string where = "annotation " + std::string(one.key());
    const std::string_view ns = one.key().substr(egress_annotation_prefix.size());
    if (!is_dns_label(ns)) {
      pod.faults.push_back(where + ": " + quote(ns) + " is not a namespace");
      pod.unclear = true;
    } else if (one.type() != Node::Type::string) {
      pod.faults.push_back(where + ": must be a text with names of Egresses");
      pod.unclear = true;
    } else {
      decode_names(ns, one.text(), where, pod);
    }
  }
  std::ranges::sort(pod.egresses);
  std::ranges::sort(pod.faults);
}

void decode_labels(const Field& labels, Pod& pod) {
  if (!labels.is_map()) return;
  const auto instance = labels.at(app_instance_label).string();
  pod.nat = labels.at(app_name_label).string() == nat_app_name &&
            labels.at(app_component_label).string() == nat_component && instance &&
            is_egress_name(*instance);
  if (pod.nat) pod.nat_of = *instance;
}

// What of a container's securityContext this looks at is the API server's to judge: it warns.
bool holds_net_admin(const Field& container) {
  if (!container.is_map()) return false;
  const Field security = container.at("securityContext");
  if (security.missing() || !security.is_map()) return false;
  if (security.at("privileged").boolean().value_or(false)) return true;
  const Field capabilities = security.at("capabilities");
  if (capabilities.missing() || !capabilities.is_map()) return false;
  const Field added = capabilities.at("add");
  return std::ranges::any_of(added.elements(), [](const Field& element) {
    const auto name = element.string();
    return name == "NET_ADMIN" || name == "CAP_NET_ADMIN" || name == "ALL";
  });
}

bool may_administer_network(const Field& spec) {
  const Field containers = spec.at("containers").contained();
  return std::ranges::any_of(containers.elements(), holds_net_admin);
}

std::vector<core::Address> decode_ips(const Field& status) {
  std::vector<core::Address> addresses;
  const auto add = [&](const Field& field) {
    const auto text = field.string();
    if (!text || text->empty()) return;  // none given yet
    if (const auto address = decode_address(field)) addresses.push_back(*address);
  };
  const Field list = status.at("podIPs");
  if (list.missing()) {
    add(status.at("podIP"));
    return addresses;
  }
  for (const Field& element : list.elements()) {
    if (element.is_map()) add(element.at("ip"));
  }
  return addresses;
}

}  // namespace

core::Object decode_pod(const Field& root, core::ObjectName name,
                        const DecodeOptions& /*options*/) {
  Pod pod;
  pod.name = std::move(name);
  const Field metadata = root.at("metadata");
  pod.uid = metadata.at("uid").string().value_or("");
  pod.terminating = !metadata.at("deletionTimestamp").missing();
  const Field annotations = metadata.at("annotations");
  decode_annotations(annotations, pod);
  const Field labels = metadata.at("labels");
  decode_labels(labels, pod);
  const Field spec = root.at("spec");
  // Labels are anybody's to write. What is done to NAT pods is done to those that could do it
  // themselves: a cluster says by Pod Security who may have this capability.
  pod.nat = pod.nat && spec.is_map() && may_administer_network(spec);
  if (!pod.nat) pod.nat_of.clear();
  if (spec.is_map()) {
    pod.node = spec.at("nodeName").string().value_or("");
    pod.host_network = spec.at("hostNetwork").boolean().value_or(false);
  }
  const Field status = root.at("status");
  if (status.is_map()) {
    const auto phase = status.at("phase").string();
    pod.finished = phase == "Succeeded" || phase == "Failed";
    pod.addresses = decode_ips(status);
  }
  return pod;
}

}  // namespace kube
