// Fields of objects that may not be there, by their path. For cmd/diag/model only.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kube/decode/document.hpp"

namespace cmd {

std::optional<kube::Node> node_at(const kube::Node& root,
                                  std::initializer_list<std::string_view> path);
// Of a scalar; empty where there is none.
std::string_view text_of(const std::optional<kube::Node>& node);
std::string_view text_below(const kube::Node& root, std::initializer_list<std::string_view> path);
// The elements of a list; none where there is none.
std::vector<kube::Node> list_below(const kube::Node& root,
                                   std::initializer_list<std::string_view> path);
std::string qualified_name(const kube::Node& object);  // "shop/web"

}  // namespace cmd
