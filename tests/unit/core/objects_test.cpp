#include "core/objects.hpp"

#include "support/catch.hpp"

namespace unit::objects_test {

TEST_CASE("an object knows its kind and name") {
  core::EndpointSlice slice;
  slice.name = {"shop", "web-abcde"};
  const core::Object object = slice;
  CHECK(core::kind_of(object) == core::Kind::endpoint_slice);
  CHECK(core::name_of(object) == core::ObjectName{"shop", "web-abcde"});
  CHECK(core::to_string(core::ObjectId{core::kind_of(object), core::name_of(object)}) ==
        "EndpointSlice shop/web-abcde");
  CHECK(core::kind_of(core::Object(core::Mapping())) == core::Kind::mapping);
  CHECK(core::kind_of(core::Object(core::Service())) == core::Kind::service);
}

TEST_CASE("identities sort by kind, namespace, name") {
  using core::Kind;
  using core::ObjectId;
  CHECK(ObjectId{Kind::mapping, {"z", "z"}} < ObjectId{Kind::service, {"a", "a"}});
  CHECK(ObjectId{Kind::mapping, {"a", "z"}} < ObjectId{Kind::mapping, {"b", "a"}});
}

}  // namespace unit::objects_test
