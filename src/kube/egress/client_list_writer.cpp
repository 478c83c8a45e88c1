#include "kube/egress/client_list_writer.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "kube/decode/decode.hpp"
#include "kube/decode/egress_labels.hpp"
#include "kube/decode/encoding.hpp"
#include "kube/decode/json_text.hpp"
#include "kube/decode/parse.hpp"

namespace kube {
namespace {

using Json = nlohmann::json;
using namespace std::chrono_literals;

// Who grants what is missing is waited for.
// Whoever grants what is missing, or mends a webhook, is not waited for longer than this.
constexpr os::Time::duration longest_refusal_pause = 8s;
constexpr int most_conflicts = 6;             // that make the pause longer
constexpr std::size_t longest_manager = 128;  // of the API

std::string path(const core::ObjectName& list) {
  return "/apis/discovery.k8s.io/v1/namespaces/" + list.ns + "/endpointslices/" + list.name;
}

Json endpoint_of(const core::EgressClients::Client& client, const std::string& node) {
  return {{"addresses", {core::to_string(client.address)}},
          {"nodeName", node},
          {"targetRef",
           {{"kind", "Pod"},
            {"namespace", client.pod.ns},
            {"name", client.pod.name},
            {"uid", client.uid}}}};
}

Json object_of(const core::ObjectName& name, const ClientPlaces::List& list,
               const std::string& node, const std::string& owner) {
  Json endpoints = Json::array();
  for (const auto& client : list.clients) endpoints.push_back(endpoint_of(client, node));
  const Json owners = Json::array({{{"apiVersion", egress_api_version},
                                    {"kind", "Egress"},
                                    {"name", list.egress.name},
                                    {"uid", owner},
                                    {"controller", false},
                                    {"blockOwnerDeletion", false}}});
  return {{"apiVersion", "discovery.k8s.io/v1"},
          {"kind", "EndpointSlice"},
          {"metadata",
           {{"name", name.name},
            {"namespace", name.ns},
            {"labels",
             {{clients_of_label, list.egress.name},
              {clients_node_label, node},
              {service_proxy_label, agent_manager},
              {managed_by_label, agent_manager}}},
            {"ownerReferences", owners}}},
          {"addressType", list.family == core::Family::ipv4 ? "IPv4" : "IPv6"},
          {"ports", Json::array()},
          {"endpoints", std::move(endpoints)}};
}

}  // namespace

ClientListWriter::ClientListWriter(std::string node, Exchanges& exchanges, os::Clock clock)
    : node_(std::move(node)),
      clock_(std::move(clock)),
      writes_(
          exchanges, clock_, [this](const core::ObjectName& name) { return next(name); },
          [this](const core::ObjectName& name, const std::string& body) { written(name, body); }),
      places_(node_) {}

void ClientListWriter::publish(ClientLists clients) {
  clients_ = std::move(clients);
  published_ = changed_ = true;
}

void ClientListWriter::egress_seen(const core::ObjectName& egress,
                                   const std::shared_ptr<const Seen>& seen) {
  const auto known = egresses_.find(egress);
  if (!seen) {
    if (known != egresses_.end()) egresses_.erase(known);
    return;
  }
  const Egress now{seen->uid, seen->deleting};
  if (known != egresses_.end() && known->second == now) return;
  egresses_.insert_or_assign(egress, now);
  for (const auto& [name, list] : places_.lists()) {
    if (list.egress != egress) continue;
    records_[name].not_before = {};
    writes_.add(name);
  }
}

void ClientListWriter::list_seen(const core::ObjectName& list,
                                 const std::shared_ptr<const core::Object>& object,
                                 const std::shared_ptr<const Seen>& seen) {
  if (seen) {
    know(list, object ? &std::get<core::EgressClients>(*object) : nullptr, *seen);
    return;
  }
  Record& record = records_[list];
  if (!record.open && places_.find(list) == nullptr) {
    records_.erase(list);
    return;
  }
  // Gone, or without the labels by which it was seen: writing tells which.
  record.uid.clear();
  record.version.clear();
  record.deleted.clear();
  record.doubtful = record.open;
  record.not_before = {};
  writes_.add(list);
}

// By the watch or by an answer, whichever comes first.
void ClientListWriter::know(const core::ObjectName& name, const core::EgressClients* list,
                            const Seen& seen) {
  Record& record = records_[name];
  if (seen.uid == record.deleted || is_not_newer(seen.version, record.version)) return;
  record.uid = seen.uid;
  record.version = seen.version;
  record.owners = seen.owners;
  record.readable = list != nullptr && seen.faults.empty();
  record.egress = list != nullptr ? list->egress : "";
  record.clients.clear();
  if (list != nullptr) record.clients.insert(list->clients.begin(), list->clients.end());
  record.conflicts = 0;
  record.not_before = {};
  // What cannot be read holds nobody, and goes.
  core::EgressClients nobody;
  nobody.name = name;
  if (places_.adopt(list != nullptr ? *list : nobody)) changed_ = true;
  writes_.add(name);
}

void ClientListWriter::arrange() {
  if (!published_ || !listed_ || !std::exchange(changed_, false)) return;
  for (const core::ObjectName& name : places_.place(clients_)) {
    records_.try_emplace(name);
    writes_.add(name);
  }
  if (std::exchange(arranged_, true)) return;
  for (const auto& [name, record] : records_) writes_.add(name);
}

void ClientListWriter::step() {
  while (!later_.empty() && later_.begin()->first <= clock_.now()) {
    writes_.add(later_.begin()->second);
    later_.erase(later_.begin());
  }
  arrange();
  writes_.step();
}

os::Time ClientListWriter::due() const {
  if (changed_ && published_ && listed_) return clock_.now();
  return std::min(writes_.due(), later_.empty() ? os::Time::max() : later_.begin()->first);
}

std::string ClientListWriter::trouble() const {
  if (!writes_.trouble().empty()) return writes_.trouble();
  const auto found = std::ranges::find_if(
      records_, [](const auto& record) { return !record.second.refusal.empty(); });
  return found == records_.end() ? "" : found->second.refusal;
}

void ClientListWriter::wait(const core::ObjectName& name, Record& record, os::Time until) {
  record.not_before = until;
  later_.emplace(until, name);
}

std::optional<Write> ClientListWriter::next(const core::ObjectName& name) {
  const auto found = records_.find(name);
  if (!arranged_ || found == records_.end() || clock_.now() < found->second.not_before) {
    return std::nullopt;
  }
  Record& record = found->second;
  const ClientPlaces::List* const list = places_.find(name);
  std::optional<Write> write;
  if (list == nullptr || list->clients.empty()) {
    if (!record.uid.empty()) {
      write = remove(name, record);
    } else {
      places_.forget(name);
    }
  } else {
    write = apply(name, record, *list);
  }
  if (!write) {
    if (clock_.now() >= record.not_before) record.refusal.clear();
    return std::nullopt;
  }
  record.open = true;
  record.doubtful = false;
  write->refused = [this, name](int code, const std::string& text) {
    return refused(name, code, text);
  };
  // Repetitions are counted here: what others undo is set right at once, if they do not insist.
  writes_.forget(name);
  return write;
}

std::optional<Write> ClientListWriter::apply(const core::ObjectName& name, Record& record,
                                             const ClientPlaces::List& list) {
  const bool there = !record.uid.empty();
  const auto egress = egresses_.find(list.egress);
  // What the garbage collector takes from an Egress that is going, or gone, is not given back.
  if (!there && (egress == egresses_.end() || egress->second.deleting)) return std::nullopt;
  if (egress == egresses_.end() && record.owners.size() != 1) return std::nullopt;
  const std::string& owner = egress == egresses_.end() ? record.owners.front() : egress->second.uid;
  if (there && record.readable && record.egress == list.egress.name &&
      record.clients == list.clients && std::ranges::count(record.owners, owner) > 0) {
    return std::nullopt;
  }
  Json object = object_of(name, list, node_, owner);
  const std::size_t hash = std::hash<std::string>()(dump_json(object));
  if (hash == record.applied && !record.repairs.take(clock_.now())) {
    wait(name, record, record.repairs.due(clock_.now()));
    return std::nullopt;
  }
  // Its address type cannot be changed, and of ours it holds nobody.
  if (there && std::ranges::none_of(record.clients, [&](const auto& client) {
        return client.address.family() == list.family;
      })) {
    return remove(name, record);
  }
  if (there) object["metadata"]["uid"] = record.uid;
  Write write;
  write.request = {
      "PATCH",
      path(name) + "?fieldManager=" +
          escape_query((std::string(agent_manager) + "-" + node_).substr(0, longest_manager)) +
          "&force=true",
      "application/apply-patch+yaml", dump_json(object), false};
  write.what = "write client list " + core::to_string(name);
  write.done = [this, name, hash] { records_[name].applied = hash; };
  return write;
}

Write ClientListWriter::remove(const core::ObjectName& name, const Record& record) {
  const Json body = {{"apiVersion", "v1"},
                     {"kind", "DeleteOptions"},
                     {"propagationPolicy", "Background"},
                     {"preconditions", {{"uid", record.uid}}}};
  Write write;
  write.request = {"DELETE", path(name), "application/json", dump_json(body), false};
  write.what = "delete client list " + core::to_string(name);
  const ClientPlaces::List* const list = places_.find(name);
  const bool unwanted = list == nullptr || list->clients.empty();
  write.done = [this, name, uid = record.uid, unwanted] {
    Record& gone = records_[name];
    gone.deleted = uid;
    if (gone.uid == uid) gone.uid.clear();
    if (unwanted) gone.applied = 0;
  };
  return write;
}

void ClientListWriter::written(const core::ObjectName& name, const std::string& body) {
  Record& record = records_[name];
  record.open = false;
  record.refusal.clear();
  record.conflicts = record.refusals = 0;
  if (std::exchange(record.doubtful, false)) return;
  DecodeOptions decoding;
  decoding.served = true;
  decoding.kinds = {core::Kind::egress_clients};
  Document document;
  static_cast<void>(parse_json(body, document, [&](const Document& parsed) {
    const auto root = parsed.root();
    if (!root) return;
    // A deletion's answer is a Status.
    for (const Decoded& decoded : decode(*root, decoding)) {
      if (!decoded.seen || decoded.id->name != name) continue;
      const auto* const object = decoded.object.get();
      know(name, object != nullptr ? &std::get<core::EgressClients>(*object) : nullptr,
           *decoded.seen);
    }
  }));
}

bool ClientListWriter::refused(const core::ObjectName& name, int code, const std::string& text) {
  Record& record = records_[name];
  record.open = record.doubtful = false;
  if (code == 404 || code == 409) {
    // The one that was meant is not there any more. Should there be another, the watch tells of it
    // or the next answer. Soon, unless it goes on like that.
    record.uid.clear();
    const int conflicts = std::min(record.conflicts++, most_conflicts);
    if (conflicts > 0) wait(name, record, clock_.now() + 1s * (1 << conflicts));
    return true;
  }
  if (code != 400 && code != 403 && code != 422) return false;  // of the server, or of this moment
  wait(name, record,
       clock_.now() +
           std::min<os::Time::duration>(500ms * (1 << std::min(record.refusals++, most_conflicts)),
                                        longest_refusal_pause));
  record.refusal = text;
  if (code == 403) {
    // Nobody can grant anything in a namespace that goes, and the Egress goes with it.
    if (text.find("because it is being terminated") != std::string::npos) {
      record.refusal.clear();
    } else {
      record.refusal +=
          "; grant verbs create, patch and delete on endpointslices.discovery.k8s.io to this user";
    }
  }
  return true;
}

}  // namespace kube
