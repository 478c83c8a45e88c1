// The model and what was seen, laid over each other.
#include "unit/core/packet/diagnosis/diagnosis_rig.hpp"

namespace unit::diagnosis_stitch_test {

using namespace diagnosis_rig;
using std::chrono::milliseconds;

namespace {

Captured seen(const Step& step, Captured::Direction direction, milliseconds at,
              Relation relation = Relation::request) {
  Captured result;
  result.place = step.place;
  result.packet = step.packet;
  result.direction = direction;
  result.relation = relation;
  result.time = at;
  return result;
}

TraceEvent traced(const Step& step) {
  TraceEvent event;
  event.place = step.place;
  event.chain = step.rule.value().chain;
  event.type = step.rule->handle == 0 ? TraceEvent::Type::policy : TraceEvent::Type::rule;
  event.rule = step.rule->handle;
  event.verdict = step.what == Step::What::drop ? packet_rig::drop() : packet_rig::accept();
  return event;
}

constexpr auto in = Captured::Direction::in;
constexpr auto out = Captured::Direction::out;

struct Stitched : Judged {
  Attachment home{0, 0};
};

}  // namespace

TEST_CASE("steps are marked by what saw them, with times from the first sight") {
  Stitched rig;
  rule(rig.router, chain(rig.router, Hook::forward, 0), port(80) + accepts(), 9);
  Diagnosis result = rig.judge();
  auto& steps = result.trace.steps;
  const std::size_t pass = 4;
  REQUIRE(steps.at(pass).what == Step::What::pass);
  std::vector<Observation> observations = {
      seen(steps.at(1), out, milliseconds(1000)), seen(steps.at(2), in, milliseconds(1002)),
      traced(steps.at(pass)), seen(steps.back(), in, milliseconds(1007), Relation::reply)};
  const Witness seen_of_it = witness(result.trace, observations, rig.home, {});
  CHECK(steps.at(1).captured);
  CHECK(steps.at(1).at == 0.0);
  CHECK(steps.at(2).captured);
  CHECK(steps.at(2).at == 2.0);
  CHECK(steps.at(pass).traced);
  CHECK(seen_of_it.sent);
  CHECK(seen_of_it.last_request == pass);
  REQUIRE(seen_of_it.last_reply);
  CHECK(steps.at(*seen_of_it.last_reply).reply);
  CHECK(seen_of_it.answer == steps.back().packet);
  CHECK(seen_of_it.kind == Relation::reply);
  CHECK(seen_of_it.after == 7.0);
  CHECK(agreement(result.answer, observations) > 0);
  CHECK(agreement(result.answer, {}) == 0);
}

TEST_CASE("drops, reasons and losses are kept; what the sender does later is not") {
  Stitched rig;
  rule(rig.router, chain(rig.router, Hook::forward, 0), drops(), 9);
  Diagnosis result = rig.judge();
  DropEvent reason;
  reason.place = 1;
  reason.relation = Relation::request;
  DropEvent later = reason;
  later.relation = Relation::later;
  Captured reset = seen(result.trace.steps.front(), out, milliseconds(3), Relation::later);
  const std::vector<Observation> observations = {
      Observation(reset), Observation(traced(result.trace.steps.back())), Observation(reason),
      Observation(later), Observation(Lost{1, Lost::Stream::trace, {}})};
  const Witness seen_of_it = witness(result.trace, observations, rig.home, {});
  CHECK(seen_of_it.drops.size() == 1);
  CHECK(seen_of_it.reasons.size() == 1);
  CHECK(seen_of_it.incomplete);
  CHECK(!seen_of_it.answer);
  CHECK(result.trace.steps.back().traced);
}

TEST_CASE("ports that the kernel chose take the place of the model's") {
  Stitched rig;
  rule(rig.router, chain(rig.router, Hook::postrouting, 100, Type::nat),
       masquerade(nat_proto_random_fully));
  Diagnosis result = rig.judge();
  auto& steps = result.trace.steps;
  Captured real = seen(result.answer.request.steps.back(), in, milliseconds(1));
  REQUIRE(real.packet.source == address("192.0.2.1"));
  real.packet.source_port = 61234;
  static_cast<void>(witness(result.trace, {real}, rig.home, {}));
  for (const Step& step : steps) {
    if (step.packet.source == address("192.0.2.1")) CHECK(step.packet.source_port == 61234);
    if (step.packet.destination == address("192.0.2.1")) {
      CHECK(step.packet.destination_port == 61234);
    }
    if (step.packet.source == address("10.0.0.2")) CHECK(step.packet.source_port == 40000);
  }
  CHECK(steps.at(result.answer.request.steps.size() - 1).captured);
}

TEST_CASE("a tunnel's source port is not compared") {
  Stitched rig;
  rig.client.ip("link add tun type vxlan id 7 remote 192.0.2.2 dstport 4789")
      .ip("address add 10.9.0.2/24 dev tun");
  rig.server.ip("link add tun type vxlan id 7 remote 10.0.0.2 dstport 4789")
      .ip("address add 10.9.0.3/24 dev tun");
  rig.question.probe = tcp_packet("10.9.0.2", "10.9.0.3");
  Diagnosis result = rig.judge();
  Step& outer = result.trace.steps.at(2);
  REQUIRE(outer.what == Step::What::encapsulate);
  Captured real = seen(outer, out, milliseconds(1));
  real.packet.source_port = 33333;
  static_cast<void>(witness(result.trace, {real}, rig.home, {}));
  CHECK(outer.captured);
}

TEST_CASE("the answer to a client that is not there goes out at home") {
  Stitched rig;
  const Attachment home{1, rig.router.index("in")};
  const core::Address client = address("198.51.100.7");
  Diagnosis result = rig.judge();
  Captured answer;
  answer.place = 1;
  answer.interface.index = home.link;
  answer.direction = out;
  answer.relation = Relation::reply;
  answer.packet = tcp_packet("203.0.113.5", "198.51.100.7");
  CHECK(patience_of({answer}, home, client, false) == Patience::enough);
  CHECK(witness(result.trace, {answer}, home, client).answer == answer.packet);
  Captured elsewhere = answer;
  elsewhere.interface.index = home.link + 1;
  CHECK(patience_of({elsewhere}, home, client, false) == Patience::wait);
  CHECK(!witness(result.trace, {elsewhere}, home, client).answer);
  // By nft alone, where a neighbour entry of the client never comes about.
  TraceEvent event;
  event.place = 1;
  event.chain.name = "see-postrouting";  // behind all translations
  event.out.index = home.link;
  const Bytes bytes = to_bytes(answer.packet);
  event.network_header = Bytes(bytes.begin(), bytes.begin() + 20);
  event.transport_header = Bytes(bytes.begin() + 20, bytes.end());
  event.nfproto = 2;
  event.verdict = packet_rig::accept();
  CHECK(patience_of({event}, home, client, false) == Patience::enough);
  CHECK(witness(result.trace, {event}, home, client).answer->destination == client);
}

TEST_CASE("patience ends with an answer, or a drop") {
  Stitched rig;
  CHECK(patience_of({}, rig.home, {}, false) == Patience::wait);
  CHECK(patience_of({}, rig.home, {}, true) == Patience::wait_longer);
  const Diagnosis result = rig.judge();
  const Step& first = result.trace.steps.front();
  CHECK(patience_of({seen(first, out, milliseconds(0))}, rig.home, {}, false) == Patience::wait);
  CHECK(patience_of({seen(result.trace.steps.back(), in, milliseconds(0), Relation::reply)},
                    rig.home, {}, true) == Patience::enough);
  CHECK(patience_of({seen(result.trace.steps.back(), in, milliseconds(0), Relation::error)},
                    rig.home, {}, true) == Patience::enough);
  DropEvent drop;
  drop.relation = Relation::request;
  CHECK(patience_of({drop}, rig.home, {}, true) == Patience::enough);
  drop.relation = Relation::later;
  CHECK(patience_of({drop}, rig.home, {}, false) == Patience::wait);
  TraceEvent event;
  event.verdict = packet_rig::drop();
  CHECK(patience_of({event}, rig.home, {}, false) == Patience::enough);
}

}  // namespace unit::diagnosis_stitch_test
