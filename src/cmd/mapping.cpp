#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "cmd/applets.hpp"
#include "cmd/mapping_conflict.hpp"
#include "cmd/mapping_options.hpp"
#include "cmd/mapping_print.hpp"
#include "core/error.hpp"
#include "core/nearest.hpp"
#include "kube/mapping_store.hpp"
#include "kube/mapping_text.hpp"

namespace cmd {
namespace {

using core::Error;

// What the command line said.
struct Request {
  std::string directory = "/etc/pona/manifests";
  std::string ns;
  std::string name;
  std::vector<std::string> names;
  std::string file;
  std::string format;
  std::size_t max_ports = kube::DecodeOptions().max_ports_per_mapping;
  bool all = false;
  bool dry_run = false;
  MappingOptions mapping;
};

void warn(const std::string& text) { std::cerr << "pona mapping: warning: " << text << '\n'; }

bool colour() {
  const char* const term = std::getenv("TERM");
  return isatty(STDOUT_FILENO) != 0 && std::getenv("NO_COLOR") == nullptr && term != nullptr &&
         std::string_view(term) != "dumb";
}

std::unique_ptr<kube::MappingStore> open_store(const Request& request) {
  return kube::open_manifest_store(
      {request.directory, request.file, {request.max_ports, false, {}}});
}

void expect_directory(const Request& request) {
  if (std::filesystem::is_directory(request.directory)) return;
  throw Error(Error::Kind::permanent, "there is no directory " + request.directory +
                                          ": name the manifests' by --manifests");
}

void print_problems(const kube::StoredObjects& objects) {
  for (const kube::Problem& problem : objects.problems) {
    std::cerr << "pona mapping: " << problem.where << ": " << problem.reason << '\n';
  }
}

// The one namespace that a command speaks of: -n, NAMESPACE/NAME and NAMESPACE/SERVICE must agree.
std::string agreed_namespace(const Request& request, const core::ObjectName& name,
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

const kube::StoredMapping& find(const Request& request, const kube::StoredObjects& objects,
                                const std::string& text) {
  core::ObjectName name = parse_name(text);
  name.ns = agreed_namespace(request, name, "");
  const auto matches = [&](const core::ObjectName& other) {
    return other.name == name.name && (name.ns.empty() || other.ns == name.ns);
  };
  std::vector<const kube::StoredMapping*> found;
  std::vector<std::string_view> names;
  for (const auto& stored : objects.mappings) {
    if (matches(stored.mapping.name)) found.push_back(&stored);
    names.push_back(stored.mapping.name.name);
  }
  if (found.size() == 1) return *found.front();
  if (found.size() > 1) {
    std::string candidates;
    for (const auto* stored : found) candidates += " " + core::to_string(stored->mapping.name);
    throw Error(Error::Kind::usage,
                "several mappings are called " + text + ":" + candidates + "; add -n NAMESPACE");
  }
  for (const core::ObjectName& other : objects.left_out) {
    if (!matches(other)) continue;
    print_problems(objects);
    throw Error(Error::Kind::permanent,
                core::to_string(other) + " has mistakes that keep it out of effect: edit its file");
  }
  std::string message = "there is no mapping " + text + " in " + request.directory;
  if (const auto near = core::nearest(name.name, names)) {
    message += "; did you mean " + std::string(*near) + "?";
  }
  throw Error(Error::Kind::permanent, message);
}

// What both add and set have to say before and after they write.
int put(const Request& request, kube::MappingStore& store, const kube::StoredObjects& objects,
        const core::Mapping& mapping) {
  const core::ObjectName service{mapping.name.ns, mapping.service};
  const kube::StoreChange change = store.put(mapping, request.dry_run);
  if (!objects.services.contains(service)) {
    warn("there is no Service " + core::to_string(service) + " in " + request.directory +
         ": the mapping carries nothing until there is one");
  }
  if (!objects.problems.empty()) {
    warn(std::to_string(objects.problems.size()) + " problems in " + request.directory +
         "; \"pona mapping list\" names them");
  }
  if (request.dry_run) {
    std::cout << "# would be " << change.what << '\n' << change.manifest;
  } else {
    std::cout << "mapping " << core::to_string(mapping.name) << ' ' << change.what << '\n';
  }
  return 0;
}

void refuse_conflict(const kube::StoredObjects& objects, const core::Mapping& mapping) {
  if (const auto conflict = find_conflict(mapping, objects.mappings)) {
    throw Error(Error::Kind::permanent, *conflict);
  }
}

int add(const Request& request) {
  core::Mapping mapping;
  mapping.name = parse_name(request.name);
  mapping.name.ns = agreed_namespace(request, mapping.name, "default");
  apply(request.mapping, mapping);
  mapping = kube::validated(mapping, {request.max_ports, false, {}});
  const auto store = open_store(request);
  store->lock();
  const kube::StoredObjects objects = store->list();
  for (const auto& stored : objects.mappings) {
    if (stored.mapping.name != mapping.name) continue;
    throw Error(Error::Kind::permanent, "the mapping " + core::to_string(mapping.name) +
                                            " exists already in " + stored.where +
                                            ": use \"pona mapping set\" to change it");
  }
  if (objects.left_out.contains(mapping.name)) {
    print_problems(objects);
    throw Error(Error::Kind::permanent, "the mapping " + core::to_string(mapping.name) +
                                            " exists already, with mistakes: edit its file");
  }
  refuse_conflict(objects, mapping);
  return put(request, *store, objects, mapping);
}

int set(const Request& request) {
  if (!request.mapping.any()) {
    throw Error(Error::Kind::usage, "nothing to set: give what is to change, e.g. --allow");
  }
  expect_directory(request);
  const auto store = open_store(request);
  store->lock();
  const kube::StoredObjects objects = store->list();
  core::Mapping mapping = find(request, objects, request.name).mapping;
  if (const auto ns = agreed_namespace(request, mapping.name, ""); ns != mapping.name.ns) {
    throw Error(Error::Kind::usage, "a mapping stays in its namespace " + mapping.name.ns);
  }
  apply(request.mapping, mapping);
  mapping = kube::validated(mapping, {request.max_ports, false, {}});
  // One that loses already may be changed in everything else.
  if (request.mapping.addresses || request.mapping.ports) refuse_conflict(objects, mapping);
  return put(request, *store, objects, mapping);
}

int remove(const Request& request) {
  expect_directory(request);
  const auto store = open_store(request);
  store->lock();
  const kube::StoredObjects objects = store->list();
  std::set<core::ObjectName> names;  // all are known before the first one goes
  for (const std::string& name : request.names) {
    names.insert(find(request, objects, name).mapping.name);
  }
  for (const core::ObjectName& name : names) {
    const kube::StoreChange change = store->remove(name, request.dry_run);
    std::cout << "mapping " << core::to_string(name) << (request.dry_run ? " would be " : " ")
              << change.what << '\n';
  }
  return 0;
}

int list(const Request& request) {
  expect_directory(request);
  kube::StoredObjects objects = open_store(request)->list();
  if (!request.ns.empty() && !request.all) {
    std::erase_if(objects.mappings, [&](const kube::StoredMapping& stored) {
      return stored.mapping.name.ns != request.ns;
    });
  }
  if (objects.mappings.empty() && (request.format.empty() || request.format == "wide")) {
    std::cerr << "no mappings in " << request.directory << '\n';
  } else {
    print_mappings(std::cout, objects.mappings, request.format, colour());
  }
  print_problems(objects);
  return 0;
}

int show(const Request& request) {
  expect_directory(request);
  const kube::StoredObjects objects = open_store(request)->list();
  print_mapping(std::cout, find(request, objects, request.name), objects, request.format, colour());
  return 0;
}

void add_common(CLI::App& app, Request& request) {
  app.add_option("--manifests", request.directory, "The directory of manifests")
      ->envname("PONA_MANIFESTS")
      ->type_name("DIR")
      ->capture_default_str();
  app.add_option("-n,--namespace", request.ns, "The namespace")->type_name("NAMESPACE");
}

// Every use of an option takes one value, or several with commas between.
struct ListOption {
  CLI::Option* option = nullptr;
  std::optional<std::vector<std::string>>* value = nullptr;
};

struct FieldOptions {
  std::vector<ListOption> lists;
  std::vector<CLI::Option*> required;  // to add a Mapping
};

FieldOptions add_fields(CLI::App& app, Request& request) {
  MappingOptions& mapping = request.mapping;
  FieldOptions fields;
  const auto add_list = [&](const char* name, auto& value, const char* type, const char* help) {
    CLI::Option* const option =
        app.add_option(name, value, help)->allow_extra_args(false)->delimiter(',')->type_name(type);
    fields.lists.push_back({option, &value});
    return option;
  };
  fields.required = {
      add_list("--address", mapping.addresses, "ADDRESS",
               "External address, IPv4 or IPv6; repeatable"),
      add_list("--port", mapping.ports, "PORT[-END][:SERVICE-PORT][/PROTOCOL]",
               "External port or range, and the Service's if it differs; repeatable"),
      app.add_option("--service", mapping.service, "The Service that gets the traffic")
          ->type_name("[NAMESPACE/]SERVICE"),
  };
  add_list("--allow", mapping.sources, "NETWORK",
           "Only these sources may connect; repeatable, '' for everybody");
  app.add_option("--affinity", mapping.affinity, "None, ClientIP, or default: as the Service says")
      ->type_name("WORD");
  app.add_flag("--preserve-client-ip{true}", mapping.preserve_client_ip,
               "Pods see the client's address: true, false, or default: as the appliance is set");
  app.add_option("--max-connections-per-source", mapping.max_connections_per_source,
                 "At most so many at a time; 0: no limit")
      ->type_name("N");
  app.add_option("--new-connections-per-second", mapping.new_connections_per_second,
                 "At most so many from one source; 0: no limit")
      ->type_name("N");
  app.add_option("--max-ports", request.max_ports, "The appliance's limit of entries of ports")
      ->type_name("N")
      ->capture_default_str();
  app.add_flag("--dry-run", request.dry_run, "Print what would be written, and write nothing");
  return fields;
}

void add_format(CLI::App& app, Request& request) {
  app.add_option("-o,--output", request.format, "wide, yaml, json or name")
      ->check(CLI::IsMember({"wide", "yaml", "json", "name"}))
      ->type_name("FORMAT");
}

constexpr auto examples =
    "Examples:\n"
    "  pona mapping add web --address 203.0.113.10 --port 443:8443/tcp --port 5000-5010/udp \\\n"
    "      --service shop/web --allow 198.51.100.0/24\n"
    "  pona mapping set web --allow 198.51.100.0/24,2001:db8::/32\n"
    "  pona mapping set web --allow ''\n"
    "  pona mapping list -o wide\n"
    "  pona mapping show shop/web -o yaml\n"
    "  pona mapping rm shop/web\n"
    "\nExit status: 0 done, 1 failed, 2 usage.";

}  // namespace

int mapping(int argc, char** argv) {
  Request request;
  CLI::App app{"Add, change, remove and show the Mappings in a directory of manifests.",
               "pona mapping"};
  app.footer(examples);
  app.require_subcommand(1);

  CLI::App* const add_app = app.add_subcommand("add", "Add a Mapping");
  add_app->add_option("NAME", request.name, "NAME or NAMESPACE/NAME")->required();
  const FieldOptions fields = add_fields(*add_app, request);
  for (CLI::Option* const option : fields.required) option->required();
  add_app
      ->add_option("--file", request.file,
                   "Where to write it, below the directory (default NAMESPACE_NAME.yaml)")
      ->type_name("FILE");

  CLI::App* const set_app = app.add_subcommand("set", "Change what is given, leave the rest");
  set_app->add_option("NAME", request.name, "NAME or NAMESPACE/NAME")->required();
  const FieldOptions new_fields = add_fields(*set_app, request);

  CLI::App* const rm_app = app.add_subcommand("rm", "Remove Mappings");
  rm_app->add_option("NAME", request.names, "NAME or NAMESPACE/NAME")->required();
  rm_app->add_flag("--dry-run", request.dry_run, "Print what would be done, and do nothing");

  CLI::App* const list_app = app.add_subcommand("list", "List Mappings, of all namespaces");
  list_app->add_flag("-A,--all-namespaces", request.all, "Of all namespaces, whatever -n says");
  add_format(*list_app, request);

  CLI::App* const show_app = app.add_subcommand("show", "Show a Mapping and its problems");
  show_app->add_option("NAME", request.name, "NAME or NAMESPACE/NAME")->required();
  add_format(*show_app, request);

  for (CLI::App* const command : {add_app, set_app, rm_app, list_app, show_app}) {
    add_common(*command, request);
    command->footer(examples);
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  // CLI11 does not tell an option with an empty value from none; '' empties a list.
  for (const auto* const lists : {&fields.lists, &new_fields.lists}) {
    for (const ListOption& list : *lists) {
      if (list.option->count() > 0 && !*list.value) list.value->emplace();
    }
  }
  if (add_app->parsed()) return add(request);
  if (set_app->parsed()) return set(request);
  if (rm_app->parsed()) return remove(request);
  return list_app->parsed() ? list(request) : show(request);
}

}  // namespace cmd
