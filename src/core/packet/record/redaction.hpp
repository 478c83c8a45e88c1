// Other addresses and names in place of those of a bundle: the same for the same within one,
// prefixes within prefixes as before, private ones private. Rule: what is not known to be harmless
// is replaced or left out; a name that is kept is made of words of the kernel, of nftables or of
// pona.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/packet/record/fields.hpp"

namespace core::packet {

class Redaction final : public Fields {
 public:
  using Digest = std::array<std::uint8_t, 32>;
  // That depends on the text and on a key that nobody else has (an HMAC).
  using Hash = std::function<Digest(std::string_view text)>;
  explicit Redaction(Hash hash) : hash_(std::move(hash)) {}

  // One to one, and two addresses share as many bits in front as before. Loopback, multicast,
  // IPv4's link-local and unspecified addresses stay; so do the ranges of private ones as ranges.
  Address address(const Address& address);
  Prefix prefix(const Prefix& prefix);
  Bytes mac(const Bytes& mac);
  // Of interfaces: what names begin with, what they were, letters for letters; of others a noun and
  // a number.
  std::string name(Meaning meaning, const std::string& name);
  // Whether it is made of words of the kernel, of nftables or of pona, and so may stay.
  static bool names_nobody(std::string_view name);
  // What a name of a namespace, pod or interface became; nothing where there was none such.
  [[nodiscard]] std::optional<std::string> known(const std::string& name) const;
  // What was what, for who keeps it: "10.1.2.3 is 10.44.3.9", "pod web-1 is pod-7".
  [[nodiscard]] std::vector<std::string> key() const;
  // Addresses in it are replaced, words that are none of ip(8)'s left out.
  std::string route_text(const std::string& text);

  void number(const char*, std::int64_t&, std::int64_t, std::int64_t) override {}
  void text(const char* key, std::string& value, Meaning meaning) override;
  void bytes(const char* key, Bytes& value, Meaning meaning) override;
  void address(const char* key, std::optional<Address>& value) override;
  void prefix(const char* key, std::optional<Prefix>& value) override;
  std::size_t list(const char*, std::size_t size) override { return size; }
  void item(std::size_t) override {}
  void leave() override {}

 private:
  Address permuted(const Address& original);
  std::string interface_name(const std::string& name);
  std::string place_name(const std::string& name);
  std::string command_text(const std::string& text);
  std::string numbered(Meaning meaning, const std::string& name);
  const Digest& digest(const std::string& text);

  Hash hash_;
  std::map<std::string, Digest> digests_;
  std::map<Address, Address> addresses_;
  std::map<std::pair<Meaning, std::string>, std::string> names_;
  std::map<Meaning, std::size_t> counts_;
};

}  // namespace core::packet
