#include "net/netlink/request.hpp"

#include <linux/netlink.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <sys/socket.h>

#include <cerrno>
#include <new>
#include <utility>

#include "net/netlink/netlink.hpp"
#include "net/netlink/status.hpp"

namespace net {
namespace {

// The kernel never puts more into one message of a dump.
constexpr std::size_t buffer_size = 64 * 1024;

// An undisturbed dump is the rule; after so many disturbed ones the caller's next pass may have
// more luck.
constexpr int attempts = 5;

}  // namespace

std::string to_string(const Answer& answer) {
  std::string text = error_text(answer.error);
  if (!answer.details.empty()) text += " (" + answer.details + ')';
  return text;
}

core::Error::Kind kind_of(int error) {
  switch (error) {
    case EAGAIN:
    case EBUSY:
    case EINTR:
    case ENOBUFS:
    case ENOMEM:
    case ENODEV:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTUNREACH:
      return core::Error::Kind::transient;
    default:
      return core::Error::Kind::permanent;
  }
}

void RequestSocket::FreeSocket::operator()(nl_sock* socket) const { nl_socket_free(socket); }

RequestSocket::RequestSocket(int protocol) : socket_(nl_socket_alloc()), buffer_(buffer_size) {
  if (!socket_) {
    throw core::Error(core::Error::Kind::transient, "out of memory for a netlink socket");
  }
  if (nl_connect(socket_.get(), protocol) < 0) {
    throw core::Error(kind_of(errno),
                      std::string("cannot open a netlink socket: ") + error_text(errno));
  }
  nl_socket_disable_auto_ack(socket_.get());
  // All three are refinements that old kernels lack: why a request was refused, without a copy of
  // the request, and dumps that the kernel filters.
  const int on = 1;
  const int fd = nl_socket_get_fd(socket_.get());
  setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
  setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
  setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof on);
}

RequestSocket::~RequestSocket() = default;

std::uint32_t RequestSocket::port() const { return nl_socket_get_local_port(socket_.get()); }

Answer RequestSocket::request(nl_msg& message) {
  return get(message, [](const NetlinkMessage&) {});
}

Answer RequestSocket::get(nl_msg& message,
                          const std::function<void(const NetlinkMessage&)>& visit) {
  fault_point();
  if (Answer sent = send(message, NLM_F_ACK); !sent.ok()) return sent;
  return receive(view_of(message).sequence, visit);
}

Answer RequestSocket::stream(nl_msg& message,
                             const std::function<void(const NetlinkMessage&)>& visit) {
  fault_point();
  if (Answer sent = send(message, NLM_F_DUMP); !sent.ok()) return sent;
  return receive(view_of(message).sequence, visit);
}

Answer RequestSocket::dump(nl_msg& message, const std::function<bool(const NetlinkMessage&)>& keep,
                           std::vector<std::uint8_t>& messages) {
  for (int attempt = 0;; ++attempt) {
    messages.clear();
    Answer answer = stream(message, [&](const NetlinkMessage& entry) {
      if (!keep(entry)) return;
      messages.insert(messages.end(), entry.bytes.begin(), entry.bytes.end());
      messages.resize(NLMSG_ALIGN(messages.size()));
    });
    if (answer.error != EINTR || attempt == attempts) return answer;
  }
}

Answer RequestSocket::send(nl_msg& message, int flags) {
  nlmsghdr* header = nlmsg_hdr(&message);
  header->nlmsg_flags = static_cast<std::uint16_t>(header->nlmsg_flags | NLM_F_REQUEST | flags);
  header->nlmsg_seq = NL_AUTO_SEQ;  // a repeated message is a new request
  errno = 0;
  if (nl_send_auto(socket_.get(), &message) < 0) return {errno != 0 ? errno : EIO, {}};
  return {};
}

Answer RequestSocket::receive(std::uint32_t sequence,
                              const std::function<void(const NetlinkMessage&)>& visit) {
  Answer answer;
  bool disturbed = false;
  for (bool done = false; !done;) {
    const ssize_t size = receive_from_kernel(nl_socket_get_fd(socket_.get()), buffer_, 0);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return {errno, {}};
    if (static_cast<std::size_t>(size) > buffer_.size()) return {EMSGSIZE, {}};
    const ByteView datagram(buffer_.data(), static_cast<std::size_t>(size));
    for_each_message(datagram, [&](const NetlinkMessage& part) {
      if (done || part.sequence != sequence) return;
      disturbed |= (part.flags & NLM_F_DUMP_INTR) != 0;
      if (const auto end = read_answer(part)) {
        answer = {end->error, end->text};
        done = true;
      } else if (part.type == NLMSG_DONE) {
        answer.error = error_of(header_in<std::int32_t>(part).value_or(0));
        done = true;
      } else {
        visit(part);
      }
    });
  }
  if (answer.ok() && disturbed) answer.error = EINTR;
  return answer;
}

}  // namespace net
