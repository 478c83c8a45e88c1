#include "cmd/lab/report.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "kube/decode/json_text.hpp"

namespace cmd {
namespace {

std::string seconds(std::chrono::milliseconds time) {
  const std::string hundredths = std::to_string(time.count() / 10 % 100);
  return std::to_string(time.count() / 1000) + '.' + (hundredths.size() < 2 ? "0" : "") +
         hundredths + " s";
}

}  // namespace

std::string milliseconds(std::chrono::nanoseconds time) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(time).count()) +
         " ms";
}

bool RunReport::ok() const { return error.empty() && std::ranges::all_of(steps, &StepReport::ok); }

std::string to_heading(const StepReport& step, std::size_t number, const Paint& paint) {
  return paint.strong(std::to_string(number) + ' ' + step.name) + ": " + step.shows + '\n';
}

std::string to_text(const StepReport& step, const Paint& paint) {
  std::string text;
  for (const std::string& line : step.seen) text += "    " + line + '\n';
  for (const StepReport::Failure& failure : step.failures) {
    text += paint.bad("    expected: ") + failure.expected + '\n';
    text += paint.bad("    seen:     ") + failure.seen + '\n';
  }
  for (const std::string& command : step.repeat) text += paint.faint("    $ " + command) + '\n';
  return text + "    " + (step.ok() ? paint.good("ok") : paint.bad("FAILED")) + "  " +
         seconds(step.took) + "\n\n";
}

std::string to_summary(const RunReport& report, const Paint& paint) {
  const auto good = std::ranges::count_if(report.steps, &StepReport::ok);
  const std::string counts = std::to_string(good) + " of " + std::to_string(report.steps.size()) +
                             " steps as expected, " + seconds(report.took);
  return (report.ok() ? paint.good("ok") : paint.bad("FAILED")) + "  " + counts + '\n';
}

std::string to_json(const RunReport& report) {
  nlohmann::ordered_json json = {{"lab", report.lab},
                                 {"ok", report.ok()},
                                 {"milliseconds", report.took.count()},
                                 {"notes", report.notes},
                                 {"steps", nlohmann::ordered_json::array()}};
  if (!report.error.empty()) json["error"] = report.error;
  for (const StepReport& step : report.steps) {
    nlohmann::ordered_json failures = nlohmann::ordered_json::array();
    for (const StepReport::Failure& failure : step.failures) {
      failures.push_back({{"expected", failure.expected}, {"seen", failure.seen}});
    }
    json["steps"].push_back({{"name", step.name},
                             {"shows", step.shows},
                             {"ok", step.ok()},
                             {"milliseconds", step.took.count()},
                             {"seen", step.seen},
                             {"failures", failures},
                             {"repeat", step.repeat}});
  }
  return kube::dump_json(json, 2) + '\n';
}

}  // namespace cmd
