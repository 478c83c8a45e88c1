// Where the boxes of a picture stand: columns from outside to the pods, in each those together that
// lead to the same. Lengths are in pixels of SVG at its own size.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/topology/picture.hpp"

namespace core::topology {

inline constexpr double row_height = 18;
inline constexpr double title_height = 26;
inline constexpr double subtitle_height = 16;
inline constexpr double box_padding = 10;
inline constexpr double row_indent = 14;
inline constexpr double mono_width = 7.3;   // of a character of 12 px, as wide as common fonts have
inline constexpr double title_width = 8.8;  // of 13 px, bold

struct Place {
  double x = 0, y = 0, width = 0, height = 0;
};

struct Heading {
  double x = 0, width = 0;
  std::string_view text;
};

struct Layout {
  std::vector<Place> boxes;  // as in the picture
  std::vector<Heading> headings;
  double floor = 0;  // no box reaches below it
  double width = 0, height = 0;
};

Layout lay_out(const Picture& picture);

// The middle of a row, from the box's upper edge; of the title for `nowhere`.
double row_middle(const Box& box, std::size_t row);
double text_width(std::string_view text, double per_character);  // of UTF-8

}  // namespace core::topology
