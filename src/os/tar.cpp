#include "os/tar.hpp"

#include <algorithm>

namespace os {
namespace {

// Where fields are in a header, and their sizes.
constexpr std::size_t name_size = 100, size_at = 124, number_size = 12, sum_at = 148, sum_size = 8,
                      type_at = 156, magic_at = 257, prefix_at = 345, prefix_size = 155;

// With zeros in front and a zero byte behind.
void put_octal(std::string& block, std::size_t at, std::size_t size, std::uint64_t value) {
  for (std::size_t i = size - 1; i-- > 0; value >>= 3) {
    block[at + i] = static_cast<char>('0' + (value & 7));
  }
}

std::optional<std::uint64_t> octal(std::string_view field) {
  field.remove_prefix(std::min(field.find_first_not_of(' '), field.size()));
  field = field.substr(0, field.find_first_of(std::string_view("\0 ", 2)));
  if (field.empty() || field.size() > 11) return std::nullopt;
  std::uint64_t value = 0;
  for (const char digit : field) {
    if (digit < '0' || digit > '7') return std::nullopt;
    value = value << 3 | static_cast<std::uint64_t>(digit - '0');
  }
  return value;
}

// Of its bytes, those of the sum itself taken for blanks.
std::uint64_t sum_of(std::string_view block) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < block.size(); ++i) {
    sum += i >= sum_at && i < sum_at + sum_size ? ' ' : static_cast<unsigned char>(block[i]);
  }
  return sum;
}

std::string_view text(std::string_view block, std::size_t at, std::size_t size) {
  const std::string_view field = block.substr(at, size);
  return field.substr(0, field.find('\0'));
}

}  // namespace

std::string tar_header(std::string_view name, std::uint64_t size, std::int64_t time) {
  std::string block(tar_block, '\0');
  name = name.substr(0, name_size - 1);
  block.replace(0, name.size(), name);
  put_octal(block, 100, 8, 0600);
  put_octal(block, 108, 8, 0);
  put_octal(block, 116, 8, 0);
  put_octal(block, size_at, number_size, size);
  put_octal(block, 136, number_size, static_cast<std::uint64_t>(std::max<std::int64_t>(time, 0)));
  block[type_at] = '0';
  block.replace(magic_at, 8,
                std::string_view("ustar\0"
                                 "00",
                                 8));
  put_octal(block, sum_at, sum_size - 1, sum_of(block));
  block[sum_at + sum_size - 1] = ' ';
  return block;
}

std::size_t tar_padding(std::uint64_t size) {
  return static_cast<std::size_t>((tar_block - size % tar_block) % tar_block);
}

std::optional<TarEntry> read_tar_header(std::string_view block) {
  if (block.size() != tar_block) return std::nullopt;
  TarEntry entry;
  if (block.find_first_not_of('\0') == std::string_view::npos) {
    entry.end = true;
    return entry;
  }
  const auto size = octal(block.substr(size_at, number_size));
  const auto sum = octal(block.substr(sum_at, sum_size));
  if (!size || sum != sum_of(block)) return std::nullopt;
  entry.size = *size;
  entry.plain = block[type_at] == '0' || block[type_at] == '\0';
  if (block.substr(magic_at, 5) == "ustar") entry.name = text(block, prefix_at, prefix_size);
  if (!entry.name.empty()) entry.name += '/';
  entry.name += text(block, 0, name_size);
  return entry;
}

}  // namespace os
