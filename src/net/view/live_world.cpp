#include "net/view/live_world.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <string_view>

#include "core/error.hpp"
#include "core/printable.hpp"

namespace net::view {
namespace {

namespace fs = std::filesystem;

std::optional<NamespaceId> id_of_path(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  return NamespaceId{status.st_dev, status.st_ino};
}

bool is_number(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
}

// As a shell takes it for one word.
std::string shell_word(const std::string& text) {
  constexpr std::string_view plain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._/-";
  if (!text.empty() && text.find_first_not_of(plain) == std::string::npos) return text;
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? "'\\''" : std::string(1, c);
  return quoted + '\'';
}

std::string command_of(const fs::path& process) {
  std::ifstream file(process / "comm");
  std::string name;
  std::getline(file, name);
  return core::printable(name, 15);
}

}  // namespace

NamespaceId id_of(const Namespace& where) {
  struct stat status {};
  if (::fstat(where.fd(), &status) != 0) {
    throw core::Error(core::Error::Kind::permanent, "cannot look at the network namespace " +
                                                        where.path() + ": " + std::strerror(errno));
  }
  return {status.st_dev, status.st_ino};
}

const std::vector<LiveWorld::Candidate>& LiveWorld::candidates() {
  if (candidates_) return *candidates_;
  candidates_.emplace();
  std::set<NamespaceId> seen;
  const auto add = [&](const std::string& path, const std::string& name) {
    const auto id = id_of_path(path);
    if (id && seen.insert(*id).second) candidates_->push_back({*id, path, name});
  };
  add("/proc/1/ns/net", "this host");
  std::error_code error;
  // Where ip-netns(8) and container runtimes keep them.
  for (const char* const directory : {"/run/netns", "/var/run/netns", "/run/docker/netns"}) {
    for (const auto& entry : fs::directory_iterator(directory, error)) {
      add(entry.path(), core::printable(entry.path().filename().string()));
    }
  }
  add("/proc/self/ns/net", "this namespace");
  for (const auto& entry : fs::directory_iterator("/proc", error)) {
    if (!is_number(entry.path().filename())) continue;
    const std::string path = entry.path() / "ns/net";
    const auto id = id_of_path(path);
    if (!id || seen.contains(*id)) continue;
    add(path,
        "process " + command_of(entry.path()) + " (" + entry.path().filename().string() + ")");
  }
  return *candidates_;
}

std::optional<std::size_t> LiveWorld::place_with(const std::vector<core::Address>& addresses) {
  for (const Candidate& candidate : candidates()) {
    try {
      auto where = Namespace::find(candidate.path);
      if (!where) continue;
      LiveNetwork network(*std::move(where));
      const bool has = std::ranges::any_of(addresses, [&](const core::Address& address) {
        return network.link_with(address) != nullptr;
      });
      if (has) return add(Namespace::open(candidate.path));
    } catch (const core::Error&) {
      continue;  // it ended meanwhile
    }
  }
  return std::nullopt;
}

std::string LiveWorld::inside(std::size_t place) {
  const Place& one = places_[place];
  if (one.id == id_of_path("/proc/self/ns/net")) return "";
  const auto& all = candidates();
  const auto found = std::ranges::find(all, one.id, &Candidate::id);
  const std::string path = found != all.end() ? found->path : where(place).path();
  const fs::path file(path);
  const bool named = file.parent_path() == "/run/netns" || file.parent_path() == "/var/run/netns";
  return named ? "ip netns exec " + shell_word(file.filename()) + ' '
               : "nsenter --net=" + shell_word(path) + ' ';
}

std::string LiveWorld::name_of(const NamespaceId& id, const std::string& path) {
  if (label_) {
    if (auto label = label_(id)) return *label;
  }
  const auto& all = candidates();
  const auto found = std::ranges::find(all, id, &Candidate::id);
  return found != all.end() ? found->name : core::printable(path);
}

std::size_t LiveWorld::add(Namespace where) {
  const NamespaceId id = id_of(where);
  const auto known = std::ranges::find(places_, id, &Place::id);
  if (known != places_.end()) return static_cast<std::size_t>(known - places_.begin());
  Place place;
  place.id = id;
  place.name = name_of(id, where.path());
  place.network = std::make_unique<LiveNetwork>(std::move(where));
  places_.push_back(std::move(place));
  return places_.size() - 1;
}

std::optional<std::size_t> LiveWorld::place_of(Place& place, std::int32_t id) {
  const auto known = place.peers.find(id);
  if (known != place.peers.end()) return known->second;
  // `place` moves when others are added.
  LiveNetwork& network = *place.network;
  const NamespaceId own = place.id;
  // What is known already may be nowhere in sight: it was named.
  for (std::size_t i = 0; i < places_.size(); ++i) {
    if (network.id_of(places_[i].network->where()) != id) continue;
    place.peers[id] = i;
    return i;
  }
  for (const Candidate& candidate : candidates()) {
    std::optional<std::size_t> found;
    try {
      auto where = Namespace::find(candidate.path);
      if (!where || network.id_of(*where) != id) continue;
      found = add(std::move(*where));
    } catch (const core::Error&) {
      continue;  // it ended meanwhile
    }
    std::ranges::find(places_, own, &Place::id)->peers[id] = found;
    return found;
  }
  std::ranges::find(places_, own, &Place::id)->peers[id] = std::nullopt;
  return std::nullopt;
}

std::optional<core::packet::Attachment> LiveWorld::peer(const core::packet::Attachment& at) {
  Place& place = places_[at.place];
  const core::packet::Link* link = place.network->link(at.link);
  if (link == nullptr || link->device.kind != "veth" || link->lower == 0) return std::nullopt;
  std::optional<std::size_t> there = at.place;
  const std::uint32_t index = link->lower;
  if (link->lower_netns) there = place_of(place, *link->lower_netns);
  if (!there || places_[*there].network->link(index) == nullptr) return std::nullopt;
  return core::packet::Attachment{*there, index};
}

}  // namespace net::view
