// SVG 1.1 with a style sheet for light and dark surroundings, so that a README can show it as it
// is.
#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/printable.hpp"
#include "core/topology/layout.hpp"
#include "core/topology/print.hpp"

namespace core::topology {
namespace {

// The first rules are for those who know no media queries.
constexpr std::string_view style = R"(  <style>
    text { font: 12px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: #24292f; }
    .heading { font: 600 11px system-ui, "DejaVu Sans", Helvetica, Arial, sans-serif; letter-spacing: 1px; fill: #6e7781; }
    .caption { font: 600 15px system-ui, "DejaVu Sans", Helvetica, Arial, sans-serif; }
    .title { font: 600 13px system-ui, "DejaVu Sans", Helvetica, Arial, sans-serif; }
    .dim { fill: #6e7781; }
    .small { font-size: 11px; fill: #6e7781; }
    .count { stroke: #ffffff; stroke-width: 4; paint-order: stroke; }
    .paper { fill: #ffffff; stroke: #d0d7de; }
    .rule { stroke: #d8dee4; }
    .box { fill: #f6f8fa; stroke: #8c959f; stroke-width: 1.2; }
    .host { fill: #ddf4ff; stroke: #54aeff; }
    .pod { fill: #eefbf0; stroke: #4ac26b; }
    .elsewhere { stroke-dasharray: 5 3; }
    .cable { fill: none; stroke: #8c959f; stroke-width: 1.6; }
    .mapping { fill: none; stroke: #0969da; stroke-width: 1.6; }
    .egress { fill: none; stroke: #8250df; stroke-width: 1.6; stroke-dasharray: 6 4; }
    .object { fill: #0550ae; }
    .mapping-tip { fill: #0969da; }
    .egress-tip { fill: #8250df; }
    .fault-line { stroke: #cf222e; stroke-width: 2.2; }
    .warning-line { stroke: #bf8700; stroke-width: 2.2; }
    .fault-box { stroke: #cf222e; stroke-width: 2.4; }
    .warning-box { stroke: #bf8700; stroke-width: 2.4; }
    .fault-text { fill: #a40e26; }
    .warning-text { fill: #7d4e00; }
    .fault-sign { fill: #cf222e; }
    .warning-sign { fill: #bf8700; }
    .stroke { stroke: #ffffff; stroke-width: 1.8; stroke-linecap: round; fill: none; }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3; }
      .heading, .dim, .small { fill: #9198a1; }
      .count { stroke: #0d1117; }
      .paper { fill: #0d1117; stroke: #3d444d; }
      .rule { stroke: #3d444d; }
      .box { fill: #151b23; stroke: #656c76; }
      .host { fill: #0c2238; stroke: #1f6feb; }
      .pod { fill: #0f2417; stroke: #2ea043; }
      .cable { stroke: #656c76; }
      .mapping { stroke: #58a6ff; }
      .egress { stroke: #ab7df8; }
      .object { fill: #79c0ff; }
      .mapping-tip { fill: #58a6ff; }
      .egress-tip { fill: #ab7df8; }
      .fault-line, .fault-box { stroke: #f85149; }
      .warning-line, .warning-box { stroke: #d29922; }
      .fault-text { fill: #ff7b72; }
      .warning-text { fill: #e3b341; }
    }
  </style>
)";

std::string escaped_xml(std::string_view text) {
  std::string result;
  for (const char c : printable(text)) {
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      default:
        result += c;
    }
  }
  return result;
}

// To half a pixel: never "1e+03", and the same on each machine.
std::string number(double value) {
  const auto halves = static_cast<long>(value * 2 + (value < 0 ? -0.5 : 0.5));
  return std::to_string(halves / 2) + (halves % 2 != 0 ? ".5" : "");
}

std::string point(double x, double y) { return number(x) + " " + number(y) + " "; }

std::string attribute(std::string_view name, double value) {
  return " " + std::string(name) + "=\"" + number(value) + "\"";
}

std::string text_at(double x, double y, std::string_view css, std::string_view text) {
  return "  <text" + attribute("x", x) + attribute("y", y) +
         (css.empty() ? "" : " class=\"" + std::string(css) + "\"") + ">" + escaped_xml(text) +
         "</text>\n";
}

// A disk with a cross, a triangle with an exclamation mark: told apart without colours, too.
std::string sign_at(double x, double y, Severity severity) {
  if (severity == Severity::none) return "";
  const std::string at = "  <g transform=\"translate(" + number(x) + " " + number(y) + ")\">";
  if (severity == Severity::fault) {
    return at +
           "<circle r=\"7\" class=\"fault-sign\"/>"
           "<path d=\"M-2.5 -2.5L2.5 2.5M2.5 -2.5L-2.5 2.5\" class=\"stroke\"/></g>\n";
  }
  return at +
         "<path d=\"M0 -7L8 6.5L-8 6.5Z\" class=\"warning-sign\"/>"
         "<path d=\"M0 -2.5L0 1.5M0 4.2L0 4.3\" class=\"stroke\"/></g>\n";
}

std::string_view class_of(Line::Kind kind) {
  switch (kind) {
    case Line::Kind::cable:
      return "cable";
    case Line::Kind::mapping:
      return "mapping";
    case Line::Kind::egress:
      break;
  }
  return "egress";
}

class SvgWriter {
 public:
  explicit SvgWriter(const Graph& graph)
      : graph_(graph), picture_(picture_of(graph)), layout_(lay_out(picture_)) {}

  std::string write() {
    const std::string width = number(layout_.width), height = number(layout_.height);
    text_ = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + width + "\" height=\"" + height +
            "\" viewBox=\"0 0 " + width + " " + height + "\" role=\"img\">\n";
    text_ += "  <title>" + escaped_xml(caption()) + "</title>\n";
    text_ += style;
    text_ += "  <rect class=\"paper\" x=\"0.5\" y=\"0.5\"" + attribute("width", layout_.width - 1) +
             attribute("height", layout_.height - 1) + " rx=\"8\"/>\n";
    text_ += text_at(28, 34, "caption", caption());
    for (const Heading& one : layout_.headings) {
      text_ += text_at(one.x, 64, "heading", one.text);
      text_ += "  <path class=\"rule\" d=\"M" + number(one.x) + " 71H" + number(one.x + one.width) +
               "\"/>\n";
    }
    for (const Line& one : picture_.lines) line(one);
    for (std::size_t i = 0; i < picture_.boxes.size(); ++i)
      box(picture_.boxes[i], layout_.boxes[i]);
    text_ += signs_;
    legend();
    return text_ + "</svg>\n";
  }

 private:
  std::string caption() const {
    const std::string where = graph_.nodes.empty() ? "nothing" : graph_.nodes.front().name;
    return "Network of " + where;
  }

  void line(const Line& one) {
    const Place& a = layout_.boxes[one.from];
    const Place& b = layout_.boxes[one.to];
    const double ya = a.y + row_middle(picture_.boxes[one.from], one.from_row);
    const double yb = b.y + row_middle(picture_.boxes[one.to], one.to_row);
    double xa = a.x + a.width, xb = b.x, bend_a = 0, bend_b = 0;
    if (a.x == b.x) {
      // The farther, the wider, so that several do not become one.
      const double bulge = std::min(64.0, 30 + std::abs(ya - yb) / 16);
      xb = b.x + b.width;
      bend_a = xa + bulge;
      bend_b = xb + bulge;
    } else {
      if (a.x > b.x) {
        xa = a.x;
        xb = b.x + b.width;
      }
      const double reach = (xb - xa) / 2;
      bend_a = xa + reach;
      bend_b = xb - reach;
    }
    const std::string css(class_of(one.kind));
    const std::string worse =
        one.severity == Severity::none ? "" : " " + std::string(to_string(one.severity)) + "-line";
    const auto lane = lane_of(one, std::min(xa, xb), std::max(xa, xb));
    std::string way = "M" + point(xa, ya);
    double sign_x = (xa + 3 * bend_a + 3 * bend_b + xb) / 8, sign_y = (ya + yb) / 2;
    if (lane) {
      // Below what stands in between.
      const bool right = xa < xb;
      const double down = right ? lane->first : lane->last, up = right ? lane->last : lane->first;
      const double a_half = (xa + down) / 2, b_half = (up + xb) / 2;
      way += "C" + point(a_half, ya) + point(a_half, lane->y) + point(down, lane->y) + "H" +
             number(up) + "C" + point(b_half, lane->y) + point(b_half, yb) + point(xb, yb);
      bend_b = b_half;
      sign_x = (down + up) / 2;
      sign_y = lane->y;
    } else {
      way += "C" + point(bend_a, ya) + point(bend_b, yb) + point(xb, yb);
    }
    text_ += "  <path class=\"" + css + worse + "\" d=\"" + way + "\"/>\n";
    if (one.kind != Line::Kind::cable) {
      const double back = bend_b < xb ? -8 : 8;
      text_ += "  <path class=\"" + css + "-tip\" d=\"M" + number(xb) + " " + number(yb) + "l" +
               number(back) + " -4v8z\"/>\n";
    }
    signs_ += sign_at(sign_x, sign_y, one.severity);
    if (one.count > 1 && one.kind == Line::Kind::cable) {
      const bool up = one.severity != Severity::none;
      signs_ += text_at(sign_x - 8, sign_y - (up ? 12 : -4), "small count",
                        "×" + std::to_string(one.count));
    }
  }

  struct Lane {
    double first = 0, last = 0;  // from and to where it is below boxes
    double y = 0;
  };
  // Nothing: no box stands between the two ends. Lines from one row share a lane.
  std::optional<Lane> lane_of(const Line& one, double low, double high) {
    Lane lane{high, low, 0};
    for (const Place& place : layout_.boxes) {
      if (place.x <= low || place.x + place.width >= high) continue;
      lane.first = std::min(lane.first, place.x);
      lane.last = std::max(lane.last, place.x + place.width);
      lane.y = std::max(lane.y, place.y + place.height);
    }
    if (lane.first >= lane.last) return std::nullopt;
    constexpr std::size_t lanes = 5;
    const std::size_t number =
        lanes_.try_emplace({one.from, one.from_row}, lanes_.size()).first->second;
    lane.y += 10 + 4 * static_cast<double>(number % lanes);
    return lane;
  }

  // Of what stands for several: one sheet behind another.
  void box(const Box& one, const Place& at) {
    std::string css = "box";
    if (one.role != Node::Role::outside) css += " " + std::string(to_string(one.role));
    if (one.elsewhere) css += " elsewhere";
    if (one.severity != Severity::none) css += " " + std::string(to_string(one.severity)) + "-box";
    const auto sheet = [&](double shift) {
      return "  <rect class=\"" + css + "\"" + attribute("x", at.x + shift) +
             attribute("y", at.y + shift) + attribute("width", at.width) +
             attribute("height", at.height) + " rx=\"6\"/>\n";
    };
    text_ += "  <g>\n";
    if (!one.members.empty()) {
      std::string names;
      constexpr std::size_t most_names = 40;
      for (std::size_t i = 0; i < std::min(one.members.size(), most_names); ++i)
        names += (i == 0 ? "" : ", ") + one.members[i];
      if (one.members.size() > most_names) names += ", …";
      text_ += "  <title>" + escaped_xml(names) + "</title>\n";
      text_ += sheet(6) + sheet(3);
    }
    text_ += sheet(0);
    double y = at.y + 18;
    text_ += text_at(at.x + box_padding, y, "title", one.title);
    text_ += sign_at(at.x + at.width - 15, at.y + 14, one.severity);
    if (!one.subtitle.empty()) {
      y += subtitle_height;
      text_ += text_at(at.x + box_padding, y, "small", one.subtitle);
    }
    for (std::size_t i = 0; i < one.rows.size(); ++i) {
      row(one.rows[i], at.x + box_padding, at.y + row_middle(one, i));
    }
    text_ += "  </g>\n";
  }

  void row(const Row& one, double x, double middle) {
    if (one.indented) x += row_indent;
    const double y = middle + 4;
    if (one.kind == Row::Kind::mark) {
      text_ += sign_at(x + 7, middle, one.severity);
      text_ += text_at(x + 18, y, std::string(to_string(one.severity)) + "-text", one.text);
      return;
    }
    if (!one.name.empty()) {
      text_ += text_at(x, y, one.kind == Row::Kind::object ? "object" : "", one.name);
      x += text_width(one.name, mono_width) + 10;
    }
    if (!one.text.empty()) text_ += text_at(x, y, "dim", one.text);
  }

  // Of the kinds of lines that are there.
  void legend() {
    double x = 28;
    const double y = layout_.height - 20;
    constexpr std::array kinds{std::pair{Line::Kind::cable, "cable"},
                               std::pair{Line::Kind::mapping, "mapping to its endpoints"},
                               std::pair{Line::Kind::egress, "egress to its NAT pods"}};
    for (const auto& [kind, words] : kinds) {
      if (std::ranges::find(picture_.lines, kind, &Line::kind) == picture_.lines.end()) continue;
      text_ += "  <path class=\"" + std::string(class_of(kind)) + "\" d=\"M" + number(x) + " " +
               number(y - 4) + "h28\"/>\n";
      text_ += text_at(x + 36, y, "small", words);
      x += 36 + text_width(words, 6.9) + 24;
    }
    for (const auto& [severity, words] :
         {std::pair{Severity::fault, "fails"}, std::pair{Severity::warning, "look at it"}}) {
      if (std::ranges::find(picture_.boxes, severity, &Box::severity) == picture_.boxes.end() &&
          std::ranges::find(picture_.lines, severity, &Line::severity) == picture_.lines.end())
        continue;
      text_ += sign_at(x + 8, y - 4, severity);
      text_ += text_at(x + 22, y, "small", words);
      x += 22 + text_width(words, 6.9) + 24;
    }
  }

  const Graph& graph_;
  Picture picture_;
  Layout layout_;
  std::string text_;
  std::string signs_;  // above all lines
  std::map<std::pair<std::size_t, std::size_t>, std::size_t> lanes_;
};

}  // namespace

std::string to_svg(const Graph& graph) { return SvgWriter(graph).write(); }

}  // namespace core::topology
