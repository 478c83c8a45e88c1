#include "kube/api/leader_election.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "kube/api/refusal.hpp"
#include "kube/decode/json_text.hpp"
#include "kube/decode/mapping_fields.hpp"

namespace kube {
namespace {

using Json = nlohmann::json;
using namespace std::chrono_literals;

// A request that is open longer holds the next one up for nothing.
constexpr os::Time::duration longest_wait = 5s;

std::string text_at(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::uint32_t number_at(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_number_unsigned() ? found->get<std::uint32_t>() : 0;
}

std::optional<Lease> parse_lease(const std::string& text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  const Json metadata = json.value("metadata", Json::object());
  const Json spec = json.value("spec", Json::object());
  if (!metadata.is_object() || !spec.is_object()) return std::nullopt;
  Lease lease{text_at(metadata, "resourceVersion"),
              text_at(spec, "holderIdentity"),
              number_at(spec, "leaseDurationSeconds"),
              text_at(spec, "acquireTime"),
              text_at(spec, "renewTime"),
              number_at(spec, "leaseTransitions")};
  if (lease.version.empty()) return std::nullopt;
  return lease;
}

}  // namespace

Election::Election(ElectionOptions options, Exchanges& exchanges, os::Clock clock)
    : options_(std::move(options)), exchanges_(exchanges), clock_(std::move(clock)) {}

bool Election::leading() const { return held_ && !resigning_ && clock_.now() < leading_until_; }

os::Time Election::due() const {
  if (resigned() || request_ != 0) return os::Time::max();
  return not_before_;
}

void Election::step() {
  if (request_ != 0 || resigned() || clock_.now() < not_before_) return;
  if (resigning_) {
    write(Phase::release);
  } else if (held_ && known_) {
    write(Phase::renew);
  } else {
    look();
  }
}

std::string Election::path() const {
  return "/apis/coordination.k8s.io/v1/namespaces/" + options_.ns + "/leases";
}

void Election::look() {
  phase_ = Phase::look;
  begun_ = clock_.now();
  request_ = exchanges_.start({"GET", path() + "/" + options_.name, "", "", false}, longest_wait);
}

void Election::write(Phase phase) {
  phase_ = phase;
  begun_ = clock_.now();
  const std::string now = micro_time(clock_.unix_seconds());
  Json spec = {{"holderIdentity", phase == Phase::release ? "" : options_.identity},
               {"leaseDurationSeconds", phase == Phase::release ? 1 : options_.length.count()},
               {"renewTime", now},
               {"acquireTime", now},
               {"leaseTransitions", lease_.transitions}};
  if (phase != Phase::create) {
    if (mine(lease_)) {
      if (!lease_.acquired.empty()) spec["acquireTime"] = lease_.acquired;
    } else {
      spec["leaseTransitions"] = lease_.transitions + 1;
    }
  }
  Json body = {{"apiVersion", "coordination.k8s.io/v1"},
               {"kind", "Lease"},
               {"metadata", {{"name", options_.name}, {"namespace", options_.ns}}},
               {"spec", std::move(spec)}};
  // Whoever wrote meanwhile keeps what it wrote.
  if (phase != Phase::create) body["metadata"]["resourceVersion"] = lease_.version;
  const bool create = phase == Phase::create;
  request_ =
      exchanges_.start({create ? "POST" : "PUT", create ? path() : path() + "/" + options_.name,
                        "application/json", dump_json(body), false},
                       longest_wait);
}

bool Election::take(const Reply& reply) {
  if (request_ == 0 || reply.request != request_) return false;
  request_ = 0;
  if (reply.ok()) {
    auto lease = parse_lease(reply.body);
    if (!lease) {
      missed("the API server's answer is not a Lease");
      return true;
    }
    trouble_.clear();
    observe(*std::move(lease));
    if (phase_ == Phase::release) {
      held_ = false;
    } else if (phase_ == Phase::look) {
      held_ = held_ && mine(lease_);
      if (clock_.now() < free_from()) {
        rest();
      } else {
        write(Phase::renew);
      }
    } else {
      held_ = mine(lease_);
      // From when it was asked for: what the server wrote is not older.
      if (held_) leading_until_ = begun_ + options_.renew_limit;
      rest();
    }
    return true;
  }
  if (phase_ == Phase::release) {
    held_ = false;  // it ends by itself
  } else if (reply.error.empty() && reply.code == 404 && phase_ == Phase::look) {
    // Somebody deleted it, of which its holder may not know yet.
    held_ = false;
    known_ = false;
    if (clock_.now() < free_from()) {
      rest();
    } else {
      write(Phase::create);
    }
  } else if (reply.error.empty() && reply.code == 409) {
    // Somebody else was there first.
    known_ = false;
    if (phase_ == Phase::renew) held_ = false;
    rest();
  } else {
    if (reply.error.empty() && reply.code == 404) held_ = false;
    known_ = false;
    missed("cannot take part in electing a leader by Lease " + options_.ns + "/" + options_.name +
               ": " + refusal_text(reply),
           reply.retry_after);
  }
  return true;
}

// When its holder is gone, as far as one's own clock can tell.
os::Time Election::free_from() const {
  if (lease_.holder.empty() || mine(lease_)) return {};
  return observed_ + std::max(options_.length, std::chrono::seconds(lease_.seconds));
}

void Election::observe(Lease lease) {
  if (lease != lease_) observed_ = clock_.now();
  lease_ = std::move(lease);
  known_ = true;
}

void Election::missed(const std::string& why, std::chrono::seconds least) {
  trouble_ = why;
  rest();
  not_before_ = std::max(not_before_, clock_.now() + least);
}

void Election::rest() {
  // Spread, so that those who wait do not come together.
  const auto wait = std::chrono::duration_cast<std::chrono::milliseconds>(
      options_.retry * (1 + 0.2 * clock_.chance()));
  not_before_ = clock_.now() + wait;
}

void Election::resign() {
  resigning_ = true;
  not_before_ = {};
  if (request_ != 0 && phase_ != Phase::release) {
    exchanges_.cancel(std::exchange(request_, 0));
    known_ = known_ && phase_ == Phase::look;
  }
  // Without knowing its version it cannot be given back: it ends by itself.
  if (!known_) held_ = false;
}

}  // namespace kube
