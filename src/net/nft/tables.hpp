// pona's nftables tables in one network namespace: what is there, one transaction of changes,
// counters, and news of other hands in them. Not here: what the tables shall hold
// (core/plan_edge_rules). Rule: all writing goes through one socket, because the kernel knows the
// owner of a table by its port id.
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "core/meddler.hpp"
#include "core/state/counts.hpp"
#include "core/state/element_index.hpp"
#include "core/state/state.hpp"

namespace net {

class Nft {
 public:
  // In the network namespace of the calling thread. `own_tables`: tables are created, and orphaned
  // ones adopted, with NFT_TABLE_F_OWNER|PERSIST where the kernel has both.
  // `table` is the name of the tables.
  Nft(bool own_tables, std::string_view table);
  Nft(const Nft&) = delete;
  Nft& operator=(const Nft&) = delete;
  ~Nft();

  // Fills state.tables and state.elements for the tables named in expected.tables. Rules that equal
  // an expected rule come back as that rule, others as Rule::foreign; elements only of sets known
  // to core::parse_set. With own_tables, orphaned tables are adopted before they are read, so that
  // what was read stays true. Of the elements, only those that the filter keeps.
  void observe(const core::State& expected, core::ElementFilter& filter, core::State& state);

  // The nftables changes among `changes`, in their order, as one transaction; others are skipped.
  // Throws core::Error that names the change and the kernel's answer; then nothing of it is in
  // effect.
  void apply(const core::Changes& changes);

  core::Counts counts(core::Family family, const std::vector<core::SetId>& sets);

  // Readable when somebody else touched nftables of this namespace; our own changes never show.
  // Silent as long as the tables are owned, because then nobody else can.
  [[nodiscard]] int event_fd() const;
  // Reads what is pending: was it about one of our tables? Lost events count as yes.
  bool drain();
  // Who touched them, of what was drained since it was asked for last; empty: not known.
  std::optional<core::Meddler> take_meddler();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace net
