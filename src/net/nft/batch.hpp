// The nftables changes of one pass as the bytes of one transaction, and the way back from the
// kernel's complaint about some message of it to the change. Pure. Not here: sending it (nft.cpp).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/state/state.hpp"
#include "net/netlink/netlink.hpp"

namespace net {

class NftBatch {
 public:
  // Keeps references to `changes` and to `table`, the name of the tables that they are about.
  // `table_flags`: NFT_TABLE_F_* of new tables.
  NftBatch(const core::Changes& changes, std::string_view table, std::uint32_t table_flags);

  [[nodiscard]] bool empty() const { return messages_.empty(); }
  [[nodiscard]] ByteView bytes() const { return writer_.bytes(); }
  // The answer to this one says that the kernel went through all messages.
  [[nodiscard]] std::uint32_t last_sequence() const;

  // The change that the answer is about, in the words of nft(8).
  [[nodiscard]] std::string text_of(const NetlinkAnswer& answer) const;

  // A transaction of one message, NFT_MSG_NEWTABLE. Without `commit` the kernel checks it only: the
  // message is acknowledged or refused, and nothing changes.
  static NetlinkWriter table_message(core::Family family, std::string_view name,
                                     std::uint32_t flags, bool commit);

 private:
  struct Message {
    std::size_t begin = 0;    // in the bytes
    std::uint32_t first = 0;  // in order_
    std::uint32_t count = 0;
    std::uint32_t rule = 0;  // of ReplaceRules: 0 flushes, n adds rule n
  };

  void write(const core::AddTable& change);
  void write(const core::DeleteTable& change);
  void write(const core::AddSet& change);
  void write(const core::DeleteSet& change);
  void write(const core::AddChain& change);
  void write(const core::ReplaceRules& change);
  void write(const core::DeleteChain& change);
  void write_elements(std::size_t first, std::size_t last);
  std::size_t begin(std::uint16_t type, std::uint16_t flags, core::Family family);
  void end(std::size_t begin);
  [[nodiscard]] std::size_t element_at(const Message& message, std::uint32_t offset) const;

  const core::Changes& changes_;
  std::string_view table_;
  std::uint32_t table_flags_;
  NetlinkWriter writer_;
  std::vector<Message> messages_;
  std::vector<std::uint32_t> order_;  // indices of changes as they were written
  std::uint32_t sets_ = 0;
};

}  // namespace net
