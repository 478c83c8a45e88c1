// The nftables of the fake kernel: a value, so that a transaction works on a copy and replaces the
// original only when all of it went through. Refuses what nf_tables refuses.
#pragma once

#include <map>
#include <set>
#include <string>

#include "core/state/state.hpp"

namespace support {

class FakeTables {
 public:
  // One change; others than nftables' are ignored. Throws core::Error with the kernel's answer; the
  // value is then of no more use.
  void apply(const core::Change& change);
  // The end of a transaction: what the kernel checks last.
  void commit() const;

  // As somebody else's hand does it: whatever `edit` leaves is there.
  template <typename Edit>
  void edit(const Edit& edit) {
    edit(tables_, elements_);
    index();
  }

  // Tables of the family are another process's: NFT_TABLE_F_OWNER.
  void set_owned_by_other(core::Family family, bool owned);

  [[nodiscard]] const std::map<core::Family, core::nft::Table>& tables() const { return tables_; }
  [[nodiscard]] const core::Elements& elements() const { return elements_; }

 private:
  class Step;

  void index();

  std::map<core::Family, core::nft::Table> tables_;
  core::Elements elements_;
  std::set<core::ElementKey> intervals_;  // keys of interval sets, in which neighbours are found
  std::set<core::Family> owned_by_other_;
};

// How the fake answers: errno and the change that it is about, as the real kernel's user sees it.
[[noreturn]] void refuse(int error, const core::Change& change);

}  // namespace support
