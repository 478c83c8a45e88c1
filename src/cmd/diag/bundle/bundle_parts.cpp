#include "cmd/diag/bundle/bundle_parts.hpp"

#include <sys/utsname.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "cmd/diag/bundle/json_fields.hpp"
#include "cmd/diag/bundle/read_bundle.hpp"
#include "cmd/diag/bundle/record_world.hpp"
#include "cmd/diag/bundle/redact_json.hpp"
#include "cmd/diag/bundle/without_secrets.hpp"
#include "cmd/diag/check/check.hpp"
#include "cmd/diag/check/check_json.hpp"
#include "cmd/diag/model/evidence_document.hpp"
#include "cmd/diag/promise.hpp"
#include "cmd/diag/topology.hpp"
#include "cmd/diag/topology_json.hpp"
#include "cmd/version.hpp"
#include "core/error.hpp"
#include "core/packet/record/record.hpp"
#include "core/packet/record/redact_rules.hpp"
#include "core/packet/record/ruleset_text.hpp"
#include "core/printable.hpp"
#include "kube/decode/json_depth.hpp"
#include "kube/decode/json_text.hpp"
#include "os/read_small_file.hpp"

namespace cmd {
namespace {

namespace fs = std::filesystem;
using PartJson = nlohmann::ordered_json;

// Bytes, before compression.
constexpr std::size_t biggest_file = std::size_t{100} << 20;
constexpr std::size_t biggest_bundle = std::size_t{240} << 20;
constexpr std::size_t biggest_text = std::size_t{1} << 20;  // of what the system says of itself
constexpr std::size_t most_cni_files = 50;

void collect_host(BundleContent& content) {
  utsname names{};
  uname(&names);
  PartJson json = {{"pona", version_number()}, {"commit", version_commit()},
                   {"system", names.sysname},  {"kernel", names.release},
                   {"build", names.version},   {"machine", names.machine}};
  if (content.redaction() == nullptr) json["host"] = names.nodename;
  content.add("host.json", "versions of pona and the kernel", kube::dump_json(json, 2) + '\n');
}

std::unique_ptr<core::packet::HeldNetwork> redacted(core::packet::HeldNetwork& network,
                                                    const std::string& name,
                                                    BundleContent& content) {
  core::packet::HeldRuleset rules;
  const std::size_t hidden = core::packet::redact_rules(network.rules, rules, *content.redaction());
  if (hidden > 0) {
    content.leave_out(name, std::to_string(hidden) +
                                " expressions and sets of nftables, of which it is not known "
                                "whether they hold addresses");
  }
  auto result = std::make_unique<core::packet::HeldNetwork>();
  core::packet::copy_lines(network, rules, *content.redaction(), *result);
  return result;
}

void add_network(core::packet::HeldWorld::Place& place, std::size_t number,
                 BundleContent& content) {
  const std::string folder = "netns/" + std::to_string(number) + '/';
  std::string lines;
  core::packet::write_lines(*place.network, [&](std::string_view kind, const auto& value) {
    append_line(lines, kind, value);
  });
  content.add(folder + "network.jsonl",
              "links, routes, rules, neighbours, sysctls, nftables, sockets and connections of " +
                  place.name,
              lines);
  content.add(folder + "nft.txt", "the rules of nftables of " + place.name + ", to be read",
              core::packet::ruleset_text(place.network->rules));
}

void collect_world(BundleContent& content) {
  const BundleOptions& options = content.options();
  RecordedWorld recorded = record_world(options.sandboxes, options.netns, [](std::string_view) {});
  content.here = recorded.here;
  for (const std::string& gap : recorded.gaps) content.leave_out("network namespaces", gap);
  core::packet::Redaction* const redaction = content.redaction();
  std::string lines;
  core::packet::write_lines(*recorded.world, [&](std::string_view kind, const auto& value) {
    if (redaction != nullptr) value(*redaction);
    append_line(lines, kind, value);
  });
  content.add("world.jsonl", "network namespaces, and cables between them", lines);
  for (std::size_t i = 0; i < recorded.world->places.size(); ++i) {
    auto& place = recorded.world->places[i];
    if (redaction != nullptr) {
      place.name = redaction->name(core::packet::Meaning::place, place.name);
      place.network = redacted(*place.network, place.name, content);
    }
    add_network(place, i, content);
    place.network.reset();
  }
}

const DaemonPlaces& daemons_of(const BundleContent& content) { return content.options(); }

void collect_edge(BundleContent& content) {
  std::string complaint;
  const std::string status = ask_edge_status(content.options().edge_socket, "", complaint);
  if (!complaint.empty()) throw core::Error(core::Error::Kind::permanent, complaint);
  if (status.empty()) {
    throw core::Error(core::Error::Kind::permanent, "no edge runs on this host");
  }
  content.add_json("edge.json", "the status of the running edge", status);
}

void collect_agent(BundleContent& content) {
  std::error_code error;
  if (!fs::exists(content.options().agent_socket, error)) {
    throw core::Error(core::Error::Kind::permanent, "no agent runs on this host");
  }
  std::string complaint;
  const std::string status = ask_agent_status(content.options().agent_socket, complaint);
  if (status.empty()) throw core::Error(core::Error::Kind::permanent, complaint);
  content.add_json("agent.json", "the status of the running agent", status + '\n');
}

void collect_check(BundleContent& content) {
  CheckOptions options;
  static_cast<DaemonPlaces&>(options) = daemons_of(content);
  options.kubeconfig = content.options().kubeconfig;
  options.context = content.options().context;
  content.add_json("check.json", "what pona diag check finds",
                   check_json(check_report(options, [](std::string_view) {})));
}

void collect_topology(BundleContent& content) {
  TopologyOptions options;
  static_cast<DaemonPlaces&>(options) = daemons_of(content);
  options.netns = content.options().netns;
  options.all = true;
  content.add_json("topology.json", "how the namespaces hang together",
                   topology_json(topology_graph(options)));
}

void collect_model(BundleContent& content) {
  ModelSources sources;
  static_cast<DaemonPlaces&>(sources) = daemons_of(content);
  sources.netns = content.options().netns;
  sources.kubeconfig = content.options().kubeconfig;
  sources.context = content.options().context;
  content.add_json(model_file, "what tells the network model of the cluster",
                   gather_model_json(sources));
}

void collect_cni(BundleContent& content) {
  PartJson all = PartJson::object();
  std::error_code error;
  const fs::directory_iterator directory("/etc/cni/net.d", error);
  if (error) {
    throw core::Error(core::Error::Kind::permanent, "/etc/cni/net.d: " + error.message());
  }
  for (const fs::directory_entry& entry : directory) {
    // A kubeconfig lies there as well, of some plugins.
    const std::string extension = entry.path().extension();
    if (extension != ".conf" && extension != ".conflist" && extension != ".json") continue;
    if (all.size() >= most_cni_files) break;
    const std::string name = entry.path().filename();
    try {
      const std::string text = os::read_file_of_at_most(biggest_text, entry.path());
      PartJson json;
      if (!kube::nested_too_deep(text)) json = PartJson::parse(text, nullptr, false);
      all[name] = json.is_object() ? without_secrets(json) : PartJson("(this is no JSON)");
    } catch (const core::Error& failure) {
      content.leave_out("/etc/cni/net.d/" + name, failure.what());
    }
  }
  content.add_json("cni.json", "the files of /etc/cni/net.d, without secrets",
                   kube::dump_json(all, 2) + '\n');
}

// Lines that say what the kernel's network can do.
void collect_kernel_config(BundleContent& content) {
  utsname names{};
  uname(&names);
  std::string text;
  try {
    text = gunzip(os::read_file_of_at_most(biggest_text, "/proc/config.gz"), biggest_text);
  } catch (const core::Error&) {
    text = os::read_file_of_at_most(biggest_text, std::string("/boot/config-") + names.release);
  }
  std::string kept;
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    for (const char* const word : {"NET", "NF_", "NFT_", "IP_", "IPV6", "INET", "BRIDGE", "VXLAN",
                                   "VETH", "BPF", "XDP", "VLAN", "TUN", "FOU", "IPIP", "SIT"}) {
      if (!line.starts_with("CONFIG_") || line.find(word) == std::string_view::npos) continue;
      kept.append(line).append("\n");
      break;
    }
  }
  content.add("kernel-config.txt", "what the kernel's network is built with", kept);
}

// Numbers, and names of modules: there is no name or address of somebody's in these.
void collect_proc(BundleContent& content) {
  const auto read = [&](const char* path, const char* name, const char* what) {
    try {
      content.add(name, what, os::read_file_of_at_most(biggest_text, path));
    } catch (const core::Error& error) {
      content.leave_out(path, error.what());
    }
  };
  read("/proc/modules", "proc/modules.txt", "kernel modules");
  read("/proc/net/snmp", "proc/snmp.txt", "counters of IPv4");
  read("/proc/net/snmp6", "proc/snmp6.txt", "counters of IPv6");
  read("/proc/net/netstat", "proc/netstat.txt", "more counters");
  read("/proc/net/softnet_stat", "proc/softnet_stat.txt", "packets by processor");
  read("/proc/net/stat/nf_conntrack", "proc/nf_conntrack.txt", "counters of connection tracking");
}

}  // namespace

void BundleContent::add(std::string_view name, std::string_view what, std::string_view text) {
  if (text.size() > biggest_file || size_ + text.size() > biggest_bundle) {
    return leave_out(std::string(name),
                     "it has " + std::to_string(text.size() >> 20) + " MiB, which is too much");
  }
  size_ += text.size();
  archive_.add(name, text);
  files_.push_back({std::string(name), std::string(what), text.size(), sha256_hex(text)});
}

void BundleContent::add_json(std::string_view name, std::string_view what,
                             const std::string& json) {
  add(name, what, redaction_ == nullptr ? json : redact_json(json, *redaction_));
}

void BundleContent::leave_out(const std::string& what, const std::string& why) {
  constexpr std::size_t most = 1000;
  if (left_out_.size() < most) {
    left_out_.emplace_back(core::printable(what), core::printable(why));
  }
}

const std::vector<BundlePart>& bundle_parts() {
  static const std::vector<BundlePart> all = {
      {"host", collect_host},
      {"network namespaces", collect_world},
      {"edge", collect_edge},
      {"agent", collect_agent},
      {"checks", collect_check},
      {"topology", collect_topology},
      {"network model", collect_model},
      {"CNI configuration", collect_cni},
      {"kernel configuration", collect_kernel_config},
      {"counters", collect_proc},
  };
  return all;
}

std::string bundle_manifest(const BundleContent& content, std::string_view host,
                            std::string_view made) {
  PartJson files = PartJson::array();
  for (const BundleFile& one : content.files()) {
    files.push_back(
        {{"name", one.name}, {"what", one.what}, {"size", one.size}, {"sha256", one.sha256}});
  }
  PartJson left_out = PartJson::array();
  for (const auto& [what, why] : content.left_out()) {
    // Words about what is not there may name it.
    const bool told = !content.options().redact || why.find("of which it is not known") != why.npos;
    left_out.push_back({{"what", told ? what : ""}, {"why", told ? why : "not told: redacted"}});
  }
  const PartJson manifest = {{"schema", bundle_schema},
                             {"host", host},
                             {"made", made},
                             {"version", version_number()},
                             {"commit", version_commit()},
                             {"redacted", content.options().redact},
                             {"here", content.here},
                             {"files", std::move(files)},
                             {"leftOut", std::move(left_out)}};
  return kube::dump_json(manifest, 2) + '\n';
}

}  // namespace cmd
