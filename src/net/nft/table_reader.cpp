#include "net/nft/table_reader.hpp"

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <unordered_map>
#include <utility>

#include "core/error.hpp"
#include "net/nft/rules.hpp"

namespace net {

using core::Family;

namespace {

// Other errors mean that our picture of the tables is old: observing again helps.
core::Error::Kind nft_error_kind(int error) {
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

}  // namespace

bool worth_repeating_nft(int error) {
  constexpr int restart = 85;  // ERESTART: linux/errno.h, not in every libc
  return error == EAGAIN || error == EINTR || error == EBUSY || error == ENOBUFS ||
         error == restart;
}

void fail_nft(const std::string& attempted, int error, const std::string& detail) {
  throw core::Error(nft_error_kind(error), "nftables: " + attempted + ": " + error_text(error) +
                                               (detail.empty() ? "" : " (" + detail + ")") +
                                               advice(error));
}

std::string TableReader::table_text(Family family) const {
  return "table " + std::string(core::to_string(family)) + ' ' + table_name_;
}

NetlinkWriter TableReader::request(std::uint16_t type, std::uint16_t flags, Family family) {
  NetlinkWriter writer;
  const std::size_t begin = begin_nft_message(writer, type, flags, ++sequence_, family);
  writer.put_text(NFTA_TABLE_NAME, table_name_);
  writer.close_message(begin);
  return writer;
}

// Repeats what another transaction has disturbed; `restart` is called before each attempt.
int TableReader::query(const NetlinkWriter& request, const std::function<void()>& restart,
                       const std::function<void(const NetlinkMessage&)>& visit) {
  constexpr int dump_attempts = 20;
  int error = 0;
  for (int attempt = 0; attempt < dump_attempts; ++attempt) {
    restart();
    error = socket_.query(request.bytes(), visit);
    if (!worth_repeating_nft(error)) break;
  }
  return error;
}

std::optional<ReadTable> TableReader::find_table(Family family) {
  std::optional<ReadTable> table;
  const int error = query(
      request(NFT_MSG_GETTABLE, NLM_F_ACK, family), [&] { table.reset(); },
      [&](const NetlinkMessage& message) { table = read_table(nft_attributes(message)); });
  if (error != 0 && error != ENOENT) fail_nft("read " + table_text(family), error);
  return table;
}

// Everything of one kind in the table.
void TableReader::dump(std::uint16_t get, Family family, const char* what,
                       const std::function<void()>& restart,
                       const std::function<void(const NetlinkMessage&, AttributeList)>& visit) {
  const int error =
      query(request(get, NLM_F_DUMP, family), restart, [&](const NetlinkMessage& message) {
        const AttributeList attributes = nft_attributes(message);
        const auto table = attributes.find(NFTA_TABLE_NAME);
        // Not all dumps heed the name that was asked for.
        if (table && table->text() == table_name_) visit(message, attributes);
      });
  if (error != 0) fail_nft("read the " + std::string(what) + " of " + table_text(family), error);
}

core::nft::Table TableReader::observe_table(Family family, const core::nft::Table& expected) {
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

  std::unordered_map<std::string_view, core::nft::Chain*> chains;
  for (core::nft::Chain& chain : table.chains) chains.emplace(chain.name, &chain);
  std::unordered_map<std::string, const core::nft::Rule*> known;
  for (const core::nft::Chain& chain : expected.chains) {
    for (const core::nft::Rule& rule : chain.rules) known.emplace(fingerprint(rule, family), &rule);
  }
  dump(
      NFT_MSG_GETRULE, family, "rules",
      [&] {
        for (core::nft::Chain& chain : table.chains) chain.rules.clear();
      },
      [&](const NetlinkMessage& message, AttributeList) {
        const auto read = read_rule(message);
        if (!read) return;
        const auto chain = chains.find(read->chain);
        if (chain == chains.end()) return;
        const auto rule = known.find(read->fingerprint);
        chain->second->rules.push_back(
            rule != known.end() ? *rule->second : core::nft::Rule{{}, "", read->fingerprint});
      });
  return table;
}

void TableReader::each_element(Family family, core::SetId set, const std::function<void()>& restart,
                               const std::function<void(ReadElement&&)>& visit) {
  NetlinkWriter request;
  const std::size_t begin =
      begin_nft_message(request, NFT_MSG_GETSETELEM, NLM_F_DUMP, ++sequence_, family);
  request.put_text(NFTA_SET_ELEM_LIST_TABLE, table_name_);
  request.put_text(NFTA_SET_ELEM_LIST_SET, core::to_string(set));
  request.close_message(begin);
  Comments comments;
  const core::nft::Set& declared = core::declaration_of(set);
  const bool lone_intervals = declared.interval && declared.key.size() == 1;
  std::vector<ReadElement> parts;
  const int error = query(
      request,
      [&] {
        parts.clear();
        restart();
      },
      [&](const NetlinkMessage& message) {
        const auto list = nft_attributes(message).find(NFTA_SET_ELEM_LIST_ELEMENTS);
        if (!list) return;
        for (const NetlinkAttribute& attribute : AttributeList(list->value)) {
          auto element = read_element(attribute.value, family, set, comments);
          if (!element) continue;
          if (lone_intervals) {
            parts.push_back(std::move(*element));
          } else if (!element->ends_interval) {
            visit(std::move(*element));
          }
        }
      });
  for (ReadElement& element : join_intervals(std::move(parts))) visit(std::move(element));
  if (error != 0 && error != ENOENT) {
    fail_nft(
        "read the elements of " + std::string(core::to_string(set)) + " in " + table_text(family),
        error);
  }
}

void TableReader::observe_elements(Family family, core::SetId set, core::ElementFilter& filter,
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

core::Counts TableReader::counts(Family family, const std::vector<core::SetId>& sets) {
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

NetlinkWriter TableReader::generation_request(std::uint16_t flags, std::uint32_t sequence) {
  NetlinkWriter writer;
  writer.close_message(begin_nft_message(writer, NFT_MSG_GETGEN, flags, sequence, Family::ipv4));
  return writer;
}

std::uint32_t TableReader::generation() {
  std::uint32_t result = 0;
  const NetlinkWriter request = generation_request(NLM_F_ACK, ++sequence_);
  const int error = socket_.query(request.bytes(), [&](const NetlinkMessage& message) {
    if (const auto id = nft_attributes(message).find(NFTA_GEN_ID)) result = id->u32();
  });
  if (error != 0) fail_nft("read the ruleset's generation", error);
  return result;
}

}  // namespace net
