// For the drawing programs of others.
#include <algorithm>
#include <array>
#include <string>

#include "core/printable.hpp"
#include "core/topology/picture.hpp"
#include "core/topology/print.hpp"

namespace core::topology {
namespace {

using Role = Node::Role;

constexpr std::array roles{std::pair{Role::outside, "Outside"}, std::pair{Role::host, "Hosts"},
                           std::pair{Role::pod, "Pods"}};

// Of a row or a title. What has a meaning in one of the languages is said in other letters.
std::string replaced(std::string_view text, std::string_view special,
                     const std::array<std::string_view, 6>& with) {
  std::string result;
  for (const char c : printable(text)) {
    const std::size_t at = special.find(c);
    if (at == std::string_view::npos) {
      result += c;
    } else {
      result += with[at];
    }
  }
  return result;
}

// https://mermaid.js.org/syntax/flowchart.html#entity-codes-to-escape-characters
std::string in_mermaid(std::string_view text) {
  return replaced(text, "\"#<>&`", {"#quot;", "#35;", "#lt;", "#gt;", "#amp;", "#96;"});
}

std::string in_dot(std::string_view text) { return replaced(text, "\"\\", {"\\\"", "\\\\"}); }

std::string in_words(Severity severity) {
  if (severity == Severity::none) return "";
  return severity == Severity::fault ? "✖ " : "⚠ ";
}

std::string row_text(const Row& row) {
  std::string text = row.indented ? "  " : "";
  text += in_words(row.severity);
  text += row.name;
  if (!row.name.empty() && !row.text.empty()) text += "  ";
  return text + row.text;
}

std::vector<std::string> rows_of(const Box& box) {
  std::vector<std::string> rows;
  if (!box.subtitle.empty()) rows.push_back(box.subtitle);
  for (const Row& row : box.rows) rows.push_back(row_text(row));
  return rows;
}

std::string line_text(const Picture& picture, const Line& line) {
  const auto name = [&](std::size_t box, std::size_t row) {
    return row == nowhere ? std::string() : picture.boxes[box].rows[row].name;
  };
  if (line.kind != Line::Kind::cable) return name(line.from, line.from_row);
  std::string text = name(line.from, line.from_row);
  const std::string other = name(line.to, line.to_row);
  if (!other.empty()) text += (text.empty() ? "" : " - ") + other;
  return in_words(line.severity) + text;
}

std::string_view colour(Severity severity) {
  return severity == Severity::fault ? "#cf222e" : "#bf8700";
}

}  // namespace

std::string to_mermaid(const Graph& graph) {
  const Picture picture = picture_of(graph);
  std::string text = "flowchart LR\n";
  for (const auto& [role, title] : roles) {
    if (std::ranges::find(picture.boxes, role, &Box::role) == picture.boxes.end()) continue;
    text += "  subgraph " + std::string(title) + "\n";
    for (std::size_t i = 0; i < picture.boxes.size(); ++i) {
      const Box& box = picture.boxes[i];
      if (box.role != role) continue;
      text += "    n" + std::to_string(i) + "[\"<b>" + in_mermaid(box.title) + "</b>";
      for (const std::string& row : rows_of(box)) text += "<br/>" + in_mermaid(row);
      text += "\"]\n";
    }
    text += "  end\n";
  }
  std::string styles;
  for (std::size_t i = 0; i < picture.lines.size(); ++i) {
    const Line& line = picture.lines[i];
    const std::string label = in_mermaid(line_text(picture, line));
    const std::string_view arrow = line.kind == Line::Kind::cable     ? " ---"
                                   : line.kind == Line::Kind::mapping ? " ==>"
                                                                      : " -.->";
    text += "  n" + std::to_string(line.from) + std::string(arrow);
    if (!label.empty()) text += "|\"" + label + "\"|";
    text += " n" + std::to_string(line.to) + "\n";
    if (line.severity != Severity::none) {
      styles += "  linkStyle " + std::to_string(i) +
                " stroke:" + std::string(colour(line.severity)) + ",stroke-width:3px\n";
    }
  }
  for (std::size_t i = 0; i < picture.boxes.size(); ++i) {
    const Severity severity = picture.boxes[i].severity;
    if (severity == Severity::none) continue;
    styles += "  style n" + std::to_string(i) + " stroke:" + std::string(colour(severity)) +
              ",stroke-width:3px\n";
  }
  return text + styles;
}

std::string to_dot(const Graph& graph) {
  const Picture picture = picture_of(graph);
  std::string text =
      "digraph topology {\n  rankdir=LR;\n  node [shape=box, fontname=\"sans-serif\"];\n"
      "  edge [fontname=\"sans-serif\", fontsize=10];\n";
  for (const auto& [role, title] : roles) {
    if (std::ranges::find(picture.boxes, role, &Box::role) == picture.boxes.end()) continue;
    text += "  subgraph cluster_" + std::string(to_string(role)) + " {\n    label=\"" +
            std::string(title) + "\";\n";
    for (std::size_t i = 0; i < picture.boxes.size(); ++i) {
      const Box& box = picture.boxes[i];
      if (box.role != role) continue;
      text += "    n" + std::to_string(i) + " [label=\"" + in_dot(box.title) + "\\n";
      for (const std::string& row : rows_of(box)) text += in_dot(row) + "\\l";
      text += "\"";
      if (box.elsewhere) text += ", style=dashed";
      if (box.severity != Severity::none)
        text += ", color=\"" + std::string(colour(box.severity)) + "\", penwidth=3";
      text += "];\n";
    }
    text += "  }\n";
  }
  for (const Line& line : picture.lines) {
    text += "  n" + std::to_string(line.from) + " -> n" + std::to_string(line.to) + " [label=\"" +
            in_dot(line_text(picture, line)) + "\"";
    if (line.kind == Line::Kind::cable) text += ", dir=none";
    if (line.kind == Line::Kind::egress) text += ", style=dashed";
    if (line.severity != Severity::none)
      text += ", color=\"" + std::string(colour(line.severity)) + "\", penwidth=3";
    text += "];\n";
  }
  return text + "}\n";
}

}  // namespace core::topology
