// Values of the model as named fields, for whoever writes them down, reads them back or changes
// them on the way: one function for each struct says its fields, and serves all three. Rule: a new
// field of a struct needs its line in fields_of.cpp, or it is not in bundles.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "core/ip.hpp"
#include "core/packet/packet.hpp"

namespace core::packet {

// What a text is, for who must not let names out.
enum class Meaning : std::uint8_t {
  plain,      // words of pona and of the kernel
  interface,  // a name, or the beginning of names, with a "*"
  nft,        // of a table, chain, set or object
  route,      // a route or rule as ip(8) prints it
  pod,
  ns,       // of Kubernetes
  place,    // a network namespace, as people call it
  command,  // that a person types
  comment,  // whatever somebody wrote
  mac,      // bytes
  value     // bytes of a rule
};

class Fields {
 public:
  Fields() = default;
  Fields(const Fields&) = delete;
  Fields& operator=(const Fields&) = delete;
  virtual ~Fields() = default;

  // Values come from outside, and what they were before does not count.
  [[nodiscard]] virtual bool reads() const { return false; }
  // What comes from outside is within these limits; whoever reads throws core::Error else.
  virtual void number(const char* key, std::int64_t& value, std::int64_t lowest,
                      std::int64_t highest) = 0;
  virtual void text(const char* key, std::string& value, Meaning meaning) = 0;
  virtual void bytes(const char* key, Bytes& value, Meaning meaning) = 0;
  virtual void address(const char* key, std::optional<Address>& value) = 0;
  virtual void prefix(const char* key, std::optional<Prefix>& value) = 0;
  // Each of a list lies between item() and leave(), all of it before leave(). The size that it has.
  virtual std::size_t list(const char* key, std::size_t size) = 0;
  virtual void item(std::size_t number) = 0;
  virtual void leave() = 0;
};

// Numbers and enumerations; what is missing is 0.
template <typename T>
void number(Fields& fields, const char* key, T& value, std::int64_t highest) {
  auto wide = static_cast<std::int64_t>(value);
  constexpr bool negative = std::is_signed_v<T> && !std::is_enum_v<T>;
  fields.number(key, wide, negative ? std::numeric_limits<std::int32_t>::min() : 0, highest);
  value = static_cast<T>(wide);
}
template <typename T>
void number(Fields& fields, const char* key, T& value) {
  static_assert(!std::is_enum_v<T>, "the last value has to be said");
  if constexpr (sizeof(T) == sizeof(std::int64_t)) {
    auto wide = static_cast<std::int64_t>(value);
    fields.number(key, wide, std::numeric_limits<std::int64_t>::min(),
                  std::numeric_limits<std::int64_t>::max());
    value = static_cast<T>(wide);
  } else {
    number(fields, key, value, static_cast<std::int64_t>(std::numeric_limits<T>::max()));
  }
}
// One that may be missing, which is not 0.
template <typename T>
void maybe_number(Fields& fields, const char* key, std::optional<T>& value) {
  std::int64_t one_more = value ? static_cast<std::int64_t>(*value) + 1 : 0;
  fields.number(key, one_more, 0, std::int64_t{std::numeric_limits<T>::max()} + 1);
  value = one_more == 0 ? std::nullopt : std::optional(static_cast<T>(one_more - 1));
}
inline void address(Fields& fields, const char* key, Address& value) {
  std::optional<Address> one = value;
  fields.address(key, one);
  value = one.value_or(Address());
}
inline void prefix(Fields& fields, const char* key, Prefix& value) {
  std::optional<Prefix> one = value;
  fields.prefix(key, one);
  value = one.value_or(Prefix());
}

// `visit`: of one of the list.
template <typename T, typename Visit>
void list(Fields& fields, const char* key, std::vector<T>& values, const Visit& visit) {
  const std::size_t size = fields.list(key, values.size());
  if (fields.reads()) values.resize(size);
  for (std::size_t i = 0; i < size; ++i) {
    fields.item(i);
    visit(values[i]);
    fields.leave();
  }
  fields.leave();
}

}  // namespace core::packet
