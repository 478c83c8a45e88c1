// What a lab run tells: progress for people while it runs, one JSON object for programs at the end.
// A step that expects something and sees something else says both.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace cmd {

struct StepReport {
  std::string name;
  std::string shows;                // one sentence
  std::vector<std::string> repeat;  // commands that show it by hand
  std::vector<std::string> seen;
  struct Failure {
    std::string expected;
    std::string seen;
  };
  std::vector<Failure> failures;
  std::chrono::milliseconds took{};

  void expect(bool holds, const std::string& expected, const std::string& what_was_seen) {
    if (!holds) failures.push_back({expected, what_was_seen});
  }
  [[nodiscard]] bool ok() const { return failures.empty(); }
};

struct RunReport {
  std::string lab;
  std::vector<std::string> notes;  // what of this machine makes a difference
  std::vector<StepReport> steps;
  std::string error;  // what ended the run early, if anything did
  std::chrono::milliseconds took{};

  [[nodiscard]] bool ok() const;
};

std::string milliseconds(std::chrono::nanoseconds time);  // "12 ms"

std::string to_json(const RunReport& report);

class Paint {
 public:
  explicit Paint(bool colour) : colour_(colour) {}
  [[nodiscard]] std::string good(const std::string& text) const { return in("32", text); }
  [[nodiscard]] std::string bad(const std::string& text) const { return in("31;1", text); }
  [[nodiscard]] std::string strong(const std::string& text) const { return in("1", text); }
  [[nodiscard]] std::string faint(const std::string& text) const { return in("2", text); }

 private:
  [[nodiscard]] std::string in(const char* code, const std::string& text) const {
    return colour_ ? std::string("\033[") + code + 'm' + text + "\033[0m" : text;
  }
  bool colour_;
};

// "1 spread: Requests …" when it begins; the rest when it has ended.
std::string to_heading(const StepReport& step, std::size_t number, const Paint& paint);
std::string to_text(const StepReport& step, const Paint& paint);
std::string to_summary(const RunReport& report, const Paint& paint);

}  // namespace cmd
