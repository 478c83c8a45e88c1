#include <CLI/CLI.hpp>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "cmd/applets.hpp"
#include "cmd/command_line.hpp"
#include "cmd/mapping/commands.hpp"

namespace cmd {
namespace {

void add_common(CLI::App& app, MappingRequest& request) {
  app.add_option("--manifests", request.manifests,
                 "The directory of manifests, instead of a cluster")
      ->type_name("DIR")
      ->each([&](const std::string&) { request.manifests_given = true; });
  app.add_option("--kubeconfig", request.kubeconfig, "The cluster's kubeconfig")->type_name("FILE");
  app.add_option("--context", request.context, "The context of the kubeconfig")->type_name("NAME");
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

void add_dry_run(CLI::App& app, MappingRequest& request) {
  app.add_flag("--dry-run{client}", request.dry_run,
               "Change nothing and print what would be; =server: as the cluster judges it")
      ->type_name("WHERE")
      ->check(CLI::IsMember({"client", "server"}));
}

FieldOptions add_fields(CLI::App& app, MappingRequest& request) {
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
               "Pods see the client's address: true, false, or default: as the appliance is set")
      ->type_name("true|false|default");
  app.add_option("--max-connections-per-source", mapping.max_connections_per_source,
                 "Connections that one source may have at a time; 0: no limit")
      ->type_name("N");
  app.add_option("--new-connections-per-second", mapping.new_connections_per_second,
                 "Connections that one source may open per second; 0: no limit")
      ->type_name("N");
  app.add_option("--max-ports", request.max_ports, "The appliance's limit of entries of ports")
      ->type_name("N")
      ->capture_default_str();
  app.add_flag("--force-conflicts", request.force_conflicts,
               "Take over fields that belong to another field manager of the cluster");
  app.add_flag("--wait{60}", request.wait,
               "Wait until an edge carries it; give up after that many seconds (default 60)")
      ->type_name("SECONDS");
  add_dry_run(app, request);
  return fields;
}

void add_format(CLI::App& app, MappingRequest& request) {
  add_output(app, request.format, {"wide", "yaml", "json", "name"});
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
    "  pona mapping add web --address 203.0.113.10 --port 443 --service shop/web --wait\n"
    "\nA cluster is meant with --kubeconfig or --context, a directory with --manifests. Without\n"
    "them: the directory of PONA_MANIFESTS; else the cluster of KUBECONFIG, of ~/.kube/config or "
    "of\n"
    "the pod that this runs in; else /etc/pona/manifests.\n"
    "\nExit status: 0 done, 1 failed, 2 usage.";

}  // namespace

int mapping(int argc, char** argv) {
  MappingRequest request;
  CLI::App app{
      "Add, change, remove and show Mappings, in a cluster or in a directory of manifests.",
      "pona mapping"};
  app.footer(examples);
  app.require_subcommand(1);

  CLI::App* const add_app = app.add_subcommand("add", "Add a Mapping");
  add_app->add_option("NAME", request.name, "NAME or NAMESPACE/NAME")->required();
  const FieldOptions fields = add_fields(*add_app, request);
  for (CLI::Option* const option : fields.required) option->required();
  add_app
      ->add_option("--file", request.file,
                   "The manifest to write it to, below the directory (default NAMESPACE_NAME.yaml)")
      ->type_name("FILE");

  CLI::App* const set_app = app.add_subcommand("set", "Change what is given, leave the rest");
  set_app->add_option("NAME", request.name, "NAME or NAMESPACE/NAME")->required();
  const FieldOptions new_fields = add_fields(*set_app, request);

  CLI::App* const rm_app = app.add_subcommand("rm", "Remove Mappings");
  rm_app->add_option("NAME", request.names, "NAME or NAMESPACE/NAME")->required();
  add_dry_run(*rm_app, request);

  CLI::App* const list_app = app.add_subcommand("list", "List Mappings");
  list_app->add_flag("-A,--all-namespaces", request.all, "Of all namespaces");
  add_format(*list_app, request);

  CLI::App* const show_app = app.add_subcommand("show", "Show a Mapping and its problems");
  show_app->add_option("NAME", request.name, "NAME or NAMESPACE/NAME")->required();
  add_format(*show_app, request);

  for (CLI::App* const command : {add_app, set_app, rm_app, list_app, show_app}) {
    add_common(*command, request);
    command->footer(examples);
  }
  if (const auto done = parse_words(app, argc, argv)) return *done;
  // CLI11 does not tell an option with an empty value from none; '' empties a list.
  for (const auto* const lists : {&fields.lists, &new_fields.lists}) {
    for (const ListOption& list : *lists) {
      if (list.option->count() > 0 && !*list.value) list.value->emplace();
    }
  }
  const char* const directory = std::getenv("PONA_MANIFESTS");
  if (!request.manifests_given && directory != nullptr && *directory != '\0') {
    request.manifests = directory;
    request.manifests_by_environment = true;
  }
  if (!request.wait.empty()) parse_wait(request.wait);  // before anything is done
  if (add_app->parsed()) return add_mapping(request);
  if (set_app->parsed()) return set_mapping(request);
  if (rm_app->parsed()) return remove_mappings(request);
  return list_app->parsed() ? list_mappings(request) : show_mapping(request);
}

}  // namespace cmd
