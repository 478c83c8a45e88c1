#include "cmd/serve/process_metrics.hpp"

#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <string>
#include <system_error>

#include "cmd/version.hpp"

namespace cmd {
namespace {

std::string decimal(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f", value);
  return text;
}

struct ProcessTimes {
  double cpu = 0;      // seconds
  double started = 0;  // Unix seconds
};

// proc(5): fields 14 and 15 are user and system time, 22 the start since boot, in clock ticks. The
// name in brackets, field 2, may hold anything.
std::optional<ProcessTimes> process_times() {
  std::ifstream file("/proc/self/stat");
  std::string line;
  std::getline(file, line);
  const std::size_t name_end = line.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream rest(line.substr(name_end + 1));
  std::string field;
  double user = 0, system = 0, start = 0;
  for (int number = 3; number <= 22 && rest >> field; ++number) {
    if (number == 14) user = std::strtod(field.c_str(), nullptr);
    if (number == 15) system = std::strtod(field.c_str(), nullptr);
    if (number == 22) start = std::strtod(field.c_str(), nullptr);
  }
  timespec now{}, boot{};
  if (!rest || clock_gettime(CLOCK_REALTIME, &now) != 0 ||
      clock_gettime(CLOCK_BOOTTIME, &boot) != 0) {
    return std::nullopt;
  }
  const auto seconds = [](const timespec& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
  };
  const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  return ProcessTimes{(user + system) / ticks, seconds(now) - seconds(boot) + start / ticks};
}

// Bytes; proc(5): /proc/self/statm has pages.
std::optional<std::pair<std::uint64_t, std::uint64_t>> memory() {
  std::ifstream file("/proc/self/statm");
  std::uint64_t all = 0, resident = 0;
  if (!(file >> all >> resident)) return std::nullopt;
  const auto page = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  return std::pair(all * page, resident * page);
}

// This look itself has one.
std::optional<std::uint64_t> open_descriptors() {
  std::error_code error;
  std::filesystem::directory_iterator entry("/proc/self/fd", error);
  std::uint64_t count = 0;
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) ++count;
  if (error) return std::nullopt;
  return count;
}

}  // namespace

void add_process_metrics(MetricsPage& page) {
  page.metric("pona_build_info", "gauge", "Always 1; the labels tell what runs.");
  page.sample({{"version", version_number()}, {"commit", version_commit()}}, 1);
  if (const auto times = process_times()) {
    page.metric("process_cpu_seconds_total", "counter",
                "User and system CPU time that this process has used, in seconds.");
    page.sample({}, decimal(times->cpu));
    page.metric("process_start_time_seconds", "gauge", "When this process started, in Unix time.");
    page.sample({}, decimal(times->started));
  }
  if (const auto bytes = memory()) {
    page.single("process_virtual_memory_bytes", "gauge", "Size of the virtual memory.",
                bytes->first);
    page.single("process_resident_memory_bytes", "gauge", "Size of the resident memory.",
                bytes->second);
  }
  if (const auto count = open_descriptors()) {
    page.single("process_open_fds", "gauge", "Open file descriptors.", *count);
  }
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    page.single("process_max_fds", "gauge", "How many of them there may be.", limit.rlim_cur);
  }
}

}  // namespace cmd
