#include "kube/egress/limit_template.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "kube/decode/json_text.hpp"

namespace kube {
namespace {

using Json = nlohmann::json;

// https://kubernetes.io/docs/concepts/security/pod-security-standards/#baseline
constexpr std::array<std::string_view, 13> usual_capabilities = {
    "AUDIT_WRITE",      "CHOWN",   "DAC_OVERRIDE", "FOWNER",  "FSETID", "KILL",      "MKNOD",
    "NET_BIND_SERVICE", "SETFCAP", "SETGID",       "SETPCAP", "SETUID", "SYS_CHROOT"};
constexpr std::array<std::string_view, 2> own_capabilities = {"NET_ADMIN", "NET_RAW"};
constexpr std::array<std::string_view, 16> usual_sysctls = {
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_wmem",
    // Of the pod's own network namespace: pona-nat(8).
    "net.ipv4.ip_forward",
    "net.ipv4.fwmark_reflect",
    "net.ipv6.conf.all.forwarding",
    "net.ipv6.fwmark_reflect",
};
constexpr std::array<std::string_view, 5> usual_selinux_types = {
    "", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"};
constexpr std::array<const char*, 3> container_lists = {"containers", "initContainers",
                                                        "ephemeralContainers"};

template <std::size_t size>
bool is_among(const std::array<std::string_view, size>& known, const Json& text) {
  return text.is_string() &&
         std::ranges::find(known, text.get_ref<const std::string&>()) != known.end();
}

const Json& value_at(const Json& object, std::string_view key) {
  static const Json none;
  if (!object.is_object()) return none;
  const auto found = object.find(key);
  return found == object.end() ? none : *found;
}

const Json& named(const Json& list, const Json& name) {
  static const Json none;
  if (!list.is_array()) return none;
  const auto found = std::ranges::find_if(
      list, [&](const Json& element) { return value_at(element, "name") == name; });
  return found == list.end() ? none : *found;
}

// A server fills in what is left open.
bool holds(const Json& there, const Json& wanted) {
  if (!wanted.is_object() || !there.is_object()) return there == wanted;
  return std::ranges::all_of(wanted.items(), [&](const auto& item) {
    return holds(value_at(there, item.key()), item.value());
  });
}

// Of JSON, empty() is never true of a text.
bool is_blank(const Json& value) {
  return value.is_string() && value.get_ref<const std::string&>().empty();
}

std::string text_of(const Json& value) {
  return value.is_string() ? value.get<std::string>() : dump_ascii_json(value);
}

class Limiter {
 public:
  Limiter(const TemplateLimits& limits, std::vector<std::string>& left_out)
      : limits_(limits), left_out_(left_out) {}

  void pod(Json& pod, const Json& there) {
    for (const char* const key : {"hostPID", "hostIPC", "hostNetwork"}) {
      if (value_at(pod, key) != false) drop(pod, there, "", key);
    }
    account(pod, there);
    if (pod.contains("securityContext")) {
      security(pod["securityContext"], value_at(there, "securityContext"), "securityContext",
               false);
      sysctls(pod["securityContext"], value_at(there, "securityContext"));
    }
    volumes(pod, there);
    for (const char* const list : container_lists) {
      if (!value_at(pod, list).is_array()) continue;
      for (Json& one : pod[list]) {
        container(one, named(value_at(there, list), value_at(one, "name")),
                  std::string(list) + '[' + text_of(value_at(one, "name")) + ']',
                  std::string_view(list) == "containers");
      }
    }
  }

 private:
  // Null is as good as nothing.
  void drop(Json& object, const Json& there, const std::string& path, const char* key) {
    const auto found = object.is_object() ? object.find(key) : object.end();
    if (found == object.end() || found->is_null()) return;
    if (holds(value_at(there, key), *found)) return;
    left_out_.push_back(path + (path.empty() ? "" : ".") + key);
    object.erase(found);
  }

  void account(Json& pod, const Json& there) {
    for (const char* const key : {"serviceAccountName", "serviceAccount"}) {
      const Json& name = value_at(pod, key);
      if (name.is_string() && limits_.accounts.contains(name.get<std::string>())) continue;
      drop(pod, there, "", key);
    }
  }

  void security(Json& context, const Json& there, const std::string& path, bool own) {
    if (value_at(context, "privileged") != false) drop(context, there, path, "privileged");
    if (value_at(value_at(context, "windowsOptions"), "hostProcess") == true) {
      drop(context, there, path, "windowsOptions");
    }
    const Json& mount = value_at(context, "procMount");
    if (mount != "Default") drop(context, there, path, "procMount");
    for (const char* const profile : {"seccompProfile", "appArmorProfile"}) {
      const Json& type = value_at(value_at(context, profile), "type");
      if (type != "RuntimeDefault" && type != "Localhost") drop(context, there, path, profile);
    }
    const Json& selinux = value_at(context, "seLinuxOptions");
    const Json& type = value_at(selinux, "type");
    const auto empty = [](const Json& text) { return text.is_null() || is_blank(text); };
    if (!empty(value_at(selinux, "user")) || !empty(value_at(selinux, "role")) ||
        !(type.is_null() || is_among(usual_selinux_types, type))) {
      drop(context, there, path, "seLinuxOptions");
    }
    capabilities(context, there, path, own);
  }

  void capabilities(Json& context, const Json& there, const std::string& path, bool own) {
    if (!value_at(value_at(context, "capabilities"), "add").is_array()) return;
    Json& added = context["capabilities"]["add"];
    const Json& before = value_at(value_at(there, "capabilities"), "add");
    std::erase_if(added.get_ref<Json::array_t&>(), [&](const Json& name) {
      if (is_among(usual_capabilities, name) || (own && is_among(own_capabilities, name)) ||
          (before.is_array() && std::ranges::find(before, name) != before.end())) {
        return false;
      }
      left_out_.push_back(path + ".capabilities.add[" + text_of(name) + ']');
      return true;
    });
  }

  void sysctls(Json& context, const Json& there) {
    if (!value_at(context, "sysctls").is_array()) return;
    std::erase_if(context["sysctls"].get_ref<Json::array_t&>(), [&](const Json& sysctl) {
      const Json& name = value_at(sysctl, "name");
      if (is_among(usual_sysctls, name) || holds(named(value_at(there, "sysctls"), name), sysctl)) {
        return false;
      }
      left_out_.push_back("securityContext.sysctls[" + text_of(name) + ']');
      return true;
    });
  }

  // With it go the places at which it would be mounted: without, no pod could be made.
  void volumes(Json& pod, const Json& there) {
    if (!value_at(pod, "volumes").is_array()) return;
    std::set<std::string> gone;
    std::erase_if(pod["volumes"].get_ref<Json::array_t&>(), [&](const Json& volume) {
      if (value_at(volume, "hostPath").is_null()) return false;
      const Json& name = value_at(volume, "name");
      if (holds(named(value_at(there, "volumes"), name), volume)) return false;
      left_out_.push_back("volumes[" + text_of(name) + "].hostPath");
      gone.insert(text_of(name));
      return true;
    });
    for (const char* const list : container_lists) {
      if (!value_at(pod, list).is_array()) continue;
      for (Json& one : pod[list]) {
        for (const char* const mounts : {"volumeMounts", "volumeDevices"}) {
          if (!value_at(one, mounts).is_array()) continue;
          std::erase_if(one[mounts].get_ref<Json::array_t&>(), [&](const Json& mount) {
            return gone.contains(text_of(value_at(mount, "name")));
          });
        }
      }
    }
  }

  void container(Json& container, const Json& there, const std::string& path, bool main) {
    const bool own = main && value_at(container, "name") == limits_.container;
    if (container.is_object() && container.contains("securityContext")) {
      security(container["securityContext"], value_at(there, "securityContext"),
               path + ".securityContext", own);
    }
    if (value_at(container, "ports").is_array()) {
      for (Json& port : container["ports"]) {
        const Json& name = value_at(port, "name");
        if (value_at(port, "hostPort") == 0) continue;
        drop(port, named(value_at(there, "ports"), name),
             path + ".ports[" + text_of(name.is_null() ? value_at(port, "containerPort") : name) +
                 ']',
             "hostPort");
      }
    }
    for (const char* const probe : {"livenessProbe", "readinessProbe", "startupProbe"}) {
      if (value_at(container, probe).is_object()) {
        handler(container[probe], value_at(there, probe), path + '.' + probe);
      }
    }
    if (!value_at(container, "lifecycle").is_object()) return;
    for (const char* const hook : {"postStart", "preStop"}) {
      if (!value_at(container["lifecycle"], hook).is_object()) continue;
      handler(container["lifecycle"][hook], value_at(value_at(there, "lifecycle"), hook),
              path + ".lifecycle." + hook);
    }
  }

  // The kubelet would ask whatever host is named.
  void handler(Json& handler, const Json& there, const std::string& path) {
    for (const char* const kind : {"httpGet", "tcpSocket"}) {
      if (!value_at(handler, kind).is_object() || is_blank(value_at(handler[kind], "host")))
        continue;
      drop(handler[kind], value_at(there, kind), path + '.' + kind, "host");
    }
  }

  const TemplateLimits& limits_;
  std::vector<std::string>& left_out_;
};

}  // namespace

std::vector<std::string> limit_template(Json& pod, const Json& there,
                                        const TemplateLimits& limits) {
  std::vector<std::string> left_out;
  if (pod.is_object()) Limiter(limits, left_out).pod(pod, there);
  return left_out;
}

}  // namespace kube
