#include "kube/api/write_queue.hpp"

#include <map>

#include "unit/kube/api/requests_rig.hpp"

namespace unit::write_queue_test {

namespace {

using namespace exchanges_rig;

core::ObjectName named(const std::string& name) { return {"shop", name}; }

// Objects that are to have a text, and have what was written.
struct Writer : Rig {
  std::map<core::ObjectName, std::string> wanted;
  std::map<core::ObjectName, std::string> had;
  bool lead = false;
  int forbidden = 0;
  bool own_forbidden = false;
  kube::Writes writes{
      exchanges, clock.clock(), [this](const core::ObjectName& name) { return next(name); },
      [this](const core::ObjectName& name, const std::string& body) { had[name] = body; }};

  std::optional<kube::Write> next(const core::ObjectName& name) {
    if (had[name] == wanted[name]) return std::nullopt;
    kube::Write write;
    write.request = {"PATCH", "/" + name.name, "text/plain", wanted[name], false};
    write.what = "write " + name.name;
    write.lead = lead;
    if (own_forbidden) {
      write.forbidden = [this, name](const std::string& /*why*/) {
        ++forbidden;
        wanted[name] = had[name];
      };
    }
    return write;
  }
  void want(const std::string& name, const std::string& text) {
    wanted[named(name)] = text;
    writes.add(named(name));
    writes.step();
  }
  void answer(int code, const std::string& body = "{}", std::uint64_t request = 0) {
    Rig::answer(writes, code, body, request);
    writes.step();
  }
  // Until something is asked for, or nothing is left to do.
  void wait() {
    while (open() == 0 && writes.due() != os::Time::max()) {
      clock.now = std::max(clock.now, writes.due());
      writes.step();
    }
  }
};

TEST_CASE("what is as it should be is not written again") {
  Writer writer;
  writer.want("web", "a");
  CHECK(writer.request().body == "a");
  writer.answer(200, "a");
  writer.writes.add(named("web"));
  writer.writes.step();
  CHECK(writer.started() == 1);
  CHECK(writer.writes.due() == os::Time::max());
}

TEST_CASE("an object is written once at a time, with what is wanted at last") {
  Writer writer;
  writer.want("web", "a");
  writer.want("web", "b");
  writer.want("web", "c");
  CHECK(writer.open() == 1);
  writer.answer(200, "a");
  CHECK(writer.started() == 2);
  CHECK(writer.request().body == "c");
}

TEST_CASE("few objects are written at a time") {
  Writer writer;
  for (int i = 0; i < 10; ++i) writer.want("web-" + std::to_string(i), "a");
  CHECK(writer.open() == 4);
  writer.answer(200, "a", 1);
  CHECK(writer.open() == 4);
  CHECK(writer.started() == 5);
}

TEST_CASE("a write that comes to nothing is repeated after pauses that grow to a minute") {
  Writer writer;
  writer.want("web", "a");
  for (const auto pause : {1s, 2s, 4s, 8s, 16s, 32s, 60s, 60s}) {
    const os::Time begun = writer.clock.now;
    const auto started = writer.started();
    writer.answer(200, "not a");
    CHECK(writer.open() == 0);
    writer.wait();
    CHECK(writer.started() == started + 1);
    CHECK(writer.clock.now - begun >= pause);
    CHECK(writer.clock.now - begun < pause + 1s);
  }
  writer.answer(200, "not a");
  // Something else is no repetition.
  writer.wanted[named("web")] = "b";
  writer.wait();
  CHECK(writer.request().body == "b");
}

TEST_CASE("what may not be written pauses all writes") {
  Writer writer;
  writer.want("web", "a");
  const os::Time begun = writer.clock.now;
  writer.answer(403, R"({"kind":"Status","reason":"Forbidden","message":"no"})");
  CHECK(writer.writes.trouble() == "cannot write web: 403 Forbidden: no");
  writer.want("dns", "a");
  CHECK(writer.open() == 0);
  writer.wait();
  // Not longer: a Role is often made right after who needs it.
  CHECK(writer.clock.now >= begun + 500ms);
  CHECK(writer.clock.now <= begun + 1s);
  while (writer.open() > 0) writer.answer(200, "a", writer.transport.open().begin()->first);
  CHECK(writer.had.at(named("web")) == "a");
  CHECK(writer.had.at(named("dns")) == "a");
  CHECK(writer.writes.trouble().empty());
}

TEST_CASE("what one write may not is no pause for others") {
  Writer writer;
  writer.own_forbidden = true;
  writer.want("web", "a");
  writer.answer(403);
  CHECK(writer.forbidden == 1);
  writer.want("dns", "a");
  CHECK(writer.request().target == "/dns");
}

TEST_CASE("a server that cannot is asked again, ever later") {
  Writer writer;
  writer.want("web", "a");
  os::Time::duration last{};
  for (int i = 0; i < 4; ++i) {
    const os::Time begun = writer.clock.now;
    writer.answer(503);
    writer.wait();
    CHECK(writer.clock.now - begun > last);
    last = writer.clock.now - begun;
  }
  writer.answer(200, "a");
  CHECK(writer.writes.trouble().empty());
}

TEST_CASE("trouble ends when what could not be written is there all the same") {
  Writer writer;
  writer.want("web", "a");
  writer.fail(writer.writes, "the connection broke");
  CHECK_FALSE(writer.writes.trouble().empty());
  writer.had[named("web")] = "a";
  writer.wait();
  CHECK(writer.started() == 1);
  CHECK(writer.writes.trouble().empty());
}

TEST_CASE("an object that changed meanwhile waits alone") {
  Writer writer;
  writer.want("web", "a");
  const os::Time begun = writer.clock.now;
  writer.answer(409);
  CHECK(writer.writes.trouble().empty());
  writer.want("dns", "a");
  CHECK(writer.request().target == "/dns");
  writer.answer(200, "a");
  writer.wait();
  CHECK(writer.request().target == "/web");
  CHECK(writer.clock.now > begun);
}

TEST_CASE("what only a leader may write is given up, and written when it leads again") {
  Writer writer;
  writer.lead = true;
  writer.want("web", "a");
  writer.writes.stop_leading();
  CHECK(writer.open() == 0);
  writer.writes.add(named("web"));
  writer.writes.step();
  CHECK(writer.open() == 1);
  CHECK(writer.request().body == "a");
}

TEST_CASE("news of an object while the leader's write of it is given up are not lost") {
  Writer writer;
  writer.lead = true;
  writer.want("web", "a");
  writer.lead = false;
  writer.want("web", "b");
  writer.writes.stop_leading();
  writer.writes.step();
  CHECK(writer.open() == 1);
  CHECK(writer.request().body == "b");
}

}  // namespace

}  // namespace unit::write_queue_test
