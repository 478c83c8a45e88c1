// A topology as boxes with rows and lines between rows, small enough to be looked at: what is alike
// is one box with a count. The pictures of all formats are made of it; where things stand in one
// that pona draws itself is layout.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/topology/graph.hpp"

namespace core::topology {

struct Row {
  enum class Kind : std::uint8_t { interface, object, mark, more };
  Kind kind{};
  std::string name;  // stands out
  std::string text;  // behind it
  bool indented = false;
  Severity severity{};
};

struct Box {
  Node::Role role{};
  std::size_t layer = 0;  // outside: cables to the nearest host; hosts: to the one nearest outside
  std::string title;
  std::string subtitle;   // may be empty
  std::size_t count = 1;  // nodes that it stands for
  bool elsewhere = false;
  Severity severity{};
  std::vector<std::string> members;  // their names, where there are several
  std::vector<Row> rows;
};

struct Line {
  enum class Kind : std::uint8_t { cable, mapping, egress };
  Kind kind{};
  std::size_t from = 0, to = 0;                      // boxes
  std::size_t from_row = nowhere, to_row = nowhere;  // nowhere: the title
  std::size_t count = 1;                             // that it stands for
  Severity severity{};
};

struct Picture {
  std::vector<Box> boxes;
  std::vector<Line> lines;
};

// Pods that are alike are told one by one up to this many of all pods.
inline constexpr std::size_t pods_unfolded = 12;
// No more boxes in a column, and no more rows of a kind in a box: the rest is one.
inline constexpr std::size_t most_boxes = 24;
inline constexpr std::size_t most_rows = 16;

Picture picture_of(const Graph& graph);

// Nodes of the graph as groups, each a box; nodes of a group are in order.
std::vector<std::vector<std::size_t>> fold(const Graph& graph);

}  // namespace core::topology
