// A trace as a picture: a box for each place, an arrow for each way between two, with what became
// of the packet on it.
#include <string>
#include <utility>
#include <vector>

#include "core/packet/diagnosis/codes.hpp"
#include "core/packet/diagnosis/text.hpp"

namespace core::packet {
namespace {

struct Box {
  std::string name;
  std::vector<std::string> lines;
  bool failed = false;
  bool shown = false;
};
struct Arrow {
  std::size_t from = 0;
  std::size_t to = 0;
  std::string text;
  bool reply = false;
};
struct Picture {
  std::vector<Box> boxes;
  std::vector<Arrow> arrows;
};

bool worth_showing(const Step& step) {
  using What = Step::What;
  return step.what != What::transmit && step.what != What::receive && step.what != What::send &&
         step.what != What::route;
}

std::string line_of(const Step& step) {
  std::string text(to_string(step.what));
  if (!step.where.empty()) text += " " + step.where;
  if (!step.text.empty()) text += ": " + step.text;
  return text;
}

Picture picture_of(const Trace& trace) {
  Picture picture;
  for (const std::string& name : trace.places) picture.boxes.push_back({name, {}, false, false});
  std::size_t last = trace.places.size();
  for (std::size_t i = 0; i < trace.steps.size(); ++i) {
    const Step& step = trace.steps[i];
    if (i > 0 && step.reply != trace.steps[i - 1].reply) last = trace.places.size();
    if (last != trace.places.size() && last != step.place) {
      picture.arrows.push_back({last, step.place, to_text(step.packet), step.reply});
    }
    last = step.place;
    picture.boxes[step.place].shown = true;
    if (worth_showing(step) && !step.reply)
      picture.boxes[step.place].lines.push_back(line_of(step));
    if (step.what == Step::What::leave) {
      picture.boxes.push_back({to_string(step.packet.destination), {}, false, true});
      picture.arrows.push_back(
          {step.place, picture.boxes.size() - 1, to_text(step.packet), step.reply});
    }
  }
  for (const Finding& finding : trace.findings) {
    if (finding.step >= trace.steps.size()) continue;
    Box& box = picture.boxes[trace.steps[finding.step].place];
    box.failed = box.failed || finding.fatal;
    box.lines.push_back(headline(finding.code));
  }
  return picture;
}

std::string escaped(const std::string& text, const std::string& special, const std::string& with) {
  std::string result;
  for (const char c : text) {
    if (special.find(c) != std::string::npos) {
      result += with;
    } else {
      result += c;
    }
  }
  return result;
}

}  // namespace

std::string to_mermaid(const Trace& trace) {
  const Picture picture = picture_of(trace);
  std::string text = "flowchart LR\n";
  const auto clean = [](const std::string& raw) { return escaped(raw, "\"`", "'"); };
  for (std::size_t i = 0; i < picture.boxes.size(); ++i) {
    const Box& box = picture.boxes[i];
    // Places that it does not get to are of no interest.
    if (!box.shown) continue;
    text += "  p" + std::to_string(i) + "[\"" + clean(box.name);
    for (const std::string& line : box.lines) text += "<br/>" + clean(line);
    text += "\"]\n";
    if (box.failed) text += "  style p" + std::to_string(i) + " stroke:#c00,stroke-width:3px\n";
  }
  for (const Arrow& arrow : picture.arrows) {
    text += "  p" + std::to_string(arrow.from) + (arrow.reply ? " -. \"" : " -- \"") +
            clean(arrow.text) + (arrow.reply ? "\" .-> p" : "\" --> p") + std::to_string(arrow.to) +
            "\n";
  }
  return text;
}

std::string to_dot(const Trace& trace) {
  const Picture picture = picture_of(trace);
  std::string text =
      "digraph trace {\n  rankdir=LR;\n  node [shape=box, fontname=\"sans-serif\"];\n";
  const auto clean = [](const std::string& raw) {
    return escaped(escaped(raw, "\\", "/"), "\"", "\\\"");
  };
  for (std::size_t i = 0; i < picture.boxes.size(); ++i) {
    const Box& box = picture.boxes[i];
    // Places that it does not get to are of no interest.
    if (!box.shown) continue;
    text += "  p" + std::to_string(i) + " [label=\"" + clean(box.name);
    for (const std::string& line : box.lines) text += "\\n" + clean(line);
    text += box.failed ? "\", color=red, penwidth=3];\n" : "\"];\n";
  }
  for (const Arrow& arrow : picture.arrows) {
    text += "  p" + std::to_string(arrow.from) + " -> p" + std::to_string(arrow.to) + " [label=\"" +
            clean(arrow.text) + (arrow.reply ? "\", style=dashed];\n" : "\"];\n");
  }
  return text + "}\n";
}

}  // namespace core::packet
