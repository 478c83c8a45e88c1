// JSON that others wrote, without what is for nobody else.
#pragma once

#include <nlohmann/json_fwd.hpp>

namespace cmd {

// The value of each key that may be a secret's is left out, whatever it is.
nlohmann::ordered_json without_secrets(const nlohmann::ordered_json& json);

}  // namespace cmd
