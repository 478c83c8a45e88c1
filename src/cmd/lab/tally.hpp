// Many requests in a lab, and who answered them; and connections that stay open, and who has them.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "cmd/lab/kind.hpp"
#include "cmd/lab/traffic.hpp"

namespace cmd {

struct Tally {
  std::map<std::string, int> answers;  // who -> how often
  int asked = 0;
  std::vector<std::string> errors;

  void add(const Answer& answer);
  // Where nothing works, a few attempts tell as much as many.
  [[nodiscard]] bool hopeless() const { return errors.size() >= 3; }
};

std::string to_string(const Tally& tally);  // "pod1 21, pod2 18, 1 failed (no answer)"

// An empty source: the kernel chooses the address.
Origin from(Lab& lab, const std::string& host, std::string_view source = {});

// Up to `times` requests for the server's name, each on a connection of its own.
Tally get_many(const Origin& origin, const Peer& to, int times);

struct OpenStreams {
  struct One {
    Stream stream;
    std::string who;
  };
  std::vector<One> streams;
  std::vector<std::string> errors;

  // A connection to the echo server at `to`; `who` it is with, by how that greets.
  void open(const Origin& origin, const Peer& to,
            const std::function<std::string(const std::string& greeting)>& who);

  // Those with `who`, which are in this one no longer.
  OpenStreams take(std::string_view who);

  // One line there and back on each; how many of them did it, and how long the last one took.
  struct Check {
    std::size_t alive = 0;
    Clock::duration slowest{};
  };
  Check check(const std::string& line, Milliseconds patience);
};

Tally tally_of(const OpenStreams& open);

}  // namespace cmd
