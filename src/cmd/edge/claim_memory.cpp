#include "cmd/edge/claim_memory.hpp"

#include <sys/stat.h>

#include <chrono>
#include <optional>
#include <sstream>
#include <system_error>
#include <utility>

#include "cmd/serve/log.hpp"
#include "core/error.hpp"
#include "os/read_file.hpp"
#include "os/write_file.hpp"

namespace cmd {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view claims_heading = "pona claims 1";
constexpr std::chrono::seconds claims_pause = 1s;
constexpr mode_t claims_mode = 0600;

// Only the last part is ours, and only when it is new. Who writes into it tells what is wrong.
void make_state_directory(const std::filesystem::path& directory) {
  std::error_code ignored;
  std::filesystem::create_directories(directory.parent_path(), ignored);
  static_cast<void>(mkdir(directory.c_str(), 0700));
}

// "Mapping shop web 203.0.113.5 6 80 80 …": kind, namespace, name, and four words for each range.
std::optional<std::pair<core::ObjectId, std::vector<core::ForwardKey>>> parse_line(
    const std::string& line) {
  std::istringstream words(line);
  std::string kind;
  core::ObjectId id{core::Kind::mapping, {}};
  if (!(words >> kind >> id.name.ns >> id.name.name)) return std::nullopt;
  if (kind == core::to_string(core::Kind::service)) {
    id.kind = core::Kind::service;
  } else if (kind != core::to_string(core::Kind::mapping)) {
    return std::nullopt;
  }
  std::vector<core::ForwardKey> keys;
  std::string text;
  while (words >> text) {
    const auto address = core::Address::parse(text);
    unsigned protocol = 0;
    unsigned first = 0;
    unsigned last = 0;
    if (!address || !(words >> protocol >> first >> last) || protocol > 255 || first > last ||
        last > 65535) {
      return std::nullopt;
    }
    keys.push_back({*address,
                    static_cast<core::Protocol>(protocol),
                    {static_cast<std::uint16_t>(first), static_cast<std::uint16_t>(last)}});
  }
  return std::pair(std::move(id), std::move(keys));
}

}  // namespace

std::filesystem::path claims_file(const EdgeOptions& options) {
  const std::filesystem::path directory = options.state_dir;
  return directory.empty() || options.manifests.empty() ? std::filesystem::path()
                                                        : directory / claims_name;
}

core::Claims::Held recall_claims(const std::filesystem::path& file) {
  core::Claims::Held held;
  if (file.empty()) return held;
  try {
    std::istringstream text(os::read_file(file));
    std::string line;
    if (!std::getline(text, line) || line != claims_heading) return held;
    while (std::getline(text, line)) {
      if (auto entry = parse_line(line)) held.insert(*std::move(entry));
    }
  } catch (const core::Error&) {
    // The first start, or one of somebody who may not read it.
  }
  return held;
}

std::string to_text(const core::Claims::Held& held) {
  std::string text = std::string(claims_heading) + "\n";
  for (const auto& [id, keys] : held) {
    text += std::string(core::to_string(id.kind)) + " " + id.name.ns + " " + id.name.name;
    for (const core::ForwardKey& key : keys) {
      text += " " + core::to_string(key.address) + " " +
              std::to_string(static_cast<unsigned>(key.protocol)) + " " +
              std::to_string(key.ports.first) + " " + std::to_string(key.ports.last);
    }
    text += "\n";
  }
  return text;
}

ClaimMemory::ClaimMemory(std::filesystem::path file, os::Clock clock)
    : file_(std::move(file)), clock_(std::move(clock)) {}

os::Time ClaimMemory::save(const core::EdgePlan& plan) {
  if (file_.empty() || plan.held_revision() == revision_) return os::Time::max();
  if (clock_.now() < not_before_) return not_before_;
  not_before_ = clock_.now() + claims_pause;
  const core::Claims::Held held = plan.held();
  std::string text = to_text(held);
  try {
    if (text != written_ && !(written_.empty() && held.empty())) {
      make_state_directory(file_.parent_path());
      os::write_file(file_, text, claims_mode);
      written_ = std::move(text);
    }
    failed_ = false;
  } catch (const core::Error& error) {
    if (!std::exchange(failed_, true)) {
      log::warning(
          "cannot save who has which port: after a restart the first by name has one that two "
          "manifests ask for",
          {{"error", error.what()}});
    }
  }
  revision_ = plan.held_revision();
  return os::Time::max();
}

}  // namespace cmd
