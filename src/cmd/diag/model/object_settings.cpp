// What objects say of how pods' packets are treated: those of network plugins.
#include <algorithm>
#include <utility>

#include "cmd/diag/model/object_fields.hpp"
#include "cmd/diag/model/object_reader.hpp"
#include "kube/decode/parse.hpp"

namespace cmd {
namespace {

namespace model = core::cluster_model;
using kube::Node;

}  // namespace

void ModelObjectReader::ip_pool(const Node& object) {
  if (text_below(object, {"spec", "disabled"}) == "true") return;
  const std::string source = "IPPool " + qualified_name(object);
  const std::string cidr(text_below(object, {"spec", "cidr"}));
  add_range(cidr, source);
  const auto range = core::Prefix::parse(cidr);
  if (!range) return;
  using What = model::Setting::What;
  const bool nat = text_below(object, {"spec", "natOutgoing"}) == "true";
  add_setting(nat ? What::masquerades : What::keeps, range->family(), source,
              nat ? "natOutgoing: true" : "natOutgoing is not set");
  for (const std::string_view mode : {"vxlanMode", "ipipMode"}) {
    if (text_below(object, {"spec", mode}) == "Always")
      add_setting(What::overlay, range->family(), source, std::string(mode) + ": Always");
  }
}

void ModelObjectReader::announcement(const Node& object, std::string_view kind) {
  bool pods = false;
  for (const Node& one : list_below(object, {"spec", "advertisements"}))
    pods = pods || text_below(one, {"advertisementType"}) == "PodCIDR";
  for (const Node& one : list_below(object, {"spec", "virtualRouters"}))
    pods = pods || text_below(one, {"exportPodCIDR"}) == "true";
  if (pods) {
    add_setting(model::Setting::What::announces, {},
                std::string(kind) + " " + qualified_name(object),
                "pod ranges are announced by BGP");
  }
}

void ModelObjectReader::cilium(const Node& data) {
  using What = model::Setting::What;
  const std::string source = "ConfigMap kube-system/cilium-config";
  for (const auto& [key, family] : {std::pair("enable-ipv4-masquerade", core::Family::ipv4),
                                    std::pair("enable-ipv6-masquerade", core::Family::ipv6)}) {
    const std::string_view word = text_below(data, {key});
    if (word.empty()) continue;
    add_setting(word == "true" ? What::masquerades : What::keeps, family, source,
                std::string(key) + ": " + std::string(word));
  }
  if (const std::string_view mode = text_below(data, {"routing-mode"}); mode == "tunnel")
    add_setting(What::overlay, {}, source, "routing-mode: tunnel");
  for (const std::string_view key : {"cluster-pool-ipv4-cidr", "cluster-pool-ipv6-cidr"}) {
    // Several are separated by blanks or commas.
    std::string text(text_below(data, {key}));
    std::ranges::replace(text, ',', ' ');
    for (std::size_t begin = 0; begin < text.size();) {
      const std::size_t end = std::min(text.find(' ', begin), text.size());
      add_range(std::string_view(text).substr(begin, end - begin), source);
      begin = end + 1;
    }
  }
}

void ModelObjectReader::config_map(const Node& object) {
  const std::string name = qualified_name(object);
  const auto data = object.find("data");
  if (!data || data->type() != Node::Type::map) return;
  if (name == "kube-system/cilium-config") return cilium(*data);
  const bool flannel = name.ends_with("/kube-flannel-cfg");
  if (!flannel && !name.ends_with("/ip-masq-agent") && name != "kube-system/kube-proxy") return;
  const std::string_view key = flannel                            ? "net-conf.json"
                               : name.ends_with("/ip-masq-agent") ? "config"
                                                                  : "config.conf";
  const std::string text(text_below(*data, {key}));
  kube::Document inner;
  for (const kube::Cut& cut : kube::cut_yaml(text)) {
    if (kube::parse_yaml(cut, inner)) continue;  // what is written there is others' business
    const auto root = inner.root();
    if (!root || root->type() != Node::Type::map) continue;
    const std::string source = "ConfigMap " + name;
    if (flannel) {
      add_range(text_below(*root, {"Network"}), source);
      add_range(text_below(*root, {"IPv6Network"}), source);
      const std::string backend(text_below(*root, {"Backend", "Type"}));
      if (backend == "vxlan" || backend == "wireguard" || backend == "udp") {
        add_setting(model::Setting::What::overlay, {}, source, "Backend.Type: " + backend);
      }
      continue;
    }
    std::string ranges;
    for (const Node& one : list_below(*root, {"nonMasqueradeCIDRs"}))
      ranges += (ranges.empty() ? "" : ", ") + std::string(text_of(one));
    if (!ranges.empty()) {
      // Which of the two counts for the network around depends on its addresses.
      const std::string except = "nonMasqueradeCIDRs " + ranges;
      add_setting(model::Setting::What::masquerades, {}, source, "all but " + except);
      add_setting(model::Setting::What::keeps, {}, source, except);
    }
    const std::string_view pods = text_below(*root, {"clusterCIDR"});
    add_range(pods.substr(0, pods.find(',')), source);
    if (pods.find(',') != std::string_view::npos)
      add_range(pods.substr(pods.find(',') + 1), source);
  }
}

}  // namespace cmd
