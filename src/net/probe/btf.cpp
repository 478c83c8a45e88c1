#include "net/probe/btf.hpp"

#include <linux/btf.h>

#include <cstring>
#include <fstream>
#include <iterator>

#include "core/error.hpp"

namespace net::probe {
namespace {

constexpr const char* kernel_file = "/sys/kernel/btf/vmlinux";
constexpr std::size_t longest_file = std::size_t{64} << 20;
constexpr std::uint32_t kind_enum64 = 19;  // linux/btf.h has it since 6.0
constexpr int deepest = 16;                // of structures in structures, and of typedefs

// Bytes behind a type, by its kind.
std::size_t size_of_members(std::uint32_t kind, std::uint32_t count) {
  switch (kind) {
    case BTF_KIND_INT:
    case BTF_KIND_VAR:
    case BTF_KIND_DECL_TAG:
      return 4;
    case BTF_KIND_ARRAY:
      return sizeof(btf_array);
    case BTF_KIND_STRUCT:
    case BTF_KIND_UNION:
    case BTF_KIND_DATASEC:
    case kind_enum64:
      return count * std::size_t{12};
    case BTF_KIND_ENUM:
    case BTF_KIND_FUNC_PROTO:
      return count * std::size_t{8};
    default:
      return 0;
  }
}

}  // namespace

std::uint32_t Btf::word(std::size_t at) const {
  std::uint32_t value = 0;
  if (at + sizeof value <= bytes_.size()) std::memcpy(&value, bytes_.data() + at, sizeof value);
  return value;
}

std::string_view Btf::text(std::uint32_t at) const {
  if (at >= texts_end_ - texts_) return {};
  const auto* begin = reinterpret_cast<const char*>(bytes_.data() + texts_ + at);
  return {begin, strnlen(begin, texts_end_ - texts_ - at)};
}

std::optional<Btf> Btf::parse(std::vector<std::uint8_t> bytes) {
  btf_header header{};
  if (bytes.size() < sizeof header) return std::nullopt;
  std::memcpy(&header, bytes.data(), sizeof header);
  const std::size_t begin = std::size_t{header.hdr_len} + header.type_off;
  const std::size_t end = begin + header.type_len;
  Btf btf;
  btf.texts_ = std::size_t{header.hdr_len} + header.str_off;
  btf.texts_end_ = btf.texts_ + header.str_len;
  if (header.magic != BTF_MAGIC || header.hdr_len < sizeof header || end > bytes.size() ||
      btf.texts_end_ > bytes.size()) {
    return std::nullopt;
  }
  btf.bytes_ = std::move(bytes);
  btf.types_.emplace_back();
  for (std::size_t at = begin; at + sizeof(btf_type) <= end;) {
    const std::uint32_t info = btf.word(at + 4);
    Type type{btf.text(btf.word(at)),    BTF_INFO_KIND(info), BTF_INFO_VLEN(info),
              BTF_INFO_KFLAG(info) != 0, btf.word(at + 8),    at + sizeof(btf_type)};
    if (type.kind > kind_enum64) return std::nullopt;  // its size is not known
    at = type.members + size_of_members(type.kind, type.count);
    if (at > end) return std::nullopt;
    btf.types_.push_back(type);
  }
  return btf;
}

const Btf::Type* Btf::find(std::uint32_t kind, std::string_view name) const {
  for (const Type& type : types_) {
    if (type.kind == kind && type.name == name) return &type;
  }
  return nullptr;
}

const Btf::Type* Btf::resolve(std::uint32_t id) const {
  for (int i = 0; i < deepest && id < types_.size(); ++i) {
    const Type& type = types_[id];
    switch (type.kind) {
      case BTF_KIND_TYPEDEF:
      case BTF_KIND_VOLATILE:
      case BTF_KIND_CONST:
      case BTF_KIND_RESTRICT:
      case BTF_KIND_TYPE_TAG:
        id = type.reference;
        break;
      case BTF_KIND_STRUCT:
      case BTF_KIND_UNION:
        return &type;
      default:
        return nullptr;
    }
  }
  return nullptr;
}

std::optional<Btf::Member> Btf::member(const Type& type, std::string_view name, int depth) const {
  if (depth > deepest) return std::nullopt;
  for (std::uint32_t i = 0; i < type.count; ++i) {
    const std::size_t at = type.members + i * std::size_t{12};
    const std::uint32_t offset = word(at + 8);
    const Member one{word(at + 4), type.flag ? offset & 0xffffff : offset};
    const std::string_view found = text(word(at));
    if (found == name) return one;
    if (!found.empty()) continue;
    const Type* inner = resolve(one.type);
    if (inner == nullptr) continue;
    if (auto inside = member(*inner, name, depth + 1)) {
      return Member{inside->type, inside->bits + one.bits};
    }
  }
  return std::nullopt;
}

std::optional<std::uint32_t> Btf::offset_of(std::string_view structure,
                                            std::string_view path) const {
  const Type* type = find(BTF_KIND_STRUCT, structure);
  std::uint32_t bits = 0;
  while (type != nullptr) {
    const std::size_t dot = path.find('.');
    const auto found = member(*type, path.substr(0, dot), 0);
    if (!found) return std::nullopt;
    bits += found->bits;
    if (dot == std::string_view::npos) return bits / 8;
    path.remove_prefix(dot + 1);
    type = resolve(found->type);
  }
  return std::nullopt;
}

std::map<std::uint32_t, std::string> Btf::enumerators(std::string_view name) const {
  std::map<std::uint32_t, std::string> result;
  const Type* type = find(BTF_KIND_ENUM, name);
  if (type == nullptr) return result;
  for (std::uint32_t i = 0; i < type->count; ++i) {
    const std::size_t at = type->members + i * std::size_t{8};
    result.emplace(word(at + 4), text(word(at)));
  }
  return result;
}

Btf kernel_btf() {
  std::ifstream file(kernel_file, std::ios::binary);
  std::vector<std::uint8_t> bytes;
  std::vector<char> part(std::size_t{1} << 20);
  while (file && bytes.size() < longest_file) {
    file.read(part.data(), static_cast<std::streamsize>(part.size()));
    bytes.insert(bytes.end(), part.begin(), part.begin() + file.gcount());
  }
  auto btf = Btf::parse(std::move(bytes));
  if (!btf) {
    throw core::Error(core::Error::Kind::permanent,
                      std::string("no types of the kernel in ") + kernel_file);
  }
  return std::move(*btf);
}

}  // namespace net::probe
