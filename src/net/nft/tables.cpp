#include "net/nft/tables.hpp"

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include <cerrno>
#include <chrono>
#include <thread>
#include <utility>

#include "core/constants.hpp"
#include "core/error.hpp"
#include "net/netlink/netlink.hpp"
#include "net/nft/batch.hpp"
#include "net/nft/declarations.hpp"
#include "net/nft/table_reader.hpp"

namespace net {
namespace {

using core::Family;

// linux/netfilter/nf_tables.h has it since 6.9: an owned table stays when its owner is gone.
constexpr std::uint32_t table_persists = 0x4;
constexpr std::uint32_t owned_and_persists = NFT_TABLE_F_OWNER | table_persists;

// From here on the kernel's notifications of our own transaction cost more than leaving the group
// and looking whether something was missed: ten times the transaction itself for 170,000 elements,
// though the socket's filter drops them all.
constexpr std::size_t large_batch = 32 << 10;

constexpr int attempts = 6;
constexpr std::chrono::milliseconds first_pause{1};

}  // namespace

class Nft::Impl {
 public:
  Impl(bool own_tables, std::string_view table)
      : own_tables_(own_tables),
        socket_(NETLINK_NETFILTER),
        reader_(socket_, table),
        events_(NETLINK_NETFILTER) {
    events_.drop_messages_of(socket_.port());
    can_own_ = own_tables_ && kernel_can_own();
    if (!can_own_) listen();
  }

  void observe(const core::State& expected, core::ElementFilter& filter, core::State& state) {
    for (const auto& [family, table] : expected.tables) {
      const auto found = reader_.find_table(family);
      if (!found) continue;
      if (own_tables_) take_over(family, *found);
      if ((found->flags & table_persists) == 0) listen();
      state.tables[family] = reader_.observe_table(family, table);
      for (const core::nft::Set& set : state.tables[family].sets) {
        const auto id = core::parse_set(set.name);
        if (id && !set.dynamic) reader_.observe_elements(family, *id, filter, state.elements);
      }
    }
  }

  void apply(const core::Changes& changes) {
    const NftBatch batch(changes, reader_.table_name(), can_own_ ? owned_and_persists : 0);
    if (batch.empty()) return;
    const NetlinkAnswer answer = batch.bytes().size() < large_batch || !listening_
                                     ? transact(batch.bytes(), batch.last_sequence())
                                     : transact_unheard(batch.bytes(), batch.last_sequence());
    if (answer.error == 0) return;
    if (answer.error == EPERM) {
      refuse_foreign_owner(Family::ipv4);
      refuse_foreign_owner(Family::ipv6);
    }
    fail_nft(batch.text_of(answer), answer.error, answer.text);
  }

  core::Counts counts(Family family, const std::vector<core::SetId>& sets) {
    return reader_.counts(family, sets);
  }

  [[nodiscard]] int event_fd() const { return events_.fd(); }

  std::optional<core::Meddler> take_meddler() { return std::exchange(meddler_, std::nullopt); }

  bool drain() {
    bool ours = false;
    for (;;) {
      const NetlinkSocket::Received received = events_.receive(false);
      if (received.error == EAGAIN) return ours;
      if (received.error != 0) {
        if (received.error != ENOBUFS) fail_nft("read nftables notifications", received.error);
        ours = true;
        continue;
      }
      for_each_message(received.bytes, [&](const NetlinkMessage& message) {
        if (is_nft_message(message, NFT_MSG_NEWGEN)) {
          // One to us alone is for transact_unheard; others come with each transaction.
          const auto id = nft_attributes(message).find(NFTA_GEN_ID);
          const bool missed = id && id->u32() != message.sequence;
          ours = ours || (message.port == events_.port() && missed);
          // It comes last of a transaction, and says whose that was.
          if (std::exchange(touched_, false)) meddler_ = process_in(message);
          return;
        }
        if (!family_of(message)) return;
        // Whatever the message is about, its first attribute is the table's name.
        const auto table = nft_attributes(message).find(NFTA_TABLE_NAME);
        if (!table || table->text() != reader_.table_name()) return;
        ours = touched_ = true;
      });
    }
  }

 private:
  // Sends a transaction and waits for what the kernel says about it; error 0: it is in effect.
  NetlinkAnswer transact(ByteView bytes, std::uint32_t last_sequence) {
    auto pause = first_pause;
    for (int attempt = 1;; ++attempt, pause *= 2) {
      NetlinkAnswer answer = transact_once(bytes, last_sequence);
      if (!worth_repeating_nft(answer.error) || attempt == attempts) return answer;
      std::this_thread::sleep_for(pause);
    }
  }

  NetlinkAnswer transact_once(ByteView bytes, std::uint32_t last_sequence) {
    for (int error = 0; error == 0 || error == ENOBUFS; error = socket_.receive(false).error) {
      // Left over from a request that was given up.
    }
    NetlinkAnswer first;
    first.error = socket_.send(bytes);
    if (first.error != 0) return first;
    // The kernel works in our send call: its answers are all here by now.
    bool acknowledged = false;
    for (;;) {
      const NetlinkSocket::Received received = socket_.receive(false);
      if (received.error == EAGAIN) break;
      if (received.error != 0) {
        if (first.error == 0) first.error = received.error;
        break;
      }
      for_each_message(received.bytes, [&](const NetlinkMessage& message) {
        const auto answer = read_answer(message);
        if (!answer) return;
        acknowledged = acknowledged || (answer->error == 0 && answer->sequence == last_sequence);
        // Later ones are often consequences of the first.
        if (answer->error != 0 && first.error == 0) first = *answer;
      });
    }
    if (first.error == 0 && !acknowledged) first.error = EIO;
    return first;
  }

  // As transact, while nobody of ours listens. Whether other transactions were missed meanwhile is
  // what the ruleset's generation tells; drain() reads it, from an answer whose sequence number is
  // the generation that we expect.
  NetlinkAnswer transact_unheard(ByteView bytes, std::uint32_t last_sequence) {
    const std::uint32_t before = reader_.generation();
    events_.leave(NFNLGRP_NFTABLES);
    NetlinkAnswer answer = transact(bytes, last_sequence);
    events_.join(NFNLGRP_NFTABLES);
    const std::uint32_t expected = answer.error == 0 ? before + 1 : before;
    if (const int error = events_.send(TableReader::generation_request(0, expected).bytes())) {
      fail_nft("ask for the ruleset's generation", error);
    }
    return answer;
  }

  // Never the owner's flag alone: such a table goes when we go.
  bool kernel_can_own() {
    const NetlinkWriter probe = NftBatch::table_message(
        Family::ipv4, reader_.table_name() + "-probe", owned_and_persists, false);
    const int error = transact(probe.bytes(), 2).error;
    return error != EINVAL && error != EOPNOTSUPP;
  }

  // Only while there is a table that others can change: as long as any process of the host listens,
  // in whatever network namespace, the kernel writes a message for each element that anyone
  // changes.
  void listen() {
    if (listening_) return;
    events_.join(NFNLGRP_NFTABLES);
    listening_ = true;
  }

  void take_over(Family family, const ReadTable& table) {
    if (table.owner && *table.owner != socket_.port()) refuse_foreign_owner(family);
    if ((table.flags & owned_and_persists) != table_persists) return;
    const NetlinkWriter adoption =
        NftBatch::table_message(family, reader_.table_name(), owned_and_persists, true);
    const NetlinkAnswer answer = transact(adoption.bytes(), 2);
    if (answer.error == 0) return;
    if (answer.error == EPERM) refuse_foreign_owner(family);
    fail_nft("take over " + reader_.table_text(family), answer.error, answer.text);
  }

  void refuse_foreign_owner(Family family) {
    const auto table = reader_.find_table(family);
    if (!table || !table->owner || *table->owner == socket_.port()) return;
    const std::string name = process_of(*table->owner).process;
    throw core::Error(core::Error::Kind::permanent,
                      reader_.table_text(family) +
                          " is owned by another process (netlink port id " +
                          std::to_string(*table->owner) + (name.empty() ? "" : ", " + name) +
                          "): is another `pona edge` running in this network namespace?");
  }

  static core::Meddler process_in(const NetlinkMessage& generation) {
    const AttributeList attributes = nft_attributes(generation);
    const auto name = attributes.find(NFTA_GEN_PROC_NAME);
    const auto pid = attributes.find(NFTA_GEN_PROC_PID);
    core::Meddler process;
    if (name) process.process = name->text();
    if (pid && !process.process.empty()) process.pid = pid->u32();
    return process;
  }

  bool own_tables_;
  std::optional<core::Meddler> meddler_;
  bool touched_ = false;  // by the transaction that is being told of
  bool can_own_ = false;
  bool listening_ = false;
  NetlinkSocket socket_;
  TableReader reader_;
  NetlinkSocket events_;
};

Nft::Nft(bool own_tables, std::string_view table)
    : impl_(std::make_unique<Impl>(own_tables, table)) {}
Nft::~Nft() = default;

void Nft::observe(const core::State& expected, core::ElementFilter& filter, core::State& state) {
  impl_->observe(expected, filter, state);
}
void Nft::apply(const core::Changes& changes) { impl_->apply(changes); }
core::Counts Nft::counts(Family family, const std::vector<core::SetId>& sets) {
  return impl_->counts(family, sets);
}
int Nft::event_fd() const { return impl_->event_fd(); }
bool Nft::drain() { return impl_->drain(); }
std::optional<core::Meddler> Nft::take_meddler() { return impl_->take_meddler(); }

}  // namespace net
