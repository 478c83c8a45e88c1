#include "cmd/mapping/commands.hpp"

#include <ctime>
#include <filesystem>
#include <iostream>
#include <limits>
#include <set>
#include <string_view>

#include "cmd/mapping/conflict.hpp"
#include "cmd/mapping/foresee.hpp"
#include "cmd/mapping/print.hpp"
#include "cmd/mapping/wait.hpp"
#include "cmd/print.hpp"
#include "core/error.hpp"
#include "core/nearest.hpp"
#include "kube/mapping/text.hpp"

namespace cmd {
namespace {

using core::Error;

constexpr int most_attempts = 5;

void warn(const std::string& text) { print_line(std::cerr, "pona mapping: warning: " + text); }

// Only add makes a directory that is not there.
OpenStore open_existing(const MappingRequest& request) {
  OpenStore open = open_store(request);
  if (!open.cluster && !std::filesystem::is_directory(request.manifests)) {
    throw Error(Error::Kind::permanent,
                "there is no directory " + request.manifests +
                    ": name the manifests' by --manifests, or a cluster by --kubeconfig");
  }
  return open;
}

void print_problems(const kube::StoredObjects& objects) {
  for (const kube::Problem& problem : objects.problems) {
    print_line(std::cerr, "pona mapping: " + problem.where + ": " + problem.reason);
  }
}

// The one namespace that a command speaks of: -n, NAMESPACE/NAME and NAMESPACE/SERVICE must agree.
std::string agreed_namespace(const MappingRequest& request, const core::ObjectName& name,
                             const std::string& otherwise) {
  std::set<std::string> said = {request.ns, name.ns};
  if (request.mapping.service) said.insert(parse_name(*request.mapping.service).ns);
  said.erase("");
  if (said.size() > 1) {
    throw Error(Error::Kind::usage, "a mapping is in the namespace of its Service, but both " +
                                        *said.begin() + " and " + *said.rbegin() + " are given");
  }
  return said.empty() ? otherwise : *said.begin();
}

// Without a namespace where it may be in any.
core::ObjectName wanted_name(const MappingRequest& request, const kube::MappingStore& store,
                             const std::string& text) {
  core::ObjectName name = parse_name(text);
  name.ns = agreed_namespace(request, name, store.usual_namespace());
  return name;
}

bool matches(const core::ObjectName& wanted, const core::ObjectName& name) {
  return name.name == wanted.name && (wanted.ns.empty() || name.ns == wanted.ns);
}

[[noreturn]] void refuse_missing(kube::MappingStore& store, const core::ObjectName& wanted) {
  std::string message = "there is no mapping " + core::to_string(wanted) + " in " + store.place();
  kube::StoredObjects objects;
  try {
    objects = store.list(wanted.ns);
  } catch (const Error&) {
    throw Error(Error::Kind::permanent, message);  // it was only for a hint
  }
  std::vector<std::string_view> names;
  for (const auto& stored : objects.mappings) names.push_back(stored.mapping.name.name);
  if (const auto near = core::nearest(wanted.name, names)) {
    message += "; did you mean " + std::string(*near) + "?";
  }
  throw Error(Error::Kind::permanent, message);
}

const kube::StoredMapping& pick(kube::MappingStore& store, const kube::StoredObjects& objects,
                                const core::ObjectName& wanted) {
  std::vector<const kube::StoredMapping*> found;
  for (const auto& stored : objects.mappings) {
    if (matches(wanted, stored.mapping.name)) found.push_back(&stored);
  }
  if (found.size() == 1) return *found.front();
  if (found.size() > 1) {
    std::string candidates;
    for (const auto* stored : found) candidates += " " + core::to_string(stored->mapping.name);
    throw Error(Error::Kind::usage, "several mappings are called " + wanted.name + ":" +
                                        candidates + "; add -n NAMESPACE");
  }
  for (const core::ObjectName& other : objects.left_out) {
    if (!matches(wanted, other)) continue;
    print_problems(objects);
    throw Error(Error::Kind::permanent,
                core::to_string(other) + " has mistakes that keep it out of effect: edit " +
                    (store.usual_namespace().empty() ? "its file" : "it with kubectl"));
  }
  refuse_missing(store, wanted);
}

// Those that a Mapping may be in conflict with. In a cluster not everybody may see all of them.
kube::StoredObjects others(const OpenStore& open, const kube::StoredObjects& found,
                           const std::string& ns) {
  if (!open.cluster) return found;
  try {
    return open.store->list("");
  } catch (const Error& error) {
    if (error.kind() != Error::Kind::permanent) throw;
    warn("only mappings of namespace " + ns +
         " were compared, another may have the same address and port: " + error.what());
  }
  return open.store->list(ns);
}

void refuse_conflict(const kube::StoredObjects& objects, const core::Mapping& mapping) {
  if (const auto conflict = find_conflict(mapping, objects.mappings)) {
    throw Error(Error::Kind::permanent, *conflict);
  }
}

// What both add and set have to say and to wait for after they wrote.
int report(const MappingRequest& request, const OpenStore& open, const core::Mapping& mapping,
           const kube::StoreChange& change, std::size_t problems) {
  const core::ObjectName service{mapping.name.ns, mapping.service};
  const std::string place = open.store->place();
  if (open.store->has_service(service) == false) {
    warn("there is no Service " + core::to_string(service) + " in " + place +
         ": the mapping carries nothing until there is one");
  }
  if (!open.cluster && problems > 0) {
    warn(std::to_string(problems) + " problems in " + place + "; \"pona mapping list\" names them");
  }
  if (!request.dry_run.empty()) {
    for (const std::string& text : foresee_mapping(request, open.cluster, mapping)) warn(text);
    print_line(std::cout, "# would be " + change.what);
    print_lines(std::cout, change.manifest);
    return 0;
  }
  const std::string name = "mapping " + core::to_string(mapping.name);
  print_line(std::cout, name + ' ' + change.what);
  std::cout << std::flush;
  if (request.wait.empty()) return 0;
  const std::string carried =
      wait_until_programmed(*open.store, mapping.name, parse_wait(request.wait));
  print_line(std::cout, name + " programmed: " + carried);
  return 0;
}

[[noreturn]] void refuse_existing(const core::ObjectName& name, const std::string& where) {
  throw Error(Error::Kind::permanent, "the mapping " + core::to_string(name) + " exists already" +
                                          where + ": use \"pona mapping set\" to change it");
}

}  // namespace

int add_mapping(const MappingRequest& request) {
  const OpenStore open = open_store(request);
  kube::MappingStore& store = *open.store;
  core::Mapping mapping;
  mapping.name = wanted_name(request, store, request.name);
  if (mapping.name.ns.empty()) mapping.name.ns = "default";
  apply(request.mapping, mapping);
  mapping = kube::validated(mapping, decode_options(request));
  store.lock();
  const kube::StoredObjects objects = store.find(mapping.name);
  for (const auto& stored : objects.mappings) {
    if (stored.mapping.name != mapping.name) continue;
    refuse_existing(mapping.name, open.cluster ? "" : " in " + stored.where);
  }
  if (objects.left_out.contains(mapping.name)) {
    print_problems(objects);
    throw Error(Error::Kind::permanent, "the mapping " + core::to_string(mapping.name) +
                                            " exists already, with mistakes: edit " +
                                            (open.cluster ? "it with kubectl" : "its file"));
  }
  core::Mapping youngest = mapping;  // as it will be in a cluster, which keeps the time
  if (open.cluster) youngest.created = std::numeric_limits<std::int64_t>::max();
  refuse_conflict(others(open, objects, mapping.name.ns), youngest);
  const kube::StoreChange change = store.put(mapping, nullptr, request.only_client());
  if (change.outdated) refuse_existing(mapping.name, ", since a moment ago");
  return report(request, open, mapping, change, objects.problems.size());
}

int set_mapping(const MappingRequest& request) {
  if (!request.mapping.any()) {
    throw Error(Error::Kind::usage, "nothing to set: give what is to change, e.g. --allow");
  }
  const OpenStore open = open_existing(request);
  kube::MappingStore& store = *open.store;
  const core::ObjectName name = wanted_name(request, store, request.name);
  store.lock();
  for (int attempt = 0; attempt < most_attempts; ++attempt) {
    const kube::StoredObjects objects = store.find(name);
    const kube::StoredMapping& stored = pick(store, objects, name);
    core::Mapping mapping = stored.mapping;
    apply(request.mapping, mapping);
    mapping = kube::validated(mapping, decode_options(request));
    // One that loses already may be changed in everything else.
    if (request.mapping.addresses || request.mapping.ports) {
      refuse_conflict(others(open, objects, mapping.name.ns), mapping);
    }
    const kube::StoreChange change = store.put(mapping, &stored, request.only_client());
    if (!change.outdated) return report(request, open, mapping, change, objects.problems.size());
  }
  throw Error(Error::Kind::transient, "the mapping " + core::to_string(name) +
                                          " keeps being changed by others; try again later");
}

int remove_mappings(const MappingRequest& request) {
  const OpenStore open = open_existing(request);
  kube::MappingStore& store = *open.store;
  store.lock();
  std::set<core::ObjectName> names;  // all are known before the first one goes
  for (const std::string& text : request.names) {
    const core::ObjectName wanted = wanted_name(request, store, text);
    const kube::StoredObjects objects = store.find(wanted);
    // A cluster needs not understand what it deletes.
    const bool left_out = open.cluster && objects.left_out.contains(wanted);
    names.insert(left_out ? wanted : pick(store, objects, wanted).mapping.name);
  }
  for (const core::ObjectName& name : names) {
    const kube::StoreChange change = store.remove(name, request.only_client());
    print_line(std::cout, "mapping " + core::to_string(name) +
                              (request.dry_run.empty() ? " " : " would be ") + change.what);
  }
  return 0;
}

int list_mappings(const MappingRequest& request) {
  const OpenStore open = open_existing(request);
  std::string ns = request.ns.empty() ? open.store->usual_namespace() : request.ns;
  if (request.all) ns.clear();
  const kube::StoredObjects objects = open.store->list(ns);
  if (objects.mappings.empty() && (request.format.empty() || request.format == "wide")) {
    print_line(std::cerr, "no mappings in " +
                              (open.cluster && !ns.empty() ? "namespace " + ns + ", " : "") +
                              open.store->place());
  } else {
    print_mappings(std::cout, objects.mappings, request.format, colour_wanted(),
                   std::time(nullptr));
  }
  print_problems(objects);
  return 0;
}

int show_mapping(const MappingRequest& request) {
  const OpenStore open = open_existing(request);
  const core::ObjectName name = wanted_name(request, *open.store, request.name);
  const kube::StoredObjects objects = open.store->find(name);
  const kube::StoredMapping& stored = pick(*open.store, objects, name);
  if (request.format == "json") {
    print_json(std::cout, stored);
    return 0;
  }
  if (!request.format.empty()) {
    print_mappings(std::cout, std::span(&stored, 1), request.format, colour_wanted(),
                   std::time(nullptr));
    return 0;
  }
  const core::ObjectName service{stored.mapping.name.ns, stored.mapping.service};
  const bool missing = open.store->has_service(service) == false;
  const char* const note = open.cluster ? " (does not exist)" : " (not in the directory)";
  print_mapping(std::cout, stored, objects, missing ? note : "", colour_wanted(),
                std::time(nullptr));
  return 0;
}

}  // namespace cmd
