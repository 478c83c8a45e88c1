#include "support/apiserver/front/http.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <ctime>
#include <sstream>

#include "core/error.hpp"

namespace support::apiserver {
namespace {

[[noreturn]] void refuse(const std::string& what) {
  throw core::Error(core::Error::Kind::permanent, "not an HTTP request: " + what);
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](char c) {
    return static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  });
  return text;
}

std::size_t number(const std::string& text, int base) {
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || (end != text.data() + text.size() && *end != ';')) {
    refuse("\"" + text + "\" is no length");
  }
  return value;
}

// The body in chunks from `at`; where it ends. Nothing while it is incomplete.
std::optional<std::size_t> read_chunks(const std::string& input, std::size_t at,
                                       std::string& body) {
  for (;;) {
    const std::size_t line = input.find("\r\n", at);
    if (line == std::string::npos) return std::nullopt;
    const std::size_t size = number(input.substr(at, line - at), 16);
    at = line + 2;
    if (input.size() < at + size + 2) return std::nullopt;
    body += input.substr(at, size);
    at += size + 2;
    if (size == 0) return at;
  }
}

const char* reason(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 404:
      return "Not Found";
    case 409:
      return "Conflict";
    case 429:
      return "Too Many Requests";
    default:
      return status < 400 ? "Success" : status < 500 ? "Refused" : "Server Error";
  }
}

}  // namespace

std::optional<Parsed> parse_request(const std::string& input) {
  const std::size_t end = input.find("\r\n\r\n");
  if (end == std::string::npos) {
    if (input.size() > 65536) refuse("the head is longer than 64 KiB");
    return std::nullopt;
  }
  Parsed out;
  std::istringstream head(input.substr(0, end));
  std::string version;
  if (!(head >> out.request.method >> out.request.target >> version) ||
      !version.starts_with("HTTP/1.")) {
    refuse("it begins with \"" + input.substr(0, std::min<std::size_t>(end, 60)) + "\"");
  }
  std::string line;
  std::getline(head, line);
  while (std::getline(head, line)) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) refuse("a header without colon: \"" + line + "\"");
    const std::size_t first = line.find_first_not_of(" \t", colon + 1);
    const std::size_t last = line.find_last_not_of(" \t\r");
    out.request.headers[lower(line.substr(0, colon))] =
        first == std::string::npos || last < first ? "" : line.substr(first, last - first + 1);
  }
  const auto header = [&](const char* name) {
    const auto found = out.request.headers.find(name);
    return found == out.request.headers.end() ? std::string() : found->second;
  };
  out.keeps_open = version != "HTTP/1.0" && lower(header("connection")) != "close";
  out.size = end + 4;
  if (lower(header("transfer-encoding")) == "chunked") {
    const std::optional<std::size_t> after = read_chunks(input, out.size, out.request.body);
    if (!after) return std::nullopt;
    out.size = *after;
    return out;
  }
  const std::string length = header("content-length");
  const std::size_t size = length.empty() ? 0 : number(length, 10);
  if (input.size() < out.size + size) return std::nullopt;
  out.request.body = input.substr(out.size, size);
  out.size += size;
  return out;
}

bool awaits_continue(const std::string& input) {
  const std::size_t end = input.find("\r\n\r\n");
  return end != std::string::npos && end + 4 == input.size() &&
         lower(input).find("\r\nexpect: 100-continue") != std::string::npos;
}

// RFC 9110, section 6.6.1. A clock that differs from the host's is seen nowhere else.
std::string date_header() {
  const char* const ahead = std::getenv("PONA_APISERVER_AHEAD");  // seconds
  const std::time_t now = std::time(nullptr) + (ahead == nullptr ? 0 : std::atol(ahead));
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[64];
  const std::size_t size = std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return "date: " + std::string(text, size) + "\r\n";
}

std::string response_head(const Response& response, std::optional<std::size_t> size) {
  std::string out =
      "HTTP/1.1 " + std::to_string(response.status) + " " + reason(response.status) + "\r\n";
  for (const auto& [name, value] : response.headers) out += name + ": " + value + "\r\n";
  out += date_header();
  out += size ? "content-length: " + std::to_string(*size) : "transfer-encoding: chunked";
  return out + "\r\n\r\n";
}

std::string chunk(const std::string& bytes) {
  std::ostringstream out;
  out << std::hex << bytes.size() << "\r\n" << bytes << "\r\n";
  return out.str();
}

}  // namespace support::apiserver
