// /_test: faults, compaction and tokens for clients in other processes. Nothing of it exists in a
// real API server; only system:masters gets here.
#include "support/apiserver/state.hpp"

namespace support::apiserver {
namespace {

Fault read_fault(const Json& body) {
  const std::string name = body.value("kind", "");
  const std::optional<Fault::Kind> kind = fault_kind(name);
  if (!kind) throw bad_request("no such fault: \"" + name + "\"");
  Fault fault;
  fault.kind = *kind;
  fault.method = body.value("method", "");
  fault.path = body.value("path", "");
  fault.times = body.value("times", 1);
  fault.after = body.value("after", std::size_t{0});
  fault.amount = body.value("amount", std::size_t{1});
  return fault;
}

void add_token(State& state, const Json& body) {
  User user = make_user(body.at("user"), body.value("groups", std::vector<std::string>()));
  if (body.contains("seconds")) {
    user.expires = state.now() + std::chrono::seconds(body["seconds"].get<int>());
  }
  state.access.add(body.at("token"), std::move(user));
}

}  // namespace

Response answer_control(State& state, const Call& call) {
  const std::string& method = call.request.method;
  const std::string what = call.path.size() > 1 ? call.path[1] : "";
  const Json body = call.request.body.empty() ? Json::object() : Json::parse(call.request.body);
  if (what == "faults" && method == "POST") {
    state.faults.push_back(read_fault(body));
  } else if (what == "faults" && method == "DELETE") {
    state.faults.clear();
  } else if (what == "compact" && method == "POST") {
    state.store.compact(body.value("revision", state.store.revision()));
  } else if (what == "tokens" && method == "POST") {
    add_token(state, body);
  } else if (what == "tokens" && method == "DELETE" && call.path.size() > 2) {
    state.access.expire(call.path[2], state.now());
  } else if (!(what == "state" && method == "GET")) {
    throw failure(404, "NotFound",
                  "there are POST and DELETE faults, POST compact, POST tokens, DELETE "
                  "tokens/TOKEN and GET state below /_test");
  }
  return json_response(200, {{"revision", state.store.revision()},
                             {"compacted", state.store.compacted()},
                             {"objects", state.store.objects().size()},
                             {"faults", state.faults.size()}});
}

}  // namespace support::apiserver
