#include "sim/user.hpp"

namespace sim {
namespace {

using core::Kind;

std::string name_part(const std::string& name, const std::string& more = "") {
  return R"("metadata":{"name":")" + name + "\"" + more + "}";
}

// Servers know what built-in kinds are posted to; of others they want to be told.
std::string mapping_name(const std::string& name) {
  return R"("apiVersion":"smartnat.aureacentral.com/v1alpha1","kind":"Mapping",)" + name_part(name);
}

std::string port_json(int port, int service_port, const std::string& protocol) {
  return R"({"port":)" + std::to_string(port) + R"(,"servicePort":)" +
         std::to_string(service_port) + R"(,"protocol":")" + protocol + "\"}";
}

std::string mapping_json(const std::string& addresses, const std::string& service,
                         const std::string& ports, const std::string& more = "") {
  return R"("spec":{"addresses":[)" + addresses + R"(],"serviceName":")" + service +
         R"(","ports":[)" + ports + "]" + more + "}";
}

std::string service_json(int port) {
  return R"("spec":{"ports":[{"name":"a","port":80,"protocol":"TCP","targetPort":)" +
         std::to_string(port) + R"(},{"name":"b","port":53,"protocol":"UDP"}]})";
}

std::string slice_json(const std::string& endpoints) {
  return R"("addressType":"IPv4","endpoints":[)" + endpoints +
         R"(],"ports":[{"name":"a","port":8080,"protocol":"TCP"},)"
         R"({"name":"b","port":5353,"protocol":"UDP"}])";
}

std::string endpoint_json(std::size_t pod, const char* ready) {
  return R"({"addresses":["10.1.0.)" + std::to_string(pod) + R"("],"conditions":{"ready":)" +
         ready + "}}";
}

std::string label(const std::string& service) {
  return R"(,"labels":{"kubernetes.io/service-name":")" + service + "\"}";
}

void append(std::string& list, const std::string& item) {
  list += (list.empty() ? "" : ",") + item;
}

}  // namespace

void User::create_untouched() {
  std::string addresses;
  for (const std::string& address : addresses_) append(addresses, "\"" + address + "\"");
  write({Kind::service, {"shop", "untouched"}}, name_part("untouched"), service_json(8080));
  write({Kind::endpoint_slice, {"shop", "untouched-1"}},
        name_part("untouched-1", label("untouched")),
        slice_json(endpoint_json(200, "true") + "," + endpoint_json(201, "true")));
  write({Kind::mapping, {"shop", "untouched"}}, mapping_name("untouched"),
        mapping_json(addresses, "untouched",
                     port_json(443, 80, "tcp") + "," + port_json(53, 53, "udp")));
}

void User::act() {
  static const std::vector<std::string> services = {"one", "two"};
  static const std::vector<std::string> mappings = {"web", "dns", "mail"};
  const std::string& service = chance_.one_of(services);
  switch (chance_.below(8)) {
    case 0:
    case 1:
    case 2:
      act_mapping(chance_.one_of(mappings));
      break;
    case 3:
      act_service(service);
      break;
    default:
      act_slice(service, service + (chance_.below(2) == 0 ? "-1" : "-2"));
  }
}

void User::act_mapping(const std::string& name) {
  const core::ObjectId id{Kind::mapping, {"shop", name}};
  if (api_.exists(id) && chance_.below(4) == 0) {
    remove(id);
    return;
  }
  std::string addresses;
  const std::size_t first = chance_.below(addresses_.size());
  append(addresses, "\"" + addresses_[first] + "\"");
  if (chance_.below(2) == 0) {
    append(addresses, "\"" + addresses_[(first + 1) % addresses_.size()] + "\"");
  }
  // Few ports: Mappings claim the same ones.
  const int port = 1000 + static_cast<int>(chance_.below(3));
  const std::string ports =
      chance_.below(2) == 0 ? port_json(port, 80, "tcp") : port_json(port, 53, "udp");
  const std::string more = chance_.below(3) == 0 ? R"(,"allowedSources":["198.51.100.0/24"])" : "";
  write(id, mapping_name(name),
        mapping_json(addresses, chance_.below(2) == 0 ? "one" : "two", ports, more));
}

void User::act_service(const std::string& name) {
  const core::ObjectId id{Kind::service, {"shop", name}};
  if (api_.exists(id) && chance_.below(4) == 0) {
    remove(id);
    return;
  }
  write(id, name_part(name), service_json(8000 + static_cast<int>(chance_.below(3))));
}

void User::act_slice(const std::string& service, const std::string& name) {
  const core::ObjectId id{Kind::endpoint_slice, {"shop", name}};
  if (api_.exists(id) && chance_.below(6) == 0) {
    remove(id);
    return;
  }
  std::string endpoints;
  const std::size_t first = 1 + chance_.below(20);
  for (std::size_t i = chance_.below(4); i > 0; --i) {
    append(endpoints, endpoint_json(first + i, chance_.below(5) == 0 ? "false" : "true"));
  }
  write(id, name_part(name, label(service)), slice_json(endpoints));
}

void User::write(const core::ObjectId& id, const std::string& metadata, const std::string& body) {
  if (api_.exists(id)) {
    // Lists are replaced as a whole.
    api_.ask("admin", "PATCH", Api::path(id), "application/merge-patch+json", "{" + body + "}");
  } else {
    api_.ask("admin", "POST", Api::collection(id.kind, id.name.ns), "application/json",
             "{" + metadata + "," + body + "}");
  }
}

void User::remove(const core::ObjectId& id) { api_.ask("admin", "DELETE", Api::path(id), "", ""); }

}  // namespace sim
