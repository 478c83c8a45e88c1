// What the codecs of rtnetlink and conntrack share: requests built by libnl, and the attributes of
// one level by number. Not here: sockets (request), what any message means, nf_tables' big batches,
// which have a writer of their own (netlink).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/ip.hpp"
#include "net/netlink/netlink.hpp"

struct nl_msg;

namespace net {

struct FreeMessage {
  void operator()(nl_msg* message) const;
};
using Message = std::unique_ptr<nl_msg, FreeMessage>;

// `header` is the family's, as rtmsg.
Message make_message(int type, int flags, ByteView header);
template <typename Header>
Message make_message(int type, int flags, const Header& header) {
  return make_message(type, flags, {reinterpret_cast<const std::uint8_t*>(&header), sizeof header});
}

void put(nl_msg& message, int number, ByteView value);
void put_u8(nl_msg& message, int number, std::uint8_t value);
void put_u32(nl_msg& message, int number, std::uint32_t value);   // host order, as rtnetlink
void put_be16(nl_msg& message, int number, std::uint16_t value);  // network order, as nfnetlink
void put_be32(nl_msg& message, int number, std::uint32_t value);
void put_u16(nl_msg& message, int number, std::uint16_t value);  // host order
void put_be64(nl_msg& message, int number, std::uint64_t value);
void put_text(nl_msg& message, int number, const std::string& text);  // with a final NUL
void put_nest(nl_msg& message, int number, const std::function<void()>& inside);

// The message as a receiver sees it; valid as long as the message is.
NetlinkMessage view_of(const nl_msg& message);

// The family's header; nullopt where the message is too short.
template <typename Header>
std::optional<Header> header_in(const NetlinkMessage& message) {
  const ByteView payload = message.payload();
  if (payload.size() < sizeof(Header)) return std::nullopt;
  Header header;
  std::memcpy(&header, payload.data(), sizeof header);
  return header;
}

// The attributes of one level, by number. Numbers that nobody here reads are left out.
class Attributes {
 public:
  explicit Attributes(ByteView bytes);
  // Those behind the family's header of `header_size` bytes.
  Attributes(const NetlinkMessage& message, std::size_t header_size)
      : Attributes(message.payload(header_size)) {}

  [[nodiscard]] bool has(std::size_t number) const { return values_[number].data() != nullptr; }
  // Empty when absent, as are the following for absent or short ones.
  [[nodiscard]] ByteView operator[](std::size_t number) const { return values_[number]; }
  [[nodiscard]] std::optional<std::uint8_t> u8(std::size_t number) const;
  [[nodiscard]] std::optional<std::uint32_t> u32(std::size_t number) const;
  [[nodiscard]] std::optional<std::uint16_t> u16(std::size_t number) const;
  [[nodiscard]] std::optional<std::uint64_t> be64(std::size_t number) const;
  [[nodiscard]] std::optional<std::uint16_t> be16(std::size_t number) const;
  [[nodiscard]] std::optional<std::uint32_t> be32(std::size_t number) const;
  [[nodiscard]] std::optional<core::Address> address(std::size_t number) const;
  [[nodiscard]] std::string_view text(std::size_t number) const;  // up to the first NUL

 private:
  std::array<ByteView, 32> values_{};
};

std::uint8_t address_family(core::Family family);  // AF_INET, AF_INET6
std::optional<core::Family> parse_address_family(int address_family);
// 0.0.0.0 or ::
core::Address unspecified(core::Family family);

}  // namespace net
