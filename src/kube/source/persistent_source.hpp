// A source with a memory: its objects are saved in a file, and an earlier process' are given until
// the source itself can be read. What a source that cannot be read leaves unsaid changes nothing.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "kube/source.hpp"
#include "os/clock.hpp"

namespace kube {

std::int64_t boot_time();

struct Memory {
  std::filesystem::path file;
  std::string source;  // whose objects the file must hold: the server's URL
  std::size_t max_ports_per_mapping = 50;
  bool read_only = false;  // for those who only look: nothing is locked, written or renamed
  os::Clock clock = os::system_clock();
  std::int64_t booted = boot_time();                           // Unix seconds
  std::chrono::milliseconds retry = std::chrono::seconds(10);  // after the file was not writable
};

// A file that cannot be written or read is among the problems and no more than that. Throws
// core::Error when the process has no descriptors left.
std::unique_ptr<Source> remember(std::unique_ptr<Source> source, Memory memory);

// What an earlier process knew, for a source that doubts news which contradict it too much. It then
// gives these objects as its own, until it knows better.
struct Recalled {
  std::vector<std::shared_ptr<const core::Object>> objects;
  std::string cluster;  // as Source::cluster_uid(); empty: not known
};
using OpenSource = std::function<std::unique_ptr<Source>(const Recalled& recalled)>;
std::unique_ptr<Source> remember(const OpenSource& open, Memory memory);

}  // namespace kube
