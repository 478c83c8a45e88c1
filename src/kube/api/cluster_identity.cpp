#include "kube/api/cluster_identity.hpp"

#include <algorithm>

#include "kube/api/watch_event.hpp"
#include "kube/decode/parse.hpp"

namespace kube {
namespace {

using namespace std::chrono_literals;

// All that begins together needs one answer, unless a connection ends meanwhile.
constexpr os::Time::duration identity_validity = 5s;
constexpr os::Time::duration identity_limit = 30s;
constexpr std::chrono::milliseconds identity_first_delay = 500ms;
constexpr std::chrono::milliseconds identity_longest_delay = 4s;
// Somebody may be bringing the right one back.
constexpr os::Time::duration foreign_pause = 10s;
// An API server that has just started refuses what it will grant in a moment.
constexpr int refusals_believed = 3;

std::string uid_in(const std::string& body) {
  std::string uid;
  Document document;
  static_cast<void>(parse_json(body, document, [&](const Document& parsed) {
    const auto root = parsed.root();
    if (!root || root->type() != Node::Type::map) return;
    const auto metadata = root->find("metadata");
    if (metadata && metadata->type() == Node::Type::map) uid = text_at(*metadata, "uid");
  }));
  return uid;
}

}  // namespace

ClusterIdentity::ClusterIdentity(const Trust& trust, Transport& transport, os::Clock clock)
    : enabled_(trust.identify),
      accepted_(trust.cluster_uid),
      known_(trust.known_uid),
      clock_(std::move(clock)),
      exchanges_(transport, clock_) {
  if (!enabled_) verdict_ = Verdict::untold;
}

bool ClusterIdentity::fresh() const {
  if (!enabled_) return true;
  const bool usable = verdict_ == Verdict::same || verdict_ == Verdict::untold;
  return usable && current_ && clock_.now() < answered_ + identity_validity;
}

os::Time ClusterIdentity::may_ask() const { return request_ != 0 ? os::Time::max() : not_before_; }

void ClusterIdentity::doubt() {
  current_ = false;
  doubted_ = request_ != 0;
}

void ClusterIdentity::ask() {
  if (request_ != 0 || clock_.now() < not_before_) return;
  // A connection from before an outage may be dead.
  request_ = exchanges_.start({"GET", "/api/v1/namespaces/kube-system", "", "", unreachable_},
                              identity_limit);
}

void ClusterIdentity::step() {
  for (const Reply& reply : exchanges_.replies()) {
    if (reply.request != std::exchange(request_, 0)) continue;
    judge(reply);
    if (std::exchange(doubted_, false)) current_ = false;
  }
}

void ClusterIdentity::judge(const Reply& reply) {
  current_ = false;
  if (reply.code != 0) back_ = std::exchange(unreachable_, false) || back_;
  if (!reply.error.empty()) {
    unreachable_ = reply.code == 0;
    again(reply.error);
    return;
  }
  answered_ = clock_.now();
  // Of a foreign one nothing is believed, not even that it cannot be told.
  if (!foreign() && (reply.code == 403 || reply.code == 404)) {
    refused(reply);
    return;
  }
  if (!reply.ok()) {
    const Status status = EventDecoder(nullptr).status(reply.code, reply.body);
    const std::string answer = std::to_string(status.code) +
                               (status.reason.empty() ? "" : " " + status.reason) + ": " +
                               status.message;
    again(reply.code == 401 ? "the API server does not accept the credential (" + answer + ")"
                            : "cannot get the namespace kube-system: " + answer);
    if (reply.retry_after > 0s) {
      not_before_ =
          std::max<os::Time>(not_before_, clock_.now() + std::min(reply.retry_after, 60s));
    }
    return;
  }
  const std::string uid = uid_in(reply.body);
  if (uid.empty()) {
    again("cannot read what the API server says of its namespace kube-system: it has no UID");
  } else {
    identify(uid);
  }
}

void ClusterIdentity::identify(const std::string& uid) {
  refusals_ = 0;
  delay_ = {};
  not_before_ = clock_.now();
  current_ = true;
  const std::string expected = accepted_.empty() ? known_ : accepted_;
  if (expected.empty() || expected == uid) {
    known_ = uid;
    verdict_ = Verdict::same;
    trouble_.clear();
    return;
  }
  verdict_ = Verdict::foreign;
  not_before_ += foreign_pause;
  trouble_ = "another cluster answers: the UID of its namespace kube-system is " + uid +
             ", and that of the cluster " + (accepted_.empty() ? "known so far" : "to be served") +
             " is " + expected +
             ". Nothing of it is taken, and nothing written to it; what is known stays in effect. "
             "Where it is meant to replace that one, set the option cluster-uid to " +
             uid + " and restart";
}

// Roles of older versions do not allow it: better to go on without than not at all.
void ClusterIdentity::refused(const Reply& reply) {
  const Status status = EventDecoder(nullptr).status(reply.code, reply.body);
  const std::string why =
      "cannot tell which cluster it is, and would not notice if another one answered: " +
      (reply.code == 403 ? "not allowed to get the namespace kube-system (" + status.message +
                               "); \"pona install\" prints the roles that allow it"
                         : "it has no namespace kube-system (" + status.message + ")");
  if (verdict_ != Verdict::untold && ++refusals_ < refusals_believed) {
    const std::string before = trouble_;
    again(why);
    trouble_ = before;
    return;
  }
  verdict_ = Verdict::untold;
  current_ = true;
  delay_ = {};
  not_before_ = clock_.now();
  trouble_ = why;
}

void ClusterIdentity::again(const std::string& why) {
  // Of a foreign one it is said until it is known that another one is there.
  if (verdict_ != Verdict::foreign) trouble_ = why;
  delay_ = std::clamp(delay_ * 2, identity_first_delay, identity_longest_delay);
  not_before_ = clock_.now() + std::chrono::duration_cast<std::chrono::milliseconds>(
                                   delay_ * (0.5 + clock_.chance() / 2));
}

}  // namespace kube
