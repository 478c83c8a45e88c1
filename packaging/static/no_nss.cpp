// Keeps glibc's name service out of the static binary: there it loads the modules that
// nsswitch.conf names into a program that cannot hold them, and crashes. These definitions come
// before libc.a's in the link. Addresses and ports in digits work; names are always unknown. pona
// resolves names by c-ares and finds its home by $HOME. packaging/check-binary proves that nothing
// of glibc's is left.
#include <arpa/inet.h>
#include <features.h>
#include <grp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pwd.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>

#ifdef __GLIBC__
namespace {

union AnyAddress {
  sockaddr generic;
  sockaddr_in ipv4;
  sockaddr_in6 ipv6;
};

// One block per answer, as the caller frees the list only through freeaddrinfo.
struct Answer {
  addrinfo info;
  AnyAddress address;
};

std::optional<std::uint16_t> port_in(const char* service) {
  if (service == nullptr) return 0;
  std::uint16_t port = 0;
  const char* end = service + std::strlen(service);
  const auto [rest, error] = std::from_chars(service, end, port);
  if (rest != end || error != std::errc{}) return std::nullopt;
  return port;
}

std::optional<AnyAddress> address_in(const char* node, int family, bool passive,
                                     std::uint16_t port) {
  AnyAddress address{};
  if (family != AF_INET6) {
    address.ipv4.sin_family = AF_INET;
    address.ipv4.sin_port = htons(port);
    if (node == nullptr) {
      address.ipv4.sin_addr.s_addr = htonl(passive ? INADDR_ANY : INADDR_LOOPBACK);
      return address;
    }
    if (inet_pton(AF_INET, node, &address.ipv4.sin_addr) == 1) return address;
  }
  if (family != AF_INET) {
    address = {};
    address.ipv6.sin6_family = AF_INET6;
    address.ipv6.sin6_port = htons(port);
    if (node == nullptr) {
      address.ipv6.sin6_addr = passive ? in6addr_any : in6addr_loopback;
      return address;
    }
    if (inet_pton(AF_INET6, node, &address.ipv6.sin6_addr) == 1) return address;
  }
  return std::nullopt;
}

int put(const std::string& text, char* buffer, socklen_t size) {
  if (buffer == nullptr || size == 0) return 0;
  if (text.size() >= size) return EAI_OVERFLOW;
  std::memcpy(buffer, text.c_str(), text.size() + 1);
  return 0;
}

template <typename Entry>
int nobody(Entry** result) {
  *result = nullptr;
  return 0;
}

template <typename Entry>
int nowhere(Entry** result, int* error) {
  *error = HOST_NOT_FOUND;
  return nobody(result);
}

}  // namespace

extern "C" {

int getaddrinfo(const char* node, const char* service, const addrinfo* hints, addrinfo** result) {
  const addrinfo wanted = hints != nullptr ? *hints : addrinfo{};
  const auto port = port_in(service);
  if (!port) return EAI_SERVICE;
  const auto address =
      address_in(node, wanted.ai_family, (wanted.ai_flags & AI_PASSIVE) != 0, *port);
  if (!address) return EAI_NONAME;

  auto* answer = static_cast<Answer*>(std::calloc(1, sizeof(Answer)));
  if (answer == nullptr) return EAI_MEMORY;
  answer->address = *address;
  answer->info.ai_family = address->generic.sa_family;
  answer->info.ai_socktype = wanted.ai_socktype != 0 ? wanted.ai_socktype : SOCK_STREAM;
  answer->info.ai_protocol = wanted.ai_protocol;
  answer->info.ai_addr = &answer->address.generic;
  answer->info.ai_addrlen =
      address->generic.sa_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
  *result = &answer->info;
  return 0;
}

void freeaddrinfo(addrinfo* list) noexcept { std::free(list); }

int getnameinfo(const sockaddr* address, socklen_t length, char* host, socklen_t host_size,
                char* service, socklen_t service_size, int flags) {
  if ((flags & NI_NAMEREQD) != 0) return EAI_NONAME;
  AnyAddress any{};
  std::memcpy(&any, address, std::min<std::size_t>(length, sizeof any));
  char text[INET6_ADDRSTRLEN];
  std::uint16_t port = 0;
  if (any.generic.sa_family == AF_INET) {
    inet_ntop(AF_INET, &any.ipv4.sin_addr, text, sizeof text);
    port = ntohs(any.ipv4.sin_port);
  } else if (any.generic.sa_family == AF_INET6) {
    inet_ntop(AF_INET6, &any.ipv6.sin6_addr, text, sizeof text);
    port = ntohs(any.ipv6.sin6_port);
  } else if (any.generic.sa_family == AF_UNIX) {
    // As glibc.
    const int error = put("localhost", host, host_size);
    return error != 0 ? error : put("", service, service_size);
  } else {
    return EAI_FAMILY;
  }
  const int error = put(text, host, host_size);
  return error != 0 ? error : put(std::to_string(port), service, service_size);
}

hostent* gethostbyname(const char*) { return nullptr; }
hostent* gethostbyname2(const char*, int) { return nullptr; }
hostent* gethostbyaddr(const void*, socklen_t, int) { return nullptr; }
int gethostbyname_r(const char*, hostent*, char*, std::size_t, hostent** result, int* error) {
  return nowhere(result, error);
}
int gethostbyname2_r(const char*, int, hostent*, char*, std::size_t, hostent** result, int* error) {
  return nowhere(result, error);
}
int gethostbyaddr_r(const void*, socklen_t, int, hostent*, char*, std::size_t, hostent** result,
                    int* error) {
  return nowhere(result, error);
}

servent* getservbyname(const char*, const char*) { return nullptr; }
servent* getservbyport(int, const char*) { return nullptr; }
int getservbyname_r(const char*, const char*, servent*, char*, std::size_t, servent** result) {
  return nobody(result);
}
int getservbyport_r(int, const char*, servent*, char*, std::size_t, servent** result) {
  return nobody(result);
}

protoent* getprotobyname(const char*) { return nullptr; }
protoent* getprotobynumber(int) { return nullptr; }
int getprotobyname_r(const char*, protoent*, char*, std::size_t, protoent** result) {
  return nobody(result);
}
int getprotobynumber_r(int, protoent*, char*, std::size_t, protoent** result) {
  return nobody(result);
}

passwd* getpwnam(const char*) { return nullptr; }
passwd* getpwuid(uid_t) { return nullptr; }
int getpwnam_r(const char*, passwd*, char*, std::size_t, passwd** result) { return nobody(result); }
int getpwuid_r(uid_t, passwd*, char*, std::size_t, passwd** result) { return nobody(result); }

// Each thread's state of glibc's resolver, which pthread_create sets: without it here, the whole
// resolver would be linked for this one pointer.
__thread void* __libc_resp = nullptr;  // NOLINT(bugprone-reserved-identifier): glibc's name

group* getgrnam(const char*) { return nullptr; }
group* getgrgid(gid_t) { return nullptr; }
int getgrnam_r(const char*, group*, char*, std::size_t, group** result) { return nobody(result); }
int getgrgid_r(gid_t, group*, char*, std::size_t, group** result) { return nobody(result); }

}  // extern "C"
#endif
