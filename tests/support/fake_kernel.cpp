#include "support/fake_kernel.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <system_error>
#include <utility>

#include "core/error.hpp"

namespace support {
namespace {

using namespace core;

// The interface in "net/ipv4/conf/NAME/rp_filter".
std::optional<std::string> rp_filter_interface(const std::string& key) {
  constexpr std::string_view head = "net/ipv4/conf/";
  constexpr std::string_view tail = "/rp_filter";
  if (!key.starts_with(head) || !key.ends_with(tail) || key.size() <= head.size() + tail.size()) {
    return std::nullopt;
  }
  return key.substr(head.size(), key.size() - head.size() - tail.size());
}

bool matches(const FlowFilter& filter, const Flow& flow) {
  return (!filter.protocol || *filter.protocol == flow.protocol) &&
         (!filter.original_destination ||
          *filter.original_destination == flow.original.destination) &&
         (!filter.original_destination_port ||
          *filter.original_destination_port == flow.original.destination_port);
}

}  // namespace

class FakeKernel::Routing {
 public:
  Routing(FakeKernel& kernel, const Change& change) : kernel_(kernel), change_(change) {}

  void operator()(const AddRoute& change) const {
    const Route& route = change.what;
    check_family(route.destination.family());
    if (route.nexthop != 0 && !kernel_.held_.nexthops.contains(route.nexthop))
      refuse(EINVAL, change_);
    if (route.type != Route::Type::unicast || route.nexthop != 0 ||
        kernel_.held_.links.contains(route.device)) {
      insert(route);
      return;
    }
    const auto link = kernel_.host_.interfaces.find(route.device);
    if (link == kernel_.host_.interfaces.end()) refuse(ENODEV, change_);
    if (!link->second.up) refuse(ENETDOWN, change_);
    if (route.destination != route.destination.masked()) refuse(EINVAL, change_);
    if (route.gateway && route.gateway->family() != route.destination.family()) {
      refuse(EINVAL, change_);
    }
    insert(route);
  }
  void operator()(const ReplaceRoute& change) const {
    kernel_.held_.routes.erase(change.was);
    (*this)(AddRoute{change.what});
  }
  void operator()(const DeleteRoute& change) const {
    if (kernel_.held_.routes.erase(change.what) == 0) refuse(ESRCH, change_);
  }
  void operator()(const AddRule& change) const {
    check_family(change.what.family);
    if (!kernel_.held_.rules.insert(change.what).second) refuse(EEXIST, change_);
  }
  void operator()(const DeleteRule& change) const {
    if (kernel_.held_.rules.erase(change.what) == 0) refuse(ENOENT, change_);
  }
  void operator()(const AddSysctl& change) const { write(change.what); }
  void operator()(const SetSysctl& change) const { write(change.what); }
  void operator()(const AddLink& change) const {
    if (kernel_.host_.interfaces.contains(change.what.name) ||
        !kernel_.held_.links.emplace(change.what.name, change.what).second) {
      refuse(EEXIST, change_);
    }
  }
  void operator()(const ChangeLink& change) const {
    const auto found = kernel_.held_.links.find(change.what.name);
    if (found == kernel_.held_.links.end()) refuse(ENODEV, change_);
    found->second = change.what;
  }
  void operator()(const DeleteLink& change) const {
    kernel_.held_.links.erase(change.what.name);
    std::erase_if(kernel_.held_.routes,
                  [&](const Route& route) { return route.device == change.what.name; });
    std::vector<std::uint32_t> gone;
    for (const auto& [id, nexthop] : kernel_.held_.nexthops) {
      if (nexthop.device == change.what.name) gone.push_back(id);
    }
    for (const std::uint32_t id : gone) remove_nexthop(id);
  }
  void operator()(const AddNexthop& change) const { put_nexthop(change.what); }
  void operator()(const ReplaceNexthop& change) const { put_nexthop(change.what); }
  void operator()(const DeleteNexthop& change) const { remove_nexthop(change.what.id); }
  // Of which nothing is known that Linux refuses.
  template <typename T>
  void operator()(const Add<T>& change) const {
    KindOf<T>::put(all<T>(kernel_.held_), change.what);
  }
  template <typename T>
  void operator()(const Replace<T>& change) const {
    KindOf<T>::drop(all<T>(kernel_.held_), change.was);
    KindOf<T>::put(all<T>(kernel_.held_), change.what);
  }
  template <typename T>
  void operator()(const Delete<T>& change) const {
    KindOf<T>::drop(all<T>(kernel_.held_), change.what);
  }
  template <NftablesChange T>
  void operator()(const T&) const {}

 private:
  void write(const Sysctl& sysctl) const {
    const auto interface = rp_filter_interface(sysctl.key);
    if (!interface) {
      kernel_.held_.sysctls[sysctl.key] = sysctl.value;
      return;
    }
    // RTM_NEWNETCONF names nobody: who writes it hears of it as well.
    kernel_.raise({.host = true, .routing = true, .tables = false});
    if (*interface == "all") {
      kernel_.host_.rp_filter_all = std::stoi(sysctl.value);
    } else {
      const auto link = kernel_.host_.interfaces.find(*interface);
      if (link == kernel_.host_.interfaces.end()) refuse(ENOENT, change_);
      link->second.rp_filter = std::stoi(sysctl.value);
    }
  }
  void insert(const Route& route) const {
    for (const Route& there : kernel_.held_.routes) {
      if (there.table == route.table && there.destination == route.destination &&
          there.metric == route.metric) {
        refuse(EEXIST, change_);
      }
    }
    kernel_.held_.routes.insert(route);
  }
  void put_nexthop(const Nexthop& nexthop) const {
    if (!nexthop.group() && !kernel_.held_.links.contains(nexthop.device)) refuse(ENODEV, change_);
    for (const Nexthop::Member& member : nexthop.members) {
      if (!kernel_.held_.nexthops.contains(member.id)) refuse(EINVAL, change_);
    }
    kernel_.held_.nexthops.insert_or_assign(nexthop.id, nexthop);
  }
  // Takes along the groups that it leaves empty, and routes over what is gone.
  void remove_nexthop(std::uint32_t id) const {
    kernel_.held_.nexthops.erase(id);
    std::erase_if(kernel_.held_.routes, [&](const Route& route) { return route.nexthop == id; });
    std::vector<std::uint32_t> empty;
    for (auto& [group, nexthop] : kernel_.held_.nexthops) {
      if (nexthop.members.empty()) continue;
      std::erase_if(nexthop.members,
                    [&](const Nexthop::Member& member) { return member.id == id; });
      if (nexthop.members.empty()) empty.push_back(group);
    }
    for (const std::uint32_t group : empty) remove_nexthop(group);
  }
  void check_family(Family family) const {
    if (family == Family::ipv6 && !kernel_.host_.ipv6) refuse(EAFNOSUPPORT, change_);
  }

  FakeKernel& kernel_;
  const Change& change_;
};

FakeKernel::FakeKernel() : event_fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  if (event_fd_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
}

FakeKernel::~FakeKernel() { ::close(event_fd_); }

State FakeKernel::state() const { return {held_, tables_.tables(), tables_.elements()}; }

State FakeKernel::observe(const State& expected, ElementFilter& filter) {
  State result;
  for (const auto& [family, table] : tables_.tables()) {
    const auto wanted = expected.tables.find(family);
    if (wanted != expected.tables.end() && wanted->second.name == table.name) {
      result.tables.emplace(family, table);
    }
  }
  for (const auto& [family, table] : result.tables) {
    for (const nft::Set& set : table.sets) {
      if (const auto id = parse_set(set.name)) filter.begin(family, *id);
    }
  }
  for (const auto& element : tables_.elements()) {
    if (result.tables.contains(element.first.family) &&
        filter.keeps({element.first, element.second})) {
      result.elements.insert(element);
    }
  }
  static_cast<HeldKinds&>(result) = held_;
  result.sysctls.clear();
  for (const auto& [key, value] : expected.sysctls) {
    const auto there = sysctl(key);
    if (there) result.sysctls.emplace(key, *there);
  }
  return result;
}

void FakeKernel::apply(const Changes& changes) {
  bool transacted = false;
  for (const Change& change : changes) {
    if (!is_nftables(change)) {
      operate(change);
      std::visit(Routing(*this, change), change);
    } else if (!transacted) {
      FakeTables next = tables_;
      for (const Change& step : changes) {
        if (!is_nftables(step)) continue;
        operate(step);
        next.apply(step);
      }
      next.commit();
      tables_ = std::move(next);
      std::erase_if(counts_, [&](const auto& counted) {
        return !tables_.elements().contains(counted.first);
      });
      for (const Change& step : changes) {
        if (const auto* const deleted = std::get_if<DeleteElement>(&step)) {
          counts_.erase(deleted->key);
        }
      }
      transacted = true;
      ++transactions_;
    }
  }
}

void FakeKernel::operate(const Change& change) {
  if (fails_in_ > 0 && --fails_in_ == 0) refuse(EINTR, change);
}

core::Counts FakeKernel::counts(Family family, const std::vector<SetId>& sets) {
  core::Counts result;
  const auto table = tables_.tables().find(family);
  if (table == tables_.tables().end()) return result;
  for (const auto& [key, value] : tables_.elements()) {
    if (key.family != family || std::ranges::find(sets, key.set) == sets.end()) continue;
    const auto set = std::ranges::find(table->second.sets, to_string(key.set), &nft::Set::name);
    if (!set->counter) continue;
    const auto counted = counts_.find(key);
    result.emplace(key, counted == counts_.end() ? core::Count{} : counted->second);
  }
  return result;
}

void FakeKernel::count(const ElementKey& key, std::uint64_t packets, std::uint64_t bytes) {
  core::Count& count = counts_[key];
  count.packets += packets;
  count.bytes += bytes;
}

std::size_t FakeKernel::sweep(const FlowFilter& filter,
                              const std::function<bool(const Flow&)>& visit) {
  return std::erase_if(conntrack,
                       [&](const Flow& flow) { return matches(filter, flow) && visit(flow); });
}

void FakeKernel::raise(const Events& events) {
  pending_.host = pending_.host || events.host;
  pending_.routing = pending_.routing || events.routing;
  pending_.tables = pending_.tables || events.tables;
  if (events.routing && meddler) pending_.meddler = meddler;
  if (events.tables && meddler) pending_.table_meddler = meddler;
  const std::uint64_t one = 1;
  if (::write(event_fd_, &one, sizeof one) < 0) {
    throw std::system_error(errno, std::generic_category(), "write to eventfd");
  }
}

net::Kernel::Events FakeKernel::drain() {
  std::uint64_t raised = 0;
  if (::read(event_fd_, &raised, sizeof raised) < 0 && errno != EAGAIN) {
    throw std::system_error(errno, std::generic_category(), "read of eventfd");
  }
  return std::exchange(pending_, Events{});
}

void FakeKernel::edit_host(const std::function<void(Host&)>& edit) {
  const auto filters = [this] {
    std::map<std::string, int> all = {{"all", host_.rp_filter_all}};
    for (const auto& [name, interface] : host_.interfaces) all[name] = interface.rp_filter;
    return all;
  };
  const auto were = filters();
  edit(host_);
  const bool configured = std::ranges::any_of(filters(), [&](const auto& one) {
    const auto was = were.find(one.first);
    return was != were.end() && was->second != one.second;
  });
  const std::size_t before = held_.routes.size();
  drop_dead_routes();
  raise({.host = true, .routing = configured || held_.routes.size() != before, .tables = false});
}

void FakeKernel::drop_dead_routes() {
  std::erase_if(held_.routes, [&](const Route& route) {
    if (route.device.empty() || held_.links.contains(route.device)) return false;
    const auto link = host_.interfaces.find(route.device);
    return link == host_.interfaces.end() || !link->second.up;
  });
}

void FakeKernel::add_interface(const std::string& name, const std::vector<std::string>& addresses) {
  edit_host([&](Host& host) {
    Interface interface;
    interface.name = name;
    interface.index = static_cast<std::uint32_t>(host.interfaces.size() + 1);
    interface.mtu = 1500;
    interface.up = true;
    for (const std::string& address : addresses) {
      interface.addresses.push_back(Prefix::parse(address).value());
    }
    host.interfaces[name] = std::move(interface);
  });
}

void FakeKernel::remove_interface(const std::string& name) {
  edit_host([&](Host& host) { host.interfaces.erase(name); });
}

void FakeKernel::tamper(const std::function<void(State&)>& edit) {
  const State before = state();
  State after = before;
  edit(after);
  tables_.edit([&](auto& tables, auto& elements) {
    tables = after.tables;
    elements = after.elements;
  });
  held_ = after;
  raise({.host = false,
         .routing = before.routes != after.routes || before.rules != after.rules,
         .tables = before.tables != after.tables || before.elements != after.elements});
}

std::optional<std::string> FakeKernel::sysctl(const std::string& key) const {
  const auto interface = rp_filter_interface(key);
  if (!interface) {
    const auto there = held_.sysctls.find(key);
    return there == held_.sysctls.end() ? std::nullopt : std::optional(there->second);
  }
  if (*interface == "all") return std::to_string(host_.rp_filter_all);
  const auto link = host_.interfaces.find(*interface);
  if (link == host_.interfaces.end()) return std::nullopt;
  return std::to_string(link->second.rp_filter);
}

}  // namespace support
