#include "core/packet/choices.hpp"

#include <algorithm>
#include <utility>

namespace core::packet {

std::size_t Choices::choose(Fork fork) {
  fork.options = std::max<std::size_t>(fork.options, 1);
  const std::size_t asked = taken_.size();
  // A script may be of another ruleset's walk: what it cannot mean is the first way.
  const bool scripted = asked < script_.size() && script_[asked] < fork.options;
  const std::size_t option = scripted ? script_[asked] : 0;
  taken_.push_back({std::move(fork), option});
  return option;
}

std::optional<std::vector<std::size_t>> Choices::next(Fork::Kind kind,
                                                      std::size_t most_options) const {
  for (std::size_t last = taken_.size(); last-- > 0;) {
    const auto& [fork, option] = taken_[last];
    if (fork.kind != kind || option + 1 >= std::min(fork.options, most_options)) continue;
    std::vector<std::size_t> script;
    script.reserve(last + 1);
    for (std::size_t i = 0; i < last; ++i) script.push_back(taken_[i].option);
    script.push_back(option + 1);
    return script;
  }
  return std::nullopt;
}

}  // namespace core::packet
