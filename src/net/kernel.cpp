#include "net/kernel.hpp"

#include <linux/netlink.h>
#include <net/if.h>
#include <sys/epoll.h>

#include <cerrno>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>

#include "core/error.hpp"
#include "core/state/text.hpp"
#include "net/codecs.hpp"
#include "net/conntrack.hpp"
#include "net/foreign/foreign_rules.hpp"
#include "net/netlink/request.hpp"
#include "net/network_events.hpp"
#include "net/nft/tables.hpp"
#include "net/observe_host.hpp"
#include "net/route/way.hpp"
#include "os/fd.hpp"

namespace net {
namespace {

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

std::set<std::uint32_t> devices_named(const std::function<bool(const std::string&)>& fits) {
  std::set<std::uint32_t> devices;
  const std::unique_ptr<struct if_nameindex[], decltype(&if_freenameindex)> all(if_nameindex(),
                                                                                if_freenameindex);
  for (const auto* device = all.get(); device != nullptr && device->if_index != 0; ++device) {
    if (fits(device->if_name)) devices.insert(device->if_index);
  }
  return devices;
}

class RealKernel final : public Kernel {
 public:
  RealKernel(core::Scope scope, bool own_tables)
      : scope_(std::move(scope)), nft_(own_tables, scope_.table) {}

  core::State observe(const core::State& expected, core::ElementFilter& filter) override {
    core::State state;
    nft_.observe(expected, filter, state);
    Reading reading{sockets_, scope_, expected, state};
    core::each_kind_backwards([&]<typename T>() { Codec<T>::read(reading); });
    return state;
  }

  void apply(const core::Changes& changes) override {
    bool nftables_done = false;
    for (const core::Change& change : changes) {
      if (core::is_nftables(change)) {
        if (!std::exchange(nftables_done, true)) nft_.apply(changes);
        continue;
      }
      const Answer answer = std::visit(*this, change);
      if (answer.ok()) continue;
      throw core::Error(kind_of(answer.error),
                        core::to_text(core::Changes{change}).front() + ": " + to_string(answer));
    }
  }

  // One change.
  template <typename T>
  Answer operator()(const core::Add<T>& change) {
    return Codec<T>::add(sockets_, change.what);
  }
  template <typename T>
  Answer operator()(const core::Replace<T>& change) {
    return Codec<T>::replace(sockets_, change.what);
  }
  template <typename T>
  Answer operator()(const core::Delete<T>& change) {
    return Codec<T>::remove(sockets_, change.what);
  }
  template <core::NftablesChange T>
  Answer operator()(const T&) {
    return {};
  }

  core::Host host() override {
    // Reading these means reading table main, which may have a million routes: only if a
    // notification that was read, or is still to be read, may have been about them.
    if (followed_names_ && monitor_.follow(devices_named(*followed_names_))) main_routes_.reset();
    if (!main_routes_ || monitor_.pending()) {
      main_routes_ = read_main_routes(sockets_.route, monitor_.followed());
    }
    return read_host(sockets_.route, *main_routes_);
  }

  void follow_routes(std::function<bool(const std::string&)> devices) override {
    followed_names_ = std::move(devices);
    main_routes_.reset();
  }

  core::Counts counts(core::Family family, const std::vector<core::SetId>& sets) override {
    return nft_.counts(family, sets);
  }

  std::size_t sweep(const core::FlowFilter& filter,
                    const std::function<bool(const core::Flow&)>& visit) override {
    return sweep_flows(netfilter_, filter, visit);
  }

  ConntrackFill conntrack_fill() override { return read_conntrack_fill(); }

  std::vector<core::Obstacle> obstacles(const std::vector<core::MappedFlow>& flows) override {
    if (!foreign_) foreign_.emplace(std::string(scope_.table));
    std::vector<foreign::Way> ways;
    std::vector<std::size_t> asked;  // the flow of each way
    for (std::size_t i = 0; i < flows.size(); ++i) {
      // What stays on this host is not forwarded.
      const auto out = device_towards(sockets_.route, flows[i].endpoint);
      char name[IF_NAMESIZE] = "";
      if (!out || if_indextoname(*out, name) == nullptr) continue;
      ways.push_back({flows[i], if_nametoindex(flows[i].in.c_str()), *out, name});
      asked.push_back(i);
    }
    std::vector<core::Obstacle> found = foreign_->look(ways);
    for (core::Obstacle& obstacle : found) obstacle.flow = asked[obstacle.flow];
    return found;
  }

  [[nodiscard]] int event_fd() const override { return epoll_.get(); }

  Events drain() override {
    const RouteEvents events = monitor_.drain();
    if (events.main_routes) main_routes_.reset();
    return {.host = events.host,
            .routing = events.routing,
            .tables = nft_.drain(),
            .meddler = monitor_.take_meddler(),
            .table_meddler = nft_.take_meddler()};
  }

 private:
  core::Scope scope_;
  Nft nft_;
  Sockets sockets_;
  RequestSocket netfilter_{NETLINK_NETFILTER};
  RouteMonitor monitor_{scope_, sockets_.route.port()};
  os::Fd epoll_ = make_epoll({monitor_.fd(), nft_.event_fd()});
  std::optional<MainRoutes> main_routes_;
  std::optional<std::function<bool(const std::string&)>> followed_names_;
  std::optional<foreign::ForeignRules> foreign_;  // where somebody asks for obstacles
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
