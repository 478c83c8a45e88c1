#include "core/plan_edge.hpp"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "core/claims.hpp"
#include "core/plan_edge_frame.hpp"
#include "core/resolve.hpp"
#include "core/shared_elements.hpp"

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
    for (const auto& [name, entry] : mappings_) {
      if (all || std::any_of(entry.mapping().addresses.begin(), entry.mapping().addresses.end(),
                             [&](const Address& a) { return touched.contains(to_string(a)); })) {
        dirty_.insert(name);
      }
    }
    return finish(with_changes);
  }

  [[nodiscard]] const State& frame() const { return frame_; }

  void each_element(const std::function<void(const Element&)>& visit) const {
    for (const auto& [family, elements] : frame_elements_) {
      std::for_each(elements.begin(), elements.end(), visit);
    }
    for (const auto& [name, entry] : mappings_) {
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
    for (const auto& [name, entry] : mappings_) {
      for (const auto& [key, forward] : entry.forwards) {
        result.push_back(forward);
      }
    }
    std::sort(result.begin(), result.end(),
              [](const auto& a, const auto& b) { return a->key < b->key; });
    return result;
  }

  [[nodiscard]] std::map<ObjectName, MappingReport> reports() const {
    std::map<ObjectName, MappingReport> result;
    for (const auto& [name, entry] : mappings_) {
      result.emplace(name, entry.report);
    }
    return result;
  }

  [[nodiscard]] std::vector<std::string> warnings() const {
    std::vector<std::string> result;
    bool ipv4 = false;
    bool ipv6 = false;
    for (const auto& [slot, entry] : mappings_) {
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
    return {{Kind::mapping, mappings_.size()},
            {Kind::service, services_.size()},
            {Kind::endpoint_slice, slices_.size()}};
  }

  const EdgeSettings settings_;
  std::set<Rejection> rejections_;
  std::vector<External> external_;

 private:
  struct Entry {
    std::shared_ptr<const Object> object;
    std::map<ForwardKey, std::shared_ptr<const Forward>> forwards;
    MappingReport report;

    [[nodiscard]] const Mapping& mapping() const { return std::get<Mapping>(*object); }
  };

  void take(const ObjectId& id, const std::shared_ptr<const Object>& object) {
    switch (id.kind) {
      case Kind::mapping:
        take_mapping(id.name, object);
        break;
      case Kind::service:
        if (object) {
          services_[id.name] = object;
        } else {
          services_.erase(id.name);
        }
        touch_service(id.name);
        break;
      case Kind::endpoint_slice:
        take_slice(id.name, object);
        break;
    }
  }

  void take_mapping(const ObjectName& name, const std::shared_ptr<const Object>& object) {
    const auto old = mappings_.find(name);
    if (old != mappings_.end()) {
      const auto users = by_service_.find({name.ns, old->second.mapping().service});
      users->second.erase(name);
      if (users->second.empty()) {
        by_service_.erase(users);
      }
    }
    std::optional<Claims::Claim> claim;
    if (object) {
      const Mapping& mapping = std::get<Mapping>(*object);
      by_service_[{name.ns, mapping.service}].insert(name);
      claim.emplace();
      claim->created = mapping.created;
      for (const Address& address : mapping.addresses) {
        for (const MappingPort& port : mapping.ports) {
          claim->keys.push_back({address, port.protocol, port.ports});
        }
      }
      mappings_[name].object = object;
    } else if (old != mappings_.end()) {
      // Its forwards are still to be taken away.
      gone_.emplace(name, std::move(old->second));
      mappings_.erase(old);
    }
    dirty_.insert(name);
    dirty_.merge(claims_.set(name, std::move(claim)));
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
  std::map<ForwardKey, std::shared_ptr<const Forward>> plan(const ObjectName& name, Entry& entry) {
    const Mapping& mapping = entry.mapping();
    entry.report = {};
    std::map<ForwardKey, std::shared_ptr<const Forward>> result;
    if (const Claims::Loss* loss = claims_.loss(name)) {
      entry.report.reasons.push_back(to_string(loss->key) + " belongs to the older Mapping " +
                                     to_string(loss->winner) +
                                     ": take another address or port, or remove that one");
      entry.report.state = MappingReport::State::rejected;
      return result;
    }
    ResolveInput input;
    input.mapping = &mapping;
    input.settings = &settings_;
    const ObjectName service{name.ns, mapping.service};
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
    for (const ObjectName& name : dirty_) {
      const auto found = mappings_.find(name);
      std::map<ForwardKey, std::shared_ptr<const Forward>> before;
      std::map<ForwardKey, std::shared_ptr<const Forward>> after;
      if (const auto gone = gone_.find(name); gone != gone_.end()) {
        before = std::move(gone->second.forwards);
      }
      note_rejection(name, nullptr);
      if (found != mappings_.end()) {
        after = plan(name, found->second);
        before.merge(found->second.forwards);
        note_rejection(name, &found->second.report);
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
      if (found != mappings_.end()) {
        found->second.forwards = std::move(after);
      }
    }
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

  void note_rejection(const ObjectName& name, const MappingReport* report) {
    const ObjectId id{Kind::mapping, name};
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

  std::map<ObjectName, Entry> mappings_;
  std::map<ObjectName, std::shared_ptr<const Object>> services_;
  std::map<ObjectName, std::shared_ptr<const Object>> slices_;
  std::map<ObjectName, std::set<ObjectName>> by_service_;  // Service -> Mappings
  std::map<ObjectName, std::set<ObjectName>> slices_of_;   // Service -> EndpointSlices
  std::map<ObjectName, Entry> gone_;
  std::set<ObjectName> dirty_;
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
std::map<ObjectName, MappingReport> EdgePlan::reports() const { return impl_->reports(); }
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
