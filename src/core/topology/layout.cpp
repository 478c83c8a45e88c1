#include "core/topology/layout.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace core::topology {
namespace {

using Role = Node::Role;

constexpr double margin = 28;
constexpr double top = 84;     // the title and the headings
constexpr double bottom = 68;  // lanes below the columns, and the legend
constexpr double column_gap = 100;
constexpr double box_gap = 16;
constexpr double narrowest = 150;
constexpr double side_room = 70;  // for lines that lead back into the last column

double width_of(const Box& box) {
  double width = narrowest;
  const double sign = box.severity == Severity::none ? 0 : 24;
  width = std::max(width, text_width(box.title, title_width) + sign);
  width = std::max(width, text_width(box.subtitle, mono_width));
  for (const Row& row : box.rows) {
    width = std::max(width, text_width(row.name, mono_width) + text_width(row.text, mono_width) +
                                (row.name.empty() || row.text.empty() ? 0 : 10) +
                                (row.indented ? row_indent : 0) +
                                (row.kind == Row::Kind::mark ? 18 : 0));
  }
  return width + 2 * box_padding;
}

double height_of(const Box& box) {
  return title_height + (box.subtitle.empty() ? 0 : subtitle_height) +
         row_height * static_cast<double>(box.rows.size()) + box_padding;
}

// Outside from the farthest, hosts from the nearest, pods.
std::pair<int, int> column_of(const Box& box) {
  const int layer = static_cast<int>(box.layer);
  return {static_cast<int>(box.role), box.role == Role::outside ? -layer : layer};
}

std::string_view heading_of(Role role) {
  switch (role) {
    case Role::outside:
      return "OUTSIDE";
    case Role::host:
      return "HOSTS";
    case Role::pod:
      break;
  }
  return "PODS";
}

}  // namespace

double text_width(std::string_view text, double per_character) {
  const auto characters = std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; });
  return static_cast<double>(characters) * per_character;
}

double row_middle(const Box& box, std::size_t row) {
  if (row == nowhere) return title_height / 2 + 2;
  return title_height + (box.subtitle.empty() ? 0 : subtitle_height) +
         row_height * (static_cast<double>(row) + 0.5);
}

Layout lay_out(const Picture& picture) {
  Layout layout;
  layout.boxes.resize(picture.boxes.size());
  std::map<std::pair<int, int>, std::vector<std::size_t>> columns;
  for (std::size_t i = 0; i < picture.boxes.size(); ++i)
    columns[column_of(picture.boxes[i])].push_back(i);

  double x = margin;
  std::map<std::pair<int, int>, double> heights;
  for (auto& [key, boxes] : columns) {
    double width = 0, height = 0;
    for (const std::size_t i : boxes) {
      width = std::max(width, width_of(picture.boxes[i]));
      height += height_of(picture.boxes[i]) + box_gap;
    }
    for (const std::size_t i : boxes) {
      layout.boxes[i].x = x;
      layout.boxes[i].width = width;
      layout.boxes[i].height = height_of(picture.boxes[i]);
    }
    const auto role = static_cast<Role>(key.first);
    if (layout.headings.empty() || layout.headings.back().text != heading_of(role)) {
      layout.headings.push_back({x, width, heading_of(role)});
    } else {
      layout.headings.back().width = x + width - layout.headings.back().x;
    }
    heights[key] = height - box_gap;
    layout.height = std::max(layout.height, height - box_gap);
    x += width + column_gap;
  }
  const double last = x - column_gap;
  const bool leads_back = std::ranges::any_of(picture.lines, [&](const Line& line) {
    return layout.boxes[line.from].x == layout.boxes[line.to].x &&
           layout.boxes[line.from].x + layout.boxes[line.from].width == last;
  });
  layout.width = std::max(last + (leads_back ? side_room : 0), 420.0) + margin;
  layout.height = std::max(layout.height, 40.0);

  // Each column in the order of what it leads to in those that stand already; hosts first, since
  // all hangs on them.
  std::vector<bool> stands(picture.boxes.size(), false);
  std::vector<std::pair<int, int>> order;
  for (const auto& [key, boxes] : columns) {
    if (key.first != static_cast<int>(Role::outside)) order.push_back(key);
  }
  for (auto at = columns.rbegin(); at != columns.rend(); ++at) {
    if (at->first.first == static_cast<int>(Role::outside)) order.push_back(at->first);
  }
  for (const auto& key : order) {
    std::vector<std::size_t>& boxes = columns[key];
    std::map<std::size_t, double> pull;
    for (const std::size_t i : boxes) {
      double sum = 0, count = 0;
      for (const Line& line : picture.lines) {
        for (const auto& [own, other, row] :
             {std::tuple{line.from, line.to, line.to_row}, {line.to, line.from, line.from_row}}) {
          if (own != i || !stands[other]) continue;
          sum += layout.boxes[other].y + row_middle(picture.boxes[other], row);
          ++count;
        }
      }
      pull[i] = count > 0 ? sum / count : 1e9;
    }
    std::ranges::stable_sort(boxes, {}, [&](std::size_t i) { return pull[i]; });
    double y = top + (layout.height - heights[key]) / 2;
    for (const std::size_t i : boxes) {
      layout.boxes[i].y = y;
      y += layout.boxes[i].height + box_gap;
      stands[i] = true;
    }
  }
  layout.floor = top + layout.height;
  layout.height += top + bottom;
  return layout;
}

}  // namespace core::topology
