#include "sim/user.hpp"

#include "core/constants.hpp"

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

std::string pool_json(const std::string& addresses, const std::string& more = "") {
  return R"("spec":{"addresses":[)" + addresses + "]" + more + "}";
}

std::string pool_name(const std::string& name) {
  return R"("apiVersion":"pona.dev/v1alpha1","kind":"AddressPool",)" + name_part(name);
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

std::string service_json(int port, const std::string& more = "") {
  return R"("spec":{)" + more + R"("ports":[{"name":"a","port":80,"protocol":"TCP","targetPort":)" +
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
  if (api_.kind().knows_pools) {
    write({Kind::address_pool, {"", "untouched"}}, pool_name("untouched"), pool_json(addresses));
  }
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
  switch (chance_.below(10)) {
    case 0:
    case 1:
    case 2:
      act_mapping(chance_.one_of(mappings));
      break;
    case 3:
      act_service(chance_.one_of(services));
      break;
    case 4:
      act_balancer();
      break;
    case 5:
      act_pool();
      break;
    default: {
      const std::string service = chance_.below(4) == 0 ? "balanced" : chance_.one_of(services);
      act_slice(service, service + (chance_.below(2) == 0 ? "-1" : "-2"));
    }
  }
}

// A Service of type LoadBalancer, and who gives it addresses.
void User::act_balancer() {
  const core::ObjectId id{Kind::service, {"shop", "balanced"}};
  if (!api_.exists(id)) {
    write(id, name_part("balanced"),
          service_json(8080, R"("type":"LoadBalancer","loadBalancerClass":")" +
                                 std::string(core::constants::load_balancer_class) + "\","));
  } else if (chance_.below(5) == 0) {
    remove(id);
  } else {
    const std::string address =
        chance_.below(2) == 0 ? chance_.one_of(addresses_) : std::string(shared_address);
    api_.ask("admin", "PATCH", Api::path(id) + "/status", "application/merge-patch+json",
             R"({"status":{"loadBalancer":{"ingress":[)" +
                 (chance_.below(4) == 0 ? "" : R"({"ip":")" + address + "\"}") + "]}}}");
  }
}

void User::act_pool() {
  const core::ObjectId id{Kind::address_pool, {"", "extra"}};
  if (!api_.kind().knows_pools) return;
  if (api_.exists(id) && chance_.below(2) == 0) {
    remove(id);
  } else {
    write(id, pool_name("extra"),
          pool_json("\"" + std::string(shared_address) + "\"",
                    chance_.below(2) == 0 ? R"(,"allowedNamespaces":["other"])"
                                          : R"(,"allowedNamespaces":["shop"])"));
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
  if (chance_.below(3) == 0) append(addresses, "\"" + std::string(shared_address) + "\"");
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
    api_.ask("admin", "POST", Api::collection(id.kind), "application/json",
             "{" + metadata + "," + body + "}");
  }
}

void User::remove(const core::ObjectId& id) { api_.ask("admin", "DELETE", Api::path(id), "", ""); }

}  // namespace sim
