// Load for the benchmarks: a server that answers one byte with one byte on every address of its
// network namespace, and clients that count connections or bytes for a given time. Bounded,
// single-threaded.
//
//   traffic serve PORT
//   traffic connect SECONDS PARALLEL ADDRESS FIRST-PORT COUNT STEP
//                                                      new connections per second, to COUNT ports
//   traffic connect-many SECONDS PARALLEL BASE-ADDRESS PORT COUNT  to COUNT addresses from BASE on
//   traffic send SECONDS STREAMS ADDRESS PORT                     bytes per second
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

void give_up(const char* what) {
  std::perror(what);
  std::exit(1);
}

sockaddr_in at(std::uint32_t address, std::uint16_t port) {
  sockaddr_in result{};
  result.sin_family = AF_INET;
  result.sin_addr.s_addr = htonl(address);
  result.sin_port = htons(port);
  return result;
}

std::uint32_t address_of(const char* text) {
  in_addr address{};
  if (inet_pton(AF_INET, text, &address) != 1) {
    std::fprintf(stderr, "traffic: %s is no IPv4 address\n", text);
    std::exit(2);
  }
  return ntohl(address.s_addr);
}

void watch(int epoll, int op, int fd, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  if (epoll_ctl(epoll, op, fd, &event) != 0) {
    give_up("epoll_ctl");
  }
}

int serve(std::uint16_t port) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int one = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  const sockaddr_in any = at(0, port);
  if (bind(listener, reinterpret_cast<const sockaddr*>(&any), sizeof any) != 0 ||
      listen(listener, 4096) != 0) {
    give_up("listen");
  }
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  watch(epoll, EPOLL_CTL_ADD, listener, EPOLLIN);
  std::vector<char> buffer(1 << 20);
  for (;;) {
    epoll_event events[256];
    const int ready = epoll_wait(epoll, events, 256, -1);
    for (int i = 0; i < ready; ++i) {
      const int fd = events[i].data.fd;
      if (fd == listener) {
        for (int peer; (peer = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK)) >= 0;) {
          watch(epoll, EPOLL_CTL_ADD, peer, EPOLLIN);
        }
        continue;
      }
      const ssize_t got = read(fd, buffer.data(), buffer.size());
      if (got <= 0) {
        close(fd);
      } else if (got == 1 && write(fd, buffer.data(), 1) != 1) {
        close(fd);
      }
    }
  }
}

int connect_for(double seconds, int parallel, const std::function<sockaddr_in()>& target) {
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  std::uint64_t done = 0;
  std::uint64_t failed = 0;
  const auto begin = [&] {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const linger reset{1, 0};  // leaves no TIME_WAIT behind, which would run out of ports
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    const sockaddr_in to = target();
    if (connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0 &&
        errno != EINPROGRESS) {
      give_up("connect");
    }
    watch(epoll, EPOLL_CTL_ADD, fd, EPOLLOUT);
  };
  const auto start = Clock::now();
  const auto until = start + std::chrono::duration<double>(seconds);
  for (int i = 0; i < parallel; ++i) {
    begin();
  }
  while (Clock::now() < until) {
    epoll_event events[256];
    const int ready = epoll_wait(epoll, events, 256, 100);
    for (int i = 0; i < ready; ++i) {
      const int fd = events[i].data.fd;
      char byte = 'x';
      if ((events[i].events & (EPOLLERR | EPOLLHUP)) != 0) {
        ++failed;
      } else if ((events[i].events & EPOLLOUT) != 0) {
        if (write(fd, &byte, 1) == 1) {
          watch(epoll, EPOLL_CTL_MOD, fd, EPOLLIN);
          continue;
        }
        ++failed;
      } else if (read(fd, &byte, 1) == 1) {
        ++done;
      } else {
        ++failed;
      }
      close(fd);
      begin();
    }
  }
  const double took = std::chrono::duration<double>(Clock::now() - start).count();
  std::printf("%.0f %llu\n", static_cast<double>(done) / took,
              static_cast<unsigned long long>(failed));
  return 0;
}

int send_for(double seconds, int streams, const sockaddr_in& to) {
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  for (int i = 0; i < streams; ++i) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
      give_up("connect");
    }
    watch(epoll, EPOLL_CTL_ADD, fd, EPOLLOUT);
  }
  const std::vector<char> buffer(256 << 10, 'x');
  std::uint64_t bytes = 0;
  const auto start = Clock::now();
  const auto until = start + std::chrono::duration<double>(seconds);
  while (Clock::now() < until) {
    epoll_event events[64];
    const int ready = epoll_wait(epoll, events, 64, 100);
    for (int i = 0; i < ready; ++i) {
      const ssize_t sent = send(events[i].data.fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
      bytes += sent > 0 ? static_cast<std::uint64_t>(sent) : 0;
    }
  }
  const double took = std::chrono::duration<double>(Clock::now() - start).count();
  std::printf("%.0f 0\n", static_cast<double>(bytes) / took);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  const auto number = [&](int i) { return static_cast<std::uint32_t>(std::atoll(argv[i])); };
  if (mode == "serve" && argc == 3) {
    return serve(static_cast<std::uint16_t>(number(2)));
  }
  std::minstd_rand random(1);
  if ((mode == "connect" && argc == 8) || (mode == "connect-many" && argc == 7)) {
    const std::uint32_t address = address_of(argv[4]);
    const std::uint32_t port = number(5);
    const std::uint32_t count = number(6);
    const bool many = mode == "connect-many";
    const std::uint32_t step = many ? 0 : number(7);
    return connect_for(std::atof(argv[2]), std::atoi(argv[3]), [&] {
      const auto offset = static_cast<std::uint32_t>(random() % count);
      return at(address + (many ? offset : 0), static_cast<std::uint16_t>(port + offset * step));
    });
  }
  if (mode == "send" && argc == 6) {
    return send_for(std::atof(argv[2]), std::atoi(argv[3]),
                    at(address_of(argv[4]), static_cast<std::uint16_t>(number(5))));
  }
  std::fprintf(stderr, "usage: see the head of traffic.cpp\n");
  return 2;
}
