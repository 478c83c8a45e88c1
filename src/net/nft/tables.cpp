#include "net/nft/tables.hpp"

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <fstream>
#include <thread>

#include "core/constants.hpp"
#include "core/error.hpp"
#include "net/netlink/netlink.hpp"
#include "net/nft/batch.hpp"
#include "net/nft/declarations.hpp"
#include "net/nft/elements.hpp"
#include "net/nft/rules.hpp"

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

// Somebody else's transaction came between, or the kernel wants a module or memory first.
bool worth_repeating(int error) {
  constexpr int restart = 85;  // ERESTART: linux/errno.h, not in every libc
  return error == EAGAIN || error == EINTR || error == EBUSY || error == ENOBUFS ||
         error == restart;
}

// Other errors mean that our picture of the tables is old: observing again helps.
core::Error::Kind kind_of(int error) {
  constexpr std::array permanent = {EPERM,  EACCES,   EINVAL, EOPNOTSUPP, EAFNOSUPPORT,
                                    ERANGE, EMSGSIZE, ELOOP,  EMLINK,     EPROTONOSUPPORT};
  return std::find(permanent.begin(), permanent.end(), error) != permanent.end()
             ? core::Error::Kind::permanent
             : core::Error::Kind::transient;
}

std::string advice(int error) {
  switch (error) {
    case EPERM:
    case EACCES:
      return ": CAP_NET_ADMIN is needed";
    case EMSGSIZE:
      return ": the transaction is longer than the socket's send buffer; grant CAP_NET_ADMIN in "
             "the "
             "initial user namespace or raise net.core.wmem_max";
    case EOPNOTSUPP:
    case EAFNOSUPPORT:
      return ": does the kernel have nf_tables with all that pona uses?";
    default:
      return "";
  }
}

[[noreturn]] void fail(const std::string& attempted, int error, const std::string& detail = "") {
  throw core::Error(kind_of(error), "nftables: " + attempted + ": " + error_text(error) +
                                        (detail.empty() ? "" : " (" + detail + ")") +
                                        advice(error));
}

// The process that a netlink port id stands for, if it is one that chose it as NetlinkSocket and
// libnl do, and if it is of our process namespace.
std::string process_name(std::uint32_t port) {
  std::ifstream file("/proc/" + std::to_string(port & ((1U << 22) - 1)) + "/comm");
  std::string name;
  std::getline(file, name);
  return name;
}

}  // namespace

class Nft::Impl {
 public:
  Impl(bool own_tables, std::string_view table)
      : table_name_(table),
        own_tables_(own_tables),
        socket_(NETLINK_NETFILTER),
        events_(NETLINK_NETFILTER) {
    events_.drop_messages_of(socket_.port());
    can_own_ = own_tables_ && kernel_can_own();
    if (!can_own_) listen();
  }

  void observe(const core::State& expected, core::ElementFilter& filter, core::State& state) {
    for (const auto& [family, table] : expected.tables) {
      const auto found = find_table(family);
      if (!found) continue;
      if (own_tables_) take_over(family, *found);
      if ((found->flags & table_persists) == 0) listen();
      state.tables[family] = observe_table(family, table);
      for (const core::nft::Set& set : state.tables[family].sets) {
        const auto id = core::parse_set(set.name);
        if (id && !set.dynamic) observe_elements(family, *id, filter, state.elements);
      }
    }
  }

  void apply(const core::Changes& changes) {
    const NftBatch batch(changes, table_name_, can_own_ ? owned_and_persists : 0);
    if (batch.empty()) return;
    const NetlinkAnswer answer = batch.bytes().size() < large_batch || !listening_
                                     ? transact(batch.bytes(), batch.last_sequence())
                                     : transact_unheard(batch.bytes(), batch.last_sequence());
    if (answer.error == 0) return;
    if (answer.error == EPERM) {
      refuse_foreign_owner(Family::ipv4);
      refuse_foreign_owner(Family::ipv6);
    }
    fail(batch.text_of(answer), answer.error, answer.text);
  }

  core::Counts counts(Family family, const std::vector<core::SetId>& sets) {
    core::Counts result;
    for (const core::SetId set : sets) {
      core::Counts of_set;
      each_element(
          family, set, [&] { of_set.clear(); },
          [&](ReadElement&& element) {
            if (element.count) of_set.emplace(element.element.key, *element.count);
          });
      result.merge(of_set);
    }
    return result;
  }

  [[nodiscard]] int event_fd() const { return events_.fd(); }

  bool drain() {
    bool ours = false;
    for (;;) {
      const NetlinkSocket::Received received = events_.receive(false);
      if (received.error == EAGAIN) return ours;
      if (received.error != 0) {
        if (received.error != ENOBUFS) fail("read nftables notifications", received.error);
        ours = true;
        continue;
      }
      for_each_message(received.bytes, [&](const NetlinkMessage& message) {
        if (is_nft_message(message, NFT_MSG_NEWGEN)) {
          // One to us alone is for transact_unheard; others come with each transaction.
          const auto id = nft_attributes(message).find(NFTA_GEN_ID);
          const bool missed = id && id->u32() != message.sequence;
          ours = ours || (message.port == events_.port() && missed);
          return;
        }
        if (!family_of(message)) return;
        // Whatever the message is about, its first attribute is the table's name.
        const auto table = nft_attributes(message).find(NFTA_TABLE_NAME);
        ours = ours || (table && table->text() == table_name_);
      });
    }
  }

 private:
  [[nodiscard]] std::string table_text(Family family) const {
    return "table " + std::string(core::to_string(family)) + ' ' + table_name_;
  }

  NetlinkWriter request(std::uint16_t type, std::uint16_t flags, Family family) {
    NetlinkWriter writer;
    const std::size_t begin = begin_nft_message(writer, type, flags, ++sequence_, family);
    writer.put_text(NFTA_TABLE_NAME, table_name_);
    writer.close_message(begin);
    return writer;
  }

  // Repeats what another transaction has disturbed; `restart` is called before each attempt.
  int query(const NetlinkWriter& request, const std::function<void()>& restart,
            const std::function<void(const NetlinkMessage&)>& visit) {
    constexpr int dump_attempts = 20;
    int error = 0;
    for (int attempt = 0; attempt < dump_attempts; ++attempt) {
      restart();
      error = socket_.query(request.bytes(), visit);
      if (!worth_repeating(error)) break;
    }
    return error;
  }

  std::optional<ReadTable> find_table(Family family) {
    std::optional<ReadTable> table;
    const int error = query(
        request(NFT_MSG_GETTABLE, NLM_F_ACK, family), [&] { table.reset(); },
        [&](const NetlinkMessage& message) { table = read_table(nft_attributes(message)); });
    if (error != 0 && error != ENOENT) fail("read " + table_text(family), error);
    return table;
  }

  // Everything of one kind in the table.
  void dump(std::uint16_t get, Family family, const char* what,
            const std::function<void()>& restart,
            const std::function<void(const NetlinkMessage&, AttributeList)>& visit) {
    const int error =
        query(request(get, NLM_F_DUMP, family), restart, [&](const NetlinkMessage& message) {
          const AttributeList attributes = nft_attributes(message);
          const auto table = attributes.find(NFTA_TABLE_NAME);
          // Not all dumps heed the name that was asked for.
          if (table && table->text() == table_name_) visit(message, attributes);
        });
    if (error != 0) fail("read the " + std::string(what) + " of " + table_text(family), error);
  }

  core::nft::Table observe_table(Family family, const core::nft::Table& expected) {
    core::nft::Table table;
    table.family = family;
    table.name = table_name_;
    dump(
        NFT_MSG_GETSET, family, "sets", [&] { table.sets.clear(); },
        [&](const NetlinkMessage&, AttributeList attributes) {
          table.sets.push_back(read_set(attributes, family));
        });
    dump(
        NFT_MSG_GETCHAIN, family, "chains", [&] { table.chains.clear(); },
        [&](const NetlinkMessage&, AttributeList attributes) {
          table.chains.push_back(read_chain(attributes));
        });

    std::unordered_map<std::string, const core::nft::Rule*> known;
    for (const core::nft::Chain& chain : expected.chains) {
      for (const core::nft::Rule& rule : chain.rules)
        known.emplace(fingerprint(rule, family), &rule);
    }
    dump(
        NFT_MSG_GETRULE, family, "rules",
        [&] {
          for (core::nft::Chain& chain : table.chains) chain.rules.clear();
        },
        [&](const NetlinkMessage& message, AttributeList) {
          const auto read = read_rule(message);
          if (!read) return;
          const auto chain = std::find_if(table.chains.begin(), table.chains.end(),
                                          [&](const auto& it) { return it.name == read->chain; });
          if (chain == table.chains.end()) return;
          const auto rule = known.find(read->fingerprint);
          chain->rules.push_back(rule != known.end() ? *rule->second
                                                     : core::nft::Rule{{}, "", read->fingerprint});
        });
    return table;
  }

  void each_element(Family family, core::SetId set, const std::function<void()>& restart,
                    const std::function<void(ReadElement&&)>& visit) {
    NetlinkWriter request;
    const std::size_t begin =
        begin_nft_message(request, NFT_MSG_GETSETELEM, NLM_F_DUMP, ++sequence_, family);
    request.put_text(NFTA_SET_ELEM_LIST_TABLE, table_name_);
    request.put_text(NFTA_SET_ELEM_LIST_SET, core::to_string(set));
    request.close_message(begin);
    Comments comments;
    const int error = query(request, restart, [&](const NetlinkMessage& message) {
      const auto list = nft_attributes(message).find(NFTA_SET_ELEM_LIST_ELEMENTS);
      if (!list) return;
      for (const NetlinkAttribute& attribute : AttributeList(list->value)) {
        if (auto element = read_element(attribute.value, family, set, comments)) {
          visit(std::move(*element));
        }
      }
    });
    if (error != 0 && error != ENOENT) {
      fail(
          "read the elements of " + std::string(core::to_string(set)) + " in " + table_text(family),
          error);
    }
  }

  void observe_elements(Family family, core::SetId set, core::ElementFilter& filter,
                        core::Elements& elements) {
    bool again = false;
    each_element(
        family, set,
        [&] {
          if (again) {
            std::erase_if(elements, [&](const auto& element) {
              return element.first.family == family && element.first.set == set;
            });
          }
          again = true;
          filter.begin(family, set);
        },
        [&](ReadElement&& read) {
          if (!filter.keeps(read.element)) return;
          elements.insert_or_assign(read.element.key, std::move(read.element.value));
        });
  }

  // Sends a transaction and waits for what the kernel says about it; error 0: it is in effect.
  NetlinkAnswer transact(ByteView bytes, std::uint32_t last_sequence) {
    auto pause = first_pause;
    for (int attempt = 1;; ++attempt, pause *= 2) {
      NetlinkAnswer answer = transact_once(bytes, last_sequence);
      if (!worth_repeating(answer.error) || attempt == attempts) return answer;
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
    const std::uint32_t before = generation();
    events_.leave(NFNLGRP_NFTABLES);
    NetlinkAnswer answer = transact(bytes, last_sequence);
    events_.join(NFNLGRP_NFTABLES);
    const std::uint32_t expected = answer.error == 0 ? before + 1 : before;
    if (const int error = events_.send(generation_request(0, expected).bytes())) {
      fail("ask for the ruleset's generation", error);
    }
    return answer;
  }

  static NetlinkWriter generation_request(std::uint16_t flags, std::uint32_t sequence) {
    NetlinkWriter writer;
    writer.close_message(begin_nft_message(writer, NFT_MSG_GETGEN, flags, sequence, Family::ipv4));
    return writer;
  }

  std::uint32_t generation() {
    std::uint32_t result = 0;
    const NetlinkWriter request = generation_request(NLM_F_ACK, ++sequence_);
    const int error = socket_.query(request.bytes(), [&](const NetlinkMessage& message) {
      if (const auto id = nft_attributes(message).find(NFTA_GEN_ID)) result = id->u32();
    });
    if (error != 0) fail("read the ruleset's generation", error);
    return result;
  }

  // Never the owner's flag alone: such a table goes when we go.
  bool kernel_can_own() {
    const NetlinkWriter probe =
        NftBatch::table_message(Family::ipv4, table_name_ + "-probe", owned_and_persists, false);
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
        NftBatch::table_message(family, table_name_, owned_and_persists, true);
    const NetlinkAnswer answer = transact(adoption.bytes(), 2);
    if (answer.error == 0) return;
    if (answer.error == EPERM) refuse_foreign_owner(family);
    fail("take over " + table_text(family), answer.error, answer.text);
  }

  void refuse_foreign_owner(Family family) {
    const auto table = find_table(family);
    if (!table || !table->owner || *table->owner == socket_.port()) return;
    const std::string name = process_name(*table->owner);
    throw core::Error(core::Error::Kind::permanent,
                      table_text(family) + " is owned by another process (netlink port id " +
                          std::to_string(*table->owner) + (name.empty() ? "" : ", " + name) +
                          "): is another `pona edge` running in this network namespace?");
  }

  std::string table_name_;
  bool own_tables_;
  bool can_own_ = false;
  bool listening_ = false;
  std::uint32_t sequence_ = 0;
  NetlinkSocket socket_;
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

}  // namespace net
