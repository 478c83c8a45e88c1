#include "net/probe/trace_event.hpp"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <algorithm>

namespace net::probe {
namespace {

using core::packet::TableFamily;
using core::packet::TraceEvent;
using core::packet::Verdict;

// linux/netfilter/nf_tables.h has them since 6.16.
constexpr std::uint16_t trace_ct_id = 18;
constexpr std::uint16_t trace_ct_direction = 19;
constexpr std::uint16_t trace_ct_status = 20;
constexpr std::uint16_t trace_ct_state = 21;

constexpr std::size_t longest_header = 64;  // the kernel gives at most 40 bytes of one

Verdict::Code verdict_code(std::uint32_t code) {
  switch (static_cast<std::int32_t>(code)) {
    case NFT_CONTINUE:
    case NFT_BREAK:
      return Verdict::Code::next;
    case NFT_JUMP:
      return Verdict::Code::jump;
    case NFT_GOTO:
      return Verdict::Code::go_to;
    case NFT_RETURN:
      return Verdict::Code::ret;
    default:
      break;
  }
  switch (code & NF_VERDICT_MASK) {  // the rest is an errno, or a queue's number
    case NF_DROP:
    case NF_STOLEN:  // a rule that rejects, or sends it elsewhere, has it
      return Verdict::Code::drop;
    case NF_ACCEPT:
      return Verdict::Code::accept;
    case NF_QUEUE:
      return Verdict::Code::queue;
    default:
      return Verdict::Code::unknown;
  }
}

Verdict read_verdict(ByteView level) {
  Verdict verdict;
  for (const NetlinkAttribute& attribute : AttributeList(level)) {
    if (attribute.type == NFTA_VERDICT_CODE) verdict.code = verdict_code(attribute.u32());
    if (attribute.type == NFTA_VERDICT_CHAIN) verdict.chain = attribute.text();
  }
  return verdict;
}

bool is_table_family(std::uint8_t family) {
  for (const TableFamily known : {TableFamily::inet, TableFamily::ip, TableFamily::arp,
                                  TableFamily::netdev, TableFamily::bridge, TableFamily::ip6}) {
    if (static_cast<std::uint8_t>(known) == family) return true;
  }
  return false;
}

core::packet::Bytes header_bytes(ByteView value) {
  const ByteView part = value.first(std::min(value.size(), longest_header));
  return {part.begin(), part.end()};
}

void read_attribute(const NetlinkAttribute& attribute, TraceEvent& event) {
  switch (attribute.type) {
    case NFTA_TRACE_TABLE:
      event.chain.table = attribute.text();
      break;
    case NFTA_TRACE_CHAIN:
      event.chain.name = attribute.text();
      break;
    case NFTA_TRACE_RULE_HANDLE:
      event.rule = attribute.u64();
      break;
    case NFTA_TRACE_VERDICT:
      event.verdict = read_verdict(attribute.value);
      break;
    case NFTA_TRACE_ID:
      event.trace_id = attribute.u32();
      break;
    case NFTA_TRACE_LL_HEADER:
      event.link_header = header_bytes(attribute.value);
      break;
    case NFTA_TRACE_NETWORK_HEADER:
      event.network_header = header_bytes(attribute.value);
      break;
    case NFTA_TRACE_TRANSPORT_HEADER:
      event.transport_header = header_bytes(attribute.value);
      break;
    case NFTA_TRACE_IIF:
      event.in.index = attribute.u32();
      break;
    case NFTA_TRACE_OIF:
      event.out.index = attribute.u32();
      break;
    case NFTA_TRACE_MARK:
      event.mark = attribute.u32();
      break;
    case NFTA_TRACE_NFPROTO:
      event.nfproto = static_cast<std::uint8_t>(attribute.u32());
      break;
    case trace_ct_id:
      event.connection = attribute.u32();
      break;
    case trace_ct_direction:
      if (attribute.value.size() == 1) event.direction = attribute.value[0];
      break;
    case trace_ct_status:
      event.status = attribute.u32();
      break;
    case trace_ct_state:
      event.state = attribute.u32();
      break;
    default:
      break;
  }
}

}  // namespace

std::optional<TraceEvent> decode_trace_event(const NetlinkMessage& message) {
  if (message.type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_TRACE)) return std::nullopt;
  const ByteView header = message.payload();
  if (header.size() < sizeof(nfgenmsg) || !is_table_family(header[0])) return std::nullopt;
  TraceEvent event;
  event.chain.family = static_cast<TableFamily>(header[0]);
  std::uint32_t type = 0;
  std::optional<std::uint32_t> policy;
  for (const NetlinkAttribute& attribute : AttributeList(message.payload(sizeof(nfgenmsg)))) {
    if (attribute.type == NFTA_TRACE_TYPE) type = attribute.u32();
    if (attribute.type == NFTA_TRACE_POLICY) policy = attribute.u32();
    read_attribute(attribute, event);
  }
  if (type < NFT_TRACETYPE_POLICY || type > NFT_TRACETYPE_RULE) return std::nullopt;
  event.type = static_cast<TraceEvent::Type>(type);
  // Since 5.17 what marks the end of a chain's rules is traced as one of them.
  if (event.type == TraceEvent::Type::rule && event.rule == 0) event.type = TraceEvent::Type::end;
  if (policy) event.verdict = {verdict_code(*policy), {}};
  return event;
}

}  // namespace net::probe
