// Texts in JSON that are nested without end.
#pragma once

#include <string_view>

namespace kube {

// Whether lists and maps lie in each other deeper than anything that is meant: to print or copy
// such a value would end the process, as each level takes some of its stack. To be asked before a
// text of others is parsed.
bool nested_too_deep(std::string_view json);

}  // namespace kube
