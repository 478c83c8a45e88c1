#include "support/apiserver/versions.hpp"

#include <charconv>

namespace support::apiserver {

std::uint64_t read_version(const std::string& text) {
  if (text.empty()) return 0;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc() && end == text.data() + text.size()) return value;
  throw failure(500, "",
                "resourceVersion: Invalid value: \"" + text + "\": strconv.ParseUint: parsing \"" +
                    text + "\": invalid syntax");
}

Refusal too_large(std::uint64_t wanted, std::uint64_t current) {
  Json status = status_object(504, "Timeout",
                              "Timeout: Too large resource version: " + std::to_string(wanted) +
                                  ", current: " + std::to_string(current));
  status["details"] = {
      {"causes",
       {{{"reason", "ResourceVersionTooLarge"}, {"message", "Too large resource version"}}}},
      {"retryAfterSeconds", 1}};
  return Refusal(std::move(status));
}

}  // namespace support::apiserver
