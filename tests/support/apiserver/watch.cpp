// Watches: a cursor in the store's events, read when somebody reads. Selection turns a change into
// an addition or a deletion where an object comes into, or falls out of, what is selected.
#include <algorithm>
#include <deque>

#include "support/apiserver/built_in.hpp"
#include "support/apiserver/fault_stream.hpp"
#include "support/apiserver/present.hpp"
#include "support/apiserver/versions.hpp"

namespace support::apiserver {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class Watch : public Lines {
 public:
  Watch(State& state, const Call& call)
      : state_(state),
        request_(std::make_shared<const Request>(call.request)),
        call_(parse_call(*request_)),
        selector_(selector_of(call)),
        form_(form_of(call)),
        bookmarks_(call.flag("allowWatchBookmarks")),
        version_(call.argument("resourceVersion")) {
    call_.resource = call.resource;
    call_.space = call.space;
    call_.now = call.now;
    const std::string timeout = call.argument("timeoutSeconds");
    deadline_ = state.now() + (timeout.empty() ? seconds(1800 + state.random() % 1800)
                                               : seconds(std::stoul(timeout)));
    begin();
  }

  std::vector<std::string> lines() override {
    std::vector<std::string> out;
    while (!initial_.empty()) {
      add(out, "ADDED", *initial_.front());
      initial_.pop_front();
    }
    if (announce_end_) {
      announce_end_ = false;
      add_bookmark(out, true);
    }
    if (!ended_) follow(out);
    const Time now = state_.now();
    if (!ended_ && bookmarks_ && now >= next_bookmark_ && now < deadline_) {
      add_bookmark(out, false);
      schedule_bookmark(now);
    }
    if (now >= deadline_) ended_ = true;
    return out;
  }

  [[nodiscard]] bool ended() const override { return ended_; }

  [[nodiscard]] Time due() const override {
    return bookmarks_ && !ended_ ? std::min(next_bookmark_, deadline_) : deadline_;
  }

 private:
  void begin() {
    const std::uint64_t now = state_.store.revision();
    const std::uint64_t wanted = read_version(version_);
    const bool streaming = call_.flag("sendInitialEvents");
    if (wanted > now) throw too_large(wanted, now);
    if (streaming || wanted == 0) {
      for (const auto& [key, object] : state_.store.list(call_.resource->storage(), call_.space)) {
        if (selects(*object)) initial_.push_back(object);
      }
      cursor_ = now;
      announce_end_ = streaming && bookmarks_;
      seen_list_ = streaming;
    } else {
      cursor_ = wanted;
    }
    schedule_bookmark(state_.now());
  }

  // Every minute, and shortly before the end, so that the client resumes from there. After a
  // streamed list the closing bookmark has said all there is to say for a while.
  void schedule_bookmark(Time now) {
    next_bookmark_ = now + seconds(60);
    const Time before_end = deadline_ - seconds(2);
    if (next_bookmark_ < before_end || seen_list_) return;
    next_bookmark_ = now < before_end ? before_end : now + milliseconds(1200);
  }

  [[nodiscard]] bool selects(const Json& object) const {
    return selector_.empty() || selector_.matches(call_.resource->present(object));
  }

  void follow(std::vector<std::string>& out) {
    if (cursor_ < state_.store.compacted()) {
      gone(out);
      return;
    }
    if (state_.resources.find(call_.resource->group, call_.resource->version,
                              call_.resource->plural) == nullptr) {
      ended_ = true;
    }
    state_.store.events_after(cursor_, [&](const Event& event) {
      cursor_ = event.revision;
      if (event.key.resource == call_.resource->storage() &&
          (call_.space.empty() || event.key.space == call_.space)) {
        add_event(out, event);
      }
      return true;
    });
    cursor_ = std::max(cursor_, state_.store.revision());
  }

  void add_event(std::vector<std::string>& out, const Event& event) {
    const bool was = event.before && selects(*event.before);
    const bool is = event.after && selects(*event.after);
    if (is) {
      add(out, was ? "MODIFIED" : "ADDED", *event.after);
    } else if (was) {
      Json last = *event.before;
      last["metadata"]["resourceVersion"] = std::to_string(event.revision);
      add(out, "DELETED", last);
    }
  }

  void gone(std::vector<std::string>& out) {
    Json status = status_object(410, "Expired",
                                "too old resource version: " + std::to_string(cursor_) + " (" +
                                    std::to_string(state_.store.compacted()) + ")");
    out.push_back(Json{{"type", "ERROR"}, {"object", std::move(status)}}.dump() + "\n");
    ended_ = true;
  }

  void add(std::vector<std::string>& out, const char* type, const Json& stored) {
    push(out, type, call_.resource->present(stored));
  }

  void add_bookmark(std::vector<std::string>& out, bool end_of_list) {
    Json object = zero_of(*call_.resource);
    object["metadata"] = {{"resourceVersion", std::to_string(cursor_)}};
    if (end_of_list) object["metadata"]["annotations"] = {{"k8s.io/initial-events-end", "true"}};
    push(out, "BOOKMARK", object);
  }

  void push(std::vector<std::string>& out, const char* type, const Json& object) {
    const Json event = {{"type", type}, {"object", present_event(call_, form_, object, first_)}};
    first_ = false;
    out.push_back(event.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
  }

  State& state_;
  std::shared_ptr<const Request> request_;  // which call_ refers to
  Call call_;
  Selector selector_;
  Form form_;
  bool bookmarks_;
  std::string version_;
  std::deque<Stored> initial_;
  std::uint64_t cursor_ = 0;
  Time deadline_;
  Time next_bookmark_;
  bool announce_end_ = false;
  bool seen_list_ = false;
  bool first_ = true;
  bool ended_ = false;
};

Refusal bad_option(const std::string& field, const std::string& why) {
  return invalid({"", "meta.k8s.io", "", "ListOptions"},
                 {{"FieldValueForbidden", "Forbidden: " + why, field}});
}

}  // namespace

Response watch_objects(State& state, const Call& call) {
  const std::string match = call.argument("resourceVersionMatch");
  const bool streaming = !call.argument("sendInitialEvents").empty();
  if (!match.empty() && !streaming) {
    throw bad_option("resourceVersionMatch",
                     "resourceVersionMatch is forbidden for watch unless sendInitialEvents is "
                     "provided");
  }
  if (streaming && match != "NotOlderThan") {
    throw bad_option("sendInitialEvents",
                     "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
  }
  Response out;
  out.headers = {{"content-type", "application/json"}};
  out.stream = with_fault(state, call, std::make_shared<Watch>(state, call));
  return out;
}

}  // namespace support::apiserver
