#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "kube/decode/egress_labels.hpp"
#include "kube/decode/kinds.hpp"

namespace kube {
namespace {

using core::Egress;
using core::Prefix;

// The second line's are the controller's alone, which judges them with the workload.
constexpr std::array<std::string_view, 12> egress_fields = {"destinations",
                                                            "excludedDestinations",
                                                            "mode",
                                                            "encapsulation",
                                                            "onUnavailable",
                                                            "drainSeconds",
                                                            "replicas",
                                                            "strategy",
                                                            "template",
                                                            "sessionAffinity",
                                                            "sessionAffinityConfig",
                                                            "podDisruptionBudget"};

template <typename Value>
struct Word {
  std::string_view text;
  Value value;
};

template <typename Value>
Value decode_word(const Field& field, const std::array<Word<Value>, 2>& words) {
  const auto text = field.string();
  if (!text) return words.front().value;
  for (const auto& word : words) {
    if (*text == word.text) return word.value;
  }
  field.reject(quote(*text) + " is not supported: " + std::string(words[0].text) + " and " +
               std::string(words[1].text) + " are");
  return words.front().value;
}

// Why packets to it never go through a tunnel, whoever wants it; empty: they do.
std::string_view unroutable(const Prefix& prefix) {
  const std::string_view why = unusable(prefix.first());
  return why == unusable(prefix.last()) ? why : std::string_view();
}

std::vector<Prefix> decode_networks(const std::vector<Field>& elements) {
  std::vector<Prefix> networks;
  for (const Field& element : elements) {
    const auto text = element.string();
    if (!text) {
      if (element.missing()) element.reject("is empty, wanted is a network");
      continue;
    }
    const auto prefix = Prefix::parse(*text);
    if (!prefix) {
      element.reject(quote(*text) + " is not a network like 203.0.113.0/24 or 2001:db8::/32");
      continue;
    }
    const Prefix masked = prefix->masked();
    if (const auto why = unroutable(masked); !why.empty()) {
      element.warn(quote(*text) + " has no effect: " + core::to_string(masked.first()) + " " +
                   std::string(why));
      continue;
    }
    if (masked != *prefix) {
      element.warn(quote(*text) + " is taken as " + core::to_string(masked) +
                   ": the bits behind the prefix length are not part of a network");
    }
    if (std::ranges::find(networks, masked) != networks.end()) {
      element.warn(core::to_string(masked) + " is given twice");
      continue;
    }
    networks.push_back(masked);
  }
  std::ranges::sort(networks);
  return networks;
}

}  // namespace

bool is_egress_name(std::string_view text) {
  return is_dns_label(text) && (text.front() < '0' || text.front() > '9');
}

core::Object decode_egress(const Field& root, core::ObjectName name,
                           const DecodeOptions& /*options*/) {
  Egress egress;
  egress.name = std::move(name);
  const Field metadata = root.at("metadata");
  if (!is_egress_name(egress.name.name)) {
    metadata.at("name").reject(
        quote(egress.name.name) +
        " cannot be the name of a Service too: at most 63 lower-case letters, digits and \"-\", "
        "the first a letter");
  }
  egress.deleting = !metadata.at("deletionTimestamp").missing();
  const Field spec = root.at("spec");
  if (spec.missing()) spec.reject("missing");
  if (!spec.is_map()) return egress;
  spec.expect_only(egress_fields);
  const Field destinations = spec.at("destinations");
  const auto elements = destinations.elements();
  egress.destinations = decode_networks(elements);
  if (destinations.missing() ||
      (destinations.node()->type() == Node::Type::sequence && elements.empty())) {
    destinations.reject("at least one network is needed");
  } else if (!elements.empty() && egress.destinations.empty()) {
    destinations.reject("none of them can be reached through an Egress");
  }
  const Field excluded = spec.at("excludedDestinations");
  egress.excluded = decode_networks(excluded.elements());
  egress.mode = decode_word<Egress::Mode>(
      spec.at("mode"), {{{"Direct", Egress::Mode::direct}, {"Service", Egress::Mode::service}}});
  egress.encapsulation = decode_word<Egress::Encapsulation>(
      spec.at("encapsulation"),
      {{{"FoU", Egress::Encapsulation::fou}, {"VXLAN", Egress::Encapsulation::vxlan}}});
  egress.on_unavailable = decode_word<Egress::OnUnavailable>(
      spec.at("onUnavailable"),
      {{{"Drop", Egress::OnUnavailable::drop}, {"Bypass", Egress::OnUnavailable::bypass}}});
  egress.drain_seconds = spec.at("drainSeconds").integer(0, 86'400).value_or(egress.drain_seconds);
  return egress;
}

}  // namespace kube
