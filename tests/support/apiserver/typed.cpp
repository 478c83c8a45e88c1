#include "support/apiserver/typed.hpp"

#include <set>

namespace support::apiserver {
namespace {

bool nothing(const Json* value) {
  return value == nullptr || value->is_null() || (value->is_structured() && value->empty());
}

class Comparing {
 public:
  void walk(const Json* before, const Json* after, const Schema& schema) {
    const Json& shape = after != nullptr && !after->is_null() ? *after
                        : before != nullptr                   ? *before
                                                              : *after;
    const bool one_kind = before == nullptr || after == nullptr || before->is_null() ||
                          after->is_null() || before->type() == after->type();
    const bool leaf = !shape.is_structured() || !one_kind || (nothing(before) && nothing(after)) ||
                      (shape.is_object() ? schema.atomic_map : schema.list == Schema::List::atomic);
    if (leaf) {
      if (before == nullptr || after == nullptr) return;  // the caller notes it
      if (*before != *after) result.modified.insert(path_);
      return;
    }
    if (shape.is_object()) {
      each_field(before, after, schema);
    } else {
      each_element(before, after, schema);
    }
  }

  Comparison result;

 private:
  void descend(const std::string& step, const Json* before, const Json* after,
               const Schema& schema) {
    path_.push_back(step);
    walk(before, after, schema);
    if (before == nullptr) result.added.insert(path_);
    if (after == nullptr) result.removed.insert(path_);
    path_.pop_back();
  }

  void each_field(const Json* before, const Json* after, const Schema& schema) {
    std::set<std::string> names;
    for (const Json* side : {before, after}) {
      if (side == nullptr || !side->is_object()) continue;
      for (const auto& [name, value] : side->items()) names.insert(name);
    }
    for (const std::string& name : names) {
      descend("f:" + name, before == nullptr ? nullptr : find_key(*before, name),
              after == nullptr ? nullptr : find_key(*after, name), schema.at_field(name));
    }
  }

  void each_element(const Json* before, const Json* after, const Schema& schema) {
    std::map<std::string, std::pair<const Json*, const Json*>> elements;
    if (before != nullptr) {
      for (const Json& element : *before) elements[schema.step_to(element)].first = &element;
    }
    if (after != nullptr) {
      for (const Json& element : *after) elements[schema.step_to(element)].second = &element;
    }
    for (const auto& [step, sides] : elements) {
      descend(step, sides.first, sides.second, schema.at_item());
    }
  }

  static const Json* find_key(const Json& map, const std::string& name) {
    if (!map.is_object()) return nullptr;
    const auto found = map.find(name);
    return found == map.end() ? nullptr : &*found;
  }

  FieldPath path_;
};

// Sets `set` to what the value claims below the path that leads to it.
void claim(const Json& value, const Schema& schema, FieldSet& set) {
  if (value.is_object() && !schema.atomic_map) {
    for (const auto& [name, field] : value.items()) {
      FieldSet place;
      claim(field, schema.at_field(name), place);
      if (field.is_null() || (field.is_object() && field.empty()) || !schema.declares(name)) {
        place.member = true;
      }
      if (!place.empty()) set.children.emplace("f:" + name, std::move(place));
    }
  } else if (value.is_array() && schema.list != Schema::List::atomic) {
    for (const Json& element : value) {
      FieldSet& place = set.children[schema.step_to(element)];
      claim(element, schema.at_item(), place);
      place.member = true;
    }
  } else {
    set.member = true;
  }
}

Json merge_lists(const Json& under, const Json& over, const Schema& schema) {
  std::map<std::string, const Json*> below;
  std::set<std::string> above;
  for (const Json& element : under) below.emplace(schema.step_to(element), &element);
  for (const Json& element : over) above.insert(schema.step_to(element));
  Json out = Json::array();
  std::set<std::string> done;
  std::size_t i = 0;
  std::size_t j = 0;
  // The order of `over` rules among its elements; those that only `under` has keep their place
  // after what they came after.
  while (i < under.size() || j < over.size()) {
    const std::string left = i < under.size() ? schema.step_to(under[i]) : "";
    if (i < under.size() && !above.contains(left)) {
      out.push_back(under[i++]);
    } else if (i < under.size() && done.contains(left)) {
      ++i;
    } else if (j < over.size()) {
      const std::string step = schema.step_to(over[j]);
      const auto match = below.find(step);
      out.push_back(match == below.end() ? over[j]
                                         : merge(*match->second, over[j], schema.at_item()));
      done.insert(step);
      ++j;
    }
  }
  return out;
}

}  // namespace

Comparison compare(const Json& before, const Json& after, const Schema& schema) {
  Comparing comparing;
  comparing.walk(&before, &after, schema);
  return std::move(comparing.result);
}

FieldSet fields_of(const Json& configuration, const Schema& schema) {
  FieldSet set;
  claim(configuration, schema, set);
  return set;
}

Json merge(const Json& under, const Json& over, const Schema& schema) {
  if (under.is_object() && over.is_object() && !schema.atomic_map) {
    Json out = under;
    for (const auto& [name, value] : over.items()) {
      const auto found = under.find(name);
      out[name] = found == under.end() ? value : merge(*found, value, schema.at_field(name));
    }
    return out;
  }
  if (under.is_array() && over.is_array() && schema.list != Schema::List::atomic) {
    return merge_lists(under, over, schema);
  }
  return over;
}

Json remove(const Json& value, const FieldSet& set, const Schema& schema) {
  const auto rest = [&](const Json& inner, const FieldSet& below, const Schema& at) {
    return below.children.empty() ? inner : remove(inner, below, at);
  };
  if (value.is_object() && !schema.atomic_map) {
    Json out = Json::object();
    for (const auto& [name, field] : value.items()) {
      const FieldSet* const below = set.child("f:" + name);
      if (below != nullptr && below->member) continue;
      Json kept = below == nullptr ? field : rest(field, *below, schema.at_field(name));
      if (!(kept.is_null() && !field.is_null())) out[name] = std::move(kept);
    }
    return out.empty() && !value.empty() ? Json() : out;
  }
  if (value.is_array() && schema.list != Schema::List::atomic) {
    Json out = Json::array();
    for (const Json& element : value) {
      const FieldSet* const below = set.child(schema.step_to(element));
      if (below != nullptr && below->member) continue;
      out.push_back(below == nullptr ? element : rest(element, *below, schema.at_item()));
    }
    return out.empty() && !value.empty() ? Json() : out;
  }
  return value;
}

}  // namespace support::apiserver
