// A page in Prometheus' text format, version 0.0.4.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cmd {

class MetricsPage {
 public:
  using Labels = std::vector<std::pair<std::string_view, std::string_view>>;

  // `prefix` stands before all names: "pona_edge_".
  explicit MetricsPage(std::string_view prefix) : prefix_(prefix) {}

  // Begins a family: its samples follow, together, as the format wants them.
  void metric(std::string_view name, std::string_view type, std::string_view help);
  void sample(const Labels& labels, const std::string& value, std::string_view suffix = "");
  void sample(const Labels& labels, std::uint64_t value) { sample(labels, std::to_string(value)); }

  void single(std::string_view name, std::string_view type, std::string_view help,
              std::uint64_t value) {
    metric(name, type, help);
    sample({}, value);
  }

  std::string take() { return std::move(text_); }

 private:
  void escape(std::string_view content);

  std::string prefix_;
  std::string text_;
  std::string name_;
};

}  // namespace cmd
