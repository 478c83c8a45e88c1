// What a real packet adds: it confirms the model, says what the model cannot know, or differs.
#include "unit/core/packet/diagnosis/diagnosis_rig.hpp"

namespace unit::diagnosis_judge_live_test {

using namespace diagnosis_rig;

namespace {

struct Witnessed : Judged {
  Witness witness;

  Witnessed() { witness.sent = true; }
  Diagnosis judge_with() {
    Diagnosis result = judge();
    judge_live(result.trace, result.answer, promise, witness, world);
    return result;
  }
  // It was answered, as this one.
  void answered(Packet packet, Relation relation = Relation::reply) {
    witness.answer = std::move(packet);
    witness.kind = relation;
  }
  [[nodiscard]] Packet reply(std::uint8_t flags = syn | ack) const {
    Packet packet = tcp_packet("192.0.2.2", "10.0.0.2");
    packet.source_port = 80;
    packet.destination_port = 40000;
    packet.tcp_flags = flags;
    return packet;
  }
};

TraceEvent dropped(const FakeHost& host, const ChainId& chain, std::uint64_t handle) {
  TraceEvent event;
  event.place = FakeWorld::place(host);
  event.chain = chain;
  event.type = handle == 0 ? TraceEvent::Type::policy : TraceEvent::Type::rule;
  event.rule = handle;
  event.verdict = packet_rig::drop();
  return event;
}

}  // namespace

TEST_CASE("an answer confirms a model that sees nothing wrong") {
  Witnessed rig;
  rig.answered(rig.reply());
  rig.witness.last_request = 5;
  const Diagnosis result = rig.judge_with();
  CHECK(result.trace.result == Trace::Result::ok);
  CHECK(result.trace.live);
  CHECK(result.trace.answered);
  CHECK(!result.has(code::differs));
}

TEST_CASE("nothing was seen at all") {
  Witnessed rig;
  rig.witness.sent = false;
  const Diagnosis result = rig.judge_with();
  CHECK(result.code() == code::not_seen);
  CHECK(result.trace.result == Trace::Result::inconclusive);
}

TEST_CASE("who answers is somebody else") {
  Witnessed rig;
  Packet packet = rig.reply();
  packet.source = address("192.0.2.99");
  rig.answered(packet);
  const Diagnosis result = rig.judge_with();
  CHECK(result.code() == code::no_way_back);
  CHECK(result.trace.result == Trace::Result::differs);
  CHECK(!result.trace.answered);
}

TEST_CASE("a refusal that the model does not expect") {
  Witnessed rig;
  rig.answered(rig.reply(rst | ack));
  CHECK(rig.judge_with().code() == code::differs);
  CHECK(rig.judge_with().trace.result == Trace::Result::differs);
  CHECK(rig.judge_with().trace.differences.size() == 1);
}

TEST_CASE("whoever is out of sight refuses it: a closed port") {
  Witnessed rig;
  rig.server.ip("link add wan type dummy").ip("address add 100.64.0.2/24 dev wan");
  rig.router.ip("route add 100.64.0.0/24 via 192.0.2.2");
  rig.question.probe.destination = address("100.64.0.9");
  Packet packet = rig.reply(rst | ack);
  packet.source = address("100.64.0.9");
  rig.answered(packet);
  CHECK(rig.judge_with().code() == code::port_closed);
  CHECK(rig.judge_with().trace.result == Trace::Result::fail);
  rig.answered(rig.reply());
  rig.witness.answer->source = address("100.64.0.9");
  CHECK(rig.judge_with().trace.result == Trace::Result::ok);
}

TEST_CASE("a refusal that the model expects confirms it") {
  Witnessed rig;
  rig.question.probe.destination_port = 81;
  rig.answered(rig.reply(rst | ack));
  const Diagnosis result = rig.judge_with();
  CHECK(result.code() == code::port_closed);
  CHECK(result.trace.result == Trace::Result::fail);
  CHECK(result.trace.live_note.find("192.0.2.2") != std::string::npos);
}

TEST_CASE("an answer where the model says that it fails") {
  Witnessed rig;
  rule(rig.router, chain(rig.router, Hook::forward, 0), drops());
  rig.answered(rig.reply());
  const Diagnosis result = rig.judge_with();
  CHECK(result.code() == code::differs);
  CHECK(result.has(code::rule_drop));
  CHECK(result.trace.result == Trace::Result::differs);
}

TEST_CASE("a drop that nft tells of, where the model lets it pass") {
  Witnessed rig;
  const ChainId id = chain(rig.router, Hook::forward, 0);
  rule(rig.router, id, port(81) + drops(), 44, "surprise");
  rig.witness.drops = {dropped(rig.router, id, 44)};
  Diagnosis result = rig.judge_with();
  CHECK(result.code() == code::rule_drop);
  CHECK(result.first().why.find("surprise") != std::string::npos);
  CHECK(result.trace.result == Trace::Result::differs);
  CHECK(result.step().place == FakeWorld::place(rig.router));
  rig.witness.drops = {dropped(rig.router, id, 0)};
  CHECK(rig.judge_with().code() == code::policy_drop);
  // Where it had to assume something it has claimed nothing.
  rig.router.device("in").xdp = true;
  CHECK(rig.judge_with().trace.result == Trace::Result::fail);
  // The trace's own table drops what it has seen enough of.
  rig.witness.drops.front().chain.table = "pona-diag-1";
  rig.witness.last_request = 0;
  CHECK(rig.judge_with().code() == code::lost);
}

TEST_CASE("a drop that only the kernel's reason tells of") {
  Witnessed rig;
  rig.router.unread.push_back(
      {Hook::forward, Opaque{"legacy iptables, table filter", Opaque::Opinion::unknown, ""}});
  DropEvent drop;
  drop.place = FakeWorld::place(rig.router);
  drop.reason_name = "NETFILTER_DROP";
  drop.relation = Relation::request;
  rig.witness.reasons = {drop};
  const Diagnosis result = rig.judge_with();
  CHECK(result.code() == code::unseen_drop);
  CHECK(result.step().place == FakeWorld::place(rig.router));
  CHECK(result.first().why.find("NETFILTER_DROP") != std::string::npos);
  CHECK(result.first().why.find("legacy iptables") != std::string::npos);
}

TEST_CASE("where it was seen last") {
  Witnessed rig;
  const std::size_t at_server = 5;
  rig.witness.last_request = 2;
  CHECK(rig.judge_with().code() == code::lost);
  CHECK(rig.judge_with().first().why.find("server") != std::string::npos);
  rig.witness.last_request = at_server;
  CHECK(rig.judge_with().code() == code::no_answer);
  CHECK(rig.judge_with().trace.result == Trace::Result::fail);
  rig.witness.last_reply = 7;
  CHECK(rig.judge_with().code() == code::answer_lost);
  Witnessed datagram;
  datagram.question.probe = udp_packet("10.0.0.2", "192.0.2.2");
  datagram.witness.last_request = at_server;
  CHECK(datagram.judge_with().code() == code::no_answer);
  CHECK(datagram.judge_with().trace.result == Trace::Result::inconclusive);
}

TEST_CASE("what left sight without an answer stays open") {
  Witnessed rig;
  rig.server.ip("link add wan type dummy").ip("address add 100.64.0.2/24 dev wan");
  rig.router.ip("route add 100.64.0.0/24 via 192.0.2.2");
  rig.question.probe.destination = address("100.64.0.9");
  rig.witness.last_request = 5;
  const Diagnosis result = rig.judge_with();
  CHECK(result.trace.result == Trace::Result::inconclusive);
  CHECK(result.trace.findings.empty());
}

TEST_CASE("somebody in between answers in the server's stead") {
  Witnessed rig;
  rig.answered(rig.reply());
  rig.witness.last_request = 2;
  const Diagnosis result = rig.judge_with();
  REQUIRE(result.code() == code::proxy);
  CHECK(!result.first().fatal);
  CHECK(result.trace.result == Trace::Result::ok);
  rig.witness.incomplete = true;
  CHECK(rig.judge_with().code() == 0);
}

TEST_CASE("what was lost on the way to us is said") {
  Witnessed rig;
  rig.answered(rig.reply());
  rig.witness.incomplete = true;
  CHECK(rig.judge_with().trace.assumptions.size() == 1);
}

}  // namespace unit::diagnosis_judge_live_test
