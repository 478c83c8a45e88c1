#include "core/edge/plan_edge.hpp"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "core/edge/address_pools.hpp"
#include "core/edge/load_balancer.hpp"
#include "core/edge/port_claims.hpp"
#include "core/edge/resolve_endpoints.hpp"
#include "core/edge/tables_and_reply_routes.hpp"
#include "core/state/shared_elements.hpp"

namespace core {

class EdgePlan::Impl {
 public:
  explicit Impl(EdgeSettings settings) : settings_(std::move(settings)) { make_frame(); }

  EdgeUpdate update(const ObjectChanges& objects, bool with_changes) {
    for (const auto& [id, object] : objects) {
      take(id, object);
    }
    return finish(with_changes);
  }

  EdgeUpdate update(const Host& host, bool with_changes) {
    if (host == host_) {
      return {};
    }
    std::unordered_set<std::string> touched;
    for (const Host* side : {static_cast<const Host*>(&host_), &host}) {
      for (const auto& [name, interface] : side->interfaces) {
        for (const Prefix& prefix : interface.addresses) {
          if (host_.is_local(prefix.address) != host.is_local(prefix.address)) {
            touched.insert(to_string(prefix.address));
          }
        }
      }
    }
    host_ = host;
    external_ = find_external(host_, settings_);
    frame_dirty_ = true;
    // The interface that has an address matters only where connections of pods are sent out by it.
    const bool all = settings_.snat || first_host_;
    first_host_ = false;
    for (const auto& [id, entry] : claimants_) {
      if (all || std::any_of(entry.mapping().addresses.begin(), entry.mapping().addresses.end(),
                             [&](const Address& a) { return touched.contains(to_string(a)); })) {
        dirty_.insert(id);
      }
    }
    return finish(with_changes);
  }

  [[nodiscard]] const State& frame() const { return frame_; }

  void each_element(const std::function<void(const Element&)>& visit) const {
    for (const auto& [family, elements] : frame_elements_) {
      std::for_each(elements.begin(), elements.end(), visit);
    }
    for (const auto& [id, entry] : claimants_) {
      for (const auto& [key, forward] : entry.forwards) {
        for (const Element& element : elements_of(*forward)) {
          visit(element);
        }
      }
    }
    shared_.each(visit);
  }

  [[nodiscard]] std::vector<std::shared_ptr<const Forward>> forwards() const {
    std::vector<std::shared_ptr<const Forward>> result;
    for (const auto& [id, entry] : claimants_) {
      for (const auto& [key, forward] : entry.forwards) {
        result.push_back(forward);
      }
    }
    std::sort(result.begin(), result.end(),
              [](const auto& a, const auto& b) { return a->key < b->key; });
    return result;
  }

  [[nodiscard]] std::map<ObjectId, MappingReport> reports() const {
    std::map<ObjectId, MappingReport> result;
    for (const auto& [id, entry] : claimants_) {
      result.emplace(id, entry.report);
    }
    return result;
  }

  [[nodiscard]] const MappingReport* report(const ObjectId& claimant) const {
    const auto found = claimants_.find(claimant);
    return found == claimants_.end() ? nullptr : &found->second.report;
  }

  [[nodiscard]] const Mapping* mapping(const ObjectId& claimant) const {
    const auto found = claimants_.find(claimant);
    return found == claimants_.end() ? nullptr : &found->second.mapping();
  }

  [[nodiscard]] std::vector<std::shared_ptr<const Forward>> forwards_of(
      const ObjectId& claimant) const {
    std::vector<std::shared_ptr<const Forward>> result;
    if (const auto found = claimants_.find(claimant); found != claimants_.end()) {
      for (const auto& [key, forward] : found->second.forwards) {
        result.push_back(forward);
      }
    }
    return result;
  }

  [[nodiscard]] std::vector<std::string> warnings() const {
    std::vector<std::string> result;
    bool ipv4 = false;
    bool ipv6 = false;
    for (const auto& [slot, entry] : claimants_) {
      for (const auto& [key, forward] : entry.forwards) {
        (key.address.family() == Family::ipv4 ? ipv4 : ipv6) = true;
      }
    }
    if (ipv4 && !host_.forwarding4) {
      result.push_back(
          "net.ipv4.ip_forward is 0: nothing reaches a pod; "
          "set it with: sysctl -w net.ipv4.ip_forward=1");
    }
    if (ipv6 && !host_.forwarding6) {
      result.push_back(
          "net.ipv6.conf.all.forwarding is 0: nothing reaches a pod by IPv6; "
          "set it with: sysctl -w net.ipv6.conf.all.forwarding=1");
    }
    for (const auto& [key, value] : frame_.sysctls) {
      result.push_back(key + " is held at " + value +
                       ": strict reverse path filtering would drop " +
                       "clients whose route in table main is another one");
    }
    if (!settings_.external_interfaces.empty() && external_.empty()) {
      result.push_back("no interface matches --external-interfaces " +
                       settings_.external_interfaces + ": replies follow table main");
    }
    return result;
  }

  [[nodiscard]] std::map<Kind, std::size_t> object_counts() const {
    const auto mappings = std::count_if(claimants_.begin(), claimants_.end(), [](const auto& item) {
      return item.first.kind == Kind::mapping;
    });
    return {{Kind::mapping, static_cast<std::size_t>(mappings)},
            {Kind::service, services_.size()},
            {Kind::endpoint_slice, slices_.size()},
            {Kind::address_pool, pools_.size()}};
  }

  const EdgeSettings settings_;
  std::set<Rejection> rejections_;
  std::vector<External> external_;

 private:
  struct Entry {
    std::shared_ptr<const Object> object;  // a Mapping, or what a Service comes to
    std::string refusal;  // why its namespace may not have its addresses; empty: it may
    std::map<ForwardKey, std::shared_ptr<const Forward>> forwards;
    MappingReport report;

    [[nodiscard]] const Mapping& mapping() const { return std::get<Mapping>(*object); }
  };

  void take(const ObjectId& id, const std::shared_ptr<const Object>& object) {
    switch (id.kind) {
      case Kind::mapping:
        claim(id, object);
        break;
      case Kind::service:
        take_service(id, object);
        break;
      case Kind::endpoint_slice:
        take_slice(id.name, object);
        break;
      case Kind::address_pool:
        take_pool(id, object);
        break;
      case Kind::egress:
      case Kind::pod:
      case Kind::egress_clients:
        break;
    }
  }

  // `mapping` is what the claimant comes to; null: it claims nothing any more.
  void claim(const ObjectId& id, const std::shared_ptr<const Object>& mapping) {
    const auto old = claimants_.find(id);
    if (old != claimants_.end()) {
      const auto users = by_service_.find({id.name.ns, old->second.mapping().service});
      users->second.erase(id);
      if (users->second.empty()) {
        by_service_.erase(users);
      }
    }
    if (mapping) {
      by_service_[{id.name.ns, std::get<Mapping>(*mapping).service}].insert(id);
      claimants_[id].object = mapping;
    } else if (old != claimants_.end()) {
      // Its forwards are still to be taken away.
      gone_.emplace(id, std::move(old->second));
      claimants_.erase(old);
    } else {
      return;
    }
    dirty_.insert(id);
    judge(id);
  }

  // Who may not have what it claims does not keep others from it.
  void judge(const ObjectId& id) {
    std::optional<Claims::Claim> claim;
    if (const auto found = claimants_.find(id); found != claimants_.end()) {
      const Mapping& mapping = found->second.mapping();
      std::string refusal = pools_.refusal(id.name.ns, mapping.addresses);
      if (refusal != found->second.refusal) {
        dirty_.insert(id);
      }
      found->second.refusal = std::move(refusal);
      if (found->second.refusal.empty()) {
        claim = claim_of(mapping);
      }
    }
    dirty_.merge(claims_.set(id, std::move(claim)));
  }

  void take_service(const ObjectId& id, const std::shared_ptr<const Object>& object) {
    if (object) {
      services_[id.name] = object;
    } else {
      services_.erase(id.name);
    }
    touch_service(id.name);
    auto mapping = object ? mapping_of(std::get<Service>(*object)) : std::nullopt;
    claim(id, mapping ? std::make_shared<const Object>(*std::move(mapping)) : nullptr);
  }

  void take_pool(const ObjectId& id, const std::shared_ptr<const Object>& object) {
    pools_.set(id.name, object);
    for (const auto& [claimant, entry] : claimants_) {
      judge(claimant);
    }
  }

  void take_slice(const ObjectName& name, const std::shared_ptr<const Object>& object) {
    const auto service_of = [&](const std::shared_ptr<const Object>& slice) {
      return ObjectName{name.ns, std::get<EndpointSlice>(*slice).service};
    };
    if (const auto old = slices_.find(name); old != slices_.end()) {
      const ObjectName service = service_of(old->second);
      const auto slices = slices_of_.find(service);
      slices->second.erase(name);
      if (slices->second.empty()) {
        slices_of_.erase(slices);
      }
      touch_service(service);
      slices_.erase(old);
    }
    if (object) {
      slices_of_[service_of(object)].insert(name);
      touch_service(service_of(object));
      slices_.emplace(name, object);
    }
  }

  void touch_service(const ObjectName& service) {
    if (const auto users = by_service_.find(service); users != by_service_.end()) {
      dirty_.insert(users->second.begin(), users->second.end());
    }
  }

  // --- one Mapping -----------------------------------------------------------------------------
  std::map<ForwardKey, std::shared_ptr<const Forward>> plan(const ObjectId& id, Entry& entry) {
    const Mapping& mapping = entry.mapping();
    entry.report = {};
    std::map<ForwardKey, std::shared_ptr<const Forward>> result;
    if (!entry.refusal.empty()) {
      entry.report.reasons.push_back(entry.refusal);
      entry.report.state = MappingReport::State::rejected;
      return result;
    }
    if (const Claims::Loss* loss = claims_.loss(id)) {
      entry.report.reasons.push_back(to_string(loss->key) + " belongs to the older " +
                                     to_string(loss->winner) +
                                     ": take another address or port, or remove that one");
      entry.report.state = MappingReport::State::rejected;
      return result;
    }
    ResolveInput input;
    input.owner = id;
    input.mapping = &mapping;
    input.settings = &settings_;
    const ObjectName service{id.name.ns, mapping.service};
    if (const auto found = services_.find(service); found != services_.end()) {
      input.service = &std::get<Service>(*found->second);
    }
    if (const auto slices = slices_of_.find(service); slices != slices_of_.end()) {
      for (const ObjectName& slice : slices->second) {
        input.slices.push_back(&std::get<EndpointSlice>(*slices_.at(slice)));
      }
    }
    Resolved resolved = resolve(input);
    entry.report.reasons = std::move(resolved.reasons);
    bool active = false;
    for (Forward& forward : resolved.forwards) {
      place(forward);
      active = active || forward.active;
      const auto old = entry.forwards.find(forward.key);
      // The old value is kept where nothing changed: then nobody has to compare again.
      auto planned = old != entry.forwards.end() && *old->second == forward
                         ? old->second
                         : std::make_shared<const Forward>(std::move(forward));
      result.emplace(planned->key, std::move(planned));
    }
    if (result.empty()) {
      entry.report.state = MappingReport::State::rejected;
    } else if (!active) {
      entry.report.state = MappingReport::State::inactive;
      entry.report.reasons.push_back(
          "none of its addresses is on this host; --address-policy any serves routed ones too");
    } else if (!entry.report.reasons.empty()) {
      entry.report.state = MappingReport::State::degraded;
    }
    return result;
  }

  void place(Forward& forward) const {
    forward.active =
        settings_.address_policy == AddressPolicy::any || host_.is_local(forward.key.address);
    if (!forward.snat) {
      return;
    }
    for (const External& external : external_) {
      const auto found = host_.interfaces.find(external.name);
      const auto& addresses = found->second.addresses;
      if (std::any_of(addresses.begin(), addresses.end(),
                      [&](const Prefix& p) { return p.address == forward.key.address; })) {
        forward.via = external.name;
        return;
      }
    }
  }

  EdgeUpdate finish(bool with_changes) {
    EdgeUpdate update;
    for (const ObjectId& id : dirty_) {
      const auto found = claimants_.find(id);
      std::map<ForwardKey, std::shared_ptr<const Forward>> before;
      std::map<ForwardKey, std::shared_ptr<const Forward>> after;
      if (const auto gone = gone_.find(id); gone != gone_.end()) {
        before = std::move(gone->second.forwards);
      }
      note_rejection(id, nullptr);
      if (found != claimants_.end()) {
        after = plan(id, found->second);
        before.merge(found->second.forwards);
        note_rejection(id, &found->second.report);
      }
      for (const auto& [key, old] : before) {
        const auto now = after.find(key);
        if (now == after.end() || now->second != old) {
          update.forwards.push_back({old, now == after.end() ? nullptr : now->second});
        }
      }
      for (const auto& [key, now] : after) {
        if (!before.contains(key)) {
          update.forwards.push_back({nullptr, now});
        }
      }
      if (found != claimants_.end()) {
        found->second.forwards = std::move(after);
      }
    }
    update.planned.assign(dirty_.begin(), dirty_.end());
    dirty_.clear();
    gone_.clear();
    join(update.forwards);
    count(update.forwards);
    const bool rebuilt = std::exchange(frame_dirty_, false);
    const State old_frame = rebuilt ? frame_ : State{};
    std::vector<Element> before;
    std::vector<Element> after;
    if (rebuilt) {
      append_frame_elements(before);
      make_frame();
      append_frame_elements(after);
    }
    SharedElements::Difference shared = shared_.settle();
    if (!with_changes) {
      return update;
    }
    for (const ForwardChange& change : update.forwards) {
      append(before, change.before);
      append(after, change.after);
    }
    std::move(shared.before.begin(), shared.before.end(), std::back_inserter(before));
    std::move(shared.after.begin(), shared.after.end(), std::back_inserter(after));
    if (!rebuilt) {
      update.changes = diff(before, after);
      return update;
    }
    State observed = old_frame;
    for (Element& element : before) {
      observed.elements.emplace(element.key, std::move(element.value));
    }
    update.changes = diff(observed, frame_, [&](const auto& visit) {
      std::for_each(after.begin(), after.end(), visit);
    });
    return update;
  }

  // A forward that goes from one Mapping to another is one change, not a loss and a gain: its flows
  // are judged by what serves them now.
  static void join(std::vector<ForwardChange>& changes) {
    std::map<ForwardKey, ForwardChange> joined;
    for (ForwardChange& change : changes) {
      const ForwardKey& key = change.before ? change.before->key : change.after->key;
      ForwardChange& target = joined[key];
      if (change.before) {
        target.before = std::move(change.before);
      }
      if (change.after) {
        target.after = std::move(change.after);
      }
    }
    changes.clear();
    for (auto& [key, change] : joined) {
      changes.push_back(std::move(change));
    }
  }

  static void append(std::vector<Element>& elements,
                     const std::shared_ptr<const Forward>& forward) {
    if (forward) {
      std::vector<Element> own = elements_of(*forward);
      std::move(own.begin(), own.end(), std::back_inserter(elements));
    }
  }

  void count(const std::vector<ForwardChange>& changes) {
    for (const ForwardChange& change : changes) {
      if (change.before) {
        shared_.release(shared_elements_of(*change.before));
        count_limits(*change.before, -1);
      }
      if (change.after) {
        shared_.acquire(shared_elements_of(*change.after));
        count_limits(*change.after, 1);
      }
    }
  }

  void count_limits(const Forward& forward, int by) {
    if (forward.max_connections == 0 && forward.new_per_second == 0) {
      return;
    }
    const std::pair limit{forward.max_connections, forward.new_per_second};
    int& users = limit_users_[limit];
    const bool was = users > 0;
    users += by;
    if (was != (users > 0)) {
      frame_dirty_ = true;
    }
    if (users == 0) {
      limit_users_.erase(limit);
    }
  }

  void note_rejection(const ObjectId& id, const MappingReport* report) {
    const auto first = rejections_.lower_bound({id, ""});
    auto last = first;
    while (last != rejections_.end() && last->object == id) {
      ++last;
    }
    rejections_.erase(first, last);
    if (report != nullptr && report->state != MappingReport::State::inactive) {
      for (const std::string& reason : report->reasons) {
        rejections_.insert({id, reason});
      }
    }
  }

  void make_frame() {
    std::set<std::pair<std::uint32_t, std::uint32_t>> limits;
    for (const auto& [limit, users] : limit_users_) {
      limits.insert(limit);
    }
    EdgeFrame frame = make_edge_frame(host_, settings_, external_, std::move(limits));
    frame_ = std::move(frame.state);
    frame_elements_ = std::move(frame.elements);
  }

  void append_frame_elements(std::vector<Element>& elements) const {
    for (const auto& [family, own] : frame_elements_) {
      elements.insert(elements.end(), own.begin(), own.end());
    }
  }

  Host host_;
  bool first_host_ = true;
  State frame_;
  std::map<Family, std::vector<Element>> frame_elements_;
  bool frame_dirty_ = false;

  std::map<ObjectId, Entry> claimants_;  // Mappings, and Services that have external addresses
  std::map<ObjectName, std::shared_ptr<const Object>> services_;
  std::map<ObjectName, std::shared_ptr<const Object>> slices_;
  std::map<ObjectName, std::set<ObjectId>> by_service_;   // Service -> claimants
  std::map<ObjectName, std::set<ObjectName>> slices_of_;  // Service -> EndpointSlices
  std::map<ObjectId, Entry> gone_;
  std::set<ObjectId> dirty_;
  AddressPools pools_;
  Claims claims_;
  SharedElements shared_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, int> limit_users_;
};

EdgePlan::EdgePlan(EdgeSettings settings) : impl_(std::make_unique<Impl>(std::move(settings))) {}
EdgePlan::~EdgePlan() = default;

EdgeUpdate EdgePlan::update(const ObjectChanges& objects, bool with_changes) {
  return impl_->update(objects, with_changes);
}
EdgeUpdate EdgePlan::update(const Host& host, bool with_changes) {
  return impl_->update(host, with_changes);
}
const State& EdgePlan::frame() const { return impl_->frame(); }
void EdgePlan::each_element(const std::function<void(const Element&)>& visit) const {
  impl_->each_element(visit);
}
State EdgePlan::state() const {
  State result = impl_->frame();
  impl_->each_element(
      [&](const Element& element) { result.elements.emplace(element.key, element.value); });
  return result;
}
std::vector<std::shared_ptr<const Forward>> EdgePlan::forwards() const { return impl_->forwards(); }
std::map<ObjectId, MappingReport> EdgePlan::reports() const { return impl_->reports(); }
const MappingReport* EdgePlan::report(const ObjectId& claimant) const {
  return impl_->report(claimant);
}
const Mapping* EdgePlan::mapping(const ObjectId& claimant) const {
  return impl_->mapping(claimant);
}
std::vector<std::shared_ptr<const Forward>> EdgePlan::forwards_of(const ObjectId& claimant) const {
  return impl_->forwards_of(claimant);
}
const std::set<Rejection>& EdgePlan::rejections() const { return impl_->rejections_; }
std::vector<std::string> EdgePlan::warnings() const { return impl_->warnings(); }
std::map<Kind, std::size_t> EdgePlan::object_counts() const { return impl_->object_counts(); }
const EdgeSettings& EdgePlan::settings() const { return impl_->settings_; }
const std::vector<EdgePlan::External>& EdgePlan::external() const { return impl_->external_; }

std::string_view to_string(MappingReport::State state) {
  switch (state) {
    case MappingReport::State::active:
      return "active";
    case MappingReport::State::inactive:
      return "inactive";
    case MappingReport::State::degraded:
      return "degraded";
    case MappingReport::State::rejected:
      return "rejected";
  }
  return "";
}

}  // namespace core
