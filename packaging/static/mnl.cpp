// The part of libmnl that libnftnl calls, for static builds on systems that package libmnl as a
// shared library only (Debian). Written from libmnl's public header; tests/unit/net/mnl_test.cpp
// compares it with the shared library, byte by byte. Not for use by pona's own code.
#include <libmnl/libmnl.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>

namespace {

std::byte* bytes_at(void* start, std::size_t offset) {
  return static_cast<std::byte*>(start) + offset;
}

const std::byte* bytes_at(const void* start, std::size_t offset) {
  return static_cast<const std::byte*>(start) + offset;
}

std::size_t aligned(std::size_t length) { return MNL_ALIGN(length); }

// Grows the message by `length` bytes, zeroes them and returns where they start.
std::byte* grow(nlmsghdr* message, std::size_t length) {
  std::byte* tail = bytes_at(message, aligned(message->nlmsg_len));
  std::memset(tail, 0, aligned(length));
  message->nlmsg_len = static_cast<std::uint32_t>(aligned(message->nlmsg_len) + aligned(length));
  return tail;
}

template <typename Number>
Number number_in(const nlattr* attribute) {
  Number number;
  std::memcpy(&number, mnl_attr_get_payload(attribute), sizeof number);
  return number;
}

int fail(int error) {
  errno = error;
  return MNL_CB_ERROR;
}

int visit(const std::byte* from, const std::byte* end, mnl_attr_cb_t callback, void* data) {
  int result = MNL_CB_OK;
  while (end - from >= static_cast<std::ptrdiff_t>(sizeof(nlattr))) {
    const auto* attribute = reinterpret_cast<const nlattr*>(from);
    if (attribute->nla_len < sizeof(nlattr) || attribute->nla_len > end - from) break;
    result = callback(attribute, data);
    if (result <= MNL_CB_STOP) return result;
    from += aligned(attribute->nla_len);
  }
  return result;
}

// What messages below NLMSG_MIN_TYPE mean; their answer ends or continues the reading.
int handle_control(const nlmsghdr* message) {
  switch (message->nlmsg_type) {
    case NLMSG_DONE:
      return MNL_CB_STOP;
    case NLMSG_ERROR: {
      if (message->nlmsg_len < NLMSG_LENGTH(sizeof(nlmsgerr))) return fail(EBADMSG);
      const auto* answer = static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(message));
      errno = std::abs(answer->error);
      return answer->error == 0 ? MNL_CB_STOP : MNL_CB_ERROR;
    }
    default:
      return MNL_CB_OK;
  }
}

}  // namespace

struct mnl_socket {
  int fd;
  sockaddr_nl address;
};

struct mnl_nlmsg_batch {
  void* buffer;
  std::size_t limit;
  std::size_t used;
};

extern "C" {

// Messages

nlmsghdr* mnl_nlmsg_put_header(void* buffer) {
  std::memset(buffer, 0, MNL_NLMSG_HDRLEN);
  auto* message = static_cast<nlmsghdr*>(buffer);
  message->nlmsg_len = MNL_NLMSG_HDRLEN;
  return message;
}

void* mnl_nlmsg_put_extra_header(nlmsghdr* message, std::size_t size) {
  return grow(message, size);
}

void* mnl_nlmsg_get_payload(const nlmsghdr* message) {
  return const_cast<std::byte*>(bytes_at(message, MNL_NLMSG_HDRLEN));
}

// Writing attributes

void mnl_attr_put(nlmsghdr* message, std::uint16_t type, std::size_t length, const void* data) {
  auto* attribute = reinterpret_cast<nlattr*>(grow(message, MNL_ATTR_HDRLEN + length));
  attribute->nla_type = type;
  attribute->nla_len = static_cast<std::uint16_t>(MNL_ATTR_HDRLEN + length);
  if (length != 0) std::memcpy(mnl_attr_get_payload(attribute), data, length);
}

void mnl_attr_put_u8(nlmsghdr* message, std::uint16_t type, std::uint8_t data) {
  mnl_attr_put(message, type, sizeof data, &data);
}

void mnl_attr_put_u16(nlmsghdr* message, std::uint16_t type, std::uint16_t data) {
  mnl_attr_put(message, type, sizeof data, &data);
}

void mnl_attr_put_u32(nlmsghdr* message, std::uint16_t type, std::uint32_t data) {
  mnl_attr_put(message, type, sizeof data, &data);
}

void mnl_attr_put_u64(nlmsghdr* message, std::uint16_t type, std::uint64_t data) {
  mnl_attr_put(message, type, sizeof data, &data);
}

void mnl_attr_put_str(nlmsghdr* message, std::uint16_t type, const char* data) {
  mnl_attr_put(message, type, std::strlen(data), data);
}

void mnl_attr_put_strz(nlmsghdr* message, std::uint16_t type, const char* data) {
  mnl_attr_put(message, type, std::strlen(data) + 1, data);
}

nlattr* mnl_attr_nest_start(nlmsghdr* message, std::uint16_t type) {
  auto* start = reinterpret_cast<nlattr*>(grow(message, MNL_ATTR_HDRLEN));
  start->nla_type = type | NLA_F_NESTED;
  return start;
}

void mnl_attr_nest_end(nlmsghdr* message, nlattr* start) {
  start->nla_len =
      static_cast<std::uint16_t>(bytes_at(message, message->nlmsg_len) - bytes_at(start, 0));
}

// Reading attributes

std::uint16_t mnl_attr_get_type(const nlattr* attribute) {
  return attribute->nla_type & NLA_TYPE_MASK;
}

std::uint16_t mnl_attr_get_payload_len(const nlattr* attribute) {
  return static_cast<std::uint16_t>(attribute->nla_len - MNL_ATTR_HDRLEN);
}

void* mnl_attr_get_payload(const nlattr* attribute) {
  return const_cast<std::byte*>(bytes_at(attribute, MNL_ATTR_HDRLEN));
}

std::uint8_t mnl_attr_get_u8(const nlattr* attribute) { return number_in<std::uint8_t>(attribute); }

std::uint16_t mnl_attr_get_u16(const nlattr* attribute) {
  return number_in<std::uint16_t>(attribute);
}

std::uint32_t mnl_attr_get_u32(const nlattr* attribute) {
  return number_in<std::uint32_t>(attribute);
}

std::uint64_t mnl_attr_get_u64(const nlattr* attribute) {
  return number_in<std::uint64_t>(attribute);
}

const char* mnl_attr_get_str(const nlattr* attribute) {
  return static_cast<const char*>(mnl_attr_get_payload(attribute));
}

bool mnl_attr_ok(const nlattr* attribute, int length) {
  return length >= static_cast<int>(sizeof(nlattr)) && attribute->nla_len >= sizeof(nlattr) &&
         attribute->nla_len <= length;
}

nlattr* mnl_attr_next(const nlattr* attribute) {
  const std::byte* next = bytes_at(attribute, aligned(attribute->nla_len));
  return const_cast<nlattr*>(reinterpret_cast<const nlattr*>(next));
}

int mnl_attr_type_valid(const nlattr* attribute, std::uint16_t largest) {
  return mnl_attr_get_type(attribute) <= largest ? MNL_CB_OK : fail(EOPNOTSUPP);
}

int mnl_attr_validate(const nlattr* attribute, mnl_attr_data_type type) {
  if (type >= MNL_TYPE_MAX) return fail(EINVAL);
  const std::size_t length = mnl_attr_get_payload_len(attribute);
  const auto must_be = [&](bool good) { return good ? 0 : fail(ERANGE); };
  switch (type) {
    case MNL_TYPE_U8:
      return must_be(length == 1);
    case MNL_TYPE_U16:
      return must_be(length == 2);
    case MNL_TYPE_U32:
      return must_be(length == 4);
    case MNL_TYPE_U64:
    case MNL_TYPE_MSECS:
      return must_be(length == 8);
    case MNL_TYPE_FLAG:
      return must_be(length == 0);
    case MNL_TYPE_STRING:
      return must_be(length > 0);
    case MNL_TYPE_NUL_STRING:
      if (length == 0) return fail(ERANGE);
      return mnl_attr_get_str(attribute)[length - 1] == '\0' ? 0 : fail(EINVAL);
    case MNL_TYPE_NESTED:
      return must_be(length == 0 || length >= MNL_ATTR_HDRLEN);
    default:
      return 0;
  }
}

int mnl_attr_parse(const nlmsghdr* message, unsigned int offset, mnl_attr_cb_t callback,
                   void* data) {
  return visit(bytes_at(message, MNL_NLMSG_HDRLEN + aligned(offset)),
               bytes_at(message, aligned(message->nlmsg_len)), callback, data);
}

int mnl_attr_parse_nested(const nlattr* nest, mnl_attr_cb_t callback, void* data) {
  return visit(bytes_at(nest, MNL_ATTR_HDRLEN), bytes_at(nest, nest->nla_len), callback, data);
}

int mnl_cb_run(const void* buffer, std::size_t length, unsigned int sequence, unsigned int port,
               mnl_cb_t callback, void* data) {
  int result = MNL_CB_OK;
  const std::byte* from = bytes_at(buffer, 0);
  const std::byte* end = from + length;
  while (end - from >= static_cast<std::ptrdiff_t>(sizeof(nlmsghdr))) {
    const auto* message = reinterpret_cast<const nlmsghdr*>(from);
    if (message->nlmsg_len < sizeof(nlmsghdr) || message->nlmsg_len > end - from) break;
    if (message->nlmsg_pid != 0 && port != 0 && message->nlmsg_pid != port) return fail(ESRCH);
    if (message->nlmsg_seq != 0 && sequence != 0 && message->nlmsg_seq != sequence) {
      return fail(EPROTO);
    }
    if ((message->nlmsg_flags & NLM_F_DUMP_INTR) != 0) return fail(EINTR);
    if (message->nlmsg_type < NLMSG_MIN_TYPE) {
      result = handle_control(message);
    } else if (callback != nullptr) {
      result = callback(message, data);
    }
    if (result <= MNL_CB_STOP) return result;
    from += std::min<std::ptrdiff_t>(static_cast<std::ptrdiff_t>(aligned(message->nlmsg_len)),
                                     end - from);
  }
  return result;
}

// Batches: messages one after the other in the caller's buffer, which must have room for one whole
// message beyond `limit`.

mnl_nlmsg_batch* mnl_nlmsg_batch_start(void* buffer, std::size_t limit) {
  return new (std::nothrow) mnl_nlmsg_batch{buffer, limit, 0};
}

void mnl_nlmsg_batch_stop(mnl_nlmsg_batch* batch) { delete batch; }

bool mnl_nlmsg_batch_next(mnl_nlmsg_batch* batch) {
  const std::size_t used =
      batch->used + static_cast<const nlmsghdr*>(mnl_nlmsg_batch_current(batch))->nlmsg_len;
  if (used > batch->limit) return false;
  batch->used = used;
  return true;
}

std::size_t mnl_nlmsg_batch_size(mnl_nlmsg_batch* batch) { return batch->used; }

void* mnl_nlmsg_batch_head(mnl_nlmsg_batch* batch) { return batch->buffer; }

void* mnl_nlmsg_batch_current(mnl_nlmsg_batch* batch) {
  return bytes_at(batch->buffer, batch->used);
}

bool mnl_nlmsg_batch_is_empty(mnl_nlmsg_batch* batch) { return batch->used == 0; }

// Sockets

mnl_socket* mnl_socket_open(int bus) {
  const int fd = socket(AF_NETLINK, SOCK_RAW, bus);
  if (fd < 0) return nullptr;
  auto* opened = new (std::nothrow) mnl_socket{fd, {}};
  if (opened == nullptr) close(fd);
  return opened;
}

int mnl_socket_bind(mnl_socket* bound, unsigned int groups, pid_t port) {
  bound->address = {};
  bound->address.nl_family = AF_NETLINK;
  bound->address.nl_groups = groups;
  bound->address.nl_pid = static_cast<std::uint32_t>(port);
  auto* address = reinterpret_cast<sockaddr*>(&bound->address);
  if (bind(bound->fd, address, sizeof bound->address) < 0) return -1;
  socklen_t length = sizeof bound->address;  // the kernel chose the port if it was 0
  return getsockname(bound->fd, address, &length);
}

unsigned int mnl_socket_get_portid(const mnl_socket* bound) { return bound->address.nl_pid; }

ssize_t mnl_socket_sendto(const mnl_socket* to, const void* data, std::size_t size) {
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  return sendto(to->fd, data, size, 0, reinterpret_cast<const sockaddr*>(&kernel), sizeof kernel);
}

ssize_t mnl_socket_recvfrom(const mnl_socket* from, void* buffer, std::size_t size) {
  const ssize_t received = recv(from->fd, buffer, size, MSG_TRUNC);
  if (received > static_cast<ssize_t>(size)) return fail(ENOSPC);
  return received;
}

int mnl_socket_close(mnl_socket* closed) {
  const int result = close(closed->fd);
  delete closed;
  return result;
}

}  // extern "C"
