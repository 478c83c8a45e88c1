#include "cmd/serve/http_gzip.hpp"

#include <zlib.h>

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <limits>

namespace cmd {
namespace {

constexpr std::size_t worth_it = 1400;   // bytes: about a segment, which goes as a whole anyway
constexpr int gzip_format = 15 + 16;     // deflateInit2: the largest window, in gzip's wrapping
constexpr int default_memory_level = 8;  // as deflateInit() has it

std::string_view without_blanks(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// "q=0", "q=0.000": it is not wanted.
bool is_zero(std::string_view parameter) {
  if (parameter.empty() || std::tolower(static_cast<unsigned char>(parameter.front())) != 'q') {
    return false;
  }
  const std::size_t equals = parameter.find('=');
  if (equals == std::string_view::npos) return false;
  const std::string_view value = without_blanks(parameter.substr(equals + 1));
  return !value.empty() && value.find_first_not_of("0.") == std::string_view::npos;
}

bool is_gzip(std::string_view coding) {
  constexpr std::string_view names[] = {"gzip", "x-gzip", "*"};
  return std::ranges::any_of(names, [&](std::string_view name) {
    return std::ranges::equal(name, coding, {}, {}, [](char letter) {
      return static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
    });
  });
}

}  // namespace

std::string gzip(std::string_view text) {
  if (text.size() < worth_it || text.size() > std::numeric_limits<uInt>::max()) return {};
  z_stream stream{};
  // Metrics repeat themselves: the fastest level makes a tenth of them.
  if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, gzip_format, default_memory_level,
                   Z_DEFAULT_STRATEGY) != Z_OK) {
    return {};
  }
  std::string out(deflateBound(&stream, static_cast<uLong>(text.size())), '\0');
  // zlib's type is older than const; it does not write there.
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const bool whole = deflate(&stream, Z_FINISH) == Z_STREAM_END;
  out.resize(whole ? out.size() - stream.avail_out : 0);
  deflateEnd(&stream);
  return out;
}

bool accepts_gzip(std::string_view accept_encoding) {
  while (!accept_encoding.empty()) {
    const std::size_t end = std::min(accept_encoding.find(','), accept_encoding.size());
    const std::string_view choice = accept_encoding.substr(0, end);
    accept_encoding.remove_prefix(std::min(end + 1, accept_encoding.size()));
    const std::size_t semicolon = std::min(choice.find(';'), choice.size());
    if (!is_gzip(without_blanks(choice.substr(0, semicolon)))) continue;
    return !is_zero(without_blanks(choice.substr(std::min(semicolon + 1, choice.size()))));
  }
  return false;
}

}  // namespace cmd
