// What the networks of all labs are built of: hosts, bridges, cables between them, routes.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "cmd/lab/home.hpp"
#include "core/ip.hpp"
#include "net/links.hpp"

namespace cmd {

// Of texts that somebody wrote into this program.
core::Address address(std::string_view text);
core::Prefix prefix(std::string_view text);

// Throws core::Error where the kernel has no IPv6, which all labs show.
void need_ipv6();

struct HostSettings {
  bool router = false;
  bool strict = false;  // drops what comes in by another interface than the way back leads to
};

// A namespace in which nothing depends on how the machine is set.
void add_host(LabHome& lab, const std::string& name, HostSettings settings);

void add_bridge(net::Links& links, const std::string& name,
                std::initializer_list<std::string_view> addresses);

// A cable from `link` of `host`, with these addresses, to `port` of the other host, there in the
// bridge unless that is empty.
void add_leg(LabHome& lab, const std::string& host, const std::string& link,
             const std::string& switch_in, const std::string& port, const std::string& bridge,
             std::initializer_list<std::string> addresses);

void add_default_routes(LabHome& lab, const std::string& host, std::string_view ipv4,
                        std::string_view ipv6);

}  // namespace cmd
