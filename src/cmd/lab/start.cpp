#include "cmd/lab/start.hpp"

#include "core/error.hpp"

namespace cmd {

void start_servers(LabHome& lab, const std::string& name, std::uint16_t http, std::uint16_t echo) {
  lab.start(name, name,
            {"lab", "serve", "--name", name, "--http", std::to_string(http), "--echo",
             std::to_string(echo)});
}

void await(Lab& lab, const std::string& process, const std::string& where, const Peer& to,
           const std::string& path) {
  const Origin origin{lab.home.at(where), lab.waiting, {}, Milliseconds(1000)};
  Answer answer;
  const bool ready = lab.waiting.until(Clock::now() + lab_patience, [&] {
    answer = http_get(origin, to, path);
    return answer.ok() || !lab.home.running(process);
  });
  if (ready && answer.ok()) return;
  throw core::Error(core::Error::Kind::permanent,
                    process +
                        (lab.home.running(process) ? " does not become ready" : " has ended") +
                        " (http://" + to_string(to) + path + ": " + answer.error +
                        (answer.text.empty() ? "" : ", " + answer.text) + "); its last words:\n" +
                        lab.home.log_tail(process));
}

}  // namespace cmd
