#include "kube/egress/workload_writer.hpp"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/fnv1a.hpp"
#include "kube/decode/decode.hpp"
#include "kube/decode/json_at.hpp"
#include "kube/decode/json_text.hpp"
#include "kube/decode/parse.hpp"
#include "kube/egress/egress_status.hpp"

namespace kube {
namespace {

using Json = nlohmann::json;
using namespace std::chrono_literals;

constexpr const char* hash_annotation = "pona.cybozu.com/applied";
// Of one part; whoever is in the way or grants what is missing is waited for.
constexpr os::Time::duration longest_part_pause = 8s;

std::size_t hash_of(std::string_view text) { return core::fnv1a(text); }

std::string hex(std::size_t number) {
  char text[20];
  std::snprintf(text, sizeof text, "%016zx", number);
  return text;
}

Json parse(const std::string& text) { return Json::parse(text, nullptr, false); }

// What of an object changes by what is applied to it.
std::size_t hash_of(const Seen& seen) {
  Json object = parse(seen.json);
  if (!object.is_object() || !json_at(object, {"metadata"}).is_object()) return 0;
  object.erase("status");
  for (const char* const key : {"resourceVersion", "generation"}) object["metadata"].erase(key);
  return hash_of(dump_json(object));
}

bool is_owned(const Json& object, const std::string& uid) {
  const Json& owners = json_at(object, {"metadata", "ownerReferences"});
  return owners.is_array() && std::ranges::any_of(owners, [&](const Json& owner) {
           return json_at(owner, {"uid"}) == uid;
         });
}

std::string path(WorkloadPart part, const core::ObjectName& egress) {
  const WorkloadKind& kind = kind_of(part);
  const core::ObjectName name = name_of(part, egress);
  return (kind.group.empty() ? "/api/" : "/apis/" + std::string(kind.group) + "/") +
         std::string(kind.version) + "/namespaces/" + name.ns + "/" + std::string(kind.plural) +
         "/" + name.name;
}

std::string describe(WorkloadPart part, const core::ObjectName& egress) {
  return std::string(kind_of(part).kind) + " " + core::to_string(name_of(part, egress));
}

}  // namespace

EgressWriter::EgressWriter(WorkloadSettings settings, Exchanges& exchanges, EventRecorder& events,
                           os::Clock clock, See see)
    : settings_(std::move(settings)),
      events_(events),
      clock_(std::move(clock)),
      see_(std::move(see)),
      writes_(
          exchanges, clock_, [this](const core::ObjectName& name) { return next(name); },
          [this](const core::ObjectName& name, const std::string& body) { written(name, body); }) {}

void EgressWriter::update(const core::ObjectName& egress,
                          std::shared_ptr<const core::Object> object) {
  Record& record = records_[egress];
  record.egress = std::move(object);
  writes_.add(egress);
}

void EgressWriter::seen(const core::ObjectName& egress, std::shared_ptr<const Seen> seen) {
  Record& record = records_[egress];
  const bool another = !seen || !record.seen || record.seen->uid != seen->uid;
  record.seen = std::move(seen);
  if (another) {
    // Whose the parts are is to be judged anew.
    for (auto& [part, state] : record.parts) state.refusal.reset();
    writes_.forget(egress);
  }
  writes_.add(egress);
}

void EgressWriter::part_seen(WorkloadPart part, const core::ObjectName& egress,
                             std::shared_ptr<const Seen> seen) {
  Record& record = records_[egress];
  Part& state = record.parts[part];
  const bool same = state.seen && seen && state.seen->uid == seen->uid;
  if (same && is_not_newer(seen->version, state.seen->version)) return;
  // Gone, or no longer with our labels: which of both is asked for by its name.
  if (!seen || !same) state = {};
  state.seen = std::move(seen);
  writes_.add(egress);
}

void EgressWriter::set_ranges(std::vector<core::ClusterRange> ranges) {
  if (ranges == ranges_) return;
  ranges_ = std::move(ranges);
  for (const auto& [name, record] : records_) writes_.add(name);
}

void EgressWriter::set_accounts(std::set<core::ObjectName> accounts) {
  if (accounts == accounts_) return;
  accounts_ = std::move(accounts);
  for (auto& [name, record] : records_) {
    record.planned_of.reset();
    writes_.add(name);
  }
}

void EgressWriter::pod_seen(const core::ObjectName& pod, const Seen* seen) {
  const core::ObjectName egress = troubles_.update(pod, seen);
  if (records_.contains(egress)) writes_.add(egress);
}

void EgressWriter::lead(bool leading) {
  if (leading_ == leading) return;
  leading_ = leading;
  if (!leading_) {
    writes_.stop_leading();
    return;
  }
  for (auto& [name, record] : records_) {
    // What was looked for in another reign may have been made since.
    for (auto& [part, state] : record.parts) state.absent = false;
    writes_.add(name);
  }
}

os::Time EgressWriter::due() const {
  if (!leading_) return os::Time::max();
  return std::min(writes_.due(), later_.empty() ? os::Time::max() : later_.begin()->first);
}

void EgressWriter::step() {
  if (!leading_) return;
  while (!later_.empty() && later_.begin()->first <= clock_.now()) {
    writes_.add(later_.begin()->second);
    later_.erase(later_.begin());
  }
  writes_.step();
}

std::optional<Write> EgressWriter::next(const core::ObjectName& name) {
  const auto found = records_.find(name);
  if (!leading_ || found == records_.end()) return std::nullopt;
  Record& record = found->second;
  record.open.reset();
  if (!record.seen) {
    // What it left is the garbage collector's.
    if (!record.egress) {
      writes_.forget(name);
      records_.erase(found);
    }
    return std::nullopt;
  }
  if (record.seen->deleting) return std::nullopt;
  if (record.egress && record.seen->faults.empty()) {
    plan(name, record);
    for (const WorkloadPart part : workload_parts) {
      if (auto write = next_part(name, record, part)) {
        if (write->request.method != "DELETE") record.open = part;
        write->lead = true;
        return write;
      }
    }
  }
  return next_status(name, record);
}

void EgressWriter::plan(const core::ObjectName& name, Record& record) {
  // What runs already is of interest only to what would be left out; that it is gone, always.
  const auto there = record.parts.find(WorkloadPart::deployment);
  const auto over = there == record.parts.end() ? nullptr : there->second.seen;
  if (record.planned_of == record.seen && record.planned_with == record.egress &&
      (record.planned_over == over ||
       (record.left_out.empty() && record.planned_over != nullptr && over != nullptr))) {
    return;
  }
  TemplateContext context;
  if (over && is_owned(parse(over->json), record.seen->uid)) context.deployment = over->json;
  for (auto account = accounts_.lower_bound({name.ns, ""});
       account != accounts_.end() && account->ns == name.ns; ++account) {
    context.accounts.insert(account->name);
  }
  record.left_out.clear();
  record.workload = plan_egress_workload(settings_, std::get<core::Egress>(*record.egress),
                                         record.seen->json, context, record.left_out);
  record.planned_of = record.seen;
  record.planned_with = record.egress;
  record.planned_over = over;
}

std::optional<Write> EgressWriter::next_part(const core::ObjectName& name, Record& record,
                                             WorkloadPart part) {
  Part& state = record.parts[part];
  const auto planned = record.workload.find(part);
  if (planned == record.workload.end()) {
    state.refusal.reset();
    if (!state.seen || state.seen->deleting || state.going == state.seen->version) {
      return std::nullopt;
    }
    if (!is_owned(parse(state.seen->json), record.seen->uid)) return std::nullopt;
    return remove(name, part, *state.seen);
  }
  const std::string& wanted = planned->second;
  const std::size_t hash = hash_of(wanted);
  if (state.refusal && state.refusal->wanted == hash && clock_.now() < state.refusal->until) {
    return std::nullopt;
  }
  if (!state.seen) return state.absent ? apply(name, part, wanted) : get(name, part);
  if (state.seen->deleting) return std::nullopt;
  const Json found = parse(state.seen->json);
  if (!is_owned(found, record.seen->uid)) {
    refuse(name, part,
           {hash,
            "NameTaken",
            describe(part, name) + " is there and is not of this Egress: rename one of them",
            {}});
    // It may change without our being told.
    state.seen.reset();
    return std::nullopt;
  }
  state.refusal.reset();
  state.refusals = 0;
  if (json_at(found, {"metadata", "annotations", hash_annotation}) == hex(hash) &&
      is_in_effect(wanted, state.seen->json)) {
    return std::nullopt;
  }
  if (state.wanted == hash && state.found == hash_of(*state.seen)) return std::nullopt;
  return apply(name, part, wanted);
}

Write EgressWriter::get(const core::ObjectName& name, WorkloadPart part) {
  Write write;
  write.request = {"GET", path(part, name), "", "", false};
  write.what = "read " + describe(part, name);
  write.refused = [this, name, part](int code, const std::string&) {
    const auto found = records_.find(name);
    if (code != 404 || found == records_.end()) return false;
    found->second.parts[part].absent = true;
    return true;
  };
  return write;
}

Write EgressWriter::apply(const core::ObjectName& name, WorkloadPart part,
                          const std::string& wanted) {
  const std::size_t hash = hash_of(wanted);
  Json body = parse(wanted);
  body["metadata"]["annotations"][hash_annotation] = hex(hash);
  Write write;
  write.request = {
      "PATCH",
      path(part, name) + "?fieldManager=" + std::string(controller_manager) + "&force=true",
      "application/apply-patch+yaml", dump_json(body), false};
  write.what = "apply " + describe(part, name);
  write.refused = [this, name, part, hash, what = write.what](int code, const std::string& text) {
    // The rest is of the server, or of this moment.
    if (code != 400 && code != 403 && code != 422) return false;
    refuse(name, part, {hash, "Refused", text, {}});
    return true;
  };
  write.done = [this, name, part, hash] {
    const auto found = records_.find(name);
    if (found == records_.end()) return;
    Part& state = found->second.parts[part];
    if (!state.seen) return;
    state.wanted = hash;
    state.found = hash_of(*state.seen);
  };
  return write;
}

Write EgressWriter::remove(const core::ObjectName& name, WorkloadPart part, const Seen& seen) {
  const Json body = {{"apiVersion", "v1"},
                     {"kind", "DeleteOptions"},
                     {"propagationPolicy", "Background"},
                     {"preconditions", {{"uid", seen.uid}, {"resourceVersion", seen.version}}}};
  Write write;
  write.request = {"DELETE", path(part, name), "application/json", dump_json(body), false};
  write.what = "delete " + describe(part, name);
  write.done = [this, name, part, version = seen.version] {
    const auto found = records_.find(name);
    if (found != records_.end()) found->second.parts[part].going = version;
  };
  return write;
}

void EgressWriter::refuse(const core::ObjectName& name, WorkloadPart part, Refusal refusal) {
  const auto found = records_.find(name);
  if (found == records_.end()) return;
  Part& state = found->second.parts[part];
  refusal.until =
      clock_.now() + std::min<os::Time::duration>(500ms * (1 << std::min(state.refusals++, 10)),
                                                  longest_part_pause);
  later_.emplace(refusal.until, name);
  state.refusal = std::move(refusal);
  // Until then another one may make what is missing.
  state.absent = false;
}

std::optional<Write> EgressWriter::next_status(const core::ObjectName& name, const Record& record) {
  core::EgressFacts facts;
  facts.now = clock_.unix_seconds();
  facts.in_effect = record.egress != nullptr;
  if (record.egress) {
    facts.overlaps = core::find_overlaps(std::get<core::Egress>(*record.egress), ranges_);
  }
  for (const auto& [part, state] : record.parts) {
    if (!state.refusal || !record.workload.contains(part) || !facts.refusal_reason.empty()) {
      continue;
    }
    facts.refusal_reason = state.refusal->reason;
    facts.refusal_message = state.refusal->message;
  }
  facts.left_out = record.left_out;
  facts.troubles = troubles_.of(name);
  const auto deployment = record.parts.find(WorkloadPart::deployment);
  EgressReport report = report_egress(
      name, *record.seen,
      deployment == record.parts.end() ? nullptr : deployment->second.seen.get(), std::move(facts));
  if (!report.news) return std::nullopt;
  Write write;
  write.request = {
      "PATCH",
      "/apis/" + std::string(egress_api_version) + "/namespaces/" + name.ns + "/egresses/" +
          name.name + "/status?fieldManager=" + std::string(controller_manager) + "&force=true",
      "application/apply-patch+yaml",
      dump_json(Json{
          {"apiVersion", egress_api_version},
          {"kind", "Egress"},
          // The uid, so that what is said of one object is never written to its successor.
          {"metadata", {{"name", name.name}, {"namespace", name.ns}, {"uid", record.seen->uid}}},
          {"status", parse(report.status)}}),
      false};
  write.what = "write the status of Egress " + core::to_string(name);
  write.lead = true;
  write.done = [this, name, before = record.seen, conditions = std::move(report.conditions)] {
    for (EventNote& note : notes_of(name, *before, conditions)) events_.record(std::move(note));
  };
  return write;
}

void EgressWriter::written(const core::ObjectName& name, const std::string& body) {
  const auto record = records_.find(name);
  if (record == records_.end()) return;
  Document document;
  static_cast<void>(parse_json(body, document, [&](const Document& parsed) {
    const auto root = parsed.root();
    if (!root) return;
    const auto decoded = see_whole(*root);
    // A deletion's answer is about what is no more.
    const auto kind = root->find("kind");
    if (decoded.size() != 1 || !decoded[0].seen || !kind || kind->text() == "Status") return;
    if (kind->text() == "Egress") {
      // Decoded by whoever watches it; here only what writing changes.
      auto now = std::make_shared<Seen>(*decoded[0].seen);
      if (record->second.seen && record->second.seen->generation == now->generation) {
        now->faults = record->second.seen->faults;
        now->warnings = record->second.seen->warnings;
        see_(name, std::move(now));
      }
    } else if (record->second.open) {
      Part& state = record->second.parts[*record->second.open];
      const bool same = state.seen && state.seen->uid == decoded[0].seen->uid;
      if (same && is_not_newer(decoded[0].seen->version, state.seen->version)) return;
      state.seen = decoded[0].seen;
    }
  }));
}

}  // namespace kube
