// What a topology looks like in each format. PONA_WRITE_GOLDEN=1 writes the files anew; look at the
// pictures before you commit them.
#include "core/topology/print.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "core/topology/layout.hpp"
#include "support/catch.hpp"
#include "unit/core/topology/example.hpp"

namespace unit::topology_print_test {

using namespace core::topology;
using namespace unit::topology_example;

namespace {

std::string all_of(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

void compare(const std::string& name, const std::string& text) {
  const std::string path = std::string(PONA_TEST_DATA) + "/topology/" + name;
  if (std::getenv("PONA_WRITE_GOLDEN") != nullptr) std::ofstream(path) << text;
  std::ostringstream golden;
  golden << std::ifstream(path).rdbuf();
  CHECK(text == golden.str());
}

void compare_all(const std::string& name, const Graph& graph) {
  compare(name + ".txt", all_of(to_lines(graph)));
  compare(name + ".mmd", to_mermaid(graph));
  compare(name + ".dot", to_dot(graph));
  compare(name + ".svg", to_svg(graph));
}

// Elements are closed in order, attributes are in quotes, and nothing else has an angle bracket.
bool is_well_formed(const std::string& xml) {
  std::vector<std::string> open;
  std::size_t at = 0;
  while ((at = xml.find_first_of("<>", at)) != std::string::npos) {
    const std::size_t end = xml.find_first_of("<>", at + 1);
    if (xml[at] != '<' || end == std::string::npos || xml[end] != '>') return false;
    const std::string tag = xml.substr(at + 1, end - at - 1);
    at = end + 1;
    if (tag.empty() || std::ranges::count(tag, '"') % 2 != 0) return false;
    if (tag.back() == '/') continue;
    if (tag.front() != '/') {
      open.push_back(tag.substr(0, tag.find(' ')));
      continue;
    }
    if (open.empty() || open.back() != tag.substr(1)) return false;
    open.pop_back();
  }
  return open.empty();
}

bool apart(const Place& a, const Place& b) {
  return a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y ||
         b.y + b.height <= a.y;
}

void check_layout(const Graph& graph) {
  const Picture picture = picture_of(graph);
  const Layout layout = lay_out(picture);
  REQUIRE(layout.boxes.size() == picture.boxes.size());
  for (std::size_t i = 0; i < layout.boxes.size(); ++i) {
    const Place& box = layout.boxes[i];
    CHECK((box.x >= 0 && box.x + box.width <= layout.width));
    CHECK((box.y >= 0 && box.y + box.height <= layout.floor));
    for (std::size_t j = 0; j < i; ++j) CHECK(apart(box, layout.boxes[j]));
    for (const Row& row : picture.boxes[i].rows) {
      CHECK(text_width(row.name, mono_width) + text_width(row.text, mono_width) <= box.width);
    }
  }
  for (const Line& line : picture.lines) {
    CHECK((line.from_row == nowhere || line.from_row < picture.boxes[line.from].rows.size()));
    CHECK((line.to_row == nowhere || line.to_row < picture.boxes[line.to].rows.size()));
  }
  CHECK(layout.height < 2500);
  CHECK(is_well_formed(to_svg(graph)));
}

}  // namespace

TEST_CASE("topology: an edge with faults, in each format") {
  compare_all("broken-edge", broken_edge());
}

TEST_CASE("topology: a node with an Egress, in each format") { compare_all("node", node(9)); }

TEST_CASE("topology: of a hundred pods those that are alike are one box") {
  const Graph graph = node(100);
  compare("hundred.svg", to_svg(graph));
  const Picture picture = picture_of(graph);
  std::size_t nodes = 0;
  for (const Box& box : picture.boxes) nodes += box.count;
  CHECK(nodes == graph.nodes.size());
  CHECK(picture.boxes.size() < 12);
}

TEST_CASE("topology: boxes are apart and hold their texts at any size") {
  for (const std::size_t pods :
       {std::size_t{0}, std::size_t{1}, std::size_t{10}, std::size_t{100}}) {
    CAPTURE(pods);
    check_layout(edge(pods));
    check_layout(node(pods));
  }
  check_layout(broken_edge());
  check_layout({});
}

TEST_CASE("topology: many that are not alike are told as far as a picture bears") {
  Graph graph = node(100);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    for (Interface& one : graph.nodes[i].interfaces) {
      if (one.name == "eth0") one.mtu = 1000 + static_cast<std::uint32_t>(i);
    }
  }
  check_layout(graph);
  CHECK(picture_of(graph).boxes.size() <= 2 + most_boxes);
}

TEST_CASE("topology: thousands of mappings are rows for some, those that fail first") {
  Graph graph = edge(3);
  for (std::size_t i = 0; i < 1000; ++i) {
    Mapping mapping{"Mapping shop/m" + std::to_string(i), "active", 0, {}, {}, {}};
    mapping.ports = {{"203.0.113.5:" + std::to_string(1000 + i) + "/tcp", "", true, {}}};
    if (i != 900) mapping.ports[0].endpoints = {{"10.1.0.11:80", 3, 100, false}};
    if (i == 900) mapping.marks = {{Severity::fault, "no-endpoint", "no ready endpoint"}};
    graph.mappings.push_back(mapping);
  }
  check_layout(graph);
  const Picture picture = picture_of(graph);
  const auto& rows = picture.boxes[0].rows;
  const auto failing = std::ranges::find(rows, "Mapping shop/m900", &Row::name);
  CHECK(failing != rows.end());
  CHECK(rows.size() < 30);
}

}  // namespace unit::topology_print_test
