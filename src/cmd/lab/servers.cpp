#include "cmd/lab/servers.hpp"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>

#include "core/error.hpp"
#include "core/ip.hpp"
#include "os/fd.hpp"

namespace cmd {
namespace {

[[noreturn]] void fail(const std::string& what) {
  throw core::Error(core::Error::Kind::permanent, "cannot " + what + ": " + std::strerror(errno));
}

// IPv4 peers of an IPv6 socket come as ::ffff:a.b.c.d.
std::string plain_address(const in6_addr& in) {
  const std::span<const std::uint8_t> bytes(in.s6_addr);
  return to_string(core::Address(IN6_IS_ADDR_V4MAPPED(&in) ? bytes.subspan(12) : bytes));
}

std::string sight(const std::string& name, const sockaddr_in6& peer) {
  return name + " sees " + plain_address(peer.sin6_addr);
}

std::string sight(const std::string& name, int fd) {
  sockaddr_in6 peer{};
  socklen_t size = sizeof peer;
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) != 0) return name;
  return sight(name, peer);
}

int bound_socket(int type, std::uint16_t port) {
  os::Fd fd(socket(AF_INET6, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int off = 0;
  const int on = 1;
  sockaddr_in6 any{};
  any.sin6_family = AF_INET6;
  any.sin6_port = htons(port);
  if (!fd || setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) != 0 ||
      setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      (type == SOCK_DGRAM &&
       setsockopt(fd.get(), IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on) != 0) ||
      bind(fd.get(), reinterpret_cast<const sockaddr*>(&any), sizeof any) != 0 ||
      (type == SOCK_STREAM && listen(fd.get(), SOMAXCONN) != 0)) {
    fail("listen on port " + std::to_string(port));
  }
  return fd.release();  // libevent closes it
}

void on_http(evhttp_request* request, void* context) {
  const auto& name = *static_cast<const std::string*>(context);
  evhttp_connection* connection = evhttp_request_get_connection(request);
  const int fd = bufferevent_getfd(evhttp_connection_get_bufferevent(connection));
  const std::string_view path = evhttp_request_get_uri(request);
  const std::string body = (path == "/name" ? name : sight(name, fd)) + '\n';
  evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type", "text/plain");
  evbuffer_add(evhttp_request_get_output_buffer(request), body.data(), body.size());
  evhttp_send_reply(request, HTTP_OK, "OK", nullptr);
}

void on_echo_input(bufferevent* stream, void* /*context*/) {
  bufferevent_write_buffer(stream, bufferevent_get_input(stream));
}

void on_echo_end(bufferevent* stream, short /*events*/, void* /*context*/) {
  bufferevent_free(stream);
}

void on_echo_connection(evconnlistener* listener, evutil_socket_t fd, sockaddr* /*peer*/,
                        int /*size*/, void* context) {
  bufferevent* stream =
      bufferevent_socket_new(evconnlistener_get_base(listener), fd, BEV_OPT_CLOSE_ON_FREE);
  if (stream == nullptr) {
    evutil_closesocket(fd);
    return;
  }
  const std::string greeting = sight(*static_cast<const std::string*>(context), fd) + '\n';
  bufferevent_setcb(stream, on_echo_input, nullptr, on_echo_end, nullptr);
  bufferevent_enable(stream, EV_READ | EV_WRITE);
  bufferevent_write(stream, greeting.data(), greeting.size());
}

// Answers come from the address that was asked: a host may have several.
void on_datagram(evutil_socket_t fd, short /*events*/, void* context) {
  std::array<char, 2048> buffer{};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(in6_pktinfo))> control{};
  sockaddr_in6 peer{};
  iovec data{buffer.data(), buffer.size()};
  msghdr message{};
  message.msg_name = &peer;
  message.msg_namelen = sizeof peer;
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t length = recvmsg(fd, &message, 0);
  if (length < 0) return;
  std::string answer = sight(*static_cast<const std::string*>(context), peer) + ": " +
                       std::string(buffer.data(), static_cast<std::size_t>(length));
  data = {answer.data(), answer.size()};
  sendmsg(fd, &message, 0);
}

using Base = std::unique_ptr<event_base, decltype(&event_base_free)>;
using Http = std::unique_ptr<evhttp, decltype(&evhttp_free)>;
using Listener = std::unique_ptr<evconnlistener, decltype(&evconnlistener_free)>;
using Event = std::unique_ptr<event, decltype(&event_free)>;

}  // namespace

void serve(const Servers& servers) {
  std::string name = servers.name;
  const Base base(event_base_new(), event_base_free);
  if (!base) fail("start an event loop");

  const Http http(evhttp_new(base.get()), evhttp_free);
  if (!http || evhttp_accept_socket(http.get(), bound_socket(SOCK_STREAM, servers.http)) != 0) {
    fail("serve HTTP");
  }
  evhttp_set_gencb(http.get(), on_http, &name);

  const Listener echo(
      evconnlistener_new(base.get(), on_echo_connection, &name, LEV_OPT_CLOSE_ON_FREE, 0,
                         bound_socket(SOCK_STREAM, servers.echo)),
      evconnlistener_free);
  if (!echo) fail("serve TCP echo");

  const os::Fd datagrams(bound_socket(SOCK_DGRAM, servers.echo));
  const Event udp(event_new(base.get(), datagrams.get(), EV_READ | EV_PERSIST, on_datagram, &name),
                  event_free);
  if (!udp || event_add(udp.get(), nullptr) != 0) fail("serve UDP echo");

  if (event_base_dispatch(base.get()) != 0) fail("run the event loop");
}

}  // namespace cmd
