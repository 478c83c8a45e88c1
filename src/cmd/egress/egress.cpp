// `pona egress`: what the agent of this node knows, as tables.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "cmd/applets.hpp"
#include "cmd/command_line.hpp"
#include "cmd/node/agent_protocol.hpp"
#include "cmd/node/agent_status.hpp"
#include "cmd/print.hpp"
#include "cmd/serve/text_table.hpp"
#include "core/error.hpp"
#include "kube/decode/json_text.hpp"

namespace cmd {
namespace {

using Json = nlohmann::ordered_json;

constexpr int usage = 2;
constexpr std::chrono::seconds patience{5};

[[noreturn]] void fail(const std::string& text) {
  throw core::Error(core::Error::Kind::permanent, text);
}

Json ask(const std::string& socket) {
  Json status;
  try {
    status = agent_status_in(ask_agent_status(socket, patience));
  } catch (const core::Error& error) {
    fail(std::string(error.what()) + "; does \"pona agent\" run on this node?");
  }
  if (status.is_null()) {
    fail("the agent at " + socket + " does not say its status; is it of another version?");
  }
  return status;
}

std::string text_of(const Json& value) {
  return value.is_string() ? value.get<std::string>() : kube::dump_json(value);
}

std::string joined(const Json& values, const char* separator = ",") {
  std::string text;
  for (const Json& value : values) text += (text.empty() ? "" : separator) + text_of(value);
  return text.empty() ? "-" : text;
}

std::string nat_pods(const Json& gateways) {
  std::string text;
  for (const Json& gateway : gateways) {
    text += (text.empty() ? "" : ",") + text_of(gateway["address"]);
    if (gateway["state"] != "up") text += "(" + text_of(gateway["state"]) + ")";
  }
  return text.empty() ? "-" : text;
}

std::string pod_name(const Json& client) {
  return text_of(client["namespace"]) + "/" + text_of(client["pod"]);
}

void print_problems(const Json& status) {
  std::vector<std::string> lines;
  for (const char* const list : {"troubles", "problems"}) {
    for (const Json& problem : status[list]) lines.push_back(text_of(problem));
  }
  for (const Json& client : status["clients"]) {
    for (const Json& problem : client["problems"]) {
      lines.push_back("pod " + pod_name(client) + ": " + text_of(problem));
    }
  }
  if (lines.empty()) return;
  std::cout << "\nProblems:\n";
  for (const std::string& line : lines) print_line(std::cout, "  " + line);
}

void print_status(const Json& status) {
  print_line(std::cout,
             "Node " + text_of(status["node"]) + ": " +
                 (status["synced"].get<bool>() ? "knows the cluster's objects"
                                               : "does not know the cluster's objects yet") +
                 ", " + std::to_string(status["clients"].size()) + " clients here");
  std::vector<TableRow> rows = {
      {"EGRESS", "MODE", "ENCAPSULATION", "DESTINATIONS", "NAT PODS", "CLIENTS HERE"}};
  for (const Json& egress : status["egresses"]) {
    rows.push_back({text_of(egress["namespace"]) + "/" + text_of(egress["name"]),
                    text_of(egress["mode"]), text_of(egress["encapsulation"]),
                    joined(egress["destinations"]), nat_pods(egress["natPods"]),
                    text_of(egress["clientsHere"])});
  }
  if (rows.size() > 1) {
    std::cout << '\n';
    print_table(std::cout, rows, colour_wanted());
  }
  print_problems(status);
}

std::vector<TableRow> client_rows(const Json& client) {
  std::vector<TableRow> rows;
  for (const Json& destination : client["destinations"]) {
    rows.push_back({pod_name(client), text_of(destination["destination"]),
                    text_of(destination["egress"]).empty() ? "-" : text_of(destination["egress"]),
                    text_of(destination["way"]), nat_pods(destination["natPods"])});
  }
  if (rows.empty()) rows.push_back({pod_name(client), "-", joined(client["egresses"]), "-", "-"});
  return rows;
}

void print_list(const Json& status) {
  std::vector<TableRow> rows = {{"POD", "DESTINATION", "EGRESS", "WAY", "NAT PODS"}};
  for (const Json& client : status["clients"]) {
    const auto more = client_rows(client);
    rows.insert(rows.end(), more.begin(), more.end());
  }
  if (rows.size() == 1) {
    std::cout << "No pod on this node uses an Egress.\n";
  } else {
    print_table(std::cout, rows, colour_wanted());
  }
  print_problems(status);
}

// What of the status is about `name`: a pod's, or an Egress with its clients.
Json select(const Json& status, const std::string& name) {
  Json found = status;
  const auto keep = [](const Json& all, const auto& wanted) {
    Json kept = Json::array();
    for (const Json& one : all) {
      if (wanted(one)) kept.push_back(one);
    }
    return kept;
  };
  const auto egress_name = [](const Json& egress) {
    return text_of(egress["namespace"]) + "/" + text_of(egress["name"]);
  };
  found["egresses"] =
      keep(status["egresses"], [&](const Json& egress) { return egress_name(egress) == name; });
  found["clients"] = keep(status["clients"], [&](const Json& client) {
    const Json& wanted = client["egresses"];
    return pod_name(client) == name ||
           std::find(wanted.begin(), wanted.end(), Json(name)) != wanted.end();
  });
  if (found["egresses"].empty() && found["clients"].empty()) {
    fail("neither a pod on this node that uses an Egress nor an Egress is named " + name +
         "; \"pona egress list\" and \"pona egress status\" tell what there is");
  }
  return found;
}

void print_one(const Json& status) {
  if (!status["egresses"].empty()) {
    Json without = status;
    without["troubles"] = without["problems"] = Json::array();
    for (Json& client : without["clients"]) client["problems"] = Json::array();
    print_status(without);
    std::cout << '\n';
    return print_list(status);
  }
  for (const Json& client : status["clients"]) {
    print_line(std::cout, "Pod " + pod_name(client));
    print_line(std::cout, "  addresses  " + joined(client["addresses"], ", "));
    print_line(std::cout, "  egresses   " + joined(client["egresses"], ", "));
    print_line(std::cout, "  namespace  " + text_of(client["netns"]));
    std::cout << '\n';
  }
  print_list(status);
}

}  // namespace

int egress(int argc, char** argv) {
  const std::string_view word = argc > 1 ? argv[1] : "";
  constexpr std::array<std::string_view, 3> commands = {"list", "show", "status"};
  if (std::ranges::find(commands, word) == commands.end() && !word.empty() && word.front() != '-') {
    print_line(std::cerr, unknown_command("pona egress", word, commands));
    return usage;
  }
  const bool named = !word.empty() && word.front() != '-';
  const std::string command = named ? std::string(word) : "status";
  CLI::App app{
      "Show which Egress serves which destination of the pods on this node, through which NAT "
      "pods, "
      "and what is wrong.\n\n"
      "Commands:\n"
      "  status                Egresses, their NAT pods, problems (the default)\n"
      "  list                  each destination of each pod\n"
      "  show NAMESPACE/NAME   one pod, or one Egress with its clients",
      "pona egress" + (named ? " " + command : std::string())};
  app.footer(
      "Examples:\n"
      "  pona egress\n"
      "  pona egress list\n"
      "  pona egress show default/web\n"
      "  pona egress show internet/egress --json");
  std::string socket{default_agent_socket}, name, format;
  app.add_option("--socket", socket, "Unix socket of the agent (default /run/pona/agent.sock)")
      ->type_name("PATH");
  add_output(app, format, {"json"});
  if (command == "show") {
    app.add_option("name", name, "A pod or an Egress")->type_name("NAMESPACE/NAME")->required();
  }
  const int skipped = named ? 1 : 0;
  if (const auto done = parse_words(app, argc - skipped, argv + skipped)) return *done;
  Json status = ask(socket);
  if (command == "show") status = select(status, name);
  if (format == "json") {
    std::cout << kube::dump_json(status, 2) << '\n';
  } else if (command == "list") {
    print_list(status);
  } else if (command == "show") {
    print_one(status);
  } else {
    print_status(status);
  }
  return 0;
}

}  // namespace cmd
