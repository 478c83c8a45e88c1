#include "net/netlink/message.hpp"

#include <arpa/inet.h>
#include <endian.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "core/error.hpp"

namespace net {
namespace {

constexpr std::size_t most_of_an_attribute = 0xffff - NLA_HDRLEN;  // its length has 16 bits

[[noreturn]] void no_memory() {
  throw core::Error(core::Error::Kind::transient, "out of memory for a message to the kernel");
}

[[noreturn]] void too_long() {
  throw core::Error(core::Error::Kind::permanent,
                    "more than the kernel takes in one message: an attribute holds 65,531 bytes");
}

// libnl makes messages of one page. Moves the message: no pointer into it may be kept.
void make_room(nl_msg& message, std::size_t more) {
  const std::size_t needed = nlmsg_hdr(&message)->nlmsg_len + NLMSG_ALIGN(more);
  if (needed <= nlmsg_get_max_size(&message)) return;
  if (nlmsg_expand(&message, std::max(needed, 2 * nlmsg_get_max_size(&message))) < 0) no_memory();
}

template <typename Value>
std::optional<Value> read(ByteView bytes) {
  if (bytes.size() < sizeof(Value)) return std::nullopt;
  Value value;
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

}  // namespace

void FreeMessage::operator()(nl_msg* message) const { nlmsg_free(message); }

Message make_message(int type, int flags, ByteView header) {
  Message message(nlmsg_alloc_simple(type, flags));
  if (!message || nlmsg_append(message.get(), const_cast<std::uint8_t*>(header.data()),
                               header.size(), NLMSG_ALIGNTO) < 0) {
    no_memory();
  }
  return message;
}

void put(nl_msg& message, int number, ByteView value) {
  if (value.size() > most_of_an_attribute) too_long();
  make_room(message, NLA_HDRLEN + NLA_ALIGN(value.size()));
  if (nla_put(&message, number, static_cast<int>(value.size()), value.data()) < 0) no_memory();
}

void put_u8(nl_msg& message, int number, std::uint8_t value) { put(message, number, {&value, 1}); }

void put_u32(nl_msg& message, int number, std::uint32_t value) {
  put(message, number, {reinterpret_cast<const std::uint8_t*>(&value), sizeof value});
}

void put_u16(nl_msg& message, int number, std::uint16_t value) {
  put(message, number, {reinterpret_cast<const std::uint8_t*>(&value), sizeof value});
}

void put_be64(nl_msg& message, int number, std::uint64_t value) {
  value = htobe64(value);
  put(message, number, {reinterpret_cast<const std::uint8_t*>(&value), sizeof value});
}

void put_text(nl_msg& message, int number, const std::string& text) {
  put(message, number, {reinterpret_cast<const std::uint8_t*>(text.c_str()), text.size() + 1});
}

void put_be16(nl_msg& message, int number, std::uint16_t value) {
  value = htons(value);
  put(message, number, {reinterpret_cast<const std::uint8_t*>(&value), sizeof value});
}

void put_be32(nl_msg& message, int number, std::uint32_t value) {
  put_u32(message, number, htonl(value));
}

void put_nest(nl_msg& message, int number, const std::function<void()>& inside) {
  make_room(message, NLA_HDRLEN);
  const std::size_t at = nlmsg_hdr(&message)->nlmsg_len;
  if (nla_nest_start(&message, number | NLA_F_NESTED) == nullptr) no_memory();
  inside();
  nlmsghdr* const header = nlmsg_hdr(&message);  // where it is by now
  if (header->nlmsg_len - at > most_of_an_attribute) too_long();
  nla_nest_end(&message, reinterpret_cast<nlattr*>(reinterpret_cast<char*>(header) + at));
}

NetlinkMessage view_of(const nl_msg& message) {
  const nlmsghdr& header = *nlmsg_hdr(const_cast<nl_msg*>(&message));
  return {header.nlmsg_type, header.nlmsg_flags, header.nlmsg_seq, header.nlmsg_pid,
          ByteView(reinterpret_cast<const std::uint8_t*>(&header), header.nlmsg_len)};
}

Attributes::Attributes(ByteView bytes) {
  for (const NetlinkAttribute& attribute : AttributeList(bytes)) {
    if (attribute.type < values_.size()) values_[attribute.type] = attribute.value;
  }
}

std::optional<std::uint8_t> Attributes::u8(std::size_t number) const {
  return read<std::uint8_t>(values_[number]);
}

std::optional<std::uint32_t> Attributes::u32(std::size_t number) const {
  return read<std::uint32_t>(values_[number]);
}

std::optional<std::uint16_t> Attributes::u16(std::size_t number) const {
  return read<std::uint16_t>(values_[number]);
}

std::optional<std::uint64_t> Attributes::be64(std::size_t number) const {
  const auto value = read<std::uint64_t>(values_[number]);
  return value ? std::optional(be64toh(*value)) : std::nullopt;
}

std::optional<std::uint16_t> Attributes::be16(std::size_t number) const {
  const auto value = read<std::uint16_t>(values_[number]);
  return value ? std::optional(ntohs(*value)) : std::nullopt;
}

std::optional<std::uint32_t> Attributes::be32(std::size_t number) const {
  const auto value = u32(number);
  return value ? std::optional(ntohl(*value)) : std::nullopt;
}

std::optional<core::Address> Attributes::address(std::size_t number) const {
  const auto bytes = values_[number];
  if (bytes.size() != 4 && bytes.size() != 16) return std::nullopt;
  return core::Address(bytes);
}

std::string_view Attributes::text(std::size_t number) const {
  return NetlinkAttribute{0, values_[number]}.text();
}

std::uint8_t address_family(core::Family family) {
  return family == core::Family::ipv4 ? AF_INET : AF_INET6;
}

std::optional<core::Family> parse_address_family(int address_family) {
  if (address_family == AF_INET) return core::Family::ipv4;
  if (address_family == AF_INET6) return core::Family::ipv6;
  return std::nullopt;
}

core::Address unspecified(core::Family family) {
  constexpr std::uint8_t zeros[16] = {};
  return core::Address(ByteView(zeros, family == core::Family::ipv4 ? 4 : 16));
}

}  // namespace net
