// Reading nftables' tables of one name: what is there, repeated where another transaction came
// between. Not here: writing, owning, and news of them (tables). For tables.cpp only.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/state/counts.hpp"
#include "core/state/element_index.hpp"
#include "core/state/state.hpp"
#include "net/netlink/netlink.hpp"
#include "net/nft/declarations.hpp"
#include "net/nft/elements.hpp"

namespace net {

// Somebody else's transaction came between, or the kernel wants a module or memory first.
bool worth_repeating_nft(int error);

// Throws core::Error. Most errors mean that our picture of the tables is old: observing again
// helps.
[[noreturn]] void fail_nft(const std::string& attempted, int error, const std::string& detail = "");

class TableReader {
 public:
  // The socket is the caller's, which writes through it as well.
  TableReader(NetlinkSocket& socket, std::string_view table)
      : socket_(socket), table_name_(table) {}

  [[nodiscard]] const std::string& table_name() const { return table_name_; }
  [[nodiscard]] std::string table_text(core::Family family) const;  // "table ip pona-edge"

  std::optional<ReadTable> find_table(core::Family family);
  // Rules that equal an expected one come back as that, others as Rule::foreign.
  core::nft::Table observe_table(core::Family family, const core::nft::Table& expected);
  void observe_elements(core::Family family, core::SetId set, core::ElementFilter& filter,
                        core::Elements& elements);
  core::Counts counts(core::Family family, const std::vector<core::SetId>& sets);

  // Of the namespace's whole ruleset: each transaction makes it one more.
  std::uint32_t generation();
  static NetlinkWriter generation_request(std::uint16_t flags, std::uint32_t sequence);

 private:
  NetlinkWriter request(std::uint16_t type, std::uint16_t flags, core::Family family);
  int query(const NetlinkWriter& request, const std::function<void()>& restart,
            const std::function<void(const NetlinkMessage&)>& visit);
  void dump(std::uint16_t get, core::Family family, const char* what,
            const std::function<void()>& restart,
            const std::function<void(const NetlinkMessage&, AttributeList)>& visit);
  void each_element(core::Family family, core::SetId set, const std::function<void()>& restart,
                    const std::function<void(ReadElement&&)>& visit);

  NetlinkSocket& socket_;
  std::string table_name_;
  std::uint32_t sequence_ = 0;
};

}  // namespace net
