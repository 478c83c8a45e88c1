// How the server says no: a metav1.Status with its HTTP code, worded as the real one words it.
// Thrown anywhere below Server::handle, which is the only place that catches it.
#pragma once

#include <string>
#include <vector>

#include "core/error.hpp"
#include "support/apiserver/json.hpp"

namespace support::apiserver {

class Refusal : public core::Error {
 public:
  explicit Refusal(Json status)
      : Error(Kind::permanent, status.value("message", "")), status(std::move(status)) {}

  Json status;
};

struct Cause {
  std::string reason;  // "FieldValueInvalid"
  std::string message;
  std::string field;
};

// Whom a refusal is about: details.name, details.group and details.kind.
struct About {
  std::string name;
  std::string group;
  std::string plural;
  std::string kind;

  // "widgets.example.pona.dev"
  [[nodiscard]] std::string resource() const {
    return group.empty() ? plural : plural + "." + group;
  }
};

Json status_object(int code, const std::string& reason, const std::string& message);

Refusal bad_request(const std::string& message);
Refusal not_found(const About& about);
Refusal already_exists(const About& about);
Refusal conflict(const About& about, const std::string& message);
Refusal stale(const About& about);
Refusal forbidden(const About& about, const std::string& message);
Refusal invalid(const About& about, const std::vector<Cause>& causes);
Refusal failure(int code, const std::string& reason, const std::string& message);

}  // namespace support::apiserver
