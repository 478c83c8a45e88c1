// Traces as people and pictures have them: tests/data/diag. PONA_WRITE_GOLDEN=1 writes the files
// anew.
#include <cstdlib>
#include <fstream>

#include "core/constants.hpp"
#include "unit/core/packet/diagnosis/diagnosis_rig.hpp"

namespace unit::diagnosis_text_test {

using namespace diagnosis_rig;

namespace {

void check_golden(const std::string& name, const std::string& text) {
  const std::string path = std::string(PONA_TEST_DATA) + "/diag/" + name;
  if (std::getenv("PONA_WRITE_GOLDEN") != nullptr) {
    std::ofstream(path) << text;
    return;
  }
  std::ifstream file(path);
  const std::string wanted(std::istreambuf_iterator<char>(file), {});
  INFO(path);
  CHECK(text == wanted);
}

std::string lines_of(const Trace& trace, const TextOptions& options) {
  std::string text;
  for (const std::string& line : to_lines(trace, options)) text += line + "\n";
  return text;
}

// A mapped address, a masquerade, and a firewall that may be in the way.
struct Shown : Judged {
  Shown() {
    router.ip("address add 203.0.113.5/32 dev in").ip("route add default dev in");
    const ChainId id{TableFamily::ip, std::string(core::constants::edge_table), "prerouting"};
    router.rules.add({id, Type::nat, Hook::prerouting, -100, false, {}});
    rule(router, id, port(443) + dnat("192.0.2.2", 80), 3, "shop/web");
    rule(router, chain(router, Hook::postrouting, 100, Type::nat), masquerade(), 4);
    from_outside("198.51.100.7", "203.0.113.5", 443);
    promise.kind = Promise::Kind::edge;
    promise.object = "Mapping shop/web";
  }
  Trace shown() {
    Trace trace = judge().trace;
    trace.object = promise.object;
    trace.live_note = "no packet was sent (--no-live)";
    return trace;
  }
  void firewall() {
    rule(server, chain(server, Hook::input, 0, Type::filter, true), port(22) + accepts(), 6);
  }
};

}  // namespace

TEST_CASE("a healthy trace in words") {
  Shown rig;
  TextOptions options;
  check_golden("healthy.txt", lines_of(rig.shown(), options));
  options.reply = true;
  check_golden("healthy-reply.txt", lines_of(rig.shown(), options));
}

TEST_CASE("a failing trace in words") {
  Shown rig;
  rig.firewall();
  TextOptions options;
  options.evaluated = true;
  rig.question.evaluated = true;
  check_golden("policy-drop.txt", lines_of(rig.shown(), options));
}

TEST_CASE("traces as pictures") {
  Shown rig;
  check_golden("healthy.mermaid", to_mermaid(rig.shown()));
  check_golden("healthy.dot", to_dot(rig.shown()));
  rig.firewall();
  check_golden("policy-drop.mermaid", to_mermaid(rig.shown()));
  check_golden("policy-drop.dot", to_dot(rig.shown()));
}

TEST_CASE("lines are broken at words, to the width") {
  Shown rig;
  rig.firewall();
  TextOptions options;
  options.width = 60;
  for (const std::string& line : to_lines(rig.shown(), options)) {
    const bool prose = line.starts_with("WHY") || line.starts_with("NAT");
    INFO(line);
    CHECK((!prose || line.size() <= 60));
  }
}

TEST_CASE("texts of others do not end a picture's labels") {
  Trace trace;
  trace.places = {"a \"b\" `c` \\d"};
  Step step;
  step.what = Step::What::drop;
  step.text = "\"]; evil";
  trace.steps = {step};
  const std::string mermaid = to_mermaid(trace);
  CHECK(mermaid.find("a 'b' 'c'") != std::string::npos);
  CHECK(mermaid.find("\"]; evil") == std::string::npos);
  CHECK(to_dot(trace).find("a \\\"b\\\" `c` /d") != std::string::npos);
}

TEST_CASE("the way in one line") {
  Shown rig;
  CHECK(path_text(rig.shown()) == "router ~dnat+snat~> server");
}

}  // namespace unit::diagnosis_text_test
