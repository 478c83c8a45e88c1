#include "cmd/serve/log.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>

#include "core/printable.hpp"
#include "kube/decode/json_text.hpp"

namespace cmd::log {
namespace {

// systemd sets JOURNAL_STREAM to device:inode of the stream it made; a redirection inside a service
// leaves the variable but not the descriptor.
bool journal_reads_stderr() {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat status {};
  return stream != nullptr && fstat(STDERR_FILENO, &status) == 0 &&
         stream == std::to_string(status.st_dev) + ':' + std::to_string(status.st_ino);
}

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::debug:
      return spdlog::level::debug;
    case Level::info:
      return spdlog::level::info;
    case Level::warning:
      return spdlog::level::warn;
    case Level::error:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

std::string_view journal_priority(Level level) {
  constexpr std::string_view priorities[] = {"<7>", "<6>", "<4>", "<3>"};
  return priorities[static_cast<std::size_t>(level)];
}

struct Output {
  Format format = Format::text;
  bool journal = false;
  std::unique_ptr<spdlog::logger> logger;

  Output(Format wanted_format, Level level)
      : format(wanted_format),
        journal(wanted_format == Format::text && journal_reads_stderr()),
        logger(std::make_unique<spdlog::logger>(
            "pona", std::make_shared<spdlog::sinks::stderr_sink_mt>())) {
    logger->set_level(to_spdlog(level));
    logger->flush_on(spdlog::level::trace);
    if (format == Format::json) {
      logger->set_pattern(R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l",%v})");
    } else {
      logger->set_pattern(journal ? "%v" : "%Y-%m-%d %H:%M:%S.%e %l: %v");
    }
  }
};

Output& output() {
  static Output instance(Format::text, Level::info);
  return instance;
}

std::string to_json(std::string_view text) {
  // Kernel and file names may hold anything; a log line must not fail on it.
  return core::printable(text) == text ? kube::dump_json(nlohmann::json(text))
                                       : kube::dump_ascii_json(nlohmann::json(text));
}

bool is_plain(std::string_view text) {
  return !text.empty() && text.find_first_of(" \t\r\n\"=") == std::string_view::npos;
}

}  // namespace

const Words<Format>& formats() {
  static const Words<Format> words = {{"text", Format::text}, {"json", Format::json}};
  return words;
}

const Words<Level>& levels() {
  static const Words<Level> words = {{"debug", Level::debug},
                                     {"info", Level::info},
                                     {"warning", Level::warning},
                                     {"error", Level::error}};
  return words;
}

void start(Format format, Level level) { output() = Output(format, level); }

bool enabled(Level level) { return output().logger->should_log(to_spdlog(level)); }

void write(Level level, std::string_view message, const Fields& fields) {
  Output& out = output();
  if (!out.logger->should_log(to_spdlog(level))) return;
  std::string line = to_line(out.format, message, fields);
  if (out.journal) line.insert(0, journal_priority(level));
  out.logger->log(to_spdlog(level), spdlog::string_view_t(line.data(), line.size()));
}

std::string to_line(Format format, std::string_view message, const Fields& fields) {
  if (format == Format::json) {
    std::string line = "\"msg\":" + to_json(message);
    for (const auto& [key, value] : fields) line += ',' + to_json(key) + ':' + to_json(value);
    return line;
  }
  std::string line = core::printable(message);
  for (const auto& [key, value] : fields) {
    line += ' ' + std::string(key) + '=' + (is_plain(value) ? value : to_json(value));
  }
  return line;
}

}  // namespace cmd::log
