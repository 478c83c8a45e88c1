// packaging/static/mnl.cpp stands in for libmnl where that is packaged only as a shared library.
// Both are loaded here, side by side, and must write the same bytes and read the same values.
#include <dlfcn.h>
#include <libmnl/libmnl.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"

namespace unit::mnl_test {

namespace {

class Library {
 public:
  explicit Library(const char* path) : handle_(dlopen(path, RTLD_NOW | RTLD_LOCAL)) {
    INFO(dlerror());
    REQUIRE(handle_ != nullptr);
  }
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;
  ~Library() { dlclose(handle_); }

  // The library's function of this name, with the type that libmnl's header declares.
  template <typename Function>
  Function* get(const char* name, Function*) const {
    auto* function = reinterpret_cast<Function*>(dlsym(handle_, name));
    INFO(name);
    REQUIRE(function != nullptr);
    return function;
  }

 private:
  void* handle_;
};

#define MNL(library, name) (library).get(#name, &::name)

using Bytes = std::vector<std::uint8_t>;

struct alignas(8) Buffer {
  explicit Buffer(std::uint8_t leftover = 0) {
    std::fill(std::begin(bytes), std::end(bytes), leftover);
  }
  std::uint8_t bytes[4096];
};

Bytes message_by(const Library& library, std::uint8_t leftover = 0) {
  Buffer buffer(leftover);
  nlmsghdr* message = MNL(library, mnl_nlmsg_put_header)(buffer.bytes);
  message->nlmsg_type = 0x0a0c;
  message->nlmsg_seq = 7;
  auto* extra = static_cast<std::uint8_t*>(MNL(library, mnl_nlmsg_put_extra_header)(message, 6));
  extra[0] = 2;
  MNL(library, mnl_attr_put_u8)(message, 1, 0xff);
  MNL(library, mnl_attr_put_u16)(message, 2, 0x1234);
  MNL(library, mnl_attr_put_u32)(message, 3, 0x12345678);
  MNL(library, mnl_attr_put_u64)(message, 4, 0x123456789abcdef0);
  MNL(library, mnl_attr_put_str)(message, 5, "eth0");
  MNL(library, mnl_attr_put_strz)(message, 6, "eth0");
  nlattr* outer = MNL(library, mnl_attr_nest_start)(message, 7);
  nlattr* inner = MNL(library, mnl_attr_nest_start)(message, 8);
  MNL(library, mnl_attr_put)(message, 9, 3, "abc");
  MNL(library, mnl_attr_nest_end)(message, inner);
  MNL(library, mnl_attr_put)(message, 10, 0, nullptr);
  MNL(library, mnl_attr_nest_end)(message, outer);
  return {buffer.bytes, buffer.bytes + message->nlmsg_len};
}

const nlmsghdr* as_message(const Bytes& bytes) {
  return reinterpret_cast<const nlmsghdr*>(bytes.data());
}

struct Visit {
  const Library* library;
  std::vector<std::string> seen;
  std::uint16_t stop_at = 0;
};

int visit(const nlattr* attribute, void* data) {
  Visit& to = *static_cast<Visit*>(data);
  const Library& library = *to.library;
  const std::uint16_t type = MNL(library, mnl_attr_get_type)(attribute);
  const std::uint16_t length = MNL(library, mnl_attr_get_payload_len)(attribute);
  std::string text = std::to_string(type) + " length " + std::to_string(length);
  if (type == 1) text += " u8 " + std::to_string(MNL(library, mnl_attr_get_u8)(attribute));
  if (type == 2) text += " u16 " + std::to_string(MNL(library, mnl_attr_get_u16)(attribute));
  if (type == 3) text += " u32 " + std::to_string(MNL(library, mnl_attr_get_u32)(attribute));
  if (type == 4) text += " u64 " + std::to_string(MNL(library, mnl_attr_get_u64)(attribute));
  if (type == 6) text += std::string(" text ") + MNL(library, mnl_attr_get_str)(attribute);
  for (int kind = 0; kind <= MNL_TYPE_MAX; ++kind) {
    errno = 0;
    const int valid =
        MNL(library, mnl_attr_validate)(attribute, static_cast<mnl_attr_data_type>(kind));
    text += ' ' + std::to_string(valid) + '/' + std::to_string(errno);
  }
  errno = 0;
  text += " known " + std::to_string(MNL(library, mnl_attr_type_valid)(attribute, 6)) + '/' +
          std::to_string(errno);
  for (const int room : {0, 3, 4, 5, 8, 12, 4096}) {
    text += MNL(library, mnl_attr_ok)(attribute, room) ? '+' : '-';
  }
  const auto* next = reinterpret_cast<const std::uint8_t*>(MNL(library, mnl_attr_next)(attribute));
  text += " next " + std::to_string(next - reinterpret_cast<const std::uint8_t*>(attribute));
  to.seen.push_back(text);
  if (type == 7 || type == 8) {
    to.seen.push_back("nest " +
                      std::to_string(MNL(library, mnl_attr_parse_nested)(attribute, visit, data)));
  }
  return type == to.stop_at ? MNL_CB_STOP : MNL_CB_OK;
}

std::vector<std::string> attributes_by(const Library& library, const Bytes& bytes,
                                       std::uint16_t stop_at) {
  Visit to{&library, {}, stop_at};
  const int result = MNL(library, mnl_attr_parse)(as_message(bytes), 6, visit, &to);
  to.seen.push_back("result " + std::to_string(result));
  return to.seen;
}

Bytes control(std::uint16_t type, std::uint16_t flags, int error) {
  Bytes bytes(NLMSG_LENGTH(sizeof(nlmsgerr)));
  auto* message = reinterpret_cast<nlmsghdr*>(bytes.data());
  message->nlmsg_len = static_cast<std::uint32_t>(bytes.size());
  message->nlmsg_type = type;
  message->nlmsg_flags = flags;
  message->nlmsg_seq = 7;
  message->nlmsg_pid = 100;
  static_cast<nlmsgerr*>(static_cast<void*>(bytes.data() + NLMSG_HDRLEN))->error = error;
  return bytes;
}

// The answer of mnl_cb_run, errno, and how many messages reached the callback.
std::vector<int> run_by(const Library& library, const Bytes& bytes, unsigned sequence,
                        unsigned port) {
  int count = 0;
  errno = 0;
  const int result = MNL(library, mnl_cb_run)(
      bytes.data(), bytes.size(), sequence, port,
      [](const nlmsghdr*, void* data) {
        ++*static_cast<int*>(data);
        return MNL_CB_OK;
      },
      &count);
  return {result, errno, count};
}

Bytes operator+(Bytes left, const Bytes& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

// What the batch holds after each of several messages, until its limit is reached.
std::vector<std::size_t> batch_by(const Library& library) {
  Buffer buffer;
  std::vector<std::size_t> seen;
  mnl_nlmsg_batch* batch = MNL(library, mnl_nlmsg_batch_start)(buffer.bytes, 200);
  for (int i = 0; i < 5; ++i) {
    void* current = MNL(library, mnl_nlmsg_batch_current)(batch);
    nlmsghdr* message = MNL(library, mnl_nlmsg_put_header)(current);
    MNL(library, mnl_attr_put_strz)(message, 1, "some words that take some room");
    seen.push_back(MNL(library, mnl_nlmsg_batch_next)(batch) ? 1 : 0);
    seen.push_back(MNL(library, mnl_nlmsg_batch_size)(batch));
    seen.push_back(MNL(library, mnl_nlmsg_batch_is_empty)(batch) ? 1 : 0);
    seen.push_back(static_cast<std::size_t>(
        static_cast<std::uint8_t*>(MNL(library, mnl_nlmsg_batch_head)(batch)) - buffer.bytes));
  }
  MNL(library, mnl_nlmsg_batch_stop)(batch);
  return seen;
}

// A look at the loopback device asked of the kernel through the library's own socket.
std::vector<int> ask_kernel_by(const Library& library) {
  Buffer buffer;
  mnl_socket* socket = MNL(library, mnl_socket_open)(NETLINK_ROUTE);
  REQUIRE(socket != nullptr);
  CHECK(MNL(library, mnl_socket_bind)(socket, 0, MNL_SOCKET_AUTOPID) == 0);
  const unsigned port = MNL(library, mnl_socket_get_portid)(socket);
  CHECK(port != 0);

  nlmsghdr* message = MNL(library, mnl_nlmsg_put_header)(buffer.bytes);
  message->nlmsg_type = 18;  // RTM_GETLINK
  message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
  message->nlmsg_seq = 7;
  MNL(library, mnl_nlmsg_put_extra_header)(message, 16);  // ifinfomsg
  MNL(library, mnl_attr_put_strz)(message, 3, "lo");      // IFLA_IFNAME
  CHECK(MNL(library, mnl_socket_sendto)(socket, message, message->nlmsg_len) ==
        static_cast<ssize_t>(message->nlmsg_len));

  const ssize_t received = MNL(library, mnl_socket_recvfrom)(socket, buffer.bytes, 4096);
  REQUIRE(received > 0);
  const Bytes answer(buffer.bytes, buffer.bytes + received);
  std::vector<int> seen = run_by(library, answer, 7, port);
  seen.push_back(as_message(answer)->nlmsg_type);
  CHECK(MNL(library, mnl_socket_close)(socket) == 0);
  return seen;
}

}  // namespace

TEST_CASE("the static build's libmnl does what the shared one does") {
  const Library shared("libmnl.so.0");
  const Library ours(PONA_MNL_MODULE);
  const Bytes message = message_by(shared);

  SECTION("it writes the same bytes") {
    CHECK(message_by(ours) == message);
    // libmnl before 1.0.5 hands leftovers of the buffer to the kernel as padding.
    CHECK(message_by(ours, 0xa5) == message);
  }

  SECTION("it reads the same attributes") {
    const std::uint16_t stop_at = GENERATE(std::uint16_t{0}, std::uint16_t{3}, std::uint16_t{8});
    CHECK(attributes_by(ours, message, stop_at) == attributes_by(shared, message, stop_at));
  }

  SECTION("it ends at a damaged attribute as the shared one does") {
    const std::size_t at = GENERATE(24u, 32u, 40u, 48u, 60u);
    const std::uint8_t length = GENERATE(std::uint8_t{0}, std::uint8_t{3}, std::uint8_t{255});
    Bytes damaged = message;
    damaged[at] = length;
    CHECK(attributes_by(ours, damaged, 0) == attributes_by(shared, damaged, 0));
  }

  SECTION("it understands answers the same way") {
    const Bytes data = control(0x10, 0, 0);
    const std::vector<Bytes> cases = {data,
                                      data + data + control(NLMSG_DONE, 0, 0) + data,
                                      control(NLMSG_ERROR, 0, 0),
                                      data + control(NLMSG_ERROR, 0, -ENOENT),
                                      control(NLMSG_NOOP, 0, 0) + data,
                                      control(0x10, NLM_F_DUMP_INTR, 0),
                                      {},
                                      Bytes(data.begin(), data.end() - 1)};
    const unsigned sequence = GENERATE(0u, 7u, 8u);
    const unsigned port = GENERATE(0u, 100u, 101u);
    for (const Bytes& bytes : cases) {
      CAPTURE(bytes);
      CHECK(run_by(ours, bytes, sequence, port) == run_by(shared, bytes, sequence, port));
    }
  }

  SECTION("it fills batches the same way") { CHECK(batch_by(ours) == batch_by(shared)); }

  SECTION("the kernel answers it the same") { CHECK(ask_kernel_by(ours) == ask_kernel_by(shared)); }
}

}  // namespace unit::mnl_test
