#include "kube/egress/client_list_writer.hpp"

#include <algorithm>

#include "unit/kube/api/requests_rig.hpp"

namespace unit::client_list_writer_test {

namespace {

using namespace exchanges_rig;
using Client = core::EgressClients::Client;

const core::ObjectName nat{"net", "nat"};
const core::ObjectName other{"net", "other"};

Client client(int number) {
  const std::string name = std::to_string(number);
  return {core::Address::parse("10.0.0." + name).value(), {"shop", "p" + name}, "uid-" + name};
}

std::shared_ptr<const kube::Seen> seen(const std::string& uid, int version,
                                       const std::string& owner = "") {
  kube::Seen out;
  out.uid = uid;
  out.version = std::to_string(version);
  if (!owner.empty()) out.owners.push_back(owner);
  return std::make_shared<const kube::Seen>(out);
}

std::string refusal(const std::string& message) {
  return json{{"kind", "Status"}, {"reason", "Forbidden"}, {"message", message}}.dump();
}

// A writer, and lists as a server would have them.
struct Lists : Rig {
  kube::ClientListWriter writer{"node-1", exchanges, clock.clock()};
  int version = 10;

  explicit Lists(bool ready = true) {
    if (!ready) return;
    writer.egress_seen(nat, seen("nat-1", 1));
    writer.egress_seen(other, seen("other-1", 2));
    writer.set_listed();
  }
  void publish(const kube::ClientLists& clients) {
    writer.publish(clients);
    writer.step();
  }
  void answer(int code, const std::string& body = "{}", std::uint64_t request = 0) {
    Rig::answer(writer, code, body, request);
    writer.step();
  }
  // As it was applied, with this uid.
  void accept(const std::string& uid) {
    json object = sent();
    object["metadata"]["uid"] = uid;
    object["metadata"]["resourceVersion"] = std::to_string(++version);
    answer(200, object.dump());
  }
  void watched(const core::ObjectName& name, const std::string& uid, std::vector<Client> clients) {
    const auto object = std::make_shared<const core::Object>(
        core::EgressClients{name, "nat", "node-1", std::move(clients)});
    writer.list_seen(name, object, seen(uid, ++version, "nat-1"));
    writer.step();
  }
  void gone(const core::ObjectName& name) {
    writer.list_seen(name, nullptr, nullptr);
    writer.step();
  }
  // Until something is asked for, or nothing is left to do.
  void wait() {
    while (open() == 0 && writer.due() != os::Time::max()) {
      clock.now = std::max(clock.now, writer.due());
      writer.step();
    }
  }
  [[nodiscard]] core::ObjectName name() const {
    return {"net", sent()["metadata"]["name"].get<std::string>()};
  }
  // Nothing is left to do, now or later.
  bool idle() {
    const std::size_t before = started();
    wait();
    return open() == 0 && started() == before;
  }
};

}  // namespace

TEST_CASE("client lists: nothing is written before all is known") {
  Lists lists(false);
  const core::ObjectName old{"net", "old"};
  lists.watched(old, "a", {client(1)});
  lists.writer.set_listed();
  lists.writer.step();
  CHECK(lists.started() == 0);

  SECTION("published") {
    lists.publish({});
    REQUIRE(lists.started() == 1);
    CHECK(lists.request().method == "DELETE");
    CHECK(lists.sent()["preconditions"]["uid"] == "a");
    lists.answer(200, R"({"kind":"Status","status":"Success"})");
    CHECK(lists.idle());
    // What comes late of it is no news.
    lists.watched(old, "a", {client(1)});
    CHECK(lists.started() == 1);
    lists.gone(old);
    CHECK(lists.idle());
  }
  SECTION("the Egress is not there") {
    lists.publish({{other, {client(1)}}, {nat, {client(1)}}});
    CHECK(lists.idle());
    CHECK(lists.started() == 0);
  }
}

TEST_CASE("client lists: published but not listed") {
  Lists lists(false);
  lists.writer.egress_seen(nat, seen("nat-1", 1));
  lists.publish({{nat, {client(1)}}});
  CHECK(lists.started() == 0);
  lists.writer.set_listed();
  lists.writer.step();
  CHECK(lists.started() == 1);
}

TEST_CASE("client lists: who comes and who goes is written at once") {
  Lists lists;
  lists.publish({{nat, {client(1)}}});
  REQUIRE(lists.started() == 1);
  const core::ObjectName name = lists.name();
  CHECK(lists.request().method == "PATCH");
  CHECK(lists.request().target == "/apis/discovery.k8s.io/v1/namespaces/net/endpointslices/" +
                                      name.name + "?fieldManager=pona-agent-node-1&force=true");
  CHECK_FALSE(lists.sent()["metadata"].contains("uid"));
  lists.accept("a");
  lists.publish({{nat, {client(1), client(2)}}});
  REQUIRE(lists.started() == 2);
  CHECK(lists.sent()["metadata"]["uid"] == "a");
  CHECK(lists.sent()["endpoints"].size() == 2);
  // Who goes meanwhile goes with the next write.
  lists.publish({{nat, {client(2)}}});
  CHECK(lists.started() == 2);
  lists.accept("a");
  REQUIRE(lists.started() == 3);
  CHECK(lists.sent()["endpoints"].size() == 1);
  lists.accept("a");
  lists.publish({});
  REQUIRE(lists.started() == 4);
  CHECK(lists.request().method == "DELETE");
  lists.answer(200);
  CHECK(lists.idle());
  // The same again is no repetition.
  lists.publish({{nat, {client(2)}}});
  CHECK(lists.started() == 5);
}

TEST_CASE("client lists: what may not be written is told, and does not hold up others") {
  Lists lists;
  lists.publish({{nat, {client(1)}}});
  const core::ObjectName name = lists.name();
  const os::Time begun = lists.clock.now;
  lists.answer(403, refusal("User \"agent\" cannot patch resource \"endpointslices\""));
  CHECK_THAT(lists.writer.trouble(), Catch::Contains("write client list net/" + name.name) &&
                                         Catch::Contains("cannot patch resource") &&
                                         Catch::Contains("grant verbs create, patch and delete"));
  lists.publish({{nat, {client(1)}}, {other, {client(1)}}});
  REQUIRE(lists.started() == 2);
  CHECK(lists.name() != name);
  lists.accept("b");
  lists.wait();
  CHECK(lists.name() == name);
  CHECK(lists.clock.now >= begun + 500ms);
  CHECK(lists.clock.now <= begun + 1s);
  lists.accept("a");
  CHECK(lists.writer.trouble().empty());
}

TEST_CASE("client lists: who is not wanted any more is no trouble") {
  Lists lists;
  lists.publish({{nat, {client(1)}}});
  lists.answer(403, refusal("no"));
  lists.publish({});
  lists.wait();
  CHECK(lists.idle());
  CHECK(lists.started() == 1);
  CHECK(lists.writer.trouble().empty());
}

TEST_CASE("client lists: a namespace that goes is no trouble") {
  Lists lists;
  lists.publish({{nat, {client(1)}}});
  lists.answer(403, refusal("unable to create new content in namespace net because it is being "
                            "terminated"));
  CHECK(lists.writer.trouble().empty());
  CHECK(lists.open() == 0);
}

TEST_CASE("client lists: a list that was another is written anew, ever later") {
  Lists lists;
  lists.publish({{nat, {client(1)}}});
  lists.accept("a");
  lists.publish({{nat, {client(2)}}});
  CHECK(lists.sent()["metadata"]["uid"] == "a");
  lists.answer(409);
  REQUIRE(lists.open() == 1);
  CHECK_FALSE(lists.sent()["metadata"].contains("uid"));
  os::Time::duration last{};
  for (int i = 0; i < 3; ++i) {
    const os::Time begun = lists.clock.now;
    lists.answer(409);
    CHECK(lists.open() == 0);
    lists.wait();
    CHECK(lists.clock.now - begun > last);
    last = lists.clock.now - begun;
  }
  lists.answer(409);
  // News are worth a look at once.
  lists.watched(lists.name(), "b", {client(1)});
  REQUIRE(lists.open() == 1);
  CHECK(lists.sent()["metadata"]["uid"] == "b");
  lists.accept("b");
  CHECK(lists.idle());
}

TEST_CASE("client lists: one that is gone need not be deleted") {
  Lists lists;
  lists.publish({{nat, {client(1)}}});
  lists.accept("a");
  lists.publish({});
  lists.answer(GENERATE(404, 409));
  CHECK(lists.idle());
  CHECK(lists.started() == 2);
}

TEST_CASE("client lists: what others undo is set right at once, unless they insist") {
  Lists lists;
  lists.publish({{nat, {client(1)}}});
  lists.accept("a");
  const core::ObjectName name = lists.name();
  const os::Time begun = lists.clock.now;
  int writes = 0;
  for (int i = 0; i < 60; ++i) {
    if (i % 2 == 0) {
      lists.watched(name, "a", {});
    } else {
      lists.gone(name);
    }
    if (lists.open() == 0) lists.clock.advance(1s), lists.writer.step();
    if (lists.open() == 0) continue;
    if (++writes == 1) CHECK(lists.clock.now == begun);
    if (lists.request().method == "DELETE") {
      lists.answer(200);
      if (lists.open() == 0) continue;
    }
    lists.accept("a" + std::to_string(i));
  }
  CHECK(writes >= 3);
  CHECK(writes <= 20);  // of a minute
  // It is right in the end.
  lists.wait();
  if (lists.open() > 0 && lists.request().method == "DELETE") lists.answer(200);
  lists.wait();
  if (lists.open() > 0) lists.accept("z");
  CHECK(lists.idle());
}

TEST_CASE("client lists: a list that goes while it is written is looked at again") {
  Lists lists;
  lists.publish({{nat, {client(1)}}});
  lists.gone(lists.name());  // it was there, and is gone, before the answer came
  lists.accept("a");
  REQUIRE(lists.open() == 1);
  CHECK_FALSE(lists.sent()["metadata"].contains("uid"));
  lists.accept("b");
  CHECK(lists.idle());
}

TEST_CASE("client lists: an Egress that goes keeps its lists right, and gets none") {
  Lists lists;
  lists.publish({{nat, {client(1), client(2)}}});
  lists.accept("a");
  const core::ObjectName name = lists.name();
  lists.watched(name, "a", {client(1), client(2)});
  const bool deleting = GENERATE(true, false);
  if (deleting) {
    kube::Seen going = *seen("nat-1", 20);
    going.deleting = true;
    lists.writer.egress_seen(nat, std::make_shared<const kube::Seen>(going));
  } else {
    lists.writer.egress_seen(nat, nullptr);
  }
  lists.publish({{nat, {client(2)}}});
  REQUIRE(lists.started() == 2);
  CHECK(lists.sent()["metadata"]["uid"] == "a");
  CHECK(lists.sent()["metadata"]["ownerReferences"][0]["uid"] == "nat-1");
  lists.answer(409);
  lists.gone(name);
  CHECK(lists.idle());
  CHECK(lists.started() == 2);
  // Another one of that name gets them all.
  lists.writer.egress_seen(nat, seen("nat-2", 30));
  lists.writer.step();
  REQUIRE(lists.started() == 3);
  CHECK(lists.sent()["metadata"]["ownerReferences"][0]["uid"] == "nat-2");
}

TEST_CASE("client lists: a list of another address type is replaced") {
  Lists lists;
  lists.publish({{nat, {client(1)}}});
  lists.accept("a");
  const core::ObjectName name = lists.name();
  Client foreign = client(1);
  foreign.address = core::Address::parse("fd00::1").value();
  lists.writer.list_seen(name, nullptr, nullptr);
  lists.watched(name, "b", {foreign});
  REQUIRE(lists.request().method == "DELETE");
  CHECK(lists.sent()["preconditions"]["uid"] == "b");
  lists.answer(200);
  CHECK(lists.request().method == "PATCH");
  lists.accept("c");
  CHECK(lists.idle());
}

}  // namespace unit::client_list_writer_test
