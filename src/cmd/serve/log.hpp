// Log lines on standard error, as text or JSON: one event per line. spdlog does the work and is
// seen by log.cpp only. Nothing secret goes in: callers log what they did, not what they read.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cmd::log {

enum class Level : std::uint8_t { debug, info, warning, error };
enum class Format : std::uint8_t { text, json };

// By the words of options, in the order in which help and messages name them.
template <typename Value>
using Words = std::vector<std::pair<std::string, Value>>;
const Words<Format>& formats();
const Words<Level>& levels();

using Fields = std::vector<std::pair<std::string_view, std::string>>;

// Until this is called, text from level info on. Where the journal reads standard error, lines
// carry its priority instead of a time, which it adds itself.
void start(Format format, Level level);

bool enabled(Level level);
void write(Level level, std::string_view message, const Fields& fields = {});

inline void debug(std::string_view message, const Fields& fields = {}) {
  write(Level::debug, message, fields);
}
inline void info(std::string_view message, const Fields& fields = {}) {
  write(Level::info, message, fields);
}
inline void warning(std::string_view message, const Fields& fields = {}) {
  write(Level::warning, message, fields);
}
inline void error(std::string_view message, const Fields& fields = {}) {
  write(Level::error, message, fields);
}

// The line without time and level: `message key=value key="two words"`, or the inside of an object.
std::string to_line(Format format, std::string_view message, const Fields& fields);

}  // namespace cmd::log
