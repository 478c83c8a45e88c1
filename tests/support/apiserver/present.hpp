// An answer in the form that the client accepts: the object itself, its metadata only, or a Table.
#pragma once

#include <vector>

#include "support/apiserver/selectors.hpp"
#include "support/apiserver/state.hpp"

namespace support::apiserver {

enum class Form { object, metadata, table };

// From the Accept header; throws the 406.
Form form_of(const Call& call);
Selector selector_of(const Call& call);

// `object` in the words of the call's resource.
Response present_object(const Call& call, int status, const Json& object);
// `items` as stored.
Response present_list(const Call& call, const std::vector<Json>& items, Json metadata);
// The object of a watch event; a Table has its columns in the first one only.
Json present_event(const Call& call, Form form, const Json& object, bool first);

}  // namespace support::apiserver
