#include <array>

#include "support/apiserver/state.hpp"

namespace support::apiserver {
namespace {

std::string decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      out += static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16));
      i += 2;
    } else {
      out += text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

}  // namespace

std::string State::make_uid() {
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string uid;
  for (std::size_t i = 0; i < 36; ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    uid += dash ? '-' : i == 14 ? '4' : i == 19 ? "89ab"[random() % 4] : digits[random() % 16];
  }
  return uid;
}

std::string State::random_suffix() {
  static constexpr std::string_view letters = "bcdfghjklmnpqrstvwxz2456789";
  std::string out;
  for (int i = 0; i < 5; ++i) out += letters[random() % letters.size()];
  return out;
}

std::string Call::argument(const std::string& option) const {
  const auto found = query.find(option);
  return found == query.end() ? "" : found->second;
}

bool Call::flag(const std::string& option) const {
  const std::string value = argument(option);
  return value == "true" || value == "1";
}

std::string Call::header(const std::string& lower_case) const {
  const auto found = request.headers.find(lower_case);
  return found == request.headers.end() ? "" : found->second;
}

Call parse_call(const Request& request) {
  Call call{request, {}, {}, {}, nullptr, "", "", "", {}, {}, {}};
  const std::size_t mark = request.target.find('?');
  for (const std::string& part : split(std::string_view(request.target).substr(0, mark), '/')) {
    if (!part.empty()) call.path.push_back(decoded(part));
  }
  if (mark == std::string::npos) return call;
  for (const std::string& pair : split(std::string_view(request.target).substr(mark + 1), '&')) {
    const std::size_t equals = pair.find('=');
    call.query.emplace(
        decoded(std::string_view(pair).substr(0, equals)),
        equals == std::string::npos ? "" : decoded(std::string_view(pair).substr(equals + 1)));
  }
  return call;
}

Response json_response(int status, const Json& body) {
  Response out;
  out.status = status;
  out.headers = {{"content-type", "application/json"}};
  out.body = body.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  return out;
}

}  // namespace support::apiserver
