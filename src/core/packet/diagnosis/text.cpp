#include "core/packet/diagnosis/text.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <utility>

#include "core/packet/diagnosis/codes.hpp"

namespace core::packet {
namespace {

using What = Step::What;

constexpr std::size_t number_width = 3;
constexpr std::size_t least_where = 18;
constexpr std::size_t most_where = 44;
constexpr std::size_t what_width = 33;
constexpr std::size_t label_width = 8;

// Columns of a terminal, where each character takes one.
std::size_t columns(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; }));
}

std::string padded(std::string text, std::size_t width) {
  const std::size_t has = columns(text);
  if (has < width) text.append(width - has, ' ');
  return text;
}

std::vector<std::string> broken(const std::string& text, std::size_t width) {
  std::vector<std::string> lines;
  std::string line;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    const std::string word = text.substr(at, end - at);
    if (!line.empty() && columns(line) + 1 + columns(word) > width) {
      lines.push_back(std::move(line));
      line = word;
    } else if (!word.empty()) {
      line += (line.empty() ? "" : " ") + word;
    }
    at = end + 1;
  }
  if (!line.empty()) lines.push_back(std::move(line));
  return lines;
}

const char* word_of(What what) {
  switch (what) {
    case What::send:
      return "sent";
    case What::receive:
      return "in";
    case What::pass:
      return "pass";
    case What::connection:
      return "known";
    case What::dnat:
      return "DNAT";
    case What::snat:
      return "SNAT";
    case What::untranslate:
      return "UN-NAT";
    case What::route:
      return "route";
    case What::encapsulate:
      return "ENCAP";
    case What::decapsulate:
      return "DECAP";
    case What::transmit:
      return "out";
    case What::leave:
      return "LEAVES";
    case What::deliver:
      return "DELIVERED";
    case What::answer:
      return "ANSWERED";
    case What::drop:
      return "DROP";
  }
  return "?";
}

std::string what_text(const Step& step) {
  std::string text = word_of(step.what);
  std::string said = step.text;
  if (step.what == What::receive && said == "in") said.clear();
  if (step.what == What::pass && (said.starts_with("accepted") || said.starts_with("passes"))) {
    text.clear();
  }
  if (!said.empty()) text += (text.empty() ? "" : "  ") + said;
  return text;
}

// Inner packets are shown as they are; what is in a tunnel stands in brackets.
std::string packet_text(const Step& step) {
  const std::string text = to_text(step.packet);
  return step.encapsulation > 0 ? "[" + text + "]" : text;
}

class Text {
 public:
  Text(const Trace& trace, const TextOptions& options) : trace_(trace), options_(options) {}

  std::vector<std::string> make() {
    for (const Step& step : trace_.steps) {
      where_width_ =
          std::max(where_width_, columns(trace_.places[step.place]) + 1 + columns(step.where));
    }
    where_width_ = std::min(where_width_, most_where);
    lines_.push_back(padded("PATH", label_width) + path_text(trace_));
    lines_.push_back(padded("PROBE", label_width) + protocol_text(trace_.probe.protocol) + " " +
                     to_text(trace_.probe) + (trace_.object.empty() ? "" : "   " + trace_.object));
    lines_.emplace_back();
    lines_.push_back(padded(" #", number_width) + " " + padded("where", where_width_) + " " +
                     padded("what", what_width) + "  packet after this step");
    steps();
    lines_.emplace_back();
    summary();
    return std::move(lines_);
  }

 private:
  void steps() {
    std::size_t last_place = trace_.places.size();
    bool reply = false;
    for (std::size_t i = 0; i < trace_.steps.size(); ++i) {
      const Step& step = trace_.steps[i];
      if (step.reply && !reply) {
        reply = true;
        if (!options_.reply) {
          answer_line(i);
          break;
        }
        lines_.emplace_back();
        lines_.emplace_back(" <  the answer");
        last_place = trace_.places.size();
      }
      one(i, step.place != last_place);
      last_place = step.place;
    }
  }

  void answer_line(std::size_t first) {
    std::string text = " <  answer: ";
    const Step& last = trace_.steps.back();
    const bool found = std::ranges::any_of(trace_.findings, [&](const Finding& finding) {
      return finding.fatal && finding.step >= first;
    });
    text += to_text(trace_.steps[first].packet);
    if (found) {
      text += "; it is lost (--reply shows where)";
    } else if (trace_.symmetric.value_or(false)) {
      text += ", back the same way";
    } else {
      text += ", back by another way (--reply shows it)";
    }
    lines_.push_back(text + ", arrives as " + to_text(last.packet));
    if (found) lines_.back() = text;
  }

  [[nodiscard]] bool is_found(std::size_t step) const {
    return std::ranges::any_of(trace_.findings,
                               [&](const Finding& finding) { return finding.step == step; });
  }

  void one(std::size_t i, bool new_place) {
    const Step& step = trace_.steps[i];
    std::string where;
    if (new_place) where = trace_.places[step.place];
    if (!step.where.empty()) where += (where.empty() ? "  " : " ") + step.where;
    const std::string number = std::to_string(i + 1);
    std::string head = padded(std::string(number.size() < 2 ? 1 : 0, ' ') + number, number_width) +
                       " " + padded(where, where_width_) + " ";
    const bool changed = i == 0 || step.packet != trace_.steps[i - 1].packet || step.before ||
                         step.what == What::drop || step.what == What::receive;
    std::string what = what_text(step);
    std::string tail = changed ? packet_text(step) : "";
    if (is_found(i)) tail += (tail.empty() ? "" : "  ") + std::string("<== here");
    std::string line = head + (tail.empty() ? what : padded(what, what_width) + "  " + tail);
    lines_.push_back(std::move(line));
    const std::string indent(number_width + 1 + where_width_ + 3, ' ');
    if (step.rule) lines_.push_back(indent + to_text(*step.rule));
    if (step.connection && step.what == What::connection) {
      lines_.push_back(indent + "conntrack " + to_text(step.connection->original) + ", answers " +
                       to_text(step.connection->reply));
    }
    for (const std::string& note : step.notes) lines_.push_back(indent + note);
    if (!options_.evaluated) return;
    for (const RuleReference& rule : step.evaluated)
      lines_.push_back(indent + "· " + to_text(rule));
  }

  void summary() {
    for (const Step& step : trace_.steps) {
      if (step.reply || !step.before) continue;
      if (step.what != What::dnat && step.what != What::snat) continue;
      paragraph("NAT", to_text(*step.before) + " => " + to_text(step.packet) + " at " +
                           trace_.places[step.place]);
    }
    std::string facts;
    for (const std::string& fact : trace_.facts) facts += (facts.empty() ? "" : ", ") + fact;
    if (!facts.empty()) paragraph("CHECKS", facts);
    for (const Taken& taken : trace_.forks) {
      paragraph("CHOICE", taken.fork.what + ": way " + std::to_string(taken.option + 1) + " of " +
                              std::to_string(taken.fork.options) + " (--all-endpoints shows each)");
    }
    for (const Assumption& assumption : trace_.assumptions) {
      paragraph("ASSUMED",
                (assumption.where.empty() ? "" : assumption.where + ": ") + assumption.text);
    }
    if (!trace_.live_note.empty()) paragraph("LIVE", trace_.live_note);
    for (const std::string& difference : trace_.differences) paragraph("DIFFERS", difference);
    for (const Finding& finding : trace_.findings) findings(finding);
    verdict();
  }

  void paragraph(const std::string& label, const std::string& text) {
    std::string head = padded(label, label_width);
    for (const std::string& line : broken(text, options_.width - label_width)) {
      lines_.push_back(head + line);
      head.assign(label_width, ' ');
    }
  }

  void findings(const Finding& finding) {
    const std::string step = finding.step < trace_.steps.size()
                                 ? " at " + trace_.places[trace_.steps[finding.step].place] +
                                       ", step " + std::to_string(finding.step + 1)
                                 : "";
    lines_.push_back(padded(finding.fatal ? "FAIL" : "WARN", label_width) + headline(finding.code) +
                     step);
    paragraph("WHY", finding.why);
    char letter = 'a';
    for (const Finding::Fix& fix : finding.fixes) {
      // A command stays on one line, to be copied.
      lines_.push_back(padded("FIX", label_width) + letter++ + ") " + fix.command);
      const std::string indent(label_width + 3, ' ');
      for (const std::string& line : broken(fix.effect, options_.width - indent.size())) {
        lines_.push_back(indent + line);
      }
    }
  }

  void verdict() {
    switch (trace_.result) {
      case Trace::Result::ok:
        lines_.push_back(
            padded("OK", label_width) +
            (trace_.live ? "delivered and answered"
                         : "delivered and answered, by the model alone") +
            (trace_.seen_source ? "; the other side sees " + to_string(*trace_.seen_source) : "") +
            ".");
        return;
      case Trace::Result::inconclusive:
        paragraph("OPEN", trace_.request_end == Way::End::left
                              ? "it leaves what can be seen here; whether it arrives and is "
                                "answered is not known."
                              : "what becomes of it in the end is not known.");
        return;
      case Trace::Result::differs:
        paragraph("OPEN", "the model and the real packet differ.");
        return;
      case Trace::Result::unprivileged:
        paragraph("OPEN",
                  "rules that decide could not be read, so nothing is known for sure: run "
                  "it as root (CAP_SYS_ADMIN and CAP_NET_ADMIN).");
        return;
      case Trace::Result::fail:
        return;
    }
  }

  const Trace& trace_;
  const TextOptions& options_;
  std::vector<std::string> lines_;
  std::size_t where_width_ = least_where;
};

}  // namespace

std::vector<std::string> to_lines(const Trace& trace, const TextOptions& options) {
  return Text(trace, options).make();
}

std::string headline(int number) {
  const Code* const code = find_code(number);
  return code_text(number) +
         (code == nullptr ? "" : " " + std::string(code->name) + ": " + std::string(code->title));
}

std::vector<std::string> explain(int number, std::size_t width) {
  std::vector<std::string> lines = {headline(number), ""};
  if (const Code* const code = find_code(number)) {
    for (std::string& line : broken(std::string(code->text), width))
      lines.push_back(std::move(line));
  }
  return lines;
}

std::string path_text(const Trace& trace) {
  std::string text;
  std::size_t last = trace.places.size();
  std::string arrow = "-->";
  for (const Step& step : trace.steps) {
    if (step.reply) break;
    if (step.place != last) {
      text += (text.empty() ? "" : " " + arrow + " ") + trace.places[step.place];
      last = step.place;
      if (step.encapsulation == 0) arrow = "-->";
    }
    if (step.what == What::dnat) arrow = "~dnat~>";
    if (step.what == What::snat) arrow = arrow == "~dnat~>" ? "~dnat+snat~>" : "~snat~>";
    if (step.encapsulation > 0) arrow = "==>";
    if (step.what == What::leave) text += " " + arrow + " " + to_string(step.packet.destination);
    if (step.what == What::drop) text += " X";
  }
  return text;
}

std::string to_text(const RuleReference& rule) {
  std::string text = "nft " + to_text(rule.chain);
  if (rule.number != 0) text += " #" + std::to_string(rule.number);
  if (rule.handle != 0) text += " handle " + std::to_string(rule.handle);
  if (!rule.text.empty()) text += "  " + rule.text;
  if (!rule.comment.empty() && rule.text.find(rule.comment) == std::string::npos) {
    text += " \"" + rule.comment + "\"";
  }
  return text;
}

std::string_view to_string(Step::What what) {
  constexpr std::string_view names[] = {"send",        "receive",     "pass",        "connection",
                                        "dnat",        "snat",        "untranslate", "route",
                                        "encapsulate", "decapsulate", "transmit",    "leave",
                                        "deliver",     "answer",      "drop"};
  return names[static_cast<std::size_t>(what)];
}

std::string_view to_string(Trace::Result result) {
  constexpr std::string_view names[] = {"ok", "fail", "inconclusive", "differs", "unprivileged"};
  return names[static_cast<std::size_t>(result)];
}

int exit_status(Trace::Result result) {
  switch (result) {
    case Trace::Result::ok:
      return 0;
    case Trace::Result::fail:
      return 1;
    case Trace::Result::inconclusive:
      return 3;
    case Trace::Result::differs:
      return 4;
    case Trace::Result::unprivileged:
      return 5;
  }
  return 6;
}

}  // namespace core::packet
