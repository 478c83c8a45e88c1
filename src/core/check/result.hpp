// What `pona diag check` found, as values: each question that was put to a host, and its answer.
// Not here: asking (cmd/diag/check), the questions (judge).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace core::check {

// What a host is looked at for.
enum class Role : std::uint8_t { pre, edge, node, nat, cluster, pod };
std::string_view to_string(Role role);

// From good to bad. `skipped`: it is no question here. `unknown`: it could not be read, which is
// never taken for good.
enum class State : std::uint8_t { ok, skipped, unknown, warn, error };
std::string_view to_string(State state);

// A command of a shell, or none where people have to decide; what it does, or what to decide.
struct Fix {
  std::string command;
  std::string comment;

  friend bool operator==(const Fix&, const Fix&) = default;
};

struct Result {
  int code = 0;
  State state{};
  std::string what;                   // one sentence, without its full stop
  std::vector<std::string> evidence;  // what was read, as it was read
  std::vector<Fix> fixes;
  bool privileges = false;  // of `unknown`: who has more rights would know

  friend bool operator==(const Result&, const Result&) = default;
};

using Results = std::vector<Result>;

inline Result ok(int code, std::string what, std::vector<std::string> evidence = {}) {
  return {code, State::ok, std::move(what), std::move(evidence), {}, false};
}
inline Result skipped(int code, std::string why) {
  return {code, State::skipped, std::move(why), {}, {}, false};
}
inline Result unknown(int code, std::string why, bool privileges) {
  return {code, State::unknown, std::move(why), {}, {}, privileges};
}

// A namespace that is looked at.
struct Place {
  std::string name;   // "this host", "pod shop/web-1"
  std::string netns;  // its path; empty: where commands are typed

  // The command, for who types it on this host.
  [[nodiscard]] std::string command(std::string_view text) const;
  // " in pod shop/web-1"; nothing for this host.
  [[nodiscard]] std::string where() const;

  friend bool operator==(const Place&, const Place&) = default;
};

// As a word of a shell, whatever it holds.
std::string quoted(std::string_view word);
// Nothing in it is a shell's, or nft's, to read otherwise than as a word: of commands that hold
// names of others.
bool is_plain(std::string_view command);

}  // namespace core::check
