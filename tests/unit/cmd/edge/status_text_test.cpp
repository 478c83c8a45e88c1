#include <algorithm>
#include <sstream>

#include "cmd/edge/status.hpp"
#include "cmd/edge/status/filter.hpp"
#include "cmd/edge/status/window.hpp"
#include "cmd/serve/text_table.hpp"
#include "support/catch.hpp"

namespace unit::status_text_test {

namespace {

cmd::PortStatus port(const std::string& address, int number, int endpoints = 2) {
  cmd::PortStatus result;
  result.address = address;
  result.protocol = "tcp";
  result.ports = std::to_string(number);
  result.service = "shop/frontend-of-the-shop";
  result.connections = 123456;
  for (int i = 0; i < endpoints; ++i) {
    result.endpoints.push_back({"10.1.0." + std::to_string(i + 2) + ":8080", 50, false, 0});
  }
  return result;
}

// Many ports of one Mapping, and some of which something is to be said.
cmd::EdgeStatus big(int ports) {
  cmd::EdgeStatus status;
  cmd::MappingStatus many{"Mapping", "shop", "frontend", "active", {}, {}};
  for (int i = 0; i < ports; ++i) many.ports.push_back(port("203.0.113.10", i + 1));
  cmd::PortStatus lonely = port("203.0.113.11", 443, 0);
  cmd::PortStatus leaving = port("203.0.113.11", 444, 1);
  leaving.endpoints[0].draining = true;
  cmd::PortStatus away = port("2001:db8:2::10", 443);
  away.active = false;
  status.mappings = {
      many,
      {"Mapping", "shop", "lonely", "active", {}, {lonely, leaving}},
      {"Mapping", "shop", "away", "inactive", {"none of its addresses is on this host"}, {away}},
      {"Mapping",
       "store",
       "partly",
       "degraded",
       {"203.0.113.11:80/tcp belongs to Mapping a/b"},
       {port("203.0.113.12", 80)}},
      {"Service", "store", "lost", "rejected", {"it may not use 203.0.113.99."}, {}}};
  status.rejections = {{"Mapping store/partly", "203.0.113.11:80/tcp belongs to Mapping a/b"},
                       {"Service store/lost", "it may not use 203.0.113.99."}};
  return status;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

std::size_t widest(const std::string& text) {
  std::size_t width = 0;
  for (const std::string& line : lines_of(text)) width = std::max(width, cmd::text_width(line));
  return width;
}

std::vector<std::string> names(const cmd::EdgeStatus& status) {
  std::vector<std::string> result;
  for (const auto& mapping : status.mappings) result.push_back(mapping.name);
  return result;
}

cmd::StatusFilter with_address(const std::string& address) {
  cmd::StatusFilter filter;
  filter.address = core::Prefix::parse(address);
  return filter;
}

using Strings = std::vector<std::string>;

}  // namespace

TEST_CASE("1.23: a status begins with how much there is and how it fares") {
  const std::string text = cmd::to_text(big(9996));
  CHECK(
      text.starts_with("Mappings  4: 2 active, 1 inactive, 1 degraded\n"
                       "Services  1: 1 rejected\n"
                       "Ports     10,000 on 4 addresses: 9,997 in effect, 2 without endpoints, 1 "
                       "not on this host\n"
                       "Problems  2 objects not fully in effect\n"));
  // What is wrong comes before the long list, and what is only elsewhere after what is wrong.
  const std::size_t rejected = text.find("Service store/lost    it may not use");
  const std::size_t elsewhere = text.find("Mapping shop/away     none of its");
  REQUIRE(rejected != std::string::npos);
  CHECK(rejected < elsewhere);
  CHECK(elsewhere < text.find("MAPPING "));
}

TEST_CASE("1.23: nothing is cut where there is no terminal") {
  const std::string text = cmd::to_text(big(9996));
  CHECK(lines_of(text).size() > 20000);
  CHECK(text.find("…") == std::string::npos);
  CHECK(text.find("9996/tcp") != std::string::npos);
  CHECK(text.find("10.1.0.3:8080 50.0%") != std::string::npos);
}

TEST_CASE("1.23: a list fits a terminal of 80 columns, and says what it leaves out") {
  cmd::EdgeStatus status = big(9996);
  status.warnings = {std::string(50, 'a') + ' ' + std::string(50, 'b')};
  const std::string text = cmd::to_text(status, {80, 100, ""});
  CHECK(widest(text) <= 80);
  status.process.emplace();
  status.process->troubles = {std::string(70, 'c') + ' ' + std::string(70, 'd')};
  CHECK(widest(cmd::to_text(status, {80, 100, "namespace " + std::string(63, 'n')})) <= 80);
  CHECK(text.find(
            "MAPPING        STATE   ADDRESS       PORT     ENDPOINTS  CONNECTIONS  REFUSED\n") !=
        std::string::npos);
  CHECK(lines_of(text).size() < 140);
  CHECK(text.find("… 9,901 more lines; filter with --namespace, --address or --problems") !=
        std::string::npos);
  // Of a reason nothing is cut.
  CHECK(text.find('\n' + std::string(50, 'a') + "\n  " + std::string(50, 'b') + '\n') !=
        std::string::npos);

  // What fits is as it is without a terminal.
  CHECK(cmd::to_text(big(3), {200, 100, ""}) == cmd::to_text(big(3)));
  // Columns go before names and addresses do.
  cmd::EdgeStatus wide = big(1);
  wide.mappings[0].name = std::string(63, 'n');
  wide.mappings[0].ports[0].address = "2001:db8:1111:2222:3333:4444:5555:6666";
  wide.mappings.resize(1);
  wide.rejections.clear();
  const std::string narrow = cmd::to_text(wide, {80, 100, ""});
  CHECK(widest(narrow) <= 80);
  CHECK(narrow.find("2001:db8:1111:2222:3333:4444:5555:6666") != std::string::npos);
  CHECK(narrow.find("shop/nnn") != std::string::npos);
}

TEST_CASE("1.23: a narrow table counts endpoints, those that are draining apart") {
  cmd::EdgeStatus status = big(1);
  status.mappings[0].ports[0].endpoints.push_back({"10.1.0.9:8080", 0, true, 0});
  status.mappings.resize(1);
  const std::string text = cmd::to_text(status, {80, 100, ""});
  CHECK(text.find("SERVICE") == std::string::npos);
  CHECK(text.find("1/tcp  2+1        123456") != std::string::npos);
}

TEST_CASE("1.23: a status is filtered by namespace, address and problems") {
  const cmd::EdgeStatus status = big(3);
  CHECK(names(cmd::select(status, {"store", {}, false})) == Strings{"partly", "lost"});
  CHECK(cmd::select(status, {"store", {}, false}).rejections.size() == 2);
  CHECK(cmd::select(status, {"shop", {}, false}).rejections.empty());
  CHECK(names(cmd::select(status, {"sho", {}, false})).empty());

  // By its ports, or by a reason that names it; and of each only what fits.
  CHECK(names(cmd::select(status, with_address("203.0.113.11"))) == Strings{"lonely", "partly"});
  CHECK(cmd::select(status, with_address("203.0.113.11")).mappings[1].ports.empty());
  CHECK(names(cmd::select(status, with_address("203.0.113.99"))) == Strings{"lost"});
  CHECK(names(cmd::select(status, with_address("203.0.113.9"))).empty());
  CHECK(names(cmd::select(status, with_address("2001:db8:2:0::/64"))) == Strings{"away"});
  CHECK(names(cmd::select(status, with_address("203.0.113.12/31"))) == Strings{"partly"});

  const cmd::EdgeStatus problems = cmd::select(status, {"", {}, true});
  CHECK(names(problems) == Strings{"lonely", "partly", "lost"});
  CHECK(problems.mappings[0].ports.size() == 2);
  CHECK(problems.mappings[1].ports.empty());

  cmd::StatusFilter both = with_address("203.0.113.11");
  both.ns = "shop";
  CHECK(names(cmd::select(status, both)) == Strings{"lonely"});
  CHECK(cmd::selection_text(both, cmd::select(status, both), status) ==
        "namespace shop, address 203.0.113.11: 1 of 5 Mappings and Services");
  CHECK(cmd::to_text(problems, {{}, {}, "with problems: 3 of 5 Mappings and Services"})
            .starts_with("Only with problems: 3 of 5 Mappings and Services\n\nMappings  2: "));
}

TEST_CASE("1.23: a status that fits a filter keeps what is about no object") {
  cmd::EdgeStatus status = big(1);
  status.process.emplace();
  status.problems = {{"/m/a.yaml:3", "not YAML"}};
  status.warnings = {"net.ipv4.ip_forward is 0"};
  status.interfaces = {{"eth1", "203.0.113.1", ""}};
  const cmd::EdgeStatus left = cmd::select(status, {"nowhere", {}, false});
  CHECK(left.process);
  CHECK(left.problems == status.problems);
  CHECK(left.warnings == status.warnings);
  CHECK(left.interfaces.size() == 1);
  CHECK(cmd::to_json(cmd::parse_status(cmd::to_json(left))) == cmd::to_json(left));
}

TEST_CASE("1.23: what a screen cannot hold is counted, and problems are what it holds first") {
  const std::string text = cmd::to_text(big(9996), {80, {}, ""});
  const auto window = cmd::window_of(text, 24, 80);
  REQUIRE(window.size() == 24);
  CHECK(std::ranges::any_of(window, [](const std::string& line) {
    return line.find("it may not use 203.0.113.99") != std::string::npos;
  }));
  CHECK(window.back() == "… " + cmd::grouped(lines_of(text).size() - 23) +
                             " more lines; filter with --namespace, --address or --problems");
  CHECK(cmd::window_of("a\nb\n", 2, 80) == Strings{"a", "b"});
  CHECK(cmd::window_of("a\nb", 5, 80) == Strings{"a", "b"});
  CHECK(cmd::window_of("", 5, 80).empty());
  CHECK(cmd::window_of("a\nb\nc\n", 1, 9) == Strings{"… 3 more…"});
  CHECK(cmd::window_of("ähnlich\n\x1b[2J\n", 2, 4) == Strings{"ähn…", "?[2J"});
}

TEST_CASE("texts are shortened and wrapped by characters, not bytes") {
  CHECK(cmd::shortened("äöü", 3) == "äöü");
  CHECK(cmd::shortened("äöüß", 3) == "äö…");
  CHECK(cmd::shortened("ab", 0).empty());
  CHECK(cmd::wrapped("one two three", 7, 2) == Strings{"one two", "  three"});
  CHECK(cmd::wrapped("a verylongword b", 6, 2) == Strings{"a", "  verylongword", "  b"});
  CHECK(cmd::wrapped("", 6, 2).empty());
  CHECK(cmd::grouped(999) == "999");
  CHECK(cmd::grouped(1000) == "1,000");
  CHECK(cmd::grouped(12345678) == "12,345,678");
}

}  // namespace unit::status_text_test
