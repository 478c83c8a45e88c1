#include "kube/decode/parse.hpp"

#include <string>

#include "support/catch.hpp"

namespace unit::parse_test {

using kube::Cut;
using kube::Document;
using kube::Node;

namespace {

// A tree as one line, with the line numbers that messages would name.
std::string print(const Node& node) {
  std::string text = std::to_string(node.line()) + ":";
  const auto children = [&](char open, char close) {
    text += open;
    bool first = true;
    for (const Node child : node) {
      if (!std::exchange(first, false)) text += ' ';
      if (node.type() == Node::Type::map) text += std::string(child.key()) + "=";
      text += print(child);
    }
    text += close;
  };
  switch (node.type()) {
    case Node::Type::null:
      return text + "null";
    case Node::Type::boolean:
      return text + "b" + std::string(node.text());
    case Node::Type::integer:
      return text + "i" + std::string(node.text());
    case Node::Type::number:
      return text + "n" + std::string(node.text());
    case Node::Type::string:
      return text + "'" + std::string(node.text()) + "'";
    case Node::Type::sequence:
      children('[', ']');
      return text;
    case Node::Type::map:
      children('{', '}');
      return text;
  }
  return text;
}

std::string yaml(std::string_view text) {
  std::string printed;
  Document document;
  for (const Cut& cut : kube::cut_yaml(text)) {
    const auto error = kube::parse_yaml(cut, document);
    if (error) {
      printed += "error " + std::to_string(error->line) + ": " + error->reason + "\n";
    } else if (document.root()) {
      printed += print(*document.root()) + "\n";
    }
  }
  return printed;
}

std::string json(std::string_view text) {
  std::string printed;
  Document document;
  const auto error = kube::parse_json(
      text, document, [&](const Document& whole) { printed += print(*whole.root()) + "\n"; });
  if (error) printed += "error " + std::to_string(error->line) + ": " + error->reason + "\n";
  return printed;
}

}  // namespace

TEST_CASE("YAML becomes a tree with lines") {
  CHECK(yaml("# c\na: 1\nb:\n  - x\n  - {c: d,\n     e: [f]}\n") ==
        "2:{a=2:i1 b=3:[4:'x' 5:{c=5:'d' e=6:[6:'f']}]}\n");
  CHECK(yaml("--- {a: b}\n") == "1:{a=1:'b'}\n");
  CHECK(yaml("text\n") == "1:'text'\n");
  CHECK(yaml("{}") == "1:{}\n");
  CHECK(yaml("a: []\nb: {}\nc:\n") == "1:{a=1:[] b=2:{} c=3:null}\n");
}

TEST_CASE("scalars have the types of the core schema, and quotes make texts") {
  const auto [text, type] = GENERATE(table<std::string, std::string>({
      {"~", "null"},        {"null", "null"},
      {"true", "btrue"},    {"False", "bFalse"},
      {"yes", "'yes'"},     {"on", "'on'"},
      {"0", "i0"},          {"-12", "i-12"},
      {"+1", "i+1"},        {"0o17", "i0o17"},
      {"0x1F", "i0x1F"},    {"0x", "'0x'"},
      {"0b101", "i0b101"},  {"8_080", "i8_080"},
      {"_8", "'_8'"},       {"0x_", "'0x_'"},
      {"1.5", "n1.5"},      {".5", "n.5"},
      {"1.", "n1."},        {"1e3", "n1e3"},
      {"-.inf", "n-.inf"},  {".nan", "n.nan"},
      {".", "'.'"},         {"1.2.3.4", "'1.2.3.4'"},
      {"\"80\"", "'80'"},   {"'true'", "'true'"},
      {"!!str 80", "'80'"}, {"10.0.0.0/8", "'10.0.0.0/8'"},
      {"::1", "'::1'"},     {"1e", "'1e'"},
      {"-", "[1:null]"},    {"2024-01-01", "'2024-01-01'"},
  }));
  INFO(text);
  CHECK(yaml(text) == "1:" + type + "\n");
}

TEST_CASE("documents are cut at their markers and nowhere else") {
  const std::string text =
      "%YAML 1.1\n# head\n---\na: 1\n---\n# only a comment\n--- # remark\nb: |\n  --- not here\n"
      "...\n---x: 1\n";
  std::string whole;
  for (const Cut& cut : kube::cut_yaml(text)) whole += cut.text;
  CHECK(whole == text);
  CHECK(yaml(text) == "4:{a=4:i1}\n8:{b=8:'--- not here\n'}\n11:{---x=11:i1}\n");
  CHECK(kube::cut_yaml("").empty());
  CHECK(yaml("a: 1\r\n---\r\nb: 2\r\n") == "1:{a=1:i1}\n3:{b=3:i2}\n");
}

TEST_CASE("lines end as YAML 1.1 has it, and documents with them") {
  const std::string end = GENERATE("\n", "\r\n", "\r", "\xc2\x85", "\xe2\x80\xa8", "\xe2\x80\xa9");
  const std::string text = "a: 1" + end + "---" + end + "# \xe2\x82\xac" + end + "b: 2" + end +
                           "--- " + end + "c: [" + end + "d: 3]" + end;
  CHECK(yaml(text) == "1:{a=1:i1}\n4:{b=4:i2}\n6:{c=6:[7:{d=7:i3}]}\n");
  std::string whole;
  for (const Cut& cut : kube::cut_yaml(text)) whole += cut.text;
  CHECK(whole == text);
}

TEST_CASE("a document that was not cut off is not lost in silence") {
  Document document;
  const auto error = kube::parse_yaml({"a: 1\n---\nb: 2\n", 1, false}, document);
  REQUIRE(error);
  CHECK(error->line == 2);
  CHECK(error->reason.starts_with("a second document begins here"));
}

TEST_CASE("merge keys bring fields that a map has not itself") {
  CHECK(yaml("a: &x {b: 1, c: 2}\nd: {<<: *x, c: 3, e: 4}\n") ==
        "1:{a=1:{b=1:i1 c=1:i2} d=2:{c=2:i3 e=2:i4 b=1:i1}}\n");
  CHECK(yaml("a: &x {b: 1}\nc: &y {b: 2, d: 3}\ne: {f: 0, <<: [*x, *y]}\n") ==
        "1:{a=1:{b=1:i1} c=2:{b=2:i2 d=2:i3} e=3:{f=3:i0 b=1:i1 d=2:i3}}\n");
  CHECK(yaml("a: &x {b: 1}\nc: &y {<<: *x, d: 2}\ne: {<<: *y}\nf: *y\n") ==
        "1:{a=1:{b=1:i1} c=2:{d=2:i2 b=1:i1} e=3:{d=2:i2 b=1:i1} f=4:{d=2:i2 b=1:i1}}\n");
  CHECK(yaml("a: {<<: {b: 1}}\nc: {<<: []}\n") == "1:{a=1:{b=1:i1} c=2:{}}\n");
  CHECK(yaml("a: {\"<<\": 1}\n") == "1:{a=1:{<<=1:i1}}\n");
  CHECK(yaml("a:\n  <<: 1\n") ==
        "error 2: << wants a map, or a list of maps, whose fields are to be merged\n");
  CHECK(yaml("a: &x {b: 1}\nc:\n  <<: *x\n  <<: *x\n") ==
        "error 4: the field << is given twice: remove one of them\n");
}

TEST_CASE("a broken document costs only itself") {
  CHECK(yaml("a: 1\n---\nb: [1,\nc: 2\n---\nd: 4\n") ==
        "1:{a=1:i1}\n"
        "error 5: not YAML: did not find expected ',' or ']' while parsing a flow sequence that "
        "begins in line 3\n"
        "6:{d=6:i4}\n");
}

TEST_CASE("aliases share what their anchors name") {
  CHECK(yaml("a: &x [1, 2]\nb: *x\nc: &y z\nd: *y\n") ==
        "1:{a=1:[1:i1 1:i2] b=2:[1:i1 1:i2] c=3:'z' d=4:'z'}\n");
  CHECK(yaml("a: &x 1\nb: &x 2\nc: *x\n") == "1:{a=1:i1 b=2:i2 c=3:i2}\n");
  CHECK(yaml("a: *x\n") == "error 1: *x refers to no &x before it\n");
  CHECK(yaml("a: &x [*x]\n") == "error 1: *x refers to no &x before it\n");
}

TEST_CASE("a billion laughs are few") {
  std::string text = "a0: &a0 [l, l, l, l, l, l, l, l, l, l]\n";
  for (int i = 1; i < 20; ++i) {
    const std::string last = "*a" + std::to_string(i - 1);
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int j = 0; j < 10; ++j) text += (j == 0 ? "" : ", ") + last;
    text += "]\n";
  }
  CHECK(yaml(text) ==
        "error 5: the aliases (*) of this document stand for more than 100000 fields: write them "
        "out\n");
}

TEST_CASE("what lies deeper than anything that pona reads is empty, and costs nothing else") {
  const auto lists = [](std::size_t depth, const std::string& within) {
    return std::string(depth, '[') + within + std::string(depth, ']');
  };
  const auto shown = [](std::size_t depth) {
    std::string text;
    for (std::size_t i = 0; i < depth; ++i) text += "1:[";
    return text + std::string(depth, ']');
  };
  CHECK(json("{\"deep\": " + lists(70, "1") + ", \"a\": \"x\"}") ==
        "1:{deep=" + shown(64) + " a=1:'x'}\n");
  CHECK(yaml("deep: " + lists(70, "&x 1") + "\na: x\n") == "1:{deep=" + shown(64) + " a=2:'x'}\n");
  // Kubernetes takes 10,000 levels.
  CHECK(json("{\"deep\": " + lists(100'000, R"({"b": [{}]})") + ", \"a\": 1}") ==
        "1:{deep=" + shown(64) + " a=1:i1}\n");
}

TEST_CASE("what Kubernetes would not read is refused") {
  CHECK(yaml("a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\n") ==
        "error 5: the field c is given twice: remove one of them\n");
  CHECK(yaml("? [a]\n: b\n") == "error 1: a field's name must be a text, not a list or a map\n");
  CHECK(yaml("a: !!binary abc\n") ==
        "error 1: the tag tag:yaml.org,2002:binary is not supported: remove it\n");
  CHECK(yaml(std::string("a: \0b\n", 6)).starts_with("error 1: not YAML: "));
  CHECK(yaml("a: \xff\n").starts_with("error 1: not YAML: "));
}

TEST_CASE("JSON becomes the same tree") {
  CHECK(json("{\n\"a\": 1,\n\"b\": [\"x\",\n true, null, -2, 1.5\n]}\n") ==
        "1:{a=2:i1 b=3:[3:'x' 4:btrue 4:null 4:i-2 4:n1.5]}\n");
  CHECK(json("{\"a\":\n1\n}") == "1:{a=1:i1}\n");
  CHECK(json("[\n1\n,\n2\n]") == "1:[2:i1 4:i2]\n");
  CHECK(json("\n{}\n\n{\"a\":\n[\n{}]}\n") == "2:{}\n4:{a=4:[6:{}]}\n");
  CHECK(json("\xef\xbb\xbf{}") == "1:{}\n");
  CHECK(json(" \n").empty());
  // YAML's merge key is a name like any other.
  CHECK(json("{\"<<\": {\"a\": 1}}") == "1:{<<=1:{a=1:i1}}\n");
}

TEST_CASE("JSON that breaks off says where") {
  CHECK(json("{\n\"a\": 1,\n").starts_with("error 2: not JSON: syntax error"));
  CHECK(json("{}\n{\"a\" 1}\n").starts_with("1:{}\nerror 2: not JSON: syntax error"));
  CHECK(json("{\"a\": 1,\n\"a\": 2}") ==
        "error 2: the field a is given twice: remove one of them\n");
}

}  // namespace unit::parse_test
