#include "net/nft/elements.hpp"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace net {
namespace {

constexpr std::size_t padded(std::size_t size) { return (size + 3) & ~std::size_t{3}; }

// nft's NFTNL_UDATA_SET_ELEM_COMMENT and NFTNL_UDATA_RULE_COMMENT: type, length, text with NUL.
constexpr std::uint8_t comment_type = 0;
constexpr std::size_t longest_comment = 127;

void put_data(NetlinkWriter& writer, std::uint16_t attribute, ByteView bytes) {
  const std::size_t nest = writer.nest(attribute);
  writer.put(NFTA_DATA_VALUE, bytes);
  writer.close(nest);
}

void put_verdict(NetlinkWriter& writer, const core::ElementValue& value) {
  const std::size_t data = writer.nest(NFTA_SET_ELEM_DATA);
  const std::size_t verdict = writer.nest(NFTA_DATA_VERDICT);
  writer.put_u32(NFTA_VERDICT_CODE, static_cast<std::uint32_t>(value.jump ? NFT_JUMP : NFT_GOTO));
  const ByteView chain = value.chain.view();
  writer.put_text(NFTA_VERDICT_CHAIN, {reinterpret_cast<const char*>(chain.data()), chain.size()});
  writer.close(verdict);
  writer.close(data);
}

template <std::size_t N>
bool assign(core::Bytes<N>& to, ByteView from) {
  if (from.size() > N) return false;
  to.size = 0;
  to.append(from);
  return true;
}

bool read_verdict(ByteView verdict, core::ElementValue& value) {
  bool known = false;
  for (const NetlinkAttribute& attribute : AttributeList(verdict)) {
    if (attribute.type == NFTA_VERDICT_CODE) {
      const auto code = static_cast<std::int32_t>(attribute.u32());
      value.jump = code == NFT_JUMP;
      known = code == NFT_JUMP || code == NFT_GOTO;
    } else if (attribute.type == NFTA_VERDICT_CHAIN) {
      const std::string_view chain = attribute.text();
      if (!assign(value.chain,
                  {reinterpret_cast<const std::uint8_t*>(chain.data()), chain.size()})) {
        return false;
      }
    }
  }
  if (!known) {
    // A verdict that is none of ours differs from all that are.
    value.chain = {};
  }
  return true;
}

bool read_data(ByteView data, core::ElementValue& value) {
  for (const NetlinkAttribute& attribute : AttributeList(data)) {
    if (attribute.type == NFTA_DATA_VALUE) return assign(value.data, attribute.value);
    if (attribute.type == NFTA_DATA_VERDICT) return read_verdict(attribute.value, value);
  }
  return true;
}

ByteView data_value(const NetlinkAttribute& attribute) {
  const auto value = AttributeList(attribute.value).find(NFTA_DATA_VALUE);
  return value ? value->value : ByteView{};
}

std::shared_ptr<const std::string> read_comment(ByteView user_data, Comments& comments) {
  while (user_data.size() >= 2) {
    const std::size_t length = user_data[1];
    if (length > user_data.size() - 2) break;
    if (user_data[0] == comment_type && length > 0) {
      const auto* text = reinterpret_cast<const char*>(user_data.data() + 2);
      std::string comment(text, strnlen(text, length));
      auto& shared = comments[comment];
      if (!shared) shared = std::make_shared<const std::string>(std::move(comment));
      return shared;
    }
    user_data = user_data.subspan(2 + length);
  }
  return nullptr;
}

void put_value(NetlinkWriter& writer, const core::ElementValue* value) {
  if (value == nullptr) return;
  if (value->chain.size != 0) {
    put_verdict(writer, *value);
  } else if (value->data.size != 0) {
    put_data(writer, NFTA_SET_ELEM_DATA, value->data.view());
  }
  if (value->comment && !value->comment->empty()) {
    put_comment(writer, NFTA_SET_ELEM_USERDATA, *value->comment);
  }
}

// Of one field: the kernel keeps such sets as a tree of beginnings and ends.
bool is_lone_interval(const core::ElementKey& key) {
  return key.end.size != 0 && key.end.size == key.key.size;
}

// The value that follows; nothing after the last of all.
std::optional<core::Bytes<16>> after(core::Bytes<16> value) {
  for (std::size_t i = value.size; i-- > 0;) {
    if (++value.data[i] != 0) return value;
  }
  return std::nullopt;
}

void write_lone_interval(NetlinkWriter& writer, const core::ElementKey& key,
                         const core::ElementValue* value) {
  const std::size_t begin = writer.nest(NFTA_LIST_ELEM);
  put_data(writer, NFTA_SET_ELEM_KEY, key.key.view());
  put_value(writer, value);
  writer.close(begin);
  // What reaches to the last value of all needs no end.
  const auto next = after(key.end);
  if (!next) return;
  const std::size_t end = writer.nest(NFTA_LIST_ELEM);
  put_data(writer, NFTA_SET_ELEM_KEY, next->view());
  writer.put_u32(NFTA_SET_ELEM_FLAGS, NFT_SET_ELEM_INTERVAL_END);
  writer.close(end);
}

std::optional<core::Count> read_counter(ByteView expression) {
  const AttributeList attributes(expression);
  const auto name = attributes.find(NFTA_EXPR_NAME);
  const auto data = attributes.find(NFTA_EXPR_DATA);
  if (!name || !data || name->text() != "counter") return std::nullopt;
  core::Count count;
  for (const NetlinkAttribute& attribute : AttributeList(data->value)) {
    if (attribute.type == NFTA_COUNTER_PACKETS) count.packets = attribute.u64();
    if (attribute.type == NFTA_COUNTER_BYTES) count.bytes = attribute.u64();
  }
  return count;
}

}  // namespace

std::string_view shortened_comment(std::string_view comment) {
  return comment.substr(0, longest_comment);
}

void put_comment(NetlinkWriter& writer, std::uint16_t attribute, std::string_view comment) {
  comment = shortened_comment(comment);
  std::array<std::uint8_t, longest_comment + 3> user_data{};
  user_data[0] = comment_type;
  user_data[1] = static_cast<std::uint8_t>(comment.size() + 1);
  std::memcpy(user_data.data() + 2, comment.data(), comment.size());
  writer.put(attribute, ByteView(user_data).first(comment.size() + 3));
}

std::size_t written_count(const core::ElementKey& key) {
  return is_lone_interval(key) && after(key.end) ? 2 : 1;
}

void write_element(NetlinkWriter& writer, const core::ElementKey& key,
                   const core::ElementValue* value) {
  if (is_lone_interval(key)) {
    write_lone_interval(writer, key, value);
    return;
  }
  const std::size_t element = writer.nest(NFTA_LIST_ELEM);
  put_data(writer, NFTA_SET_ELEM_KEY, key.key.view());
  if (key.end.size != 0) {
    // All fields as in the key but the last, which is where the interval is.
    core::Bytes<40> end = key.key;
    std::memcpy(end.data.data() + end.size - padded(key.end.size), key.end.data.data(),
                key.end.size);
    put_data(writer, NFTA_SET_ELEM_KEY_END, end.view());
  }
  put_value(writer, value);
  writer.close(element);
}

std::optional<ReadElement> read_element(ByteView attributes, core::Family family, core::SetId set,
                                        Comments& comments) {
  ReadElement result;
  core::ElementKey& key = result.element.key;
  core::ElementValue& value = result.element.value;
  key.family = family;
  key.set = set;
  for (const NetlinkAttribute& attribute : AttributeList(attributes)) {
    switch (attribute.type) {
      case NFTA_SET_ELEM_KEY:
        if (!assign(key.key, data_value(attribute))) return std::nullopt;
        break;
      case NFTA_SET_ELEM_KEY_END: {
        const ByteView end = data_value(attribute);
        const std::size_t size = core::nft::size_of(core::declaration_of(set).key.back(), family);
        if (end.size() < padded(size)) return std::nullopt;
        assign(key.end, end.last(padded(size)).first(size));
        break;
      }
      case NFTA_SET_ELEM_DATA:
        if (!read_data(attribute.value, value)) return std::nullopt;
        break;
      case NFTA_SET_ELEM_USERDATA:
        value.comment = read_comment(attribute.value, comments);
        break;
      case NFTA_SET_ELEM_FLAGS:
        result.ends_interval = (attribute.u32() & NFT_SET_ELEM_INTERVAL_END) != 0;
        break;
      case NFTA_SET_ELEM_EXPR:
        result.count = read_counter(attribute.value);
        break;
      default:
        break;
    }
  }
  // Of a set that somebody else declared the end may be longer than all of the key.
  if (key.key.size == 0 || key.key.size < padded(key.end.size)) return std::nullopt;
  return result;
}

std::vector<ReadElement> join_intervals(std::vector<ReadElement> parts) {
  // By value; where one interval follows another at once, the end comes before the beginning.
  std::ranges::sort(parts, [](const ReadElement& a, const ReadElement& b) {
    const auto order = a.element.key.key <=> b.element.key.key;
    return order != 0 ? order < 0 : a.ends_interval && !b.ends_interval;
  });
  std::vector<ReadElement> joined;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (parts[i].ends_interval) continue;
    ReadElement& begin = joined.emplace_back(std::move(parts[i]));
    core::Bytes<16>& end = begin.element.key.end;
    const std::size_t size = begin.element.key.key.size;
    if (i + 1 < parts.size() && !parts[i + 1].ends_interval) continue;
    if (size > end.data.size()) continue;
    if (i + 1 == parts.size()) {
      end.size = static_cast<std::uint8_t>(size);
      std::fill_n(end.data.begin(), size, std::uint8_t{0xff});
      continue;
    }
    end.append(parts[i + 1].element.key.key.view());
    for (std::size_t byte = size; byte-- > 0;) {
      if (end.data[byte]-- != 0) break;
    }
  }
  return joined;
}

}  // namespace net
