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

constexpr os::Time::duration long_lived = 30s;  // a watch that lived so long was no failure
constexpr os::Time::duration at_once = 1s;      // and one that ended sooner was none at all

}  // namespace

std::string Resource::path() const {
  return (group.empty() ? "/api/" : "/apis/" + group + "/") + version +
         (ns.empty() ? "" : "/namespaces/" + ns) + "/" + plural;
}

std::string Resource::name() const { return group.empty() ? plural : plural + "." + group; }

Reflector::Reflector(Resource resource, Transport& transport, os::Clock clock, Reduce reduce,
                     const Trust& trust)
    : resource_(std::move(resource)),
      transport_(transport),
      clock_(std::move(clock)),
      confirm_after_(trust.confirm_after),
      loss_percent_(trust.loss_percent),
      decoder_(std::move(reduce)) {}

os::Time Reflector::due() const {
  if (request_ == 0) return not_before_;
  const os::Time silent = heard_ + (phase_ == Phase::paging ? page_silence : watch_silence);
  return phase_ == Phase::watching && confirm_at_ ? std::min(silent, *confirm_at_) : silent;
}

void Reflector::step() {
  if (clock_.now() < due()) return;
  if (request_ == 0) {
    begin();
    return;
  }
  if (phase_ == Phase::watching && confirm_at_ && clock_.now() >= *confirm_at_) {
    leave();
    version_.clear();
    not_before_ = clock_.now();
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
      ended_ = ended_ || phase_ != Phase::paging || !arrival.error.empty();
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
    if (!old) newest_ = version_ = event.version;
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

// Whether what the list lacks may be there nevertheless: it was all, or too much, or the server
// went back in time.
bool Reflector::doubts(bool older) const {
  if (confirm_after_ <= os::Time::duration() || resource_.own) return false;
  const std::size_t missing = cache_.missing();
  if (missing == 0) return false;
  const std::size_t known = cache_.known();
  return older || missing >= known ||
         missing * 100 > known * static_cast<std::size_t>(std::max(loss_percent_, 0));
}

void Reflector::end_list(bool older) {
  if (confirm_at_ && clock_.now() >= *confirm_at_) {
    cache_.confirm_list();
    confirm_at_.reset();
  }
  if (!doubts(older)) {
    cache_.end_list();
    confirm_at_.reset();
    doubt_.clear();
    synced_ = true;
    return;
  }
  const auto wait = std::chrono::ceil<std::chrono::seconds>(confirm_after_);
  doubt_ =
      "the list lacks " + std::to_string(cache_.missing()) + " of " +
      std::to_string(cache_.known()) + " objects that were known" +
      (older ? ", and is older than what was known (was the server restored from a backup?)" : "") +
      ": they stay in effect until a list lacks them " + std::to_string(wait.count()) +
      " s later, too (option confirm-deletions-after)";
  cache_.doubt_list();
  if (!confirm_at_) confirm_at_ = clock_.now() + confirm_after_;
}

void Reflector::finish_list(const std::string& version) {
  end_list(version != newest_ && is_not_newer(version, newest_));
  newest_ = version_ = version;
  pages_next_ = unlimited_ = false;
  next_.clear();
  std::string().swap(body_);  // pages are large and seldom
  decoder_.release();
  calm();
}

void Reflector::pause() {
  if (request_ == 0) return;
  leave();
  next_.clear();
  not_before_ = clock_.now();
}

void Reflector::leave() {
  if (request_ == 0) return;
  transport_.cancel(std::exchange(request_, 0));
  ended_ = true;
}

}  // namespace kube
