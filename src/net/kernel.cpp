#include "net/kernel.hpp"

#include <linux/netlink.h>
#include <sys/epoll.h>

#include <cerrno>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

#include "core/error.hpp"
#include "core/state/text.hpp"
#include "net/conntrack.hpp"
#include "net/netlink/request.hpp"
#include "net/network_events.hpp"
#include "net/nft/tables.hpp"
#include "net/observe_host.hpp"
#include "net/route/fou.hpp"
#include "net/route/nexthop.hpp"
#include "net/route/route.hpp"
#include "net/route/rule.hpp"
#include "net/route/tunnel.hpp"
#include "net/sysctl.hpp"
#include "os/fd.hpp"

namespace net {
namespace {

// What of a change is not nftables'.
enum class Part { nftables, routing, tunnels, sysctl };

Part part_of(const core::Change& change) {
  return std::visit(
      [](const auto& what) {
        using What = std::decay_t<decltype(what)>;
        if constexpr (core::NftablesChange<What>) return Part::nftables;
        if constexpr (std::is_same_v<What, core::SetSysctl>) return Part::sysctl;
        if constexpr (std::is_same_v<What, core::AddRoute> ||
                      std::is_same_v<What, core::ReplaceRoute> ||
                      std::is_same_v<What, core::DeleteRoute> ||
                      std::is_same_v<What, core::AddRule> ||
                      std::is_same_v<What, core::DeleteRule>) {
          return Part::routing;
        }
        return Part::tunnels;
      },
      change);
}

os::Fd make_epoll(std::initializer_list<int> fds) {
  os::Fd epoll(epoll_create1(EPOLL_CLOEXEC));
  for (const int fd : fds) {
    epoll_event event{};
    event.events = EPOLLIN;
    if (!epoll || epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
      throw core::Error(core::Error::Kind::permanent,
                        "cannot wait for kernel notifications: " + error_text(errno));
    }
  }
  return epoll;
}

class RealKernel final : public Kernel {
 public:
  RealKernel(core::Scope scope, bool own_tables)
      : scope_(std::move(scope)), nft_(own_tables, scope_.table) {}

  core::State observe(const core::State& expected, core::ElementFilter& filter) override {
    core::State state;
    nft_.observe(expected, filter, state);
    state.routes = read_routes(route_, scope_);
    state.rules = read_rules(route_, scope_);
    if (scope_.tunnels()) {  // else listing all links is spared
      Tunnels tunnels = read_tunnels(route_);
      state.tunnels = std::move(tunnels.ours);
      state.nexthops = read_nexthops(route_);
      read_fou_ports(expected, tunnels.foreign_fou, state);
    }
    for (const auto& [key, value] : expected.sysctls) {
      if (auto now = read_sysctl(key)) state.sysctls.emplace(key, std::move(*now));
    }
    return state;
  }

  void apply(const core::Changes& changes) override {
    bool nftables_done = false;
    for (const core::Change& change : changes) {
      switch (part_of(change)) {
        case Part::nftables:
          if (!std::exchange(nftables_done, true)) nft_.apply(changes);
          break;
        case Part::routing:
          apply_routing(change);
          break;
        case Part::tunnels:
          apply_tunnels(change);
          break;
        case Part::sysctl: {
          const core::Sysctl& sysctl = std::get<core::SetSysctl>(change).sysctl;
          write_sysctl(sysctl.key, sysctl.value);
          break;
        }
      }
    }
  }

  core::Host host() override {
    // Reading these means reading table main, which may have a million routes: only if a
    // notification that was read, or is still to be read, may have been about them.
    if (!main_routes_ || monitor_.pending()) main_routes_ = read_main_routes(route_);
    return read_host(route_, *main_routes_);
  }

  core::Counts counts(core::Family family, const std::vector<core::SetId>& sets) override {
    return nft_.counts(family, sets);
  }

  std::size_t sweep(const core::FlowFilter& filter,
                    const std::function<bool(const core::Flow&)>& visit) override {
    return sweep_flows(netfilter_, filter, visit);
  }

  ConntrackFill conntrack_fill() override { return read_conntrack_fill(); }

  [[nodiscard]] int event_fd() const override { return epoll_.get(); }

  Events drain() override {
    const RouteEvents events = monitor_.drain();
    if (events.main_routes) main_routes_.reset();
    return {.host = events.host, .routing = events.routing, .tables = nft_.drain()};
  }

 private:
  // A port has no owner, and others may receive FoU of the same shape. Ours is what is asked for,
  // and what our tunnels use where nobody else's can.
  void read_fou_ports(const core::State& expected, const std::set<core::Family>& foreign,
                      core::State& state) {
    const auto used = [&](const core::FouPort& port) {
      return !foreign.contains(port.family) &&
             std::ranges::any_of(state.tunnels, [&](const auto& entry) {
               const core::Tunnel& tunnel = entry.second;
               return tunnel.kind != core::Tunnel::Kind::gpe && tunnel.family == port.family &&
                      (tunnel.kind == core::Tunnel::Kind::sink || tunnel.port == port.port);
             });
    };
    const bool any = std::ranges::any_of(state.tunnels, [](const auto& entry) {
      return entry.second.kind != core::Tunnel::Kind::gpe;
    });
    if (expected.fou_ports.empty() && !any) return;
    for (const core::FouPort& port : fou().read()) {
      if (expected.fou_ports.contains(port) || used(port)) state.fou_ports.insert(port);
    }
  }

  void apply_routing(const core::Change& change) {
    Answer answer;
    if (const auto* add = std::get_if<core::AddRoute>(&change)) {
      answer = add_route(route_, add->route);
    } else if (const auto* replace = std::get_if<core::ReplaceRoute>(&change)) {
      answer = replace_route(route_, replace->route);
    } else if (const auto* remove = std::get_if<core::DeleteRoute>(&change)) {
      answer = delete_route(route_, remove->route);
    } else if (const auto* add_one = std::get_if<core::AddRule>(&change)) {
      answer = add_rule(route_, add_one->rule);
    } else {
      answer = delete_rule(route_, std::get<core::DeleteRule>(change).rule);
    }
    check(answer, change);
  }

  void apply_tunnels(const core::Change& change) {
    Answer answer;
    if (const auto* add = std::get_if<core::AddTunnel>(&change)) {
      answer = add_tunnel(route_, add->tunnel);
    } else if (const auto* alter = std::get_if<core::ChangeTunnel>(&change)) {
      answer = change_tunnel(route_, alter->tunnel);
    } else if (const auto* remove = std::get_if<core::DeleteTunnel>(&change)) {
      answer = delete_tunnel(route_, remove->tunnel);
    } else if (const auto* add_port = std::get_if<core::AddFouPort>(&change)) {
      answer = fou().add(add_port->port);
    } else if (const auto* remove_port = std::get_if<core::DeleteFouPort>(&change)) {
      answer = fou().remove(remove_port->port);
    } else if (const auto* add_hop = std::get_if<core::AddNexthop>(&change)) {
      answer = put_nexthop(route_, add_hop->nexthop);
    } else if (const auto* replace = std::get_if<core::ReplaceNexthop>(&change)) {
      answer = put_nexthop(route_, replace->nexthop);
    } else {
      answer = delete_nexthop(route_, std::get<core::DeleteNexthop>(change).nexthop);
    }
    check(answer, change);
  }

  static void check(const Answer& answer, const core::Change& change) {
    if (answer.ok()) return;
    throw core::Error(kind_of(answer.error),
                      core::to_text(core::Changes{change}).front() + ": " + to_string(answer));
  }

  // Opened when it is needed: most kernels that pona runs on have none.
  Fou& fou() {
    if (!fou_) fou_.emplace();
    return *fou_;
  }

  core::Scope scope_;
  Nft nft_;
  std::optional<Fou> fou_;
  RequestSocket route_{NETLINK_ROUTE};
  RequestSocket netfilter_{NETLINK_NETFILTER};
  RouteMonitor monitor_{scope_, route_.port()};
  os::Fd epoll_ = make_epoll({monitor_.fd(), nft_.event_fd()});
  std::optional<MainRoutes> main_routes_;
};

}  // namespace

core::State Kernel::observe(const core::State& expected) {
  core::KeepAll all;
  return observe(expected, all);
}

std::unique_ptr<Kernel> open_kernel(core::Scope scope, bool own_tables) {
  return std::make_unique<RealKernel>(std::move(scope), own_tables);
}

}  // namespace net
