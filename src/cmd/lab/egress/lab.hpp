// The egress lab: what runs in it, and what its steps share: who arrives outside, and which NAT
// pods a client's agent has in use.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cmd/lab/egress/manifests.hpp"
#include "cmd/lab/egress/network.hpp"
#include "cmd/lab/kind.hpp"
#include "cmd/lab/tally.hpp"

namespace cmd {

inline constexpr std::uint16_t server_http = 80;
inline constexpr std::uint16_t server_echo = 7;

// Builds the network, writes the manifests, starts the servers, the NAT pods and an agent on each
// node, and waits until the clients leave by the NAT pods.
std::vector<std::string> set_up_egress_lab(Lab& lab,
                                           const std::function<void(const std::string&)>& progress);

void start_nat(Lab& lab, const EgressPod& pod);  // and waits until it is ready

// Whom a server saw, by the end of its answer "NAME sees ADDRESS": a pod's name, else the address.
std::string who_arrived(const std::string& answer);
// Whom the server outside sees when a client connects.
struct Arrival {
  std::string who;   // name of a pod
  std::string text;  // "from 10.64.2.21 (NAT pod nat2)", "from 10.64.1.12 (its own)", an error
  bool ok = false;

  [[nodiscard]] bool by_nat_pod() const { return ok && who.starts_with("nat"); }
};
Arrival arrival(Lab& lab, std::string_view client, const core::Address& host,
                std::optional<Milliseconds> timeout = {});
// Likewise of one connection to each of outside_hosts().
Tally arrivals(Lab& lab, std::string_view client);

// By the client's agent: each NAT pod (by name) that the client has a tunnel to, and its state, for
// both families; empty when it asks for no Egress, or nothing leads anywhere.
std::map<std::string, std::string> ways_of(Lab& lab, std::string_view client);
// Until they are so; how long that took. Tells the report when it does not come to that.
using Ways = std::map<std::string, std::string>;
std::optional<Clock::duration> await_ways(Lab& lab, StepReport& report, std::string_view client,
                                          const Ways& ways);
inline const Ways both_up = {{"nat1", "up"}, {"nat2", "up"}};

// The client asks for the Egress, or no longer, and its agent has done what follows.
bool set_asking(Lab& lab, StepReport& report, std::string_view client, bool asks);
// It asks anew, so that no connection from before has a say in where new ones go.
bool ask_anew(Lab& lab, StepReport& report, std::string_view client);

}  // namespace cmd
