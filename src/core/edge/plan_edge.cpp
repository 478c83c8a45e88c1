#include "core/edge/plan_edge.hpp"

#include <algorithm>
#include <iterator>
#include <set>

#include "core/edge/claims/edge_budgets.hpp"
#include "core/edge/edge_objects.hpp"
#include "core/edge/host_warnings.hpp"
#include "core/edge/plan_claimant.hpp"
#include "core/edge/tables/limit_sets.hpp"
#include "core/edge/tables/reply_routes.hpp"
#include "core/edge/tables/source_lists.hpp"
#include "core/edge/tables/static_state.hpp"
#include "core/state/shared_elements.hpp"
#include "core/state/text.hpp"

namespace core {
class EdgePlan::Impl {
 public:
  explicit Impl(EdgeSettings settings) : settings_(std::move(settings)) { make_frame(); }

  EdgeUpdate update(const ObjectChanges& objects, bool with_changes) {
    objects_.claims().begin_batch();
    for (const auto& [id, object] : objects) objects_.take(id, object);
    return finish(with_changes);
  }

  EdgeUpdate update(const Host& host, bool with_changes) {
    if (host == host_) return {};
    const std::set<Address> touched = come_or_gone(host_, host);
    // The interface that has an address matters only where connections of pods are sent out by it.
    const bool all = settings_.snat || first_host_ || host_.ipv6 != host.ipv6;
    host_ = host;
    external_ = find_external(host_, settings_);
    // What the kernel refused may have been for what was.
    std::erase_if(refused_, [](const auto& entry) { return !entry.first.starts_with("sysctl "); });
    frame_dirty_ = true;
    first_host_ = false;
    for (const auto& [id, entry] : objects_.claimants()) {
      if (all || std::any_of(entry.mapping().addresses.begin(), entry.mapping().addresses.end(),
                             [&](const Address& a) { return touched.contains(a); })) {
        objects_.touch(id);
      }
    }
    return finish(with_changes);
  }

  EdgeUpdate update(Listeners listeners, bool with_changes) {
    const Listeners changed = host_ports_.set(std::move(listeners));
    if (changed.empty()) return {};
    const auto concerns = [&](const MappingPort& port) {
      const auto next = changed.lower_bound(lowest(port.ports.first));
      return next != changed.end() && next->port <= port.ports.last;
    };
    for (const auto& [id, entry] : objects_.claimants()) {
      if (std::ranges::any_of(entry.mapping().ports, concerns)) objects_.touch(id);
    }
    EdgeUpdate update = finish(with_changes);
    host_ports_.settle();
    return update;
  }

  EdgeUpdate hold(std::set<ForwardKey> keys, bool with_changes) {
    for (const auto& [id, refused] : host_ports_.refused()) {
      if (std::ranges::any_of(refused, [&](const auto& key) { return keys.contains(key); })) {
        objects_.touch(id);
      }
    }
    host_ports_.hold(std::move(keys));
    EdgeUpdate update = finish(with_changes);
    host_ports_.hold({});  // from now on, what is planned is in effect
    return update;
  }

  EdgeUpdate set_aside(const Refused& refused) {
    for (const Rejection& rejection : refused.objects) {
      objects_.set_aside(rejection.object, rejection.reason);
    }
    for (const auto& [what, reason] : refused.frame) refused_.insert_or_assign(what, reason);
    frame_dirty_ = frame_dirty_ || !refused.frame.empty();
    return finish(true);
  }

  EdgeUpdate note_liberal_was_off() {
    frame_dirty_ = frame_dirty_ || !liberal_was_off_;
    liberal_was_off_ = true;
    return finish(true);
  }

  EdgeUpdate use(SlotLayout layout, bool with_changes) {
    if (std::exchange(settings_.slot_layout, layout) == layout) return {};
    frame_dirty_ = true;  // it has a chain for each number of slots
    for (const auto& [id, entry] : objects_.claimants()) objects_.touch(id);
    return finish(with_changes);
  }

  EdgeUpdate try_again() {
    frame_dirty_ = frame_dirty_ || !refused_.empty();
    refused_.clear();
    for (const auto& [id, entry] : objects_.claimants()) {
      if (!entry.refused_by_kernel.empty()) objects_.set_aside(id, "");
    }
    return finish(true);
  }

  // With sets and chains for each list of sources and each limit: put together when somebody asks.
  [[nodiscard]] const State& frame() const {
    if (!whole_frame_) {
      whole_frame_ = frame_;
      source_lists_.add_to(*whole_frame_);
      limit_sets_.add_to(*whole_frame_);
    }
    return *whole_frame_;
  }

  void each_owned(const std::function<void(const ObjectId&, const Element&)>& visit) const {
    for (const auto& [id, entry] : objects_.claimants()) {
      for (const auto& [key, forward] : entry.forwards) {
        for (const Element& element : elements_of(*forward)) visit(id, element);
        for (const Element& element : shared_elements_of(*forward)) visit(id, element);
      }
    }
  }

  void each_element(const std::function<void(const Element&)>& visit) const {
    for (const auto& [family, elements] : frame_elements_) {
      std::for_each(elements.begin(), elements.end(), visit);
    }
    for (const auto& [id, entry] : objects_.claimants()) {
      for (const auto& [key, forward] : entry.forwards) {
        for (const Element& element : elements_of(*forward)) visit(element);
      }
    }
    shared_.each(visit);
    source_lists_.each(visit);
  }

  [[nodiscard]] std::vector<std::string> warnings() const {
    std::set<Family> families;
    for (const auto& [id, entry] : objects_.claimants()) {
      for (const auto& [key, forward] : entry.forwards) families.insert(key.address.family());
    }
    std::vector<std::string> result = host_warnings(host_, families);
    for (auto&& some :
         {frame_warnings(frame_, host_, refused_), host_ports_.warnings(),
          uplink_warnings(host_, settings_, external_), masquerade_warnings(host_, settings_)}) {
      std::ranges::copy(some, std::back_inserter(result));
    }
    if (!settings_.external_interfaces.empty() && external_.empty()) {
      result.push_back("no interface matches --external-interfaces " +
                       settings_.external_interfaces + ": replies follow table main");
    }
    return result;
  }

  EdgeSettings settings_;
  std::set<Rejection> rejections_;
  std::vector<ExternalInterface> external_;
  HostPorts host_ports_{settings_};
  EdgeObjects objects_;
  EdgeBudgets budgets_{settings_.limits};
  Host host_;

 private:
  void replan(const ObjectId& id, EdgeObjects::Claimants& all_gone, EdgeUpdate& update) {
    const auto found = objects_.claimants().find(id);
    std::map<ForwardKey, std::shared_ptr<const Forward>> before;
    std::map<ForwardKey, std::shared_ptr<const Forward>> after;
    if (const auto gone = all_gone.find(id); gone != all_gone.end()) {
      before = std::move(gone->second.forwards);
      all_gone.erase(gone);
    }
    note_rejection(id, nullptr);
    if (found != objects_.claimants().end()) {
      found->second.forwards.merge(before);
      after = plan_claimant({objects_, budgets_, host_ports_, settings_, host_, external_}, id,
                            found->second);
      before = std::move(found->second.forwards);
      note_rejection(id, &found->second.report);
    } else {
      budgets_.give_back(id);
      host_ports_.forget(id);
    }
    for (const auto& [key, old] : before) {
      const auto now = after.find(key);
      if (now == after.end() || now->second != old) {
        update.forwards.push_back({old, now == after.end() ? nullptr : now->second});
      }
    }
    for (const auto& [key, now] : after) {
      if (!before.contains(key)) update.forwards.push_back({nullptr, now});
    }
    if (found != objects_.claimants().end()) found->second.forwards = std::move(after);
    update.planned.push_back(id);
  }

  EdgeUpdate finish(bool with_changes) {
    EdgeUpdate update;
    EdgeObjects::News news = objects_.take_news();
    while (!news.touched.empty()) {
      for (const ObjectId& id : news.touched) replan(id, news.gone, update);
      // What one gives back another may get.
      news.touched = budgets_.take_hopeful();
    }
    join(update.forwards);
    count(update.forwards);
    const bool rebuilt = std::exchange(frame_dirty_, false);
    State observed = rebuilt ? frame() : State{};
    std::vector<Element> before;
    std::vector<Element> after;
    if (rebuilt) {
      append_frame_elements(before);
      make_frame();
      append_frame_elements(after);
    }
    SharedElements::Difference shared = shared_.settle();
    SourceLists::Difference lists = source_lists_.settle();
    limit_sets_.settle(lists.tables_before, lists.tables_after);
    const bool lists_come_or_go = !lists.tables_before.empty() || !lists.tables_after.empty();
    if (rebuilt || lists_come_or_go) whole_frame_.reset();
    if (!with_changes) return update;
    for (const ForwardChange& change : update.forwards) {
      append(before, change.before);
      append(after, change.after);
    }
    std::move(shared.before.begin(), shared.before.end(), std::back_inserter(before));
    std::move(shared.after.begin(), shared.after.end(), std::back_inserter(after));
    std::ranges::move(lists.before, std::back_inserter(before));
    std::ranges::move(lists.after, std::back_inserter(after));
    if (!rebuilt && !lists_come_or_go) {
      update.changes = diff(before, after);
      return update;
    }
    State desired;
    if (rebuilt) {
      desired = frame();
    } else {
      lists.put_tables(frame_, observed, desired);
    }
    for (Element& element : before) {
      observed.elements.emplace(element.key, std::move(element.value));
    }
    update.changes = diff(observed, desired, [&](const auto& visit) {
      std::for_each(after.begin(), after.end(), visit);
    });
    return update;
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
        source_lists_.release(*change.before);
        limit_sets_.release(*change.before);
      }
      if (change.after) {
        shared_.acquire(shared_elements_of(*change.after));
        source_lists_.acquire(*change.after);
        limit_sets_.acquire(*change.after);
      }
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
    const Sysctl liberal{std::string(liberal_tracking), "1"};
    const bool refused = refused_.contains(to_text(Changes{AddSysctl{liberal}}).front());
    EdgeFrame frame = make_edge_frame(host_, settings_, external_, liberal_was_off_ && !refused);
    frame_ = std::move(frame.state);
    std::erase_if(frame_.routes, [this](const Route& route) {
      return refused_.contains(to_text(Changes{AddRoute{route}}).front());
    });
    if (refused) frame_.sysctls.erase(liberal.key);
    whole_frame_.reset();
    frame_elements_ = std::move(frame.elements);
  }

  void append_frame_elements(std::vector<Element>& elements) const {
    for (const auto& [family, own] : frame_elements_) {
      elements.insert(elements.end(), own.begin(), own.end());
    }
  }

  bool first_host_ = true;
  State frame_;  // but for the lists of sources and limits
  mutable std::optional<State> whole_frame_;
  std::map<Family, std::vector<Element>> frame_elements_;
  bool frame_dirty_ = false;
  bool liberal_was_off_ = false;
  std::map<std::string, std::string> refused_;  // of the frame: change, reason

  SharedElements shared_;
  SourceLists source_lists_;
  LimitSets limit_sets_{settings_.refuse_when_full};
};

EdgePlan::EdgePlan(EdgeSettings settings) : impl_(std::make_unique<Impl>(std::move(settings))) {}
EdgePlan::~EdgePlan() = default;

EdgeUpdate EdgePlan::update(const ObjectChanges& objects, bool with_changes) {
  return impl_->update(objects, with_changes);
}
EdgeUpdate EdgePlan::update(const Host& host, bool with_changes) {
  return impl_->update(host, with_changes);
}
EdgeUpdate EdgePlan::update(Listeners listeners, bool with_changes) {
  return impl_->update(std::move(listeners), with_changes);
}
EdgeUpdate EdgePlan::hold(std::set<ForwardKey> keys, bool with_changes) {
  return impl_->hold(std::move(keys), with_changes);
}
const HostPorts& EdgePlan::host_ports() const { return impl_->host_ports_; }
EdgeUpdate EdgePlan::set_aside(const Refused& refused) { return impl_->set_aside(refused); }
EdgeUpdate EdgePlan::note_liberal_was_off() { return impl_->note_liberal_was_off(); }
EdgeUpdate EdgePlan::use(SlotLayout layout, bool with_changes) {
  return impl_->use(layout, with_changes);
}
EdgeUpdate EdgePlan::try_again() { return impl_->try_again(); }
void EdgePlan::each_owned(const std::function<void(const ObjectId&, const Element&)>& visit) const {
  impl_->each_owned(visit);
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
std::vector<std::shared_ptr<const Forward>> EdgePlan::forwards() const {
  std::vector<std::shared_ptr<const Forward>> result;
  for (const auto& [id, entry] : impl_->objects_.claimants()) {
    for (const auto& [key, forward] : entry.forwards) result.push_back(forward);
  }
  std::sort(result.begin(), result.end(),
            [](const auto& a, const auto& b) { return a->key < b->key; });
  return result;
}
std::map<ObjectId, MappingReport> EdgePlan::reports() const {
  std::map<ObjectId, MappingReport> result;
  for (const auto& [id, entry] : impl_->objects_.claimants()) result.emplace(id, entry.report);
  return result;
}
const MappingReport* EdgePlan::report(const ObjectId& claimant) const {
  const auto found = impl_->objects_.claimants().find(claimant);
  return found == impl_->objects_.claimants().end() ? nullptr : &found->second.report;
}
const Mapping* EdgePlan::mapping(const ObjectId& claimant) const {
  const auto found = impl_->objects_.claimants().find(claimant);
  return found == impl_->objects_.claimants().end() ? nullptr : &found->second.mapping();
}
std::set<ObjectId> EdgePlan::claimants_of(const ForwardKey& key) const {
  std::set<ObjectId> found = impl_->objects_.claims().overlapping({{}, {key}});
  // Who may not have its addresses claims nothing.
  for (const auto& [id, entry] : impl_->objects_.claimants()) {
    if (entry.refusal.empty()) continue;
    const Claims::Claim claim = claim_of(entry.mapping());
    if (std::ranges::any_of(claim.keys, [&](const auto& one) { return overlap(one, key); })) {
      found.insert(id);
    }
  }
  return found;
}
std::vector<std::shared_ptr<const Forward>> EdgePlan::forwards_of(const ObjectId& claimant) const {
  std::vector<std::shared_ptr<const Forward>> result;
  const auto found = impl_->objects_.claimants().find(claimant);
  if (found == impl_->objects_.claimants().end()) return result;
  for (const auto& [key, forward] : found->second.forwards) result.push_back(forward);
  return result;
}
const std::set<Rejection>& EdgePlan::rejections() const { return impl_->rejections_; }
std::vector<std::string> EdgePlan::warnings() const { return impl_->warnings(); }
std::map<std::string_view, std::uint64_t> EdgePlan::over_limits() const {
  auto refused = impl_->budgets_.refused();
  refused["host-ports"] = impl_->host_ports_.refused().size();
  return refused;
}
std::map<Kind, std::size_t> EdgePlan::object_counts() const { return impl_->objects_.counts(); }
std::vector<AddressPools::Use> EdgePlan::pool_use() const {
  std::set<Address> used;
  for (const auto& [id, entry] : impl_->objects_.claimants()) {
    if (!entry.refusal.empty()) continue;
    used.insert(entry.mapping().addresses.begin(), entry.mapping().addresses.end());
  }
  return impl_->objects_.pools().use(std::vector<Address>(used.begin(), used.end()));
}
void EdgePlan::remember(Claims::Held held) { impl_->objects_.claims().remember(std::move(held)); }
void EdgePlan::settle_claims() { impl_->objects_.claims().settle(); }
Claims::Held EdgePlan::held() const { return impl_->objects_.claims().held(); }
std::uint64_t EdgePlan::held_revision() const { return impl_->objects_.claims().held_revision(); }
const EdgeSettings& EdgePlan::settings() const { return impl_->settings_; }
const Host& EdgePlan::host() const { return impl_->host_; }
const std::vector<ExternalInterface>& EdgePlan::external() const { return impl_->external_; }

}  // namespace core
