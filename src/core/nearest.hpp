// Which known word an unknown one is most likely a slip of: for "did you mean …?".
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

namespace core {

// Levenshtein's distance: inserted, removed and replaced letters count one each.
std::size_t edit_distance(std::string_view from, std::string_view to);

// The nearest of `words`, if at most a third of the letters of `word` (but two) differ.
std::optional<std::string_view> nearest(std::string_view word,
                                        std::span<const std::string_view> words);

}  // namespace core
