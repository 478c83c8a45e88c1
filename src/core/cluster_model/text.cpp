#include <algorithm>
#include <utility>

#include "core/cluster_model/parts.hpp"
#include "core/printable.hpp"

namespace core::cluster_model {
namespace {

constexpr std::size_t label = 10;
constexpr std::size_t question_width = 18;

std::string padded_to(std::string_view text, std::size_t width) {
  std::string result(text);
  result.append(result.size() < width ? width - result.size() : 1, ' ');
  return result;
}

class Page {
 public:
  explicit Page(std::size_t width) : width_(width) {}

  void add(const std::string& head, std::string_view text, std::size_t indent) {
    for (std::string& line : wrapped(text, width_, head, indent)) lines_.push_back(std::move(line));
  }
  // "WHY       text"
  void labelled(std::string_view word, std::string_view text) {
    add(padded_to(word, label), text, label);
  }
  void raw(std::string line) { lines_.push_back(std::move(line)); }
  void heading(std::string_view text) {
    lines_.emplace_back();
    lines_.emplace_back(text);
  }
  std::vector<std::string> take() { return std::move(lines_); }

 private:
  std::size_t width_;
  std::vector<std::string> lines_;
};

std::string objects_text(const Gateway& gateway) {
  std::string text;
  constexpr std::size_t most = 3;
  for (std::size_t i = 0; i < gateway.objects.size() && i < most; ++i) {
    text += (i == 0 ? "" : "; ") + gateway.objects[i];
  }
  const std::uint64_t shown = std::min(most, gateway.objects.size());
  if (gateway.count > shown && shown != 0) {
    text += "; and " + std::to_string(gateway.count - shown) + " more";
  }
  return text;
}

void add_passages(Page& page, const Report& report, bool out) {
  bool first = true;
  for (const Passage& one : report.passages) {
    if (leads_out(one.gateway.form) != out) continue;
    if (std::exchange(first, false)) page.heading(out ? "WAYS OUT" : "WAYS IN");
    std::string head = "  " + padded_to(to_string(one.gateway.form), question_width - 2);
    std::string what = objects_text(one.gateway);
    if (what.empty()) what = one.gateway.why;
    page.add(head, what, question_width);
    for (std::size_t i = 0; i < one.steps.size(); ++i) {
      const bool here = one.lost == i + 1;
      page.add("    " + std::to_string(i + 1) + " ",
               one.steps[i] + (here ? "   <== lost here" : ""), 6);
    }
    page.add("    ", one.said, 6);
    if (!one.seen.empty()) page.add("    seen: from ", one.seen, 6);
  }
}

}  // namespace

std::string_view to_string(Model model) {
  static constexpr std::string_view words[] = {"unknown", "flat", "isolated", "island",
                                               "archipelago"};
  return words[static_cast<std::size_t>(model)];
}

std::string_view to_string(Confidence confidence) {
  static constexpr std::string_view words[] = {"none", "low", "medium", "high"};
  return words[static_cast<std::size_t>(confidence)];
}

std::string_view to_string(Passage::Sender sender) {
  static constexpr std::string_view words[] = {"kept", "lost", "unknown"};
  return words[static_cast<std::size_t>(sender)];
}

std::vector<std::string> wrapped(std::string_view text, std::size_t width, const std::string& head,
                                 std::size_t indent) {
  std::vector<std::string> lines;
  const std::string clean = printable(text);
  std::string line = head;
  bool empty = true;
  for (std::size_t begin = 0; begin <= clean.size();) {
    const std::size_t end = std::min(clean.find(' ', begin), clean.size());
    const std::string_view word = std::string_view(clean).substr(begin, end - begin);
    begin = end + 1;
    if (word.empty() && !empty) continue;
    if (!empty && line.size() + 1 + word.size() > width) {
      lines.push_back(std::exchange(line, std::string(indent, ' ')));
      empty = true;
    }
    if (!empty) line += ' ';
    line += word;
    empty = word.empty();
  }
  lines.push_back(std::move(line));
  return lines;
}

std::vector<std::string> to_lines(const Report& report, const Evidence& evidence,
                                  std::size_t width) {
  Page page(width);
  const char* const where = evidence.where == Evidence::Where::node      ? "a node"
                            : evidence.where == Evidence::Where::outside ? "outside the cluster"
                            : evidence.where == Evidence::Where::gateway ? "where an edge runs"
                                                                         : "";
  std::string subject =
      evidence.cluster.empty() ? "a cluster whose objects were not read" : evidence.cluster;
  subject += evidence.host.empty() ? "; no host was looked at" : "; seen from " + evidence.host;
  if (*where != '\0') subject += std::string(", ") + where;
  page.labelled("OF", subject);
  for (const Verdict& one : report.verdicts) {
    std::string text(to_string(one.model));
    if (one.model == Model::unknown) {
      text = "not known";
    } else {
      text += ", confidence " + std::string(to_string(one.confidence));
    }
    if (one.family) text += *one.family == Family::ipv4 ? " (IPv4)" : " (IPv6)";
    page.labelled("MODEL", text);
    page.labelled("WHY", one.why);
    if (!one.against.empty()) page.labelled("BUT", one.against);
  }

  page.heading("EVIDENCE");
  for (const Fact& fact : report.facts) {
    page.add("  " + padded_to(fact.question, question_width - 2), fact.answer, question_width);
    for (const std::string& seen : fact.seen) page.add("    ", seen, 6);
  }
  add_passages(page, report, false);
  add_passages(page, report, true);
  if (!report.costs.empty()) {
    page.heading("COST: " + std::string(to_string(report.verdicts.front().model)) + " is bad when");
    for (const Cost& cost : report.costs) {
      page.add("  - ", cost.when, 4);
      if (!cost.here.empty()) page.add("      here  ", cost.here, 12);
      page.add("      pona  ", cost.pona, 12);
    }
  }
  if (!report.unknown.empty()) {
    page.heading("NOT KNOWN");
    for (const Gap& gap : report.unknown) {
      page.add("  - ", gap.what + (gap.why.empty() ? "" : ": " + gap.why), 4);
      if (!gap.command.empty()) page.raw("      run   " + printable(gap.command));
    }
  }
  return page.take();
}

}  // namespace core::cluster_model
