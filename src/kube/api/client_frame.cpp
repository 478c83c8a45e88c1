#include "kube/api/client_frame.hpp"

#include <algorithm>
#include <utility>

namespace kube {

ClientFrame::ClientFrame(Transport& transport, const os::Clock& clock, const FrameOptions& options)
    : transport_(transport),
      replies_first_(options.replies_first),
      watches_(options.context, transport, clock, options.trust),
      exchanges_(transport, clock) {
  if (!options.lease.empty()) {
    election_.emplace(ElectionOptions{options.ns, options.lease, options.identity}, exchanges_,
                      clock);
  }
  if (!options.author.empty()) {
    events_.emplace(options.author, options.instance, exchanges_, clock);
  }
}

void ClientFrame::step() {
  for (const Arrival& arrival : transport_.take()) {
    if (!exchanges_.take(arrival)) static_cast<void>(watches_.take(arrival));
  }
  watches_.step();
  if (!replies_first_) pass_on();
  for (const Reply& reply : exchanges_.replies()) hand_out(reply);
  pass_on();  // what replies told, too
  // To a cluster that is not the one that is known, nothing is written.
  if (!watches_.trusted()) {
    if (election_) lead(false);
    return;
  }
  if (election_) {
    election_->step();
    lead(election_->leading());
  }
  if (!resigning()) {
    for (ClientPart* const part : parts_) part->step();
  }
  if (events_) events_->step();
}

void ClientFrame::hand_out(const Reply& reply) {
  if (election_ && election_->take(reply)) return;
  if (events_ && events_->take(reply)) return;
  static_cast<void>(
      std::ranges::any_of(parts_, [&](ClientPart* part) { return part->take(reply); }));
}

os::Time ClientFrame::due() const {
  os::Time due = std::min(watches_.due(), exchanges_.due());
  if (!watches_.trusted()) return due;
  if (events_) due = std::min(due, events_->due());
  if (election_) due = std::min(due, election_->due());
  // Leading ends by itself.
  if (leading()) due = std::min(due, election_->leading_until());
  if (resigning()) return due;
  for (const ClientPart* const part : parts_) due = std::min(due, part->due());
  return due;
}

void ClientFrame::pass_on() {
  keep(watches_.take_changes());
  static_cast<void>(watches_.take_seen());  // of interest to parts alone
}

void ClientFrame::keep(core::ObjectChanges&& changes) {
  for (auto& [id, object] : changes) changes_.insert_or_assign(id, std::move(object));
}

bool ClientFrame::move_changes(core::ObjectChanges& into) {
  const bool any = !changes_.empty();
  for (auto& [id, object] : std::exchange(changes_, {})) {
    into.insert_or_assign(id, std::move(object));
  }
  return any;
}

std::optional<std::vector<Problem>> ClientFrame::new_problems(
    const std::vector<std::string>& credentials) {
  std::vector<std::string> writing;
  const auto add = [&](std::string trouble) {
    if (!trouble.empty()) writing.push_back(std::move(trouble));
  };
  if (election_) add(election_->trouble());
  for (const ClientPart* const part : parts_) add(part->trouble());
  return watches_.new_problems(credentials, writing);
}

void ClientFrame::resign() {
  if (election_) election_->resign();
}

bool ClientFrame::resigned() const {
  return !election_ || !watches_.trusted() || election_->resigned();
}

}  // namespace kube
