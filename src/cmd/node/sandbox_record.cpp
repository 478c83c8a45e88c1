#include "cmd/node/sandbox_record.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "core/error.hpp"
#include "kube/decode/json_depth.hpp"
#include "kube/decode/json_text.hpp"
#include "os/directories.hpp"
#include "os/fd.hpp"
#include "os/read_small_file.hpp"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

namespace cmd {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view suffix = ".json";

[[noreturn]] void fail_to(const std::string& what) {
  throw core::Error(core::Error::Kind::permanent, what + ": " + std::strerror(errno));
}

std::string name_of(std::string_view container, std::string_view interface) {
  // Neither has a colon, so no two attachments share a name.
  return std::string(container) + ':' + std::string(interface) + std::string(suffix);
}

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// False where it is there and no text.
bool take(const Json& object, const char* key, std::string& text) {
  const auto found = object.find(key);
  if (found == object.end()) return true;
  if (!found->is_string()) return false;
  text = found->get<std::string>();
  return true;
}

bool take_addresses(const Json& object, std::vector<core::Address>& addresses) {
  const auto found = object.find("addresses");
  if (found == object.end()) return true;
  if (!found->is_array()) return false;
  for (const Json& item : *found) {
    const auto address =
        item.is_string() ? core::Address::parse(item.get_ref<const std::string&>()) : std::nullopt;
    if (!address) return false;
    addresses.push_back(*address);
  }
  return true;
}

// Whatever is at that path: nobody waits for a pipe's writer, and nothing large is read.
std::optional<Sandbox> read(const std::filesystem::path& path) {
  constexpr std::size_t longest_record = std::size_t{64} << 10;
  try {
    return parse_sandbox(os::read_file_of_at_most(longest_record, path));
  } catch (const core::Error&) {
    return std::nullopt;
  }
}

std::string cookie_of(const os::Fd& socket) {
  std::uint64_t cookie = 0;
  socklen_t size = sizeof cookie;
  if (getsockopt(socket.get(), SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size) != 0) return "";
  return std::to_string(cookie);
}

}  // namespace

std::string to_json(const Sandbox& sandbox) {
  Json addresses = Json::array();
  for (const core::Address& address : sandbox.addresses) addresses.push_back(to_string(address));
  const Json json = {
      {"containerID", sandbox.container},
      {"ifName", sandbox.interface},
      {"netns", sandbox.netns},
      {"netnsCookie", sandbox.cookie},
      {"pod", {{"namespace", sandbox.pod.ns}, {"name", sandbox.pod.name}, {"uid", sandbox.uid}}},
      {"addresses", addresses},
      {"network", sandbox.network},
  };
  return kube::dump_json(json);
}

std::optional<Sandbox> parse_sandbox(std::string_view text) {
  if (kube::nested_too_deep(text)) return std::nullopt;
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  Sandbox sandbox;
  bool good = take(json, "containerID", sandbox.container) &&
              take(json, "ifName", sandbox.interface) && take(json, "netns", sandbox.netns) &&
              take(json, "netnsCookie", sandbox.cookie) && take(json, "network", sandbox.network) &&
              take_addresses(json, sandbox.addresses);
  if (const auto pod = json.find("pod"); pod != json.end()) {
    good = good && pod->is_object() && take(*pod, "namespace", sandbox.pod.ns) &&
           take(*pod, "name", sandbox.pod.name) && take(*pod, "uid", sandbox.uid);
  }
  if (!good || !is_container_id(sandbox.container) || !is_interface_name(sandbox.interface)) {
    return std::nullopt;
  }
  return sandbox;
}

bool is_container_id(std::string_view text) {
  constexpr std::size_t longest = 200;
  return !text.empty() && text.size() <= longest && is_letter_or_digit(text.front()) &&
         std::ranges::all_of(text, [](char c) {
           return is_letter_or_digit(c) || c == '_' || c == '.' || c == '-';
         });
}

bool is_interface_name(std::string_view text) {
  constexpr std::size_t longest = 15;
  return !text.empty() && text.size() <= longest && text != "." && text != ".." &&
         std::ranges::none_of(text, [](char c) {
           return c == '/' || c == ':' || c == ' ' || (c >= '\0' && c < ' ') || c == '\x7f';
         });
}

std::string file_name(const Sandbox& sandbox) {
  return name_of(sandbox.container, sandbox.interface);
}

void SandboxStore::put(const Sandbox& sandbox) const {
  const std::string name = file_name(sandbox);
  // Always the same name: what a killed process left is overwritten, or removed with the file. The
  // runtime does one thing after the other for one container.
  const std::string temporary = directory_ / ("." + name);
  const auto open_file = [&] {
    return os::Fd(
        ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
  };
  os::Fd file = open_file();
  if (!file && errno == ENOENT) {
    std::error_code error;
    os::make_directories(directory_, error);
    if (error) {
      throw core::Error(core::Error::Kind::permanent,
                        "cannot make " + directory_.string() + ": " + error.message());
    }
    file = open_file();
  }
  if (!file) fail_to("cannot write into " + directory_.string());
  const std::string text = to_json(sandbox) + '\n';
  errno = ENOSPC;  // what a short write without an error means
  // No fsync: the directory is in memory (/run), like the namespaces it tells of.
  if (::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
      ::rename(temporary.c_str(), (directory_ / name).c_str()) != 0) {
    const int error = errno;
    ::unlink(temporary.c_str());
    errno = error;
    fail_to("cannot write " + (directory_ / name).string());
  }
}

void SandboxStore::remove(std::string_view container, std::string_view interface) const {
  const std::string name = name_of(container, interface);
  ::unlink((directory_ / ("." + name)).c_str());
  if (::unlink((directory_ / name).c_str()) != 0 && errno != ENOENT && errno != ENOTDIR) {
    fail_to("cannot remove " + (directory_ / name).string());
  }
}

std::optional<Sandbox> SandboxStore::find(std::string_view container,
                                          std::string_view interface) const {
  return read(directory_ / name_of(container, interface));
}

std::vector<Sandbox> SandboxStore::all(
    const std::function<void(const std::string&)>& complain) const {
  std::error_code error;
  std::set<std::filesystem::path> paths;
  for (std::filesystem::directory_iterator entry(directory_, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename();
    if (!name.starts_with('.') && name.ends_with(suffix)) paths.insert(entry->path());
  }
  if (error && error != std::errc::no_such_file_or_directory && complain) {
    complain("cannot read " + directory_.string() + ": " + error.message());
  }
  std::vector<Sandbox> sandboxes;
  for (const std::filesystem::path& path : paths) {
    std::optional<Sandbox> sandbox = read(path);
    if (sandbox && file_name(*sandbox) == path.filename() && !sandbox->netns.empty()) {
      sandboxes.push_back(std::move(*sandbox));
    } else if (complain && std::filesystem::exists(path, error)) {
      complain(path.string() +
               " is not a record of pona-cni, and is left alone: the pod it may be about gets no "
               "egress until it is re-created");
    }
  }
  return sandboxes;
}

std::string netns_cookie(const net::Namespace& netns) {
  return cookie_of(netns.socket(AF_INET, SOCK_DGRAM));
}

std::string netns_cookie_inside(const net::Namespace& netns) {
  netns.enter();
  const os::Fd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  return fd ? cookie_of(fd) : "";
}

}  // namespace cmd
