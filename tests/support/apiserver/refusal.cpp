#include "support/apiserver/refusal.hpp"

#include <algorithm>

namespace support::apiserver {
namespace {

Json details_of(const About& about, const std::string& kind) {
  Json details = Json::object();
  if (!about.name.empty()) details["name"] = about.name;
  if (!about.group.empty()) details["group"] = about.group;
  details["kind"] = kind;
  return details;
}

Refusal about_one(int code, const std::string& reason, const About& about,
                  const std::string& message) {
  Json status = status_object(code, reason, message);
  status["details"] = details_of(about, about.plural);
  return Refusal(std::move(status));
}

std::string quoted(const About& about) { return about.resource() + " \"" + about.name + "\""; }

}  // namespace

Json status_object(int code, const std::string& reason, const std::string& message) {
  Json status = {{"kind", "Status"},    {"apiVersion", "v1"}, {"metadata", Json::object()},
                 {"status", "Failure"}, {"message", message}, {"code", code}};
  if (!reason.empty()) status["reason"] = reason;
  return status;
}

Refusal failure(int code, const std::string& reason, const std::string& message) {
  return Refusal(status_object(code, reason, message));
}

Refusal bad_request(const std::string& message) { return failure(400, "BadRequest", message); }

Refusal not_found(const About& about) {
  return about_one(404, "NotFound", about, quoted(about) + " not found");
}

Refusal already_exists(const About& about) {
  return about_one(409, "AlreadyExists", about, quoted(about) + " already exists");
}

Refusal conflict(const About& about, const std::string& message) {
  return about_one(409, "Conflict", about,
                   "Operation cannot be fulfilled on " + quoted(about) + ": " + message);
}

Refusal stale(const About& about) {
  return conflict(about,
                  "the object has been modified; please apply your changes to the latest version "
                  "and try again");
}

Refusal forbidden(const About& about, const std::string& message) {
  const std::string whom = about.name.empty() ? about.resource() : quoted(about);
  return about_one(403, "Forbidden", about, whom + " is forbidden: " + message);
}

Refusal invalid(const About& about, const std::vector<Cause>& causes) {
  const std::string kind = about.group.empty() ? about.kind : about.kind + "." + about.group;
  std::vector<std::string> lines;
  Json list = Json::array();
  for (const Cause& cause : causes) {
    const std::string line = cause.field + ": " + cause.message;
    // The list of causes may repeat itself, the message never does.
    if (std::find(lines.begin(), lines.end(), line) == lines.end()) lines.push_back(line);
    list.push_back({{"reason", cause.reason}, {"message", cause.message}, {"field", cause.field}});
  }
  std::string joined;
  for (const std::string& line : lines) joined += (joined.empty() ? "" : ", ") + line;
  if (lines.size() > 1) joined = "[" + joined + "]";
  Json status =
      status_object(422, "Invalid", kind + " \"" + about.name + "\" is invalid: " + joined);
  status["details"] = details_of(about, about.kind);
  status["details"]["causes"] = std::move(list);
  return Refusal(std::move(status));
}

}  // namespace support::apiserver
