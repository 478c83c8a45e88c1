// Where the way of a packet forks for somebody who only reads: load balancing, and what is not
// modelled. A walk asks at each fork; the same walk with another script takes another way. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace core::packet {

struct Fork {
  enum class Kind : std::uint8_t {
    balancing,   // each way is taken by some packets
    assumption,  // one way is right, and it is not known which; the first one is assumed
  };
  Kind kind{};
  std::string what;  // "numgen random mod 3", "the match recent is not known: assumed not to fit"
  std::size_t options = 2;  // at least 1; of an assumption with one, no other way is modelled
  std::string where{};      // "ip filter FORWARD rule 9"; empty where it is not at a rule
};

struct Taken {
  Fork fork;
  std::size_t option = 0;
};

class Choices {
 public:
  Choices() = default;
  explicit Choices(std::vector<std::size_t> script) : script_(std::move(script)) {}

  // As the script says, and 0 behind its end.
  std::size_t choose(Fork fork);
  [[nodiscard]] const std::vector<Taken>& taken() const { return taken_; }

  // The script of the next way that no walk has taken, of forks of this kind; the first
  // `most_options` of each. Nothing: that was the last one.
  [[nodiscard]] std::optional<std::vector<std::size_t>> next(Fork::Kind kind,
                                                             std::size_t most_options) const;

 private:
  std::vector<std::size_t> script_;
  std::vector<Taken> taken_;
};

}  // namespace core::packet
