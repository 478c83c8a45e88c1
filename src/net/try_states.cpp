#include "net/try_states.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>
#include <net/if.h>

#include <cerrno>
#include <cstring>
#include <exception>
#include <string_view>

#include "core/error.hpp"
#include "core/state/diff.hpp"
#include "net/kernel.hpp"
#include "net/netlink/netlink.hpp"
#include "net/nft/batch.hpp"
#include "os/fd.hpp"

namespace net {
namespace {

constexpr std::uint32_t owner_and_persist = NFT_TABLE_F_OWNER | 0x4;  // the latter since Linux 6.9
constexpr char taken = '+', refused = '-', failed = '!', lacking = '?';

void set_loopback_up() {
  const os::Fd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP;
  if (fd) ioctl(fd.get(), SIOCSIFFLAGS, &request);
}

// Without a transaction of its own: the kernel looks at it and forgets it.
bool can_own() {
  NetlinkSocket socket(NETLINK_NETFILTER);
  const NetlinkWriter probe =
      NftBatch::table_message(core::Family::ipv4, "pona-probe", owner_and_persist, false);
  if (socket.send(probe.bytes()) != 0) return false;
  int error = EIO;
  bool answered = false;
  while (!answered) {
    const auto received = socket.receive(true);
    if (received.error != 0) return false;
    for_each_message(received.bytes, [&](const NetlinkMessage& message) {
      const auto answer = read_answer(message);
      if (!answer) return;
      answered = true;
      error = answer->error;
    });
  }
  return error != EINVAL && error != EOPNOTSUPP;
}

std::string attempt(const Attempt& what) {
  try {
    if (unshare(CLONE_NEWNET) != 0) return std::string("a network namespace: ") + error_text(errno);
    set_loopback_up();
    open_kernel(what.scope, false)->apply(core::diff(core::State(), what.state));
    return "";
  } catch (const std::exception& error) {
    return error.what();
  }
}

class Teller {
 public:
  explicit Teller(int fd) : fd_(fd) {}
  void tell(char kind, std::string_view text) {
    std::string line(1, kind);
    for (const char letter : text) line += letter == '\n' ? ' ' : letter;
    line += '\n';
    for (std::string_view rest = line; !rest.empty();) {
      const ssize_t size = ::write(fd_, rest.data(), rest.size());
      if (size <= 0) return;
      rest.remove_prefix(static_cast<std::size_t>(size));
    }
  }

 private:
  int fd_;
};

void try_all(const std::vector<Attempt>& attempts, Teller& teller) {
  if (unshare(CLONE_NEWNET) != 0) {
    const int error = errno;
    if (error != EPERM) {
      teller.tell(failed, "no network namespace can be made to try it in: " + error_text(error));
      return;
    }
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) {
      teller.tell(lacking, "no network namespace can be made to try it in: " + error_text(error) +
                               ", and no user namespace: " + error_text(errno));
      return;
    }
  }
  bool owned = false;
  try {
    owned = can_own();
  } catch (const std::exception&) {
    owned = false;
  }
  teller.tell(owned ? taken : refused, "");
  for (const Attempt& one : attempts) {
    const std::string refusal = attempt(one);
    teller.tell(refusal.empty() ? taken : refused, refusal);
  }
}

std::string told_by(int fd) {
  std::string text;
  char buffer[4096];
  for (;;) {
    const ssize_t size = ::read(fd, buffer, sizeof buffer);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return text;
    text.append(buffer, static_cast<std::size_t>(size));
  }
}

}  // namespace

AttemptResults try_states(const std::vector<Attempt>& attempts) {
  AttemptResults results;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    results.failure = "cannot make a pipe: " + error_text(errno);
    return results;
  }
  os::Fd reader(ends[0]), writer(ends[1]);
  const pid_t child = fork();
  if (child < 0) {
    results.failure = "cannot fork: " + error_text(errno);
    return results;
  }
  if (child == 0) {
    Teller teller(writer.get());
    try_all(attempts, teller);
    _exit(0);
  }
  writer = os::Fd();
  const std::string text = told_by(reader.get());
  while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  std::string_view rest = text;
  bool first = true;
  for (std::size_t end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    if (line.empty()) continue;
    const std::string said(line.substr(1));
    if (line[0] == failed || line[0] == lacking) {
      results.failure = said;
      results.privileges = line[0] == lacking;
      return results;
    }
    if (std::exchange(first, false)) {
      results.owned_tables = line[0] == taken;
    } else {
      results.refusals.push_back(line[0] == taken ? "" : said.empty() ? "refused" : said);
    }
  }
  if (results.refusals.size() != attempts.size()) {
    results.failure = "the process that tried it ended too early";
  }
  return results;
}

}  // namespace net
