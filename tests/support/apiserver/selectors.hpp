// Label and field selectors of list, watch and deletecollection.
#pragma once

#include <string>
#include <vector>

#include "support/apiserver/json.hpp"

namespace support::apiserver {

// One term: key in / not in values; or exists / does not.
struct Requirement {
  enum class Operator { in, not_in, exists, not_exists };
  std::string key;
  Operator op = Operator::exists;
  std::vector<std::string> values;
};

struct Selector {
  std::vector<Requirement> labels;
  std::vector<Requirement> fields;  // keys are paths, "spec.nodeName"

  [[nodiscard]] bool empty() const { return labels.empty() && fields.empty(); }
  [[nodiscard]] bool matches(const Json& object) const;
};

// Throws the 400 for what cannot be read, or a field that the kind does not select by.
Selector parse_selector(const std::string& labels, const std::string& fields,
                        const std::vector<std::string>& known_fields);

}  // namespace support::apiserver
