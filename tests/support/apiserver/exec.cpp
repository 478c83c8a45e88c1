#include "support/apiserver/exec.hpp"

namespace support::apiserver {

Response answer_exec(const State& state, const Call& call) {
  if (!state.store.get(call.key())) {
    throw failure(404, "NotFound", "pods \"" + call.name + "\" not found");
  }
  if (call.header("upgrade") != "websocket") {
    throw failure(400, "BadRequest", "you must specify at least 1 of stdin, stdout, stderr");
  }
  Json words = Json::array({call.space, call.name, call.argument("container")});
  // A word for each time that the query has it.
  const std::string& target = call.request.target;
  for (const std::string& pair : split(target.substr(target.find('?') + 1), '&')) {
    if (!pair.starts_with("command=")) continue;
    const Request one{"GET", "/?" + pair, {}, {}};
    words.push_back(parse_call(one).argument("command"));
  }
  Response out = json_response(101, {{"words", words}});
  return out;
}

}  // namespace support::apiserver
