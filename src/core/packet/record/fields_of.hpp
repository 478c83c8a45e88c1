// The fields of the model's values. See fields.hpp. Throws what `fields` throws.
#pragma once

#include <string>
#include <vector>

#include "core/listener.hpp"
#include "core/packet/record/fields.hpp"
#include "core/packet/ruleset.hpp"
#include "core/packet/walk/network.hpp"
#include "core/packet/walk/route_table.hpp"

namespace core::packet {

void fields_of(Fields& fields, Link& link);
void fields_of(Fields& fields, ListedRoute& route);
void fields_of(Fields& fields, ListedRule& rule);
void fields_of(Fields& fields, Neighbour& neighbour);
void fields_of(Fields& fields, Connection& connection);
void fields_of(Fields& fields, Listener& listener);
void fields_of(Fields& fields, IpsecPolicy& policy);
void fields_of(Fields& fields, Opaque& opaque);

void fields_of(Fields& fields, ChainId& id);
void fields_of(Fields& fields, BaseChain& chain);
void fields_of(Fields& fields, Rule& rule);
void fields_of(Fields& fields, Set& set);
void fields_of(Fields& fields, Element& element);

// Of a rule, an element or an object. Expressions in expressions have none themselves.
void fields_of(Fields& fields, Expression& expression);
void fields_of(Fields& fields, const char* key, std::vector<Expression>& expressions);
void fields_of(Fields& fields, Verdict& verdict);

void number_of(Fields& fields, Hook& hook);

}  // namespace core::packet
