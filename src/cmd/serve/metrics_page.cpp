#include "cmd/serve/metrics_page.hpp"

namespace cmd {

void MetricsPage::metric(std::string_view name, std::string_view type, std::string_view help) {
  name_ = prefix_ + std::string(name);
  text_ += "# HELP " + name_ + ' ' + std::string(help) + '\n';
  text_ += "# TYPE " + name_ + ' ' + std::string(type) + '\n';
}

void MetricsPage::sample(const Labels& labels, const std::string& value, std::string_view suffix) {
  text_ += name_;
  text_ += suffix;
  char separator = '{';
  for (const auto& [name, content] : labels) {
    text_ += separator;
    text_ += name;
    text_ += "=\"";
    escape(content);
    text_ += '"';
    separator = ',';
  }
  if (!labels.empty()) text_ += '}';
  text_ += ' ' + value + '\n';
}

void MetricsPage::escape(std::string_view content) {
  for (const char letter : content) {
    if (letter == '\\' || letter == '"') text_ += '\\';
    if (letter == '\n') {
      text_ += "\\n";
    } else {
      text_ += letter;
    }
  }
}

}  // namespace cmd
