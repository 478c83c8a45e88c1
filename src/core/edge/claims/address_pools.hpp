// Which external addresses may be claimed, and by objects of which namespaces: all pools of the
// cluster together. As long as there is none, everybody may claim everything.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/objects.hpp"

namespace core {

class AddressPools {
 public:
  // Null: it is gone.
  void set(const ObjectName& name, std::shared_ptr<const Object> pool);

  [[nodiscard]] std::size_t size() const { return pools_.size(); }
  [[nodiscard]] bool holds(const std::string& pool, const Address& address) const;

  // Why objects of `ns` may not claim an address, for people; empty: they may. An address of
  // several pools may be claimed where one of them allows it.
  [[nodiscard]] std::string refusal(const std::string& ns, const Address& address) const;
  // Of the first that is refused.
  [[nodiscard]] std::string refusal(const std::string& ns,
                                    const std::vector<Address>& addresses) const;

  struct Wish {
    std::string ns;
    std::string pool;  // empty: any that gives addresses of its own accord
    Family family = Family::ipv4;
  };
  // The lowest address that is free, of the first pool by name that has one.
  [[nodiscard]] std::optional<Address> find(
      const Wish& wish, const std::function<bool(const Address&)>& is_free) const;
  struct Use {
    std::string pool;
    double addresses = 0;  // networks of IPv6 have more than an integer counts
    std::uint64_t used = 0;

    friend bool operator==(const Use&, const Use&) = default;
  };
  // How many of each pool's addresses are among `used`, which are sorted and each there once.
  [[nodiscard]] std::vector<Use> use(std::span<const Address> used) const;

  // Why find() found nothing.
  [[nodiscard]] std::string shortage(const Wish& wish) const;

 private:
  std::map<std::string, std::shared_ptr<const Object>> pools_;  // by name
};

}  // namespace core
