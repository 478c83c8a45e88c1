// Who asks and what they may: bearer tokens and RBAC, read from the stored roles and bindings.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "support/apiserver/json.hpp"
#include "support/apiserver/store.hpp"

namespace support::apiserver {

struct User {
  std::string name;
  std::vector<std::string> groups;
  std::optional<Time> expires;

  [[nodiscard]] bool in(const std::string& group) const;
};

// What somebody wants to do. Without resource: `path` is a non-resource URL.
struct Attempt {
  std::string verb;
  std::string group;
  std::string resource;  // "pods/status"
  std::string space;     // "" is the cluster scope
  std::string name;
  std::string path;
};

class Access {
 public:
  void add(const std::string& token, User user) { users_[token] = std::move(user); }
  void expire(const std::string& token, Time now);
  // The user of an Authorization header; "" is anonymous. Throws the 401.
  [[nodiscard]] User authenticate(const std::string& header, Time now) const;

 private:
  std::map<std::string, User> users_;
};

// A user with the groups that come with the name.
User make_user(const std::string& name, std::vector<std::string> groups);

[[nodiscard]] bool may(const Store& store, const User& user, const Attempt& attempt);
// Throws the 403 in the words of the API server.
void require(const Store& store, const User& user, const Attempt& attempt);
// All rules that hold for the user in a namespace (""; of the cluster only), as stored.
std::vector<Json> rules_of(const Store& store, const User& user, const std::string& space);

}  // namespace support::apiserver
