// JSON as text, for whoever writes it: to a server, a file or a terminal.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace kube {

// What is not UTF-8 in a text is replaced: texts come from others, and one of them ends nobody's
// work. One line unless `indentation` says otherwise; never with a line end behind it.
std::string dump_json(const nlohmann::json& json, int indentation = -1);
std::string dump_json(const nlohmann::ordered_json& json, int indentation = -1);
// One line in which nothing is but printable ASCII: the rest is escaped.
std::string dump_ascii_json(const nlohmann::json& json);

}  // namespace kube
