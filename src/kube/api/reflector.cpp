#include "kube/api/reflector.hpp"

#include <algorithm>
#include <utility>

#include "kube/decode/encoding.hpp"
#include "kube/decode/object_version.hpp"

namespace kube {
namespace {

using namespace std::chrono_literals;

constexpr int page_size = 500;
constexpr std::size_t longest_page = std::size_t{512} << 20;
constexpr std::size_t longest_refusal = std::size_t{64} << 10;

// API servers send a bookmark about every minute.
constexpr os::Time::duration watch_silence = 3min;
constexpr os::Time::duration page_silence = 60s;

constexpr std::chrono::milliseconds first_delay = 500ms;
constexpr os::Time::duration longest_retry_after = 10min;  // a wrong one must not stop us for good
constexpr os::Time::duration long_lived = 30s;  // a watch that lived so long was no failure
constexpr os::Time::duration at_once = 1s;      // and one that ended sooner was none at all
constexpr os::Time::duration gone_pause = 5s;   // one 410 soon after another is no news
// An API server that has just started refuses what it will grant in a moment.
constexpr os::Time::duration warming_up = 5s;
constexpr os::Time::duration disorder_pause = 10s;  // a server may have no order at all

}  // namespace

std::string Resource::path() const {
  return (group.empty() ? "/api/" : "/apis/" + group + "/") + version +
         (ns.empty() ? "" : "/namespaces/" + ns) + "/" + plural;
}

std::string Resource::name() const { return group.empty() ? plural : plural + "." + group; }

Reflector::Reflector(Resource resource, Transport& transport, os::Clock clock, Reduce reduce)
    : resource_(std::move(resource)),
      transport_(transport),
      clock_(std::move(clock)),
      decoder_(std::move(reduce)) {}

os::Time Reflector::due() const {
  if (request_ == 0) return not_before_;
  return heard_ + (phase_ == Phase::paging ? page_silence : watch_silence);
}

void Reflector::step() {
  if (clock_.now() < due()) return;
  if (request_ == 0) {
    begin();
    return;
  }
  const auto silence = std::chrono::duration_cast<std::chrono::seconds>(clock_.now() - heard_);
  leave();
  fresh_ = true;
  unreachable_ = unreachable_ || status_ == 0;
  pages_next_ = phase_ == Phase::streaming;
  fail("the API server has been silent for " + std::to_string(silence.count()) + " s");
}

void Reflector::begin() {
  status_ = 0;
  retry_after_ = {};
  body_.clear();
  lines_.clear();
  opened_ = heard_ = clock_.now();
  if (!version_.empty()) {
    begin_watch(Phase::watching);
  } else if (pages_only_ || pages_next_) {
    begin_page();
  } else {
    cache_.begin_list();
    begin_watch(Phase::streaming);
  }
  fresh_ = false;
}

std::string Reflector::selectors() const {
  std::string text;
  if (!resource_.label_selector.empty()) {
    text += "&labelSelector=" + escape_query(resource_.label_selector);
  }
  if (!resource_.field_selector.empty()) {
    text += "&fieldSelector=" + escape_query(resource_.field_selector);
  }
  return text;
}

void Reflector::begin_page() {
  phase_ = Phase::paging;
  if (next_.empty()) cache_.begin_list();
  std::string query = unlimited_ ? std::string() : "limit=" + std::to_string(page_size);
  if (!next_.empty()) query += "&continue=" + escape_query(next_);
  query += selectors();
  if (query.starts_with('&')) query.erase(0, 1);
  const std::string target = resource_.path() + (query.empty() ? "" : "?" + query);
  request_ = transport_.start({"GET", target, "", "", fresh_});
}

void Reflector::begin_watch(Phase phase) {
  phase_ = phase;
  // Spread, so that what was started together does not come back together.
  const int limit = 300 + static_cast<int>(clock_.chance() * 300);
  const std::string from = phase == Phase::streaming
                               ? "sendInitialEvents=true&resourceVersionMatch=NotOlderThan"
                               : "resourceVersion=" + escape_query(version_);
  request_ = transport_.start(
      {"GET",
       resource_.path() + "?watch=true&" + from +
           "&allowWatchBookmarks=true&timeoutSeconds=" + std::to_string(limit) + selectors(),
       "", "", fresh_});
}

bool Reflector::take(const Arrival& arrival) {
  if (request_ == 0 || arrival.request != request_) return false;
  heard_ = clock_.now();
  switch (arrival.kind) {
    case Arrival::Kind::head:
      take_head(arrival);
      break;
    case Arrival::Kind::body:
      take_body(arrival.bytes);
      break;
    case Arrival::Kind::end:
      request_ = 0;
      take_end(arrival.error);
      break;
  }
  return true;
}

void Reflector::take_answer() {
  if (!unreachable_) return;
  unreachable_ = false;
  back_ = true;
  back_since_ = clock_.now();
  delay_ = {};
}

void Reflector::ask_soon() {
  if (request_ != 0 || !unreachable_) return;
  const auto wait = std::chrono::duration_cast<std::chrono::milliseconds>(1s * clock_.chance());
  not_before_ = std::min<os::Time>(not_before_, clock_.now() + wait);
}

void Reflector::take_head(const Arrival& arrival) {
  status_ = arrival.status;
  take_answer();
  retry_after_ = arrival.retry_after.value_or(0s);
  // What could not be read may come again: then only what is read is an end of the trouble.
  if (status_ == 200 && phase_ == Phase::watching && !unreadable_) trouble_.clear();
}

void Reflector::take_body(const std::string& bytes) {
  if (status_ != 200) {
    body_.append(bytes, 0, longest_refusal - std::min(body_.size(), longest_refusal));
  } else if (phase_ == Phase::paging) {
    if (body_.size() + bytes.size() <= longest_page) {
      body_ += bytes;
      return;
    }
    leave();
    fail("a page of more than 512 MiB");
  } else {
    const bool fits = lines_.take(bytes, [this](std::string_view line) {
      // What comes after an event that ended the watch belongs to nothing.
      if (request_ != 0 && !line.empty()) take_line(line);
    });
    if (fits || request_ == 0) return;
    leave();
    fail("an event of more than 32 MiB");
  }
}

void Reflector::take_end(const std::string& error) {
  const bool cut = lines_.pending() > 0;
  if (!error.empty()) {
    unreachable_ = unreachable_ || status_ == 0;
    if (clock_.now() - opened_ >= long_lived) delay_ = {};
    fail(error);
  } else if (status_ != 200) {
    refused(decoder_.status(status_, body_));
  } else if (phase_ == Phase::paging) {
    take_page();
  } else if (phase_ == Phase::streaming) {
    // A server that does not know the parameter sends what there is, and no end of it.
    pages_next_ = true;
    fail("the streaming list ended before it was whole");
  } else if (cut || clock_.now() - opened_ < at_once) {
    fail(cut ? "the watch was cut off in the middle of an event" : "the watch ended at once");
  } else {
    not_before_ = clock_.now();  // its time was up
  }
}

void Reflector::take_line(std::string_view line) {
  WatchEvent event;
  if (const auto wrong = decoder_.event(line, event)) {
    leave();
    unreadable_ = true;
    fail("cannot read what the watch brought: " + *wrong);
    return;
  }
  take_event(event);
}

void Reflector::take_event(WatchEvent& event) {
  using Type = WatchEvent::Type;
  if (event.type == Type::error) {
    leave();
    refused(event.status);
    return;
  }
  const bool old = phase_ == Phase::watching && is_not_newer(event.version, version_);
  if (old && event.version != version_) {
    disordered();
    return;
  }
  if (!old) {
    if (event.type == Type::deleted) {
      cache_.remove(*event.object.id);
    } else if (event.type != Type::bookmark) {
      cache_.put(std::move(event.object));
    }
  }
  if (phase_ == Phase::watching) {
    if (!old) version_ = event.version;
    calm();
  } else if (event.initial_end) {
    phase_ = Phase::watching;
    finish_list(event.version);
  }
}

void Reflector::take_page() {
  ListPage page;
  if (const auto wrong = decoder_.page(body_, page)) {
    next_.clear();
    fail("cannot read what the list brought: " + *wrong);
    return;
  }
  for (Decoded& object : page.objects) cache_.put(std::move(object));
  next_ = page.next;
  not_before_ = clock_.now();
  if (next_.empty()) finish_list(page.version);
}

void Reflector::finish_list(const std::string& version) {
  cache_.end_list();
  synced_ = true;
  version_ = version;
  pages_next_ = unlimited_ = false;
  next_.clear();
  std::string().swap(body_);  // pages are large and seldom
  decoder_.release();
  calm();
}

void Reflector::leave() {
  if (request_ != 0) transport_.cancel(std::exchange(request_, 0));
}

// The server said no: to a request, or in a stream.
void Reflector::refused(const Status& status) {
  const std::string answer = std::to_string(status.code) +
                             (status.reason.empty() ? "" : " " + status.reason) + ": " +
                             status.message;
  const os::Time::duration wait =
      std::max(retry_after_,
               os::Time::duration(std::chrono::seconds(status.retry_after_seconds.value_or(0))));
  const bool streaming = phase_ == Phase::streaming;
  if (status.gone()) {
    gone(answer);
    return;
  }
  if (streaming && (status.code == 400 || status.code == 422)) {
    pages_only_ = true;
    not_before_ = clock_.now();
    return;
  }
  if (status.code == 400) next_.clear();  // the token is no good: from the start
  // A version that no server takes any more must not be asked for for ever.
  if (phase_ == Phase::watching && status.code != 401 && status.code != 403 && status.code != 429 &&
      (++refusals_ >= 3 || status.version_too_large || status.code == 400)) {
    version_.clear();
    refusals_ = 0;
  }
  refused_ = resource_.optional && (status.code == 403 || status.code == 404);
  if ((status.code == 403 || status.code == 429) && clock_.now() < back_since_ + warming_up) {
    const std::string before = trouble_;
    fail("", wait);
    trouble_ = before;
    return;
  }
  if (status.code == 403) {
    fail("not allowed to " + verb() + " " + resource_.name() + ": " + status.message +
             "; grant verbs list and watch on it to this user",
         wait);
  } else if (status.code == 401) {
    fail("the API server does not accept the credential (" + answer + ")", wait);
  } else if (status.code == 404) {
    fail("the API server has no " + resource_.name() + " in version " + resource_.version + " (" +
             answer + "): is its CustomResourceDefinition installed?",
         wait);
    if (refused_) trouble_.clear();
  } else {
    fail("cannot " + verb() + " " + resource_.name() + ": " + answer, wait);
  }
}

// What was asked from is no longer known: all is listed anew, at once the first time.
void Reflector::gone(const std::string& why) {
  version_.clear();
  // A token that expired is asked for no more.
  const bool again = next_.empty() && clock_.now() < gone_ + gone_pause;
  if (!next_.empty()) unlimited_ = true;
  next_.clear();
  gone_ = clock_.now();
  if (again) {
    fail(why);
    return;
  }
  trouble_.clear();
  delay_ = {};
  not_before_ = clock_.now();
}

// A watch tells versions in their order (Kubernetes API concepts, "Resource versions"). One that
// does not has kept something back, or has said that a list is whole when it was not; nobody will
// say it again, so all is listed anew.
void Reflector::disordered() {
  leave();
  version_.clear();
  const bool again = clock_.now() < disordered_ + disorder_pause;
  disordered_ = clock_.now();
  fail("the watch brought what is older than what it had brought before: listing all anew",
       again ? disorder_pause : os::Time::duration());
}

void Reflector::fail(const std::string& why, os::Time::duration least) {
  trouble_ = why;
  delay_ = std::clamp(delay_ * 2, first_delay, longest_delay_);
  const auto wait =
      std::chrono::duration_cast<std::chrono::milliseconds>(delay_ * (0.5 + clock_.chance() / 2));
  not_before_ =
      clock_.now() + std::max<os::Time::duration>(wait, std::min(least, longest_retry_after));
}

void Reflector::calm() {
  trouble_.clear();
  unreadable_ = false;
  delay_ = {};
  refusals_ = 0;
}

std::string Reflector::verb() const { return phase_ == Phase::paging ? "list" : "watch"; }

}  // namespace kube
